"""Zips and pictures of strangers, read with every limit kept: the list of members, their names, their bytes, their pixels.

Nothing is unpacked to a disk. Bytes are counted while they are read, pixels before they are decoded.
"""

import io
import re
import stat
import warnings
import zipfile
from typing import Any

import numpy as np

from replearn_core.datasets import files
from replearn_core.own.refusal import Refused, shown_name

MEMBER = 8 * 2**20  # bytes of one image
PIXELS = 4_000_000  # of one image
HIDDEN = ("__macosx/", ".ds_store", "thumbs.db", "desktop.ini")
SKIPPED = ("hidden", "not_image", "empty", "pixels", "cut_off", "too_long")
NOTES = ("colour", "deep", "alpha", "animated", "rotated")
BROKEN = (*files.BROKEN, TypeError)
"""What zipfile and NumPy raise on hostile bytes."""


class Skip(Exception):
    """One image that cannot be used; the others can. The argument is one of SKIPPED."""


def check_directory(data: bytes, members: int, most_bytes: int) -> None:
    """The end record: is it a zip, and is its list of members short enough to be read at all? Raises Refused."""
    place = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if place < 0:
        raise Refused("problem.zip_damaged" if data.startswith(b"PK") else "problem.not_a_zip", "zip")
    record = data[place : place + 22]
    found, size = int.from_bytes(record[10:12], "little"), int.from_bytes(record[12:16], "little")
    long_form = place >= 20 and data[place - 20 : place - 16] == b"PK\x06\x07"
    if found > members or size > most_bytes or long_form:
        raise Refused("problem.zip_members", "zip", limit=members)
    if found == 0:
        raise Refused("problem.zip_empty", "zip")


def check_names(members: list[zipfile.ZipInfo], most: int) -> None:
    """Every name is judged before any content is read; the first bad one is told. Raises Refused."""
    if not members:
        raise Refused("problem.zip_empty", "zip")
    if len(members) > most:
        raise Refused("problem.zip_members", "zip", limit=most)
    seen = set()
    for member in members:
        name, shown = member.filename, shown_name(member.filename)
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name):
            raise Refused("problem.zip_path", "zip", file=shown)
        if not name.isprintable() or "\N{REPLACEMENT CHARACTER}" in shown or shown_name(parts[0]) != _short(parts[0]):
            raise Refused("problem.zip_name", "zip", file=shown)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Refused("problem.zip_link", "zip", file=shown)
        if member.flag_bits & 1:
            raise Refused("problem.zip_encrypted", "zip", file=shown)
        if name in seen:
            raise Refused("problem.zip_twice", "zip", file=shown)
        seen.add(name)
        if name.lower().endswith((".zip", ".gz", ".7z", ".rar", ".tar", ".bz2", ".xz")):
            raise Refused("problem.zip_nested", "zip", file=shown)


def _short(name: str) -> str:
    """What `shown_name` makes of a name without any character that it would replace."""
    return name if len(name) <= 60 else f"{name[:40]}…{name[-16:]}"


def hidden(name: str) -> bool:
    """Whether a system left this file behind."""
    low = name.replace("\\", "/").lower()
    last = low.rsplit("/", 1)[-1]
    return low.startswith(HIDDEN[0]) or last.startswith(".") or last in HIDDEN


def content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int = MEMBER) -> bytes:
    """One member's bytes; it is left as soon as it is longer than `most`, whatever its header says. Raises Skip, Refused."""
    try:
        with archive.open(member) as stream:
            found = stream.read(most + 1)
    except MemoryError:
        raise
    except BROKEN:
        raise Skip("cut_off") from None
    if len(found) > most:
        raise Skip("too_long")
    if found.startswith(b"PK\x03\x04"):
        raise Refused("problem.zip_nested", "zip", file=shown_name(member.filename))
    return found


# ---- one picture ----


def opened(data: bytes) -> Any:
    """A Pillow image of which only the header was read. Raises Skip. Only PNG and JPEG, by content and not by name."""
    from PIL import Image

    if not data:
        raise Skip("empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of too many pixels, and of damage
            image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Skip("pixels") from None
    except Exception:  # Pillow's parsers raise many kinds on hostile bytes: all mean that this is no usable image
        raise Skip("not_image") from None
    if image.width * image.height > PIXELS:
        raise Skip("pixels")
    return image


def grey(data: bytes) -> tuple[np.ndarray, list[str]]:
    """(grey picture (H, W) uint8, which of NOTES happened). Raises Skip.

    Turned as EXIF says; nothing else of EXIF, the position for instance, is kept. What is transparent becomes white.
    """
    image = opened(data)
    done = ["animated"] if getattr(image, "n_frames", 1) > 1 else []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            return _values(image, done), done
    except MemoryError:
        raise
    except Exception:
        raise Skip("cut_off") from None


def _values(image: Any, done: list[str]) -> np.ndarray:
    from PIL import Image, ImageOps

    turned = image
    if image.getexif().get(0x0112, 1) not in (0, 1):
        turned = ImageOps.exif_transpose(image) or image
        done.append("rotated")
    if turned.mode == "L" and "transparency" not in turned.info:
        return np.asarray(turned)
    if turned.mode.startswith("I"):
        done.append("deep")
        return (np.asarray(turned) >> 8).clip(0, 255).astype(np.uint8)
    done.append("colour")
    if turned.mode in ("RGBA", "LA", "PA", "La") or "transparency" in turned.info:
        done.append("alpha")
        clear = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return np.asarray(turned.convert("L"))
