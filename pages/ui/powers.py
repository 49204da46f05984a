"""Numbers too small or too large to write out, as a person writes them: 6.4 × 10⁻⁴. Used wherever numbers become words."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
DIGITS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"


def of_ten(power: int) -> str:
    """`10⁻⁴`."""
    return f"10{str(power).translate(_RAISED)}"


def written(value: float, digits: int) -> str:
    """`−6.4 × 10⁻⁴`: so many significant digits, a true minus."""
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa} × {of_ten(int(power))}".replace("-", "−")


def for_machines(words: str) -> str:
    """`6.4 × 10⁻⁴` → `6.4e-4`, which a spreadsheet takes for a number; other words as they are."""
    mantissa, times, power = words.partition(" × 10")
    return f"{mantissa}e{power.translate(_LOWERED)}" if times and power and not power.strip(DIGITS) else words
