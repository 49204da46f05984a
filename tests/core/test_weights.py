"""State ↔ safetensors: what we write comes back, and whatever else comes in gets one clear answer."""

import json
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from replearn_core import weights
from replearn_core.weights import WeightsError

RUN, OTHER = "a" * 32, "b" * 32
STATE = {
    "encoder.0.weight": torch.arange(12.0).reshape(3, 4),
    "encoder.0.bias": torch.zeros(3),
    "decoder.0.weight": torch.ones(4, 3).T.contiguous(),
    "optimizer.step": torch.tensor(7.0),
    "optimizer.exp_avg.encoder.0.weight": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
}
SHAPES = {name: tuple(value.shape) for name, value in STATE.items() if not name.startswith("optimizer.")}
FILE, OPTIMIZER = weights.to_bytes(STATE, run_id=RUN, epoch=5)


def made(header: dict, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def refused(data: bytes, **asked) -> tuple[str, dict]:
    with pytest.raises(WeightsError) as error:
        weights.from_bytes(data, **asked)
    return error.value.problem.key, dict(error.value.problem.numbers)


def entry(shape: list, begin: int, end: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_state_comes_back_bit_for_bit():
    back = weights.from_bytes(FILE, SHAPES, run_id=RUN) | weights.from_bytes(OPTIMIZER, run_id=RUN)
    assert back.keys() == STATE.keys()
    assert all(torch.equal(back[name], STATE[name]) and back[name].dtype == STATE[name].dtype for name in STATE)
    assert weights.epoch_of(FILE) == weights.epoch_of(OPTIMIZER) == 5


def test_the_library_reads_what_we_write():
    from safetensors.torch import load

    assert load(FILE).keys() == SHAPES.keys()


def test_tensors_that_come_back_are_their_own_and_can_be_trained():
    tensor = weights.from_bytes(FILE)["encoder.0.weight"]
    tensor += 1
    assert torch.equal(weights.from_bytes(FILE)["encoder.0.weight"], STATE["encoder.0.weight"])


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x80\x02}q\x00.", b"\x80\x04\x95"])
def test_a_pickle_is_named_as_one_and_never_opened(start):
    assert refused(start + FILE) == ("problem.weights_pickle", {})


def test_a_real_torch_file_is_refused(tmp_path):
    torch.save(STATE, tmp_path / "weights.pt")
    assert refused((tmp_path / "weights.pt").read_bytes())[0] == "problem.weights_pickle"


@pytest.mark.parametrize("data", [b"", b"{", b"hello, world", b"\x00" * 100, b"\x89PNG\r\n\x1a\n" * 10])
def test_other_files_are_not_safetensors(data):
    assert refused(data) == ("problem.weights_not_safetensors", {})


def test_a_file_that_is_cut_off_says_how_much_is_missing():
    assert refused(FILE[:-5]) == ("problem.weights_truncated", {"expected": 27 * 4, "found": 27 * 4 - 5})
    assert refused(FILE[:40])[0] == "problem.weights_truncated"
    assert refused(FILE + b"more")[0] == "problem.weights_truncated"


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, 12),  # overlapping
        ({"a": entry([2], 0, 8), "b": entry([2], 12, 20)}, 20),  # a gap
        ({"a": entry([3], 0, 8)}, 8),  # announces more than it has
        ({"a": entry([2**40, 2**40], 0, 8)}, 8),  # announces terabytes
    ],
)
def test_ranges_that_do_not_fit_are_refused_with_the_tensor(header, body):
    key, numbers = refused(made(header, bytes(body)))
    assert key == "problem.weights_overlap" and numbers["tensor"] in header


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [1]}},
        {"a": entry([-1], 0, 4)},
        {"a": entry([1.0], 0, 4)},
        {"a": entry([True], 0, 4)},
        {"a": entry([1] * 50, 0, 4)},
        {"a": entry([0, 2**47, 2**47], 0, 0)},
        {"a": "F32"},
        {"__metadata__": {"run": 3}},
        {"__metadata__": []},
    ],
)
def test_a_header_that_breaks_the_format_is_refused(header):
    assert refused(made(header, bytes(4)))[0] == "problem.weights_header"


def test_a_name_that_occurs_twice_is_refused():
    text = b'{"a": %s, "a": %s}' % ((json.dumps(entry([1], 0, 4)).encode(),) * 2)
    assert refused(struct.pack("<Q", len(text)) + text + bytes(4))[0] == "problem.weights_header"


def test_number_types_that_a_state_never_has_are_refused():
    assert refused(made({"a": entry([4], 0, 4, "BOOL")}, bytes(4))) == (
        "problem.weights_dtype",
        {"tensor": "a", "dtype": "BOOL"},
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_weights_name_the_tensor(bad):
    spoiled = STATE | {"encoder.0.bias": torch.tensor([0.0, bad, bad])}
    data, _ = weights.to_bytes(spoiled, run_id=RUN, epoch=1)
    assert refused(data) == ("problem.weights_not_finite", {"tensor": "encoder.0.bias", "count": 2})


def test_a_shape_that_differs_tells_both():
    assert refused(FILE, expected=SHAPES | {"encoder.0.weight": (5, 4)}) == (
        "problem.weights_shape",
        {"tensor": "encoder.0.weight", "expected": "5 × 4", "found": "3 × 4"},
    )


def test_missing_and_unknown_tensors_are_counted():
    assert refused(FILE, expected=SHAPES | {"x": (1,), "y": (1,)}) == ("problem.weights_missing", {"tensor": "x", "count": 2})
    fewer = {"encoder.0.bias": (3,)}
    key, numbers = refused(FILE, expected=fewer)
    assert key == "problem.weights_unknown" and numbers["count"] == 2 and numbers["tensor"] not in fewer


def test_weights_of_another_run_are_refused():
    assert refused(FILE, run_id=OTHER) == ("problem.weights_other_run", {"expected": OTHER, "found": RUN})
    assert refused(made({}), run_id=OTHER)[0] == "problem.weights_other_run"


def test_a_file_over_the_limit_is_refused_before_it_is_read():
    assert refused(FILE + bytes(3 * 2**20), limit=2**20) == ("problem.weights_too_large", {"megabytes": 3, "limit": 1})


@given(st.binary(max_size=400))
def test_any_bytes_give_a_value_or_our_own_error(data):
    _value_or_refusal(data)


@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
def test_a_file_with_one_wrong_byte_gives_a_value_or_our_own_error(place, byte):
    _value_or_refusal(FILE[:place] + bytes([byte]) + FILE[place + 1 :])


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "I64", "BF16", "x"]) | _json,
        "shape": st.lists(st.integers(-2, 2**50), max_size=3) | _json,
        "data_offsets": st.lists(st.integers(-2, 80), min_size=2, max_size=2) | _json,
    }
)


@given(st.dictionaries(st.text(max_size=6) | st.just("__metadata__"), _entries | _json, max_size=4), st.binary(max_size=80))
def test_any_header_gives_a_value_or_our_own_error(header, body):
    _value_or_refusal(made(header, body))


def test_a_header_nested_too_deeply_is_refused():
    text = b'{"a":' * 200_000 + b"1" + b"}" * 200_000
    assert refused(struct.pack("<Q", len(text)) + text)[0] == "problem.weights_header"
    text = b'{"a":' * 90_000 + b"1" + b"}" * 90_000
    assert refused(struct.pack("<Q", len(text)) + text)[0] == "problem.weights_header"


def _value_or_refusal(data: bytes) -> None:
    try:
        arrays, metadata = weights.read(data)
    except WeightsError as error:
        assert error.problem.key.startswith("problem.weights_")
    else:
        assert all(np.isfinite(array).all() for array in arrays.values()) and isinstance(metadata, dict)
