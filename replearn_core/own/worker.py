"""`looked` and `prepared`: a visitor's file read in a process with limits; pages call them, `main` is that process.

By content, never by name: arrays (npy, npz), a zip of pictures, else a table of numbers.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from replearn_core.own import limited
from replearn_core.own.refusal import Refused

LIMIT = 20 * 2**20  # bytes of any file: as many as the server lets through (`server.maxUploadSize`)
SECONDS = 20  # of processor time
MEGABYTES = 640  # of address space, libraries included
LEAST = 100  # different samples: fewer leave nothing to hold out
KINDS = ("pictures", "arrays", "table")


def kind_of(data: bytes) -> str:
    """One of KINDS. Raises Refused for what is none of them: nothing at all, or a single image."""
    if not data:
        raise Refused("problem.own_empty")
    if data.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"8BPS", b"SIMPLE")):
        raise Refused("problem.own_one_image", limit=LEAST)
    if data.startswith(b"\x93NUMPY") or (data.startswith(b"PK") and b".npy" in data[-65_536:]):
        return "arrays"
    return "pictures" if data.startswith(b"PK") or b"PK\x05\x06" in data[-65_557:] else "table"


def looked(data: bytes) -> dict[str, Any]:
    """What a table's columns are, so that a visitor can choose among them. Raises Refused."""
    _check_size(data)
    return limited.ask(__name__, "look", _packed({}, data), SECONDS)[0]


def prepared(data: bytes, side: int = 0, columns: Sequence[str] = (), label: str = "") -> tuple[dict[str, Any], bytes]:
    """(facts, the npz to keep), see `found.halved`. side: of images, 0 for what suits them. Raises Refused."""
    _check_size(data)
    request = {"side": side, "columns": list(columns), "label": label}
    return limited.ask(__name__, "prepare", _packed(request, data), SECONDS)


def _check_size(data: bytes) -> None:
    if len(data) > LIMIT:
        raise Refused("problem.own_too_large", megabytes=len(data) / 2**20, limit=LIMIT // 2**20)


def _packed(request: Mapping[str, Any], data: bytes) -> bytes:
    head = json.dumps(request).encode()
    return len(head).to_bytes(8, "little") + head + data


# ---- inside the process ----


def _answer(what: str, sent: bytes) -> tuple[Mapping[str, Any], bytes]:
    size = int.from_bytes(sent[:8], "little")
    request, data = json.loads(sent[8 : 8 + size]), sent[8 + size :]
    if what == "look":
        from replearn_core.own import numbers

        return numbers.look(data), b""
    return read(data, int(request["side"]), request["columns"], request["label"])


def read(data: bytes, side: int = 0, columns: Sequence[str] = (), label: str = "") -> tuple[dict[str, Any], bytes]:
    """`prepared` without a process of its own: no limit of time and memory holds. Raises Refused."""
    from replearn_core.own import arrays, found, numbers, pictures

    kind = kind_of(data)
    if kind == "pictures":
        one = pictures.read(data, side)
    elif kind == "arrays":
        one = arrays.read(data, side)
    else:
        one = numbers.read(data, columns, label)
    try:
        return found.halved(one)
    except MemoryError:
        raise Refused("problem.zip_slow", seconds=SECONDS) from None


def main(what: str) -> None:
    limited.serve(lambda sent: _answer(what, sent), SECONDS, MEGABYTES)


if __name__ == "__main__":
    main(sys.argv[1])
