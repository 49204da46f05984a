"""Files as visitors bring them, made in memory: pictures of noise, and zips of anything."""

import io
import zipfile
from collections.abc import Iterable

import numpy as np
from PIL import Image


def png(seed: int = 0, size: tuple[int, int] = (20, 20), mode: str = "L", form: str = "PNG", **own) -> bytes:
    """A picture of noise, size (width, height). form: what Pillow writes; own: its further settings."""
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), np.uint8)
    picture = {"L": Image.fromarray(values[..., 0]), "RGB": Image.fromarray(values[..., :3]), "RGBA": Image.fromarray(values)}
    image = picture[mode] if mode in picture else picture["RGB"].convert(mode)
    stream = io.BytesIO()
    image.save(stream, format=form, **own)
    return stream.getvalue()


def zipped(members: Iterable[tuple[str | zipfile.ZipInfo, bytes | str]], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name, content), in this order, whatever the names are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def link(name: str = "ant/link.png") -> zipfile.ZipInfo:
    """The name of a symbolic link within a zip; its content is where it points."""
    made = zipfile.ZipInfo(name)
    made.external_attr = (0o120000 | 0o777) << 16
    return made
