"""A run's model and its smaller forms: what they weigh, that they still answer, and which of them to ship."""

import io

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load

from replearn_core import datasets, tasks
from replearn_core.applications.deployment import (
    FORMS,
    Model,
    bill,
    earnings,
    forms,
    frontier,
    models_of,
    reaching,
    resident,
    switches,
)
from replearn_core.applications.deployment.measure import measure
from replearn_core.latent import Subject
from replearn_core.presets import preset
from replearn_core.training import train

KNOBS = {"pruned": 0.8, "energy": 0.9, "student": 0.5, "rounds": 3}


def trained(variant="deep", dataset="digits", **fields):
    e = preset(dataset, variant).changed(epochs=3, train_size=400, **fields)
    data = datasets.load(dataset, 400)
    *_, last = train(e, data, device="cpu")
    return Subject(e, data, state=last.state, epoch=3)


@pytest.fixture(scope="module")
def subject():
    return trained()


@pytest.fixture(scope="module")
def answer(subject):
    return measure(subject, **KNOBS)


@pytest.fixture
def memory_untold(monkeypatch):
    """No process of its own for each form: `answer` has those numbers."""
    monkeypatch.setattr(resident, "serving", lambda *_: None)


def test_every_form_is_measured_and_in_its_order(answer):
    assert [one.name for one in models_of(answer.numbers, answer.arrays)] == [
        name for name in FORMS if f"{name}.quality" in answer.numbers
    ]
    assert {"float32", "half", "pruned", "distilled", "onnx", "onnx_int8"} <= {name.split(".")[0] for name in answer.numbers}


def test_the_other_engine_computes_the_same_function(answer):
    assert answer.numbers["onnx.difference"] < 1e-4
    assert answer.numbers["onnx.quality"] == answer.numbers["float32.quality"]


def test_halves_take_half_and_eight_bits_less_than_that(answer):
    size = {name: answer.numbers[f"{name}.bytes"] for name in ("float32", "half", "onnx_int8")}
    assert 0.45 < size["half"] / size["float32"] < 0.6
    assert size["onnx_int8"] < size["half"]


def test_parameters_are_those_of_encoder_and_classifier(subject, answer):
    widths = [subject.experiment.data.size, *subject.experiment.hidden, subject.experiment.code_size, 10]
    layers = list(zip(widths, widths[1:]))
    assert answer.numbers["float32.parameters"] == sum(a * b + b for a, b in layers)
    assert answer.numbers["float32.operations"] == sum(a * b for a, b in layers)


def test_pruning_keeps_the_largest_weights_and_multiplies_no_zeros(subject):
    network = forms.needed(subject.network, subject.data)
    whole = torch.cat([stage.weight.abs().flatten() for stage in network.encoder])
    smaller = forms.pruned(network, 0.75)
    kept = torch.cat([stage.weight.values().abs() for stage in smaller.encoder])
    assert len(kept) == pytest.approx(0.25 * len(whole), abs=2)
    assert torch.equal(kept.sort().values, whole.sort().values[-len(kept) :])
    head = 10 * subject.experiment.code_size
    assert forms.operations_of(forms.deployed(smaller, subject.data), subject.experiment.data.size) == len(kept) + head


def test_pruning_nothing_changes_no_answer(subject):
    network, x = forms.needed(subject.network, subject.data), forms.flat(subject.data.x_test[:20])
    assert torch.allclose(forms.pruned(network, 0.0).encode(x), network.encode(x), atol=1e-5)


def test_low_rank_keeps_the_share_of_the_norm_that_was_asked_for(subject):
    network = forms.needed(subject.network, subject.data)
    smaller = forms.low_rank(network, 0.6)
    shrunk = [(old, new) for old, new in zip(network.encoder, smaller.encoder) if isinstance(new, torch.nn.Sequential)]
    assert shrunk
    for old, new in shrunk:
        product = new[1].weight @ new[0].weight
        left = float((old.weight - product).square().sum() / old.weight.square().sum())
        assert left <= 0.4 + 1e-6
        assert sum(part.weight.numel() for part in new) < old.weight.numel()


def test_the_student_learns_its_teachers_answers(subject):
    model = forms.deployed(forms.needed(subject.network, subject.data), subject.data)
    student = forms.distilled(model, subject.data, 32, seed=0, tell=lambda share, partial=None: None)
    x = forms.flat(subject.data.x_test)
    agree = float((student(x).argmax(1) == model(x).argmax(1)).float().mean())
    assert agree > 0.7
    assert forms.parameters_of(student) == 64 * 32 + 32 + 32 * 10 + 10


def test_files_can_be_read_back(subject, answer):
    model = forms.deployed(forms.needed(subject.network, subject.data), subject.data)
    tensors = load(forms.file_of(model))
    assert all(torch.equal(tensors[name], value) for name, value in model.state_dict().items())
    onnx.checker.check_model(onnx.load(io.BytesIO(answer.arrays["onnx"].tobytes())))


def test_without_labels_the_whole_autoencoder_is_the_product(memory_untold):
    s = trained("undercomplete", "patches")
    found = measure(s, **KNOBS)
    assert found.numbers["classes"] == 0 and -1 < found.numbers["float32.quality"] <= 1
    assert found.numbers["onnx.difference"] < 1e-4


@pytest.mark.parametrize("variant", ["sparse", "k_sparse", "vae", "psc", "lista"])
def test_every_kind_of_code_can_be_shipped(memory_untold, variant):
    found = measure(trained(variant), **KNOBS)
    assert found.numbers["onnx.quality"] == pytest.approx(found.numbers["float32.quality"], abs=0.01)


def test_what_there_is_so_far_is_told_while_it_is_measured(memory_untold, subject):
    seen = []
    measure(subject, **KNOBS, on_progress=lambda share, partial=None: seen.append((share, partial and partial())))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares) and shares[-1] == 1.0
    parts = [models_of(numbers, arrays) for _, part in seen if part for arrays, numbers in [part]]
    assert len(parts) == KNOBS["rounds"] and all(parts)


def test_the_question_has_bounds():
    run = "0" * 32
    assert tasks.asked("deployment", run=run).options["pruned"] == 0.8
    with pytest.raises(ValueError, match="pruned"):
        tasks.asked("deployment", run=run, pruned=1.0)


# ---- which one to ship ----


def model(name="a", quality=0.9, size=1e5, seconds=1e-3, spread=0.0):
    times = np.linspace(seconds * (1 - spread), seconds * (1 + spread), 11)
    return Model(name, quality, size, seconds, float(times[-1]), tuple(zip(times.tolist(), (np.arange(11) + 1) / 11)))


def test_a_model_that_another_one_beats_in_nothing_is_not_on_the_frontier():
    good, small, worse = model("good"), model("small", 0.8, 1e4), model("worse", 0.85, 2e5, 2e-3)
    assert frontier([good, small, worse]) == {"good", "small"}
    assert frontier([good, model("twin")]) == {"good", "twin"}


def test_earnings_are_revenue_less_computing_and_delivery():
    one = model(quality=0.5, seconds=0.36, size=2e6)
    earned = earnings(one, traffic=1_000, budget=1.0, price=2.0, revenue=0.01, storage=3.0)
    assert earned == pytest.approx(1_000 * 0.5 * 0.01 - 0.1 * 2.0 - 6.0)


def test_answers_that_come_too_late_are_worth_nothing():
    one = model(seconds=1.0, spread=0.5)
    assert one.within(0.4) == 0 and one.within(2.0) == 1 and one.within(1.0) == pytest.approx(6 / 11)
    assert earnings(one, traffic=10, budget=0.1, price=0.0, revenue=1.0) == 0


def test_where_the_choice_changes_lies_where_both_earn_alike():
    accurate, cheap = model("accurate", 0.9, seconds=1e-2), model("cheap", 0.8, seconds=1e-4)
    terms = {"traffic": 1e6, "budget": 1.0, "price": 0.36}
    revenues = np.geomspace(1e-9, 1e-2, 4_001).tolist()
    ((at, before, after),) = switches([accurate, cheap], revenues, **terms)
    assert (before, after) == ("cheap", "accurate")
    assert at == pytest.approx((1e-2 - 1e-4) / 3_600 * 0.36 / 0.1, rel=0.01)


@given(st.floats(0, 1e6), st.floats(0.1, 1e3), st.floats(0, 100))
def test_the_bill_grows_with_time(seconds, watts, price):
    hours, cost = bill(seconds, watts=watts, price=price)
    assert hours == pytest.approx(seconds * watts / 3_600) and cost == pytest.approx(seconds * price / 3_600)


def test_a_level_is_reached_where_the_mean_over_seeds_crosses_it():
    curve, at = np.array([[0.0, 0.4, 0.8], [0.2, 0.4, 1.0]]), np.array([0.0, 10.0, 20.0])
    assert reaching(curve, at, 0.05) == 0.0
    assert reaching(curve, at, 0.4) == 10.0
    assert reaching(curve, at, 0.65) == pytest.approx(15.0)
    assert reaching(curve, at, 0.95) is None
