"""Every colour and the type of this app, in one place: read by `charts.py`, by our browser components and by pages that draw.

One meaning has one colour on all pages. The hues are Okabe and Ito's (jfly.uni-koeln.de/color, 2008); as published some of them
reach only 1.3:1 on a light page, so each is darkened on light until it reaches 3:1 on page and panel; on dark each is lightened
until it reaches 3.5:1, because thin light lines on dark look fainter than their ratio says.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache

FONT = "'Replearn Sans', 'Noto Sans TC', 'Replearn Sans More', 'PingFang TC', 'Microsoft JhengHei', sans-serif"
MARK_CONTRAST = 3.0  # WCAG 2.2, 1.4.11: marks that carry meaning
DARK_MARK_CONTRAST = 3.5
TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3


@dataclass(frozen=True)
class Theme:
    """The surfaces and inks of one appearance, as `#RRGGBB`."""

    background: str
    panel: str
    text: str
    muted: str
    accent: str
    hairline: str


LIGHT = Theme("#FBFAF7", "#F1EFE9", "#1F2430", "#5B6270", "#0B6E6E", "#D9D5CB")
DARK = Theme("#14171C", "#1D222A", "#E8E6E1", "#A3A9B5", "#4FC3BC", "#3A414D")

OKABE_ITO = {
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#7F7F7F",
}
MEANINGS = {
    "reconstruction": "blue",
    "sparsity": "orange",
    "contraction": "purple",
    "noise": "grey",
    "prior": "yellow",
    "prediction": "green",
}
TERMS = {
    "squared_error": "reconstruction",
    "cross_entropy": "reconstruction",
    "l1": "sparsity",
    "kl_sparsity": "sparsity",
    "contraction": "contraction",
    "gaussian_kl": "prior",
    "prediction": "prediction",
}
_CLASSES = ("blue", "orange", "green", "purple", "sky", "vermilion", "yellow", "grey")
SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x", "star", "triangle-down", "pentagon", "hexagon", "bowtie")

# Evenly spaced stops, low to high. Cividis: Nuñez, Anderton & Renslow 2018, PLOS ONE 13.
MAGNITUDE = ("#00224E", "#123570", "#3B496C", "#575D6D", "#707173", "#8A8678", "#A59C74", "#C3B369", "#E1CC55", "#FEE838")


def theme(dark: bool) -> Theme:
    """The light or the dark theme."""
    return DARK if dark else LIGHT


def signed(dark: bool) -> tuple[str, str, str]:
    """Stops of the diverging scale: most negative, zero (the panel's colour), most positive."""
    return ("#7FB6E8", DARK.panel, "#F2A07B") if dark else ("#1F5FA8", LIGHT.panel, "#B5391D")


@cache
def hue(name: str, dark: bool) -> str:
    """One of OKABE_ITO, moved until it reaches the theme's contrast for marks on page and panel."""
    surfaces = theme(dark)
    ratio = DARK_MARK_CONTRAST if dark else MARK_CONTRAST
    return reaching(OKABE_ITO[name], (surfaces.background, surfaces.panel), ratio, lighter=dark)


def meaning(name: str, dark: bool) -> str:
    """The colour of a meaning (a key of MEANINGS)."""
    return hue(MEANINGS[name], dark)


def term(name: str, dark: bool) -> str:
    """The colour of a term of the objective, by its meaning; muted text for a term that has none."""
    return meaning(TERMS[name], dark) if name in TERMS else theme(dark).muted


def class_colour(index: int, dark: bool) -> str:
    """The colour of a class; with `class_symbol` the pair repeats only after 88 classes."""
    return hue(_CLASSES[index % len(_CLASSES)], dark)


def class_symbol(index: int) -> str:
    """The marker of a class: the second cue, so that no class is told by hue alone."""
    return SYMBOLS[index % len(SYMBOLS)]


def for_browser() -> dict[str, dict[str, object]]:
    """Both themes as plain values for a component, which sees by itself which of them is on."""
    return {name: _plain(dark) for name, dark in (("light", False), ("dark", True))}


def _plain(dark: bool) -> dict[str, object]:
    meanings = {name: meaning(name, dark) for name in MEANINGS}
    return asdict(theme(dark)) | meanings | {"magnitude": list(MAGNITUDE), "signed": list(signed(dark))}


# ---- arithmetic ----


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two `#RRGGBB` colours, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def reaching(colour: str, surfaces: Sequence[str], ratio: float, *, lighter: bool) -> str:
    """`colour` mixed with as little white (`lighter`) or black as reaches `ratio` on all `surfaces`. Raises ValueError."""
    end = 255 if lighter else 0
    for step in range(101):
        mixed = _hex([round(part + (end - part) * step / 100) for part in _parts(colour)])
        if all(contrast(mixed, surface) >= ratio for surface in surfaces):
            return mixed
    raise ValueError(f"{colour} cannot reach {ratio}:1 on {', '.join(surfaces)}; choose surfaces of one lightness")


def magnitude(share: float) -> str:
    """The colour of a magnitude between 0 and 1, as a scale of even stops has it."""
    place = min(max(share, 0.0), 1.0) * (len(MAGNITUDE) - 1)
    low = min(int(place), len(MAGNITUDE) - 2)
    ends = zip(_parts(MAGNITUDE[low]), _parts(MAGNITUDE[low + 1]), strict=True)
    return _hex([round(a + (place - low) * (b - a)) for a, b in ends])


def readable(surface: str) -> str:
    """White or near-black, whichever can be read better on a surface; at least 4.5 on any."""
    return max(("#FFFFFF", "#05070A"), key=lambda ink: contrast(ink, surface))


def faded(colour: str, opacity: float) -> str:
    """`colour` as `rgba()` with an opacity of 0 to 1."""
    red, green, blue = _parts(colour)
    return f"rgba({red},{green},{blue},{opacity:g})"


def _parts(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def _hex(parts: Sequence[int]) -> str:
    return "#" + "".join(f"{part:02X}" for part in parts)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
