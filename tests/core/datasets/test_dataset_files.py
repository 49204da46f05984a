"""The readers of IDX and npz: a value or Damaged, never another error, never more memory than the file deserves."""

import gzip
import io
import struct
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn_core.datasets.files import Damaged, read_idx, read_npz, stream_npz

MOST = (5, 3, 2)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def npz(**arrays) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def written(content: bytes, read, *arguments):
    """What `read` makes of a file with that content."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        file.write_bytes(content)
        return read(file, *arguments)


def value_or_damaged(content: bytes, read, *arguments):
    try:
        return written(content, read, *arguments)
    except Damaged as error:
        assert error.file.name == "file"
        return None


def arrays():
    return st.integers(1, MOST[0]).flatmap(
        lambda n: st.binary(min_size=n * 6, max_size=n * 6).map(lambda data: np.frombuffer(data, np.uint8).reshape(n, 3, 2))
    )


@given(arrays())
def test_what_was_written_as_idx_is_read_back(array):
    assert np.array_equal(written(gzip.compress(idx(array)), read_idx, MOST), array)


@given(arrays(), st.data())
def test_an_idx_file_cut_off_anywhere_is_damaged(array, data):
    whole = gzip.compress(idx(array))
    with pytest.raises(Damaged):
        written(whole[: data.draw(st.integers(0, len(whole) - 1))], read_idx, MOST)


@given(arrays(), st.binary(min_size=1, max_size=9))
def test_an_idx_file_with_more_than_it_announces_is_damaged(array, more):
    with pytest.raises(Damaged):
        written(gzip.compress(idx(array) + more), read_idx, MOST)


@given(st.binary(max_size=60))
def test_any_bytes_as_idx_are_damaged(content):
    with pytest.raises(Damaged):
        written(content, read_idx, MOST)


@given(st.binary(max_size=60))
def test_any_bytes_inside_gzip_are_a_value_or_damaged(content):
    value = value_or_damaged(gzip.compress(content), read_idx, MOST)
    assert value is None or idx(value) == content


@given(arrays(), st.data())
def test_an_idx_file_with_one_changed_byte_is_the_same_value_or_damaged(array, data):
    whole = bytearray(gzip.compress(idx(array)))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    value = value_or_damaged(bytes(whole), read_idx, MOST)
    assert value is None or np.array_equal(value, array)


@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 3))
def test_an_idx_header_of_any_other_shape_is_damaged(shape):
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", *shape)
    with pytest.raises(Damaged):
        written(gzip.compress(header), read_idx, MOST)


def peak(content: bytes, read, *arguments) -> int:
    tracemalloc.start()
    try:
        assert value_or_damaged(content, read, *arguments) is None
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_header_that_promises_much_allocates_little():
    promised = (60_000, 28, 28)
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", *promised)
    assert peak(gzip.compress(header + b"abc"), read_idx, promised) < 4_000_000
    assert peak(gzip.compress(header[:4] + b"\xff" * 12 + b"abc"), read_idx, promised) < 4_000_000
    cut = npz(x=np.zeros(promised, np.uint8))
    assert peak(cut[: len(cut) // 2], read_npz, "x", promised) < 4_000_000


def test_a_bomb_is_left_alone_after_the_expected_bytes():
    bomb = gzip.compress(idx(np.zeros(MOST, np.uint8)) + bytes(50_000_000))
    assert peak(bomb, read_idx, MOST) < 4_000_000
    assert peak(npz(x=np.zeros((50_000_000,), np.uint8)), read_npz, "x", (5,)) < 4_000_000


@given(arrays())
def test_what_was_written_as_npz_is_read_back_whole_or_in_pieces(array):
    content = npz(x=array)
    assert np.array_equal(written(content, read_npz, "x", MOST), array)
    pieces = written(content, lambda *arguments: list(stream_npz(*arguments)), "x", MOST, 2)
    assert max(map(len, pieces)) <= 2 and np.array_equal(np.concatenate(pieces), array)


@given(arrays(), st.data())
def test_an_npz_file_with_one_changed_byte_is_the_same_value_or_damaged(array, data):
    whole = bytearray(npz(x=array))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    value = value_or_damaged(bytes(whole), read_npz, "x", MOST)
    assert value is None or np.array_equal(value, array)


@given(arrays(), st.data())
def test_an_npz_file_cut_off_anywhere_is_damaged(array, data):
    whole = npz(x=array)
    with pytest.raises(Damaged):
        written(whole[: data.draw(st.integers(0, len(whole) - 1))], read_npz, "x", MOST)


@given(st.binary(max_size=200))
def test_any_header_inside_an_npz_is_a_value_or_damaged(header):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    assert value_or_damaged(stream.getvalue(), read_npz, "x", MOST) is None


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1, "a"], [{}, None]], dtype=object),
        np.array(["text"]),
        np.zeros(MOST, complex),
        np.zeros((6, 3, 2), np.uint8),
        np.zeros((5, 2, 3), np.uint8),
        np.zeros((0, 3, 2), np.uint8),
        np.uint8(3),
        np.zeros(MOST, [("a", "u1")]),
    ],
    ids=["objects", "text", "complex", "too many", "other shape", "empty", "scalar", "records"],
)
def test_an_npz_array_of_another_kind_is_damaged(array):
    with pytest.raises(Damaged):
        written(npz(x=array), read_npz, "x", MOST)


def test_an_npz_array_by_columns_is_read_whole_but_not_in_pieces():
    array = np.asfortranarray(np.arange(30, dtype=np.uint8).reshape(MOST))
    assert np.array_equal(written(npz(x=array), read_npz, "x", MOST), array)
    with pytest.raises(Damaged):
        written(npz(x=array), lambda *arguments: list(stream_npz(*arguments)), "x", MOST, 2)


def test_an_npz_without_the_wanted_array_is_damaged():
    with pytest.raises(Damaged):
        written(npz(y=np.zeros(MOST, np.uint8)), read_npz, "x", MOST)


def test_a_pickle_beside_the_wanted_array_is_not_touched():
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    content = npz(x=np.ones(MOST, np.uint8), metadata=np.array([Trap()], dtype=object))
    assert written(content, read_npz, "x", MOST).sum() == 30
    with pytest.raises(Damaged):
        written(content, read_npz, "metadata", (1,))


def test_a_file_that_is_not_there_is_no_damaged_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none.gz", MOST)
