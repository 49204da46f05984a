"""Cuts the six small fonts in this folder out of Noto Sans TC and Noto Serif TC; run by hand, see README.md.

    python assets/fonts/subset.py PACKAGES

PACKAGES is a folder that holds the unpacked npm packages as sans/package and serif/package. Needs fonttools and brotli.
"""

import sys
import tempfile
from pathlib import Path

from fontTools.merge import Merger
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
ZHUYIN = "".join(map(chr, range(0x3105, 0x312A)))
WANTED = {ord(character) for character in LATIN + DIGITS + ZHUYIN}
WEIGHTS = {"light": 250, "medium": 500, "heavy": 800}  # wght axis
COPYRIGHT = 0  # the one name record that is kept as it is
LICENCE = {
    13: "This Font Software is licensed under the SIL Open Font License, Version 1.1.",
    14: "https://openfontlicense.org",
}
OUTLINES = {"GlyphOrder", "head", "hhea", "maxp", "OS/2", "hmtx", "cmap", "loca", "glyf", "name", "post"}


def parts(folder: Path) -> list[tuple[Path, set[int]]]:
    """The package splits one typeface over many files: each file with the wanted characters that only it gives."""
    missing, found = set(WANTED), []
    files = sorted(folder.glob("*wght-normal.woff2"), key=lambda file: ("latin-wght" not in file.name, file.name))
    for file in files:
        with TTFont(file, lazy=True) as font:
            here = missing & set(font.getBestCmap())
        if here:
            found.append((file, here))
            missing -= here
    if missing:
        raise SystemExit(f"{folder}: no glyph for {''.join(map(chr, sorted(missing)))}")
    return found


def cut(file: Path, characters: set[int], weight: int, to: Path) -> None:
    """One weight of one file, outlines of `characters` only: no hints, no layout tables."""
    font = instantiateVariableFont(TTFont(file), {"wght": weight})
    options = Options(hinting=False, layout_features=[], notdef_outline=True, glyph_names=False)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    for tag in set(font.keys()) - OUTLINES:
        del font[tag]
    font.save(to)


def rename(font: TTFont, family: str, style: str) -> None:
    """Give the modified version a name of its own (OFL 1.1, condition 3) and keep notice and licence."""
    table = font["name"]
    table.names = [record for record in table.names if record.nameID == COPYRIGHT]
    full, postscript = f"{family} {style.capitalize()}", f"{family}-{style.capitalize()}".replace(" ", "")
    own = {1: full, 2: "Regular", 3: f"{postscript};subset", 4: full, 5: "Version 1.000", 6: postscript}
    for number, text in (own | LICENCE).items():
        table.setName(text, number, 3, 1, 0x409)


def build(typeface: str, style: str, weight: int, packages: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        pieces = []
        for number, (file, characters) in enumerate(parts(packages / typeface / "package" / "files")):
            pieces.append(str(Path(scratch) / f"{number}.ttf"))
            cut(file, characters, weight, Path(pieces[-1]))
        font = Merger().merge(pieces)
    rename(font, f"Replearn Glyphs {typeface.capitalize()}", style)
    font["head"].created = font["head"].modified = 0  # equal bytes from equal packages
    font.recalcTimestamp = False
    font.save(target / f"replearn-glyphs-{typeface}-{style}.ttf")


if __name__ == "__main__":
    for typeface in ("sans", "serif"):
        for style, weight in WEIGHTS.items():
            build(typeface, style, weight, Path(sys.argv[1]), Path(__file__).parent)
