"""The colours keep their promises: contrast on both themes, one colour a meaning, told apart without hue perception too."""

import itertools

import pytest

from pages.ui import palette
from replearn_core import catalog

BOTH = pytest.mark.parametrize("dark", [False, True])

# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB.
DEFICIENCIES = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}


def linear(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def oklab(rgb):
    """Ottosson 2020: linear RGB to lightness and two opponent axes, where distance is about what is seen."""
    red, green, blue = (max(0.0, part) for part in rgb)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def seen_distance(one, other, matrix):
    rows = [[sum(m * part for m, part in zip(row, linear(colour))) for row in matrix] for colour in (one, other)]
    return sum((a - b) ** 2 for a, b in zip(oklab(rows[0]), oklab(rows[1]))) ** 0.5


@pytest.mark.parametrize("share", [0, 0.3, 0.45, 0.5, 0.55, 0.62, 0.7, 0.8, 1])
def test_a_number_can_be_read_on_every_shade_of_the_magnitude_scale(share):
    shade = palette.magnitude(share)
    assert palette.contrast(palette.readable(shade), shade) >= 4.5


def test_contrast_agrees_with_wcag_on_its_two_ends():
    assert palette.contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert palette.contrast("#777777", "#777777") == pytest.approx(1.0)
    assert palette.contrast("#FFFFFF", "#767676") == pytest.approx(4.54, abs=0.01)  # WCAG's well-known lightest grey for text


@BOTH
def test_text_muted_text_and_accent_reach_text_contrast_on_page_and_panel(dark):
    theme = palette.theme(dark)
    for ink, surface in itertools.product((theme.text, theme.muted, theme.accent), (theme.background, theme.panel)):
        assert palette.contrast(ink, surface) >= palette.TEXT_CONTRAST, (ink, surface)


@BOTH
def test_every_meaning_and_every_class_colour_reaches_mark_contrast_on_page_and_panel(dark):
    theme = palette.theme(dark)
    marks = {palette.meaning(name, dark) for name in palette.MEANINGS} | {palette.class_colour(i, dark) for i in range(99)}
    for mark, surface in itertools.product(marks, (theme.background, theme.panel)):
        assert palette.contrast(mark, surface) >= palette.MARK_CONTRAST, (mark, surface)


@BOTH
def test_a_hue_that_already_reaches_its_contrast_is_left_as_published(dark):
    name = "orange" if dark else "blue"
    assert palette.hue(name, dark) == palette.OKABE_ITO[name]


@BOTH
def test_no_two_meanings_share_a_colour(dark):
    colours = [palette.meaning(name, dark) for name in palette.MEANINGS]
    assert len(set(colours)) == len(colours)


@BOTH
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_meanings_that_meet_in_one_chart_stay_apart_under_colour_blindness(dark, deficiency):
    meet = [
        ("reconstruction", "sparsity", "prediction"),
        ("reconstruction", "sparsity", "contraction"),
        ("reconstruction", "prior"),
    ]
    for one, other in itertools.chain.from_iterable(itertools.combinations(names, 2) for names in meet):
        distance = seen_distance(palette.meaning(one, dark), palette.meaning(other, dark), DEFICIENCIES[deficiency])
        assert distance > 0.05, (one, other, distance)  # 0.02 is about a just noticeable difference


def test_every_term_of_the_catalogue_has_a_meaning():
    for name in (*catalog.RECONSTRUCTIONS, *catalog.PENALTIES):
        assert name in palette.TERMS, name


def test_colour_and_symbol_together_tell_more_classes_apart_than_there_are_colours():
    pairs = {(palette.class_colour(i, False), palette.class_symbol(i)) for i in range(88)}
    assert len(pairs) == 88


@BOTH
def test_the_signed_scale_has_the_panel_at_zero_and_ends_of_like_strength(dark):
    low, middle, high = palette.signed(dark)
    assert middle == palette.theme(dark).panel
    assert min(palette.contrast(low, middle), palette.contrast(high, middle)) >= palette.MARK_CONTRAST
    assert 0.67 < palette.contrast(low, middle) / palette.contrast(high, middle) < 1.5


def test_the_magnitude_scale_grows_steadily_lighter():
    lightness = [palette.contrast(stop, "#000000") for stop in palette.MAGNITUDE]
    assert lightness == sorted(lightness)


def test_a_colour_that_cannot_reach_its_contrast_is_refused_by_name():
    with pytest.raises(ValueError, match="#777777"):
        palette.reaching("#777777", ("#000000", "#FFFFFF"), 6.0, lighter=False)
