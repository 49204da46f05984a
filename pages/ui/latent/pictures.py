"""Arrays of pictures as HTML that stands by itself: PNGs inside the page, so that no poll can lose them. Called by the panels."""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages.ui import palette

GAP = 1  # pixels of a picture between two tiles


def grey(images: np.ndarray) -> np.ndarray:
    """(..., H, W) uint8 → (..., H, W, 3)."""
    return np.repeat(np.asarray(images, np.uint8)[..., None], 3, axis=-1)


def signed(values: np.ndarray, dark: bool) -> np.ndarray:
    """(..., H, W) numbers → (..., H, W, 3) uint8 on the diverging scale, each picture by its own largest absolute value."""
    low, middle, high = (np.array([int(stop[i : i + 2], 16) for i in (1, 3, 5)], float) for stop in palette.signed(dark))
    largest = np.maximum(np.abs(values).max(axis=(-1, -2), keepdims=True), 1e-12)
    share = np.clip(values / largest, -1, 1)[..., None]
    return np.where(share < 0, middle + (low - middle) * -share, middle + (high - middle) * share).round().astype(np.uint8)


def dimmed(pictures: np.ndarray, weak: np.ndarray, dark: bool) -> np.ndarray:
    """(R, C, H, W, 3), those where `weak` (R, C) mixed with the page's colour."""
    background = palette.theme(dark).background
    page = np.array([int(background[i : i + 2], 16) for i in (1, 3, 5)], float)
    mixed = 0.3 * pictures + 0.7 * page
    return np.where(weak[..., None, None, None], mixed, pictures).round().astype(np.uint8)


def mosaic(pictures: np.ndarray, gap: int = GAP) -> np.ndarray:
    """(R, C, H, W, 3) → one picture; the gaps are transparent: (R·(H + gap) − gap, C·(W + gap) − gap, 4)."""
    rows, columns, height, width, _ = pictures.shape
    sheet = np.zeros((rows * (height + gap), columns * (width + gap), 4), np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + gap), column * (width + gap)
            sheet[top : top + height, left : left + width, :3] = pictures[row, column]
            sheet[top : top + height, left : left + width, 3] = 255
    return sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap] if gap else sheet


def source(picture: np.ndarray) -> str:
    """A picture (H, W, 3 or 4) as a data address."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, format="PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def image(picture: np.ndarray, alt: str, *, width: float, title: str = "", strong: bool = False) -> str:
    """One `<img>` without smoothing. width: CSS pixels. strong: framed, because it differs from what it stands beside."""
    kind = "latent-pic strong" if strong else "latent-pic"
    words = f'alt="{html.escape(alt)}" title="{html.escape(title or alt)}"'
    return f'<img class="{kind}" src="{source(picture)}" {words} style="width: {width:.0f}px">'


def row(pictures: Sequence[str], label: str = "") -> str:
    """Images side by side, wrapping, after a label."""
    head = f'<span class="latent-row-label">{html.escape(label)}</span>' if label else ""
    return f'<div class="latent-row">{head}<span class="latent-row-pics">{"".join(pictures)}</span></div>'


def show(*rows: str) -> None:
    st.html("".join(rows))


def size(side: int, largest: int = 56) -> float:
    """CSS pixels for a picture of so many pixels: a whole multiple where it is small."""
    return float(side * max(1, largest // side)) if side <= largest else float(largest)
