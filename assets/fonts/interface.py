"""Cuts the interface's own fonts, `interface/*.woff2`, out of Noto Sans TC; run by hand, see README.md.

    python assets/fonts/interface.py PACKAGE

PACKAGE is the unpacked npm package with the static fonts. Needs fonttools and brotli. `latin` has what every page needs, `han`
the Chinese characters of our own texts, `more` the other common ones, for what visitors type: browsers fetch it only then.
"""

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WEIGHTS = {"regular": "400Regular/NotoSansTC_400Regular.ttf", "semibold": "600SemiBold/NotoSansTC_600SemiBold.ttf"}
LATIN = (*range(0x20, 0x250), *range(0x370, 0x400), *range(0x2000, 0x2700))
SWITCH = "中文語言"  # the language switch: a page in English needs no other Chinese
PUNCTUATION = (*range(0x3000, 0x3040), *range(0x3100, 0x3130), *range(0xFE30, 0xFE50), *range(0xFF00, 0xFFF0))
SPACES = (0x2002, 0x2003, 0x3000)
FEATURES = ["kern", "liga", "ccmp", "pwid"]  # the last: quotes and ellipses as wide as English has them, for pages in English
TEXTS = ("assets/i18n", "assets/lessons", "assets/glossary.toml", "pages")


def ours() -> set[int]:
    """The Chinese characters of all texts that the app shows."""
    files = [path for name in TEXTS for path in ([ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*")))]
    read = "".join(path.read_text("utf-8") for path in files if path.suffix in (".toml", ".md", ".py", ".js"))
    return {ord(character) for character in read if ord(character) >= 0x2E80} | set(PUNCTUATION)


def common() -> set[int]:
    """The 5,401 common characters of Taiwan: the first level of Big5."""
    codes = [bytes((high, low)) for high in range(0xA4, 0xC7) for low in (*range(0x40, 0x7F), *range(0xA1, 0xFF))]
    return {ord(code.decode("big5")) for code in codes if code <= b"\xc6\x7e"}


def cut(source: Path, characters: set[int], to: Path) -> None:
    """These characters with kerning and narrow forms, under a name of its own (OFL 1.1, condition 3), packed for browsers."""
    font = TTFont(source, recalcTimestamp=False)  # equal inputs give equal bytes
    keep_spaces(font)
    options = Options(flavor="woff2", hinting=False, layout_features=FEATURES, notdef_outline=True)
    options.name_IDs = [0, 13, 14]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    for number, value in ((1, "Replearn Sans"), (2, "Regular"), (4, f"Replearn Sans {to.stem}"), (6, f"ReplearnSans-{to.stem}")):
        font["name"].setName(value, number, 3, 1, 0x409)
    font.flavor = "woff2"
    font.save(to)


def keep_spaces(font: TTFont) -> None:
    """A wide space stands where it is wanted: `pwid` would make it a common one."""
    table, names = font["GSUB"].table, font.getBestCmap()
    features = [one.Feature for one in table.FeatureList.FeatureRecord if one.FeatureTag == "pwid"]
    for at in {at for feature in features for at in feature.LookupListIndex}:
        for part in table.LookupList.Lookup[at].SubTable:
            for code in SPACES:
                getattr(part, "ExtSubTable", part).mapping.pop(names[code], None)


def main(package: Path) -> None:
    out, texts = HERE / "interface", ours()
    out.mkdir(exist_ok=True)
    for weight, file in WEIGHTS.items():
        cut(package / file, {*LATIN, *map(ord, SWITCH)}, out / f"latin-{weight}.woff2")
        cut(package / file, texts, out / f"han-{weight}.woff2")
    cut(package / WEIGHTS["regular"], common() - texts, out / "more-regular.woff2")
    for file in sorted(out.iterdir()):
        print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
