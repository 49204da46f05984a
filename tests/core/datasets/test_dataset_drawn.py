"""The sets that we draw: sprites, glyphs and manifolds keep to their factors."""

import numpy as np
import pytest

import replearn_core.datasets as datasets
from replearn_core.datasets import glyphs, manifolds, sprites
from replearn_core.datasets.sprites import render_sprite


def test_train_and_test_sprites_share_no_combination():
    data = datasets.load("sprites")
    train, test = ({tuple(row) for row in rows} for rows in (data.factors_train, data.factors_test))
    assert len(train) == 10_000 and len(test) == 2_000 and not train & test


def test_every_combination_of_sprite_factors_is_another_image():
    images = sprites.render_levels(sprites.grid()).reshape(-1, 1024)
    assert len(np.unique(images, axis=0)) == len(images) == 12_288


@pytest.mark.parametrize("column", range(1, 5))
def test_one_step_of_any_sprite_factor_is_visible(column):
    levels = sprites.grid()
    lower = levels[levels[:, column] == 3]
    upper = lower.copy()
    upper[:, column] += 1
    change = np.abs(sprites.render_levels(lower) / 255.0 - sprites.render_levels(upper) / 255.0).sum((1, 2))
    assert change.min() > 1.0  # pixels


@pytest.mark.parametrize("shape", sprites.SHAPES)
@pytest.mark.parametrize("angle", [0.0, 17.0, 200.0])
def test_a_sprite_covers_the_area_of_a_disc_of_its_size(shape, angle):
    for size in (3.0, 5.5):
        assert render_sprite(shape, size, angle, 15.7, 16.2).sum() == pytest.approx(np.pi * size**2, rel=0.02)


def test_a_square_has_the_pixels_that_geometry_says():
    side = 8.0
    image = render_sprite("square", side / np.sqrt(np.pi), 0.0, 16.0, 16.0)
    expected = np.zeros((32, 32))
    expected[12:20, 12:20] = 1
    assert np.allclose(image, expected, atol=1e-5)


@pytest.mark.parametrize("shape", ["square", "ellipse"])
def test_the_centre_of_a_symmetric_sprite_is_where_it_was_asked(shape):
    image = render_sprite(shape, 5.0, 30.0, 11.3, 19.8)
    y, x = np.indices(image.shape) + 0.5
    assert (image * x).sum() / image.sum() == pytest.approx(11.3, abs=0.05)
    assert (image * y).sum() / image.sum() == pytest.approx(19.8, abs=0.05)


def test_a_sprite_turns_anticlockwise():
    up, left = render_sprite("heart", 5.0, 0.0, 16.0, 16.0), render_sprite("heart", 5.0, 90.0, 16.0, 16.0)
    assert np.allclose(np.rot90(up), left, atol=1e-5)
    assert not np.allclose(up, left, atol=0.1)


def test_no_sprite_of_the_data_set_is_cut_off():
    images = sprites.render_levels(sprites.grid()) / 255.0
    area = images.sum((1, 2)).reshape(3, 8, 8, 64)  # places, two pixels apart, in the last axis
    assert (np.ptp(area, axis=-1) < 0.1).all()


def test_a_sprite_equals_its_rendering_on_request():
    data = datasets.load("sprites", 20)
    for image, levels in zip(data.x_train, data.factors_train, strict=True):
        values = (values[level] for values, level in zip(sprites.LEVELS.values(), levels[1:], strict=True))
        assert np.abs(render_sprite(sprites.SHAPES[levels[0]], *values) - image).max() <= 0.5 / 255 + 1e-6


def test_an_unknown_sprite_shape_is_refused():
    with pytest.raises(ValueError, match="hexagon"):
        render_sprite("hexagon", 5, 0, 16, 16)


def test_train_and_test_glyphs_share_no_combination():
    data = datasets.load("glyphs")
    rows = [np.column_stack([data.y_train, data.factors_train]), np.column_stack([data.y_test, data.factors_test])]
    train, test = ({tuple(row) for row in half} for half in rows)
    assert len(train) == 8_000 and len(test) == 2_000 and not train & test


def test_glyphs_are_latin_digits_and_the_37_zhuyin_signs():
    names = datasets.load("glyphs", 1).class_names
    assert len(names) == 26 + 26 + 10 + 37 and names[0] == "A" and names[61] == "9"
    assert names[62] == "ㄅ" and names[-1] == "ㄩ"


def test_no_glyph_is_the_box_that_stands_for_a_missing_one():
    for typeface in glyphs.LEVELS["typeface"]:
        drawn = {glyphs.render_glyph(character, typeface).tobytes() for character in glyphs.CHARACTERS}
        assert len(drawn) == 99
        font = glyphs._font(typeface, "medium", 17.0)
        missing = font.getmask("\U0010fffd")
        assert all(bytes(font.getmask(character)) != bytes(missing) for character in glyphs.CHARACTERS)


def test_heavier_glyphs_have_more_ink():
    for typeface in glyphs.LEVELS["typeface"]:
        for character in glyphs.CHARACTERS:
            ink = [glyphs.render_glyph(character, typeface, weight).sum() for weight in glyphs.LEVELS["weight"]]
            assert ink[0] < ink[1] < ink[2], (character, typeface)


def test_a_shift_moves_a_glyph_by_whole_pixels():
    still, moved = glyphs.render_glyph("k"), glyphs.render_glyph("k", shift_x=2, shift_y=-2)
    assert np.array_equal(still[2:, :-2], moved[:-2, 2:])


def test_a_positive_slant_leans_to_the_right():
    def lean(slant):
        image = glyphs.render_glyph("I", slant=slant)
        y, x = np.indices(image.shape) - 13.5
        return (image * (x - (image * x).sum() / image.sum()) * y).sum() / (image * y * y).sum()

    assert lean(12.0) == pytest.approx(-np.tan(np.deg2rad(12)), abs=0.05)  # y points down
    assert lean(0.0) == pytest.approx(0, abs=0.02)


def test_hardly_a_glyph_touches_the_rim():
    x = datasets.load("glyphs").x_train
    rim = x[:, [0, -1], :].sum((1, 2)) + x[:, :, [0, -1]].sum((1, 2))
    assert (rim > 1).mean() < 0.01


def test_a_glyph_equals_its_rendering_on_request():
    data = datasets.load("glyphs", 30)
    for image, y, levels in zip(data.x_train, data.y_train, data.factors_train, strict=True):
        values = (values[level] for values, level in zip(glyphs.LEVELS.values(), levels, strict=True))
        assert np.allclose(glyphs.render_glyph(data.class_names[y], *values), image, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"character": "é"}, {"typeface": "mono"}, {"shift_x": 3}, {"slant": 60.0}, {"size": 0.0}])
def test_a_glyph_outside_the_known_range_is_refused(wrong):
    with pytest.raises(ValueError, match="LEVELS"):
        glyphs.render_glyph(**{"character": "A", **wrong})


def test_missing_fonts_make_glyphs_unavailable(monkeypatch, tmp_path):
    monkeypatch.setattr(glyphs, "FONTS", tmp_path)
    glyphs._font.cache_clear()
    assert not glyphs.present() and not datasets.available("glyphs")
    with pytest.raises(datasets.Unavailable) as caught:
        glyphs.read()
    assert caught.value.reason == "missing" and str(tmp_path) in caught.value.files[0]
    glyphs._font.cache_clear()


def test_fonts_are_small_and_come_with_their_licence():
    files = list(glyphs.FONTS.iterdir())
    assert sum(file.stat().st_size for file in files) < 300_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in (glyphs.FONTS / "OFL.txt").read_text()


@pytest.mark.parametrize("name", ["s_curve", "swiss_roll"])
def test_a_small_step_on_the_surface_is_as_long_in_the_factors_as_in_space(name):
    data = datasets.load(name)
    gaps = np.linalg.norm(data.factors_train[:, None] - data.factors_train[None], axis=-1)
    np.fill_diagonal(gaps, np.inf)
    nearest = gaps.argmin(1)
    in_space = np.linalg.norm(data.x_train - data.x_train[nearest], axis=1)
    assert np.allclose(in_space, gaps.min(1), rtol=0.03)


def test_the_swiss_roll_rolls_its_ends_far_apart_on_the_surface_but_near_in_space():
    data = datasets.load("swiss_roll")
    gaps = np.linalg.norm(data.factors_train[:, None] - data.factors_train[None], axis=-1)
    in_space = np.linalg.norm(data.x_train[:, None] - data.x_train[None], axis=-1)
    assert (in_space <= gaps + 1e-5).all()
    assert (in_space < 0.15 * gaps).any()


def test_unrolling_starts_at_nought_in_both_factors():
    for name in manifolds.SHAPES:
        low = datasets.load(name).factors_train.min(0)
        assert (low >= 0).all() and (low < 0.05).all()


def test_held_out_points_lie_inside_the_frame_without_being_pushed_there():
    for name in manifolds.SHAPES:
        raw = manifolds.read(name)
        assert raw.test.x.min() > 0 and raw.test.x.max() < 1
        assert np.ptp(raw.train.x, axis=0).max() == pytest.approx(0.9)


def test_one_scale_serves_all_axes():
    points = datasets.load("moons")
    moon = points.x_train[points.y_train == 0]
    terms = np.column_stack([2 * moon, np.ones(len(moon))])  # |p|² = 2 p·c + k for points p on a circle around c
    centre = np.linalg.lstsq(terms, (moon**2).sum(1), rcond=None)[0][:2]
    radii = np.linalg.norm(moon - centre, axis=1)
    assert radii.std() / radii.mean() < 0.08  # the noise, 0.06; an ellipse would scatter more


def test_the_two_spirals_do_not_touch():
    data = datasets.load("spirals")
    first, second = (data.x_train[data.y_train == arm] for arm in (0, 1))
    between = np.linalg.norm(first[:, None] - second[None], axis=-1).min()
    within = np.sort(np.linalg.norm(first[:, None] - first[None], axis=-1), axis=1)[:, 1]
    assert between > 3 * np.median(within)
