"""Events as bytes: from a worker to the server, and from the server to a browser ("The film, as bytes" in docs/architecture.md).

`pack` and `unpack` are inverse but for `state`, which never travels this way. Nothing is pickled.
"""

import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from replearn_core.events import Event, Frame, as_record, from_record

PIECE = 56 * 1024  # bytes in one message to the server; Dask likes them below 64 kB


def pack(events: Sequence[Event], header: Mapping[str, Any] | None = None, runs: Sequence[str] = ()) -> bytes:
    """4 bytes little-endian length of a JSON header, the header, then the arrays. `runs`: the lineage member of each event."""
    records, blobs, offset = [], [], 0
    for number, event in enumerate(events):
        record = as_record(event)
        if runs:
            record["run"] = runs[number]
        if hasattr(event, "frame"):
            record["arrays"], laid, offset = _laid(event.frame, offset)
            blobs += laid
        records.append(record)
    return b"".join([_headed({**(header or {}), "records": records}), *blobs])


def _laid(arrays: Mapping[str, np.ndarray], offset: int) -> tuple[dict[str, Any], list[bytes], int]:
    """(name → dtype, shape and offset; the bytes; the next offset) of arrays that lie one after another."""
    places, blobs = {}, []
    for name, array in arrays.items():
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        places[name] = {"dtype": data.dtype.name, "shape": list(data.shape), "offset": offset}
        padding = -data.nbytes % 8  # typed arrays in a browser begin at multiples of their own size
        blobs += [data.tobytes(), bytes(padding)]
        offset += data.nbytes + padding
    return places, blobs, offset


def _headed(header: Mapping[str, Any]) -> bytes:
    """The header's length and the header, ending at a multiple of 8."""
    text = json.dumps(_finite(header), separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return len(text).to_bytes(4, "little") + text


def unpack(data: bytes) -> tuple[dict[str, Any], list[Event]]:
    """(the header without its records, the events). Raises ValueError on bytes that `pack` did not make."""
    start = 4 + int.from_bytes(data[:4], "little")
    try:
        header = json.loads(data[4:start])
        return header, [_event(record, data, start) for record in header.pop("records")]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a film: {type(error).__name__}") from None


# ---- the answer of a task ----


def pack_arrays(arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> bytes:
    """Named arrays in the film's form: the header gets `arrays` and `bytes`, how many follow it."""
    places, blobs, size = _laid(arrays, 0)
    return b"".join([_headed({**header, "arrays": places, "bytes": size}), *blobs])


def header_of(data: bytes) -> dict[str, Any]:
    """The header of an answer. Raises ValueError where the bytes are no whole answer."""
    start = 4 + int.from_bytes(data[:4], "little")
    try:
        header = json.loads(data[4:start])
        if not isinstance(header, dict) or start + header["bytes"] != len(data):
            raise ValueError("not a whole answer")
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not an answer: {type(error).__name__}") from None
    return header


def arrays_of(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of an answer. Raises ValueError."""
    start = 4 + int.from_bytes(data[:4], "little")
    try:
        return {name: _array(data, start, **place) for name, place in header_of(data)["arrays"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an answer: {type(error).__name__}") from None


def with_header(data: bytes | None, header: Mapping[str, Any]) -> bytes:
    """An answer with more in its header; without one, the header alone."""
    if data is None:
        return pack_arrays({}, header)
    start = 4 + int.from_bytes(data[:4], "little")
    return _headed({**header_of(data), **header}) + data[start:]


def _event(record: dict[str, Any], data: bytes, start: int) -> Event:
    record.pop("run", None)
    frame: Frame | None = None
    if "arrays" in record:
        frame = {name: _array(data, start, **place) for name, place in record.pop("arrays").items()}
    return from_record(_infinite(record), frame)


def _array(data: bytes, start: int, dtype: str, shape: Sequence[int], offset: int) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind not in "biuf":
        raise ValueError("only plain numbers travel")
    flat = np.frombuffer(data, kind.newbyteorder("<"), count=math.prod(shape), offset=start + offset)
    return flat.reshape(shape).astype(kind, copy=False)


def _finite(value: Any) -> Any:
    """NaN and infinities as null: a browser's JSON has no others."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return value


def _infinite(value: Any) -> Any:
    """null back into NaN, inside the mappings of numbers that events carry."""
    return {
        key: {name: math.nan if number is None else number for name, number in part.items()} if isinstance(part, dict) else part
        for key, part in value.items()
    }


# ---- the stream from a worker: blobs, each with its length before it ----


def framed(event: Event) -> bytes:
    """One event, compressed, with its length in 4 bytes before it."""
    blob = zlib.compress(pack([event]), level=1)
    return len(blob).to_bytes(4, "little") + blob


class Stream:
    """The bytes of one run, put together from messages that may be cut anywhere; lost ones leave it `behind`."""

    def __init__(self) -> None:
        self.received, self.behind, self._rest = 0, False, b""

    def feed(self, at: int, data: bytes) -> Iterator[Event]:
        """The events that are complete now. `at`: where in the stream `data` begins; what is here already is passed over."""
        self.behind = at > self.received
        data = data[self.received - at :]
        if self.behind or not data:
            return
        self.received += len(data)
        self._rest += data
        while len(self._rest) >= 4 and len(self._rest) >= (end := 4 + int.from_bytes(self._rest[:4], "little")):
            blob, self._rest = self._rest[4:end], self._rest[end:]
            yield from unpack(zlib.decompress(blob))[1]

    @staticmethod
    def whole(data: bytes) -> tuple[Event, ...]:
        """All events of a complete stream."""
        return tuple(Stream().feed(0, data))


def pieces(at: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """(where it begins, at most PIECE bytes) for each message."""
    for begin in range(0, len(data), PIECE):
        yield at + begin, data[begin : begin + PIECE]
