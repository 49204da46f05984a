"""An image zip as grey squares with labels: `class/picture.png`, the folder is the class. Called by worker.py, in its process.

Whatever the bytes are, `read` gives a value or raises Refused.
"""

import io
import zipfile
from collections import Counter

import numpy as np

from replearn_core.own import found, zips
from replearn_core.own.found import Found
from replearn_core.own.refusal import Refused, shown_name

MEMBERS = 20_000
DIRECTORY = 4 * 2**20  # bytes of the list of members: read before anything trusts their number
UNPACKED = 128 * 2**20  # bytes of all files together
LOOKED = 48  # pictures whose sizes decide the common one
USUAL = 32  # pixels: the largest side that is chosen without being asked for


def read(data: bytes, side: int = 0) -> Found:
    """Grey squares `side` pixels wide; 0: the smallest of SIDES that loses little, 32 at most. Raises Refused."""
    zips.check_directory(data, MEMBERS, DIRECTORY)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive, side)
    except Refused:
        raise
    except MemoryError:
        raise Refused("problem.zip_too_much", "zip", limit=UNPACKED // 2**20) from None
    except zips.BROKEN:
        raise Refused("problem.zip_damaged", "zip") from None


def _read(archive: zipfile.ZipFile, side: int) -> Found:
    members = archive.infolist()
    zips.check_names(members, MEMBERS)
    skipped: Counter[str] = Counter()
    first: dict[str, str] = {}
    usable = []
    for member in members:
        if member.is_dir():
            continue
        if zips.hidden(member.filename):
            skipped["hidden"] += 1
            first.setdefault("hidden", shown_name(member.filename))
        else:
            usable.append(member)
    side = side or _side(archive, usable)
    most = min(found.SAMPLES, found.KEPT // side**2)
    notes: Counter[str] = Counter()
    pictures, labels, total = [], [], 0
    for member in usable:
        try:
            content = zips.content(archive, member)
            total += len(content)
            if total > UNPACKED:
                raise Refused("problem.zip_too_much", "zip", limit=UNPACKED // 2**20)
            values, done = zips.grey(content)
        except zips.Skip as skip:
            skipped[str(skip)] += 1
            first.setdefault(str(skip), shown_name(member.filename))
            continue
        notes.update(done)
        pictures.append(squared(values, side, notes))
        labels.append(_class_of(member.filename))
        if len(pictures) > most:
            raise Refused("problem.own_too_many", limit=most, side=side)
    if not pictures:
        reason = skipped.most_common(1)[0][0] if skipped else "not_image"
        raise Refused("problem.zip_no_image", "zip", file=first.get(reason, "–"), count=sum(skipped.values()))
    return _labelled(np.stack(pictures), labels, Found(np.empty(0), None, (), (), notes, skipped, first, {"side": side}))


def _side(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> int:
    """The side that suits these pictures, by the headers of some of them."""
    sides = []
    for member in members[:: max(1, len(members) // LOOKED)]:
        try:
            image = zips.opened(zips.content(archive, member))
        except zips.Skip:
            continue
        sides.append(min(image.size))
    return side_for(int(np.median(sides)) if sides else USUAL)


def side_for(pixels: int) -> int:
    """The smallest of SIDES that is not below so many pixels, USUAL at most."""
    return next((side for side in found.SIDES if pixels <= side), USUAL) if pixels <= USUAL else USUAL


def squared(values: np.ndarray, side: int, notes: Counter[str]) -> np.ndarray:
    """The middle square of a picture (H, W) uint8 as (side, side): averaged down, or interpolated up."""
    from PIL import Image

    height, width = values.shape
    small = min(height, width)
    if height != width:
        notes["cropped"] += 1
        top, left = (height - small) // 2, (width - small) // 2
        values = values[top : top + small, left : left + small]
    if small == side:
        return values
    notes["resized"] += 1
    way = Image.Resampling.BOX if small > side else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(np.ascontiguousarray(values)).resize((side, side), way))


def _class_of(name: str) -> str:
    """The folder that a member lies in; "" for none."""
    parts = name.replace("\\", "/").split("/")
    return parts[-2].strip()[: found.CLASS_NAME] if len(parts) > 1 else ""


def _labelled(x: np.ndarray, labels: list[str], into: Found) -> Found:
    """Classes from folders; with fewer than two folders there is nothing to tell apart, and no labels."""
    names = sorted(set(labels) - {""})
    if len(names) > found.CLASSES:
        raise Refused("problem.own_classes", count=len(names), limit=found.CLASSES)
    into.x = x
    if len(names) < 2:
        into.notes["one_class" if names else "no_folders"] += 1
        return into
    if "" in labels:
        loose = np.array([label == "" for label in labels])
        into.notes["loose"] = int(loose.sum())
        into.x, labels = x[~loose], [label for label in labels if label]
    place = {name: number for number, name in enumerate(names)}
    into.y, into.classes = np.array([place[label] for label in labels]), tuple(names)
    return into
