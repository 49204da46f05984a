"""Readers for the two file formats of the real sets: gzipped IDX, and npz without pickles. Small, bounded, and they refuse.

Each announces beforehand which shape it will accept, so that a header that promises terabytes allocates nothing, and a file
that is cut off, padded or something else altogether ends in `Damaged`, never in another error.
"""

import gzip
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

BROKEN = (
    *(OSError, EOFError, ValueError, OverflowError, LookupError, RuntimeError, SyntaxError),
    *(zlib.error, zipfile.BadZipFile, struct.error, tokenize.TokenError),
)


class Damaged(Exception):
    """A file is not what its name promises. `file` says which."""

    def __init__(self, file: Path):
        self.file = Path(file)
        super().__init__(self.file)


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    """The open file; from then on whatever gzip, zipfile and NumPy raise on broken content becomes Damaged.

    A file that the system does not let us open raises OSError, as ever.
    """
    with open(file, "rb") as stream:
        try:
            yield stream
        except BROKEN as error:
            raise Damaged(file) from error


def _demand(condition: bool) -> None:
    if not condition:
        raise ValueError("not the expected content")


def read_idx(file: Path, most: tuple[int, ...]) -> np.ndarray:
    """The unsigned bytes of a gzipped IDX file (LeCun's format: 0 0 8 rank, big-endian sizes, data) as uint8 `most`-shaped.

    most: the shape accepted; the first size may be smaller (a school's excerpt), the others must agree. Raises Damaged.
    """
    with _opened(file) as raw, gzip.open(raw) as stream:
        magic = stream.read(4)
        _demand(magic == bytes([0, 0, 8, len(most)]))
        shape = struct.unpack(f">{len(most)}I", stream.read(4 * len(most)))
        _demand(1 <= shape[0] <= most[0] and shape[1:] == most[1:])
        data = _block(stream, shape, np.dtype(np.uint8))
        _demand(not stream.read(1))  # the end, which is also where gzip compares its checksum
        return data


def read_npz(file: Path, key: str, most: tuple[int, ...]) -> np.ndarray:
    """The array `key` of an npz file, numbers only, of at most `most` rows of the given shape. Raises Damaged."""
    with _opened(file) as raw:
        blocks = list(_blocks(raw, key, most, most[0]))
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def stream_npz(file: Path, key: str, most: tuple[int, ...], rows: int) -> Iterator[np.ndarray]:
    """The same array in pieces of `rows` rows, for one that is too large to hold. Raises Damaged."""
    with _opened(file) as raw:
        yield from _blocks(raw, key, most, rows)


def _blocks(raw: IO[bytes], key: str, most: tuple[int, ...], rows: int) -> Iterator[np.ndarray]:
    with zipfile.ZipFile(raw) as archive:
        member = archive.getinfo(f"{key}.npy")
        _demand(member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        with archive.open(member) as stream:
            shape, by_columns, dtype = _header(stream)
            _demand(dtype.kind in "iuf" and dtype.itemsize <= 8)
            _demand(1 <= shape[0] <= most[0] and shape[1:] == most[1:] if shape else False)
            _demand(not by_columns or shape[0] <= rows)  # NumPy keeps a transposed array by columns: whole or not at all
            for start in range(0, shape[0], rows):
                piece = (min(rows, shape[0] - start), *shape[1:])
                yield _block(stream, piece[::-1], dtype).T if by_columns else _block(stream, piece, dtype)
            _demand(not stream.read(1))


def _block(stream: IO[bytes] | gzip.GzipFile, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The next array of this shape; read a piece at a time, so that memory follows what is there and not what is promised."""
    wanted = math.prod(shape) * dtype.itemsize
    data = bytearray()
    while len(data) < wanted:
        piece = stream.read(min(1 << 20, wanted - len(data)))
        _demand(bool(piece))
        data += piece
    return np.frombuffer(data, dtype).reshape(shape)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type out of a .npy header; NumPy reads it as a literal, never as code, 10,000 characters at most."""
    version = np.lib.format.read_magic(stream)
    _demand(version in ((1, 0), (2, 0)))
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(stream)
    _demand(not dtype.hasobject)
    return shape, by_columns, dtype
