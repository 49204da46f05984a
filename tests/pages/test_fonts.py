"""The interface's own font: every character of our texts is in it, the theme names its files, and the server serves them."""

import asyncio
import runpy
import tomllib
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from pages.ui import api, palette
from pages.ui.text import ASSETS

ROOT = Path(__file__).parents[2]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
FONTS = ASSETS / "fonts" / "interface"


def characters(name: str) -> set[int]:
    with TTFont(FONTS / f"{name}.woff2", lazy=True) as font:
        return set(font.getBestCmap())


def ranges(face: dict[str, str]) -> list[range]:
    ends = (one.strip().removeprefix("U+").partition("-") for one in face["unicodeRange"].split(","))
    return [range(int(low, 16), int(high or low, 16) + 1) for low, _, high in ends]


@pytest.mark.parametrize("weight", ["regular", "semibold"])
def test_every_chinese_character_of_our_texts_is_in_the_font(weight):
    made = runpy.run_path(str(ASSETS / "fonts" / "interface.py"))
    missing = made["ours"]() - set(made["PUNCTUATION"]) - characters(f"han-{weight}")
    assert "".join(map(chr, sorted(missing))) == "", "cut the font again: assets/fonts/README.md"
    assert {ord(one) for one in made["SWITCH"]} <= characters(f"latin-{weight}")


def test_each_part_has_the_characters_that_the_theme_fetches_it_for():
    for face in THEME["fontFaces"]:
        name = Path(face["url"]).stem
        wanted, there = ranges(face), characters(name)
        assert face["url"] == f"api/fonts/{name}.woff2"
        assert sum(any(code in one for one in wanted) for code in there) / len(there) > 0.97, name
    assert {face["family"] for face in THEME["fontFaces"]} == {"Replearn Sans", "Replearn Sans More"}
    assert THEME["font"] == THEME["headingFont"] == palette.FONT and palette.FONT.startswith("'Replearn Sans'")


@pytest.mark.parametrize("name", ["latin-regular", "latin-semibold", "han-regular", "han-semibold"])
def test_english_gets_narrow_quotes_and_keeps_wide_spaces(name):
    with TTFont(FONTS / f"{name}.woff2", lazy=True) as font:
        table, names, widths = font["GSUB"].table, font.getBestCmap(), font["hmtx"]
        lookups = {
            at for one in table.FeatureList.FeatureRecord if one.FeatureTag == "pwid" for at in one.Feature.LookupListIndex
        }
        parts = [part for at in lookups for part in table.LookupList.Lookup[at].SubTable]
        narrow = {before: after for part in parts for before, after in part.mapping.items()}
        assert not any(names[code] in narrow for code in (0x2002, 0x2003, 0x3000) if code in names)
        if name.startswith("latin"):
            assert all(widths[narrow[names[ord(quote)]]][0] < 600 < widths[names[ord(quote)]][0] for quote in "‘’“”")


@pytest.mark.parametrize("name", ["latin-regular.woff2", "../OFL.txt", "no.woff2"])
def test_only_the_fonts_files_are_served(name):
    answer = asyncio.run(api.font(type("Asked", (), {"path_params": {"name": name}})()))
    assert answer.status_code == (200 if (FONTS / name).parent == FONTS and (FONTS / name).is_file() else 404)


@pytest.mark.parametrize(("name", "status"), [("transfer.webp", 200), ("make.py", 404), ("../glossary.toml", 404)])
def test_of_the_home_pages_folder_only_its_pictures_are_served(name, status):
    assert asyncio.run(api.picture(type("Asked", (), {"path_params": {"name": name}})())).status_code == status
