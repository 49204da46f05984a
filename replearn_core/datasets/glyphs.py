"""Letters, digits and Zhuyin drawn from the small fonts in assets/fonts, 28×28, with known factors; read by `load("glyphs")`."""

from functools import cache
from pathlib import Path

import numpy as np

from replearn_core.datasets.dataset import Part, Progress, Raw, Unavailable, rng, split
from replearn_core.places import ASSETS

FONTS = ASSETS / "fonts"
SIDE = 28  # pixels

LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
ZHUYIN = "".join(map(chr, range(0x3105, 0x312A)))  # ㄅ to ㄩ, 37
CHARACTERS = tuple(LATIN + DIGITS + ZHUYIN)  # 99

LEVELS: dict[str, tuple] = {
    "typeface": ("sans", "serif"),
    "weight": ("light", "medium", "heavy"),  # designed weights 250, 500, 800 of the variable font; not a dilation
    "slant": (-12.0, 0.0, 12.0),  # degrees to the right, a shear about the middle of the frame
    "size": (14.0, 17.0, 20.0),  # pixels per em
    "shift_x": (-2, 0, 2),  # pixels to the right
    "shift_y": (-2, 0, 2),  # pixels downwards
}
FACTORS = tuple(LEVELS)

TRAIN, TEST = 8_000, 2_000  # of the 48,114 combinations

FINE = 4  # drawn four times larger, then averaged
EDGE = 2  # free pixels around the frame, for the shifts
BASELINE = 0.38  # em below the middle: half-way between the em square's ascender (0.88) and descender (0.12)


def grid() -> np.ndarray:
    """Every combination, int64 (48114, 7): index into CHARACTERS, then the levels of FACTORS."""
    counts = (len(CHARACTERS), *map(len, LEVELS.values()))
    return np.indices(counts).reshape(len(counts), -1).T


def render_glyph(
    character: str, typeface="sans", weight="medium", slant=0.0, size=17.0, shift_x: int = 0, shift_y: int = 0
) -> np.ndarray:
    """One character, white on black, float32 (28, 28) in [0, 1].

    Arguments as in LEVELS; slant and size may lie between the levels, shifts are whole pixels from −2 to 2. A letter
    stands on its baseline, so "o" lies lower than "O": case is told by size *and* place. Raises ValueError outside that.
    """
    known = character in CHARACTERS and typeface in LEVELS["typeface"] and weight in LEVELS["weight"]
    if not known or max(abs(shift_x), abs(shift_y)) > EDGE or not (-45 <= slant <= 45 and 1 <= size <= SIDE):
        raise ValueError(f"{character!r} {typeface} {weight} slant {slant} size {size} shift {shift_x}, {shift_y}: see LEVELS")
    frame = _drawn(character, typeface, weight, float(slant), float(size))
    return _shifted(frame, shift_x, shift_y).astype(np.float32) / np.float32(255)


def render_levels(levels: np.ndarray, on_progress: Progress | None = None) -> np.ndarray:
    """The images of rows of `grid()`, uint8 (N, 28, 28). Shifts of one drawing share it, so it is drawn once."""
    out = np.empty((len(levels), SIDE, SIDE), np.uint8)
    drawings, which = np.unique(levels[:, :5], axis=0, return_inverse=True)
    shifts = [np.array(LEVELS[name])[levels[:, column]] for column, name in ((5, "shift_x"), (6, "shift_y"))]
    members = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    for done, (drawing, rows) in enumerate(zip(drawings, members, strict=True)):
        values = (LEVELS[name][level] for name, level in zip(FACTORS, drawing[1:], strict=False))
        frame = _drawn(CHARACTERS[drawing[0]], *values)
        for row in rows:
            out[row] = _shifted(frame, shifts[0][row], shifts[1][row])
        if on_progress and done % 500 == 0:
            on_progress(done, len(drawings))
    return out


def _drawn(character: str, typeface: str, weight: str, slant: float, size: float) -> np.ndarray:
    """One character centred in the frame and its edge, uint8 (32, 32)."""
    from PIL import Image, ImageDraw

    side = (SIDE + 2 * EDGE) * FINE
    middle = side / 2
    image = Image.new("L", (side, side))
    baseline = middle + BASELINE * size * FINE
    ImageDraw.Draw(image).text((middle, baseline), character, fill=255, font=_font(typeface, weight, size), anchor="ms")
    if slant:
        shear = float(np.tan(np.deg2rad(slant)))
        affine = (1, shear, -shear * middle, 0, 1, 0)  # output → input: x + shear · (y − middle)
        image = image.transform(image.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(image.reduce(FINE))


def _shifted(frame: np.ndarray, right: int, down: int) -> np.ndarray:
    top, left = EDGE - down, EDGE - right
    return frame[top : top + SIDE, left : left + SIDE]


def font_file(typeface: str, weight: str) -> Path:
    return FONTS / f"replearn-glyphs-{typeface}-{weight}.ttf"


@cache
def _font(typeface: str, weight: str, size: float):
    from PIL import ImageFont

    file = font_file(typeface, weight)
    try:
        return ImageFont.truetype(file, size * FINE, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:  # Pillow says "cannot open resource" for both
        raise Unavailable("glyphs", "damaged" if file.is_file() else "missing", [str(file)]) from error


def present() -> bool:
    """Whether every font is there."""
    return all(font_file(face, weight).is_file() for face in LEVELS["typeface"] for weight in LEVELS["weight"])


def read(on_progress: Progress | None = None) -> Raw:
    """8,000 training and 2,000 test combinations of the grid, none in both, every character about equally often."""
    levels = grid()
    train, test = split(Part(levels, levels[:, 0]), TEST, rng("glyphs"), TRAIN)
    images = render_levels(np.concatenate([train.x, test.x]), on_progress)
    return Raw(
        Part(images[:TRAIN], train.y, train.x[:, 1:]),
        Part(images[TRAIN:], test.y, test.x[:, 1:]),
        1 / 255,
        CHARACTERS,
        FACTORS,
        "Drawn by replearn_core.datasets.glyphs with fonts cut from Noto Sans TC and Noto Serif TC (Adobe, Google)",
        "SIL OFL 1.1 (fonts), Apache-2.0 (images)",
    )
