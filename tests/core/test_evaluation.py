"""What a run is seen doing: every picture and number is computed from the weights of its moment, on held-out data."""

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from replearn_core import evaluation, training
from replearn_core.evaluation import FRAME_BYTES, chosen, signed_pictures
from replearn_core.experiment import Experiment
from replearn_core.networks import Autoencoder
from replearn_core.training import train

PROGRESS_FRAME = {"reconstruction", "filters", "atoms", "activity", "histogram", "histogram_edges"}


@pytest.fixture(autouse=True)
def forget_earlier_data(monkeypatch):
    monkeypatch.setattr(evaluation, "_of_data", {}, raising=False)


def small(**fields) -> Experiment:
    return Experiment.from_values(
        {"dataset": "digits", "code_size": 6, "epochs": 2, "batch_size": 32, "learning_rate": 0.01} | fields
    )


def run(e, data):
    return list(train(e, data, device="cpu"))


def last_progress(events):
    return [event for event in events if event.kind == "progress"][-1]


def restored(e, state) -> Autoencoder:
    network = Autoencoder(e, torch.Generator().manual_seed(99))
    training.load(network, state)
    return network.eval()


def flat(x) -> torch.Tensor:
    return torch.from_numpy(x).flatten(1)


def as_pictures(x) -> np.ndarray:
    return (x.detach().numpy().clip(0, 1) * 255).round().astype(np.uint8).reshape(-1, 8, 8)


KINDS = {
    "plain": {},
    "deep": {"hidden": (9,), "code": "linear"},
    "gaussian": {"code": "gaussian", "reconstruction": "cross_entropy", "penalties": [{"name": "gaussian_kl"}]},
    "predictive": {"code": "predictive", "penalties": [{"name": "l1", "weight": 0.1}]},
    "convolutions": {"network": "conv", "hidden": (3,)},
    "k-sparse": {"code": "k_sparse", "code_options": {"k": 2, "alpha": 2}},
}
NAMED = pytest.mark.parametrize("fields", KINDS.values(), ids=KINDS)


# ---- frames ----


@NAMED
def test_reconstructions_are_those_of_the_weights_of_the_same_moment(fields, make_data):
    e, data = small(**fields), make_data()
    events = run(e, data)
    shown = chosen(data.y_test, 64, 12)
    for event in events:
        if event.kind == "progress":
            network = restored(e, event.state)
            rebuilt = network.decode(network.encode(flat(data.x_test)[shown]))
            difference = event.frame["reconstruction"].astype(int) - as_pictures(rebuilt)
            assert np.abs(difference).max() <= 1  # rounding only


def test_a_denoising_run_shows_what_the_network_saw_and_rebuilds_that(make_data):
    e, data = small(corruption={"name": "masking", "weight": 0.4}), make_data()
    events = run(e, data)
    started, last = events[0], last_progress(events)
    clean, seen = started.frame["clean"], started.frame["seen"]
    assert ((seen == clean) | (seen == 0)).all() and 0.2 < (seen != clean).mean() < 0.6
    network = restored(e, last.state)
    rebuilt = network.decode(network.encode(torch.from_numpy(seen).flatten(1) / 255))
    assert np.abs(last.frame["reconstruction"].astype(int) - as_pictures(rebuilt)).max() <= 3  # what was seen is rounded


def test_the_shown_images_are_held_out_ones_with_their_labels(make_data):
    data = make_data()
    frame = run(small(), data)[0].frame
    rows = {row.tobytes(): label for row, label in zip(as_pictures(torch.from_numpy(data.x_test)), data.y_test, strict=True)}
    assert len(frame["clean"]) == 12 and "seen" not in frame
    assert [rows[row.tobytes()] for row in frame["clean"]] == frame["labels"].tolist()


@NAMED
def test_frames_have_the_kinds_and_shapes_that_events_promise(fields, make_data):
    e = small(**fields)
    for event in run(e, make_data()):
        if event.kind != "progress":
            continue
        frame = event.frame
        assert set(frame) - {"spectrum"} == PROGRESS_FRAME
        assert frame["reconstruction"].shape == (12, 8, 8) and frame["atoms"].shape == (6, 8, 8)
        assert {frame[name].dtype for name in ("reconstruction", "filters", "atoms", "activity")} == {np.dtype(np.uint8)}
        assert frame["activity"].shape == (48, 6) and frame["activity"].max() == 255
        assert frame["histogram"].dtype == np.int64 and frame["histogram"].sum() == 64 * 6
        assert len(frame["histogram_edges"]) == len(frame["histogram"]) + 1 and (np.diff(frame["histogram_edges"]) > 0).all()
        assert all(array.nbytes <= FRAME_BYTES for array in frame.values())


@pytest.mark.parametrize("dataset", ["mnist", "dsprites", "moons"])
def test_no_array_of_a_frame_is_too_large_to_travel(dataset, make_data):
    e = small(dataset=dataset, code_size=300, epochs=1, code="relu")
    for event in run(e, make_data(dataset, test=400)):
        for name, array in getattr(event, "frame", {}).items():
            assert array.nbytes <= FRAME_BYTES, name


def test_points_are_shown_as_numbers_without_rounding(make_data):
    data = make_data("s_curve", test=320)
    e = small(dataset="s_curve", code_size=2)
    events = run(e, data)
    assert events[0].frame["clean"].dtype == np.float32
    np.testing.assert_array_equal(events[0].frame["clean"], data.x_test[:300])
    network = restored(e, last_progress(events).state)
    expected = network.decode(network.encode(flat(data.x_test)[:300])).detach().numpy()
    np.testing.assert_allclose(last_progress(events).frame["reconstruction"], expected, atol=1e-5)
    assert not {"filters", "atoms"} & set(last_progress(events).frame)


def test_filters_are_the_first_layers_weights_each_on_its_own_scale(make_data):
    last = last_progress(run(small(), make_data()))
    weight = last.state["encoder.0.weight"].numpy().reshape(6, 8, 8)
    expected = 127 * weight / np.abs(weight).max(axis=(1, 2), keepdims=True)
    assert np.abs(last.frame["filters"].astype(float) - 128 - expected).max() <= 0.51


def test_atoms_are_what_each_unit_adds_to_the_picture(make_data):
    e = small(hidden=(9,), activation="tanh", code="linear")
    data = make_data()
    last = last_progress(run(e, data))
    network = restored(e, last.state)
    with torch.no_grad():
        codes = network.encode(flat(data.x_test))
        for unit in range(6):
            moved = codes.mean(dim=0).clone()
            moved[unit] += codes[:, unit].std()
            added = (network.decode(moved[None]) - network.decode(codes.mean(dim=0)[None]))[0].numpy()
            shown = last.frame["atoms"][unit].astype(float).ravel() - 128
            assert np.corrcoef(added, shown)[0, 1] > 0.999
            assert np.abs(shown).max() == 127


def test_activity_and_histogram_are_those_of_held_out_codes(make_data):
    e, data = small(), make_data()
    last = last_progress(run(e, data))
    codes = restored(e, last.state).encode(flat(data.x_test)).detach().numpy()
    shown = np.concatenate([chosen(data.y_test, 64, 12), np.setdiff1d(np.arange(64), chosen(data.y_test, 64, 12))])[:48]
    strength = np.abs(codes[shown])
    assert np.abs(last.frame["activity"] - 255 * strength / strength.max()).max() <= 0.51
    edges = last.frame["histogram_edges"]
    assert edges[0] == pytest.approx(codes.min(), abs=1e-5) and edges[-1] == pytest.approx(codes.max(), abs=1e-5)


@pytest.mark.parametrize("code", ["sigmoid", "relu", "linear", "k_sparse"])
def test_a_code_that_has_collapsed_can_still_be_drawn(code, make_data):
    """All weights zero, and then one small step: codes that differ in their last digits only."""
    e, data = small(code=code, learning_rate=1e-6, code_options={"k": 2} if code == "k_sparse" else {}), make_data()
    first = next(event.state for event in run(e, data) if event.kind == "progress")
    dead = {name: torch.zeros_like(value) for name, value in first.items()}
    events = list(train(e.changed(continues=("0" * 32, 0)), data, device="cpu", weights=dead))
    assert events[-1].kind == "finished" and events[-1].metrics["dead"] == 6


# ---- numbers while it runs ----


def test_the_held_out_error_is_per_image_and_of_the_clean_ones(make_data):
    for corruption in (None, {"name": "masking", "weight": 0.4}):
        e, data = small(corruption=corruption), make_data()
        last = last_progress(run(e, data))
        network, x = restored(e, last.state), flat(data.x_test)
        with torch.no_grad():
            expected = float((network.decode(network.encode(x)) - x).square().sum(dim=1).mean())
        assert last.measures["squared_error"] == pytest.approx(expected, rel=1e-4)
        same = last.held_out["squared_error"] == pytest.approx(expected, rel=1e-4)
        assert same == (corruption is None), "the objective's own term is that of what was seen"


def test_the_terms_of_a_vae_are_its_evidence_lower_bound(make_data):
    """Cross-entropy and KL at the mean code, in nats per image, against torch.distributions."""
    penalty = [{"name": "gaussian_kl", "weight": 4}]
    e, data = small(code="gaussian", reconstruction="cross_entropy", penalties=penalty), make_data()
    last = last_progress(run(e, data))
    x, state = flat(data.x_test), last.state
    mean, log_variance = (x @ state["encoder.0.weight"].T + state["encoder.0.bias"]).chunk(2, dim=1)
    logits = mean @ state["decoder.0.weight"].T + state["decoder.0.bias"]
    nats = -Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(dim=1).mean()
    divergence = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1).mean()
    assert last.held_out["cross_entropy"] == pytest.approx(float(nats), rel=1e-4)
    assert last.held_out["gaussian_kl"] == pytest.approx(float(divergence), rel=1e-3)
    assert sum(last.held_out_weighted.values()) == pytest.approx(float(nats + 4 * divergence), rel=1e-3)


def test_the_training_terms_of_a_moment_are_means_over_the_batches_since_the_last(make_data, monkeypatch):
    data, e = make_data(), small(epochs=1, learning_rate=1e-6)
    monkeypatch.setattr(training, "moments", lambda *_: lambda epoch, step: True)
    each = [event.training["squared_error"] for event in run(e, data) if event.kind == "progress" and event.training]
    monkeypatch.setattr(training, "moments", lambda *_: lambda epoch, step: False)
    assert len(each) == 3 and last_progress(run(e, data)).training["squared_error"] == pytest.approx(np.mean(each), rel=1e-5)


def test_the_first_moment_is_that_of_the_initial_weights_and_has_no_training_terms(make_data):
    first = next(event for event in run(small(), make_data()) if event.kind == "progress")
    assert first.epoch == 0 and first.training == {} and first.held_out


def test_the_first_picture_is_near_the_mean_and_not_grey_noise(make_data):
    events = run(small(code_size=16), make_data())
    first = next(event for event in events if event.kind == "progress")
    baseline = next(event for event in events if event.kind == "baseline")
    assert first.measures["squared_error"] < 12 * baseline.mean_error


# ---- at the end ----


@NAMED
def test_final_measures_are_complete_and_finite(fields, make_data):
    metrics = run(small(**fields), make_data())[-1].metrics
    expected = {"squared_error", "pca_error", "mean_error", "l0", "hoyer", "dead", "jacobian", "trustworthiness", "continuity"}
    expected |= {"probe_few", "probe_all", "pixels_few", "pixels_all"}
    if fields.get("code") == "predictive":
        expected |= {"squared_error_inferred", "l0_inferred"}
    assert set(metrics) == expected and all(isinstance(value, float) and np.isfinite(value) for value in metrics.values())
    shares = ("l0", "hoyer", "trustworthiness", "continuity", "probe_all", "probe_few", "pixels_all", "pixels_few")
    assert all(0 <= metrics[name] <= 1 for name in shares)


def test_final_measures_are_those_of_the_last_weights(make_data):
    e, data = small(), make_data()
    finished = run(e, data)[-1]
    network, x = restored(e, finished.state), flat(data.x_test)
    with torch.no_grad():
        h = network.encode(x)
        error = float((network.decode(h) - x).square().sum(dim=1).mean())
        slope = h * (1 - h)
        norms = (slope.square() @ finished.state["encoder.0.weight"].square().sum(dim=1)).sqrt()
    assert finished.metrics["squared_error"] == pytest.approx(error, rel=1e-4)
    assert finished.metrics["jacobian"] == pytest.approx(float(norms.mean()), rel=1e-3)
    assert finished.metrics["l0"] == pytest.approx(float((h > 0.1).float().mean()), abs=1e-6)


def test_the_one_pass_of_an_inferred_code_is_measured_and_inference_beside_it(make_data):
    e = small(code="predictive", penalties=[{"name": "l1", "weight": 0.05}, {"name": "prediction", "weight": 0.1}], epochs=20)
    metrics = run(e, make_data())[-1].metrics
    assert metrics["squared_error_inferred"] < metrics["squared_error"]


# ---- the pieces ----


def test_shown_samples_take_each_class_in_turn():
    labels = np.array([2, 2, 2, 0, 1, 0, 1, 2])
    assert chosen(labels, 8, 5).tolist() == [3, 4, 0, 5, 6]
    assert sorted(chosen(labels, 8, 100).tolist()) == list(range(8))
    assert chosen(None, 3, 5).tolist() == [0, 1, 2]


def test_signed_pictures_put_zero_in_the_middle_and_survive_a_row_of_zeros():
    rows = np.array([[0.0, 0, 0, 0], [2, -1, 0, 1]])
    pictures = signed_pictures(rows, 5, (2, 2))
    assert pictures.tolist() == [[[128, 128], [128, 128]], [[255, 64], [128, 192]]]


def test_measures_of_pixels_follow_the_labels_and_every_row(make_data):
    from dataclasses import replace

    e, data = small(), make_data()
    before = run(e, data)[-1].metrics
    other = run(e, replace(data, y_test=(data.y_test + 1) % 10))[-1].metrics
    assert before["pixels_all"] != other["pixels_all"] and before["pca_error"] == other["pca_error"]
    x_train = np.repeat(data.x_train, 20, axis=0)[:500]  # of so many, every second row is looked at
    long = replace(data, x_train=x_train, y_train=np.resize(data.y_train, 500))
    changed = long.x_train.copy()
    changed[1::2] = 1 - changed[1::2]
    assert run(e, long)[-1].metrics["pca_error"] != run(e, replace(long, x_train=changed))[-1].metrics["pca_error"]


def test_one_class_alone_leaves_the_probes_out(make_data):
    from dataclasses import replace

    data = make_data()
    metrics = run(small(), replace(data, y_train=np.zeros_like(data.y_train)))[-1].metrics
    assert "squared_error" in metrics and not [name for name in metrics if name.startswith(("probe", "pixels"))]


def test_wide_feature_maps_go_through_the_network_some_at_a_time(make_data, monkeypatch):
    e, data = small(network="conv", hidden=(3,)), make_data()
    whole = run(e, data)[-1].metrics
    monkeypatch.setattr(evaluation, "rows_at_once", lambda e: 7)
    some = run(e, data)[-1].metrics
    assert some["squared_error"] == pytest.approx(whole["squared_error"], rel=1e-5)
    monkeypatch.undo()
    assert evaluation.rows_at_once(small(network="conv", hidden=(2_048,))) == 2**24 // (2_048 * 16)
