"""The linear autoencoder against scikit-learn's PCA: the same held-out error, the same subspace (Bourlard & Kamp 1988)."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from replearn_core import evaluation
from replearn_core.datasets import Dataset
from replearn_core.experiment import Experiment
from replearn_core.presets import preset
from replearn_core.training import train

SIZE = 4


@pytest.fixture(autouse=True)
def forget_earlier_data(monkeypatch):
    monkeypatch.setattr(evaluation, "_of_data", {}, raising=False)


@pytest.fixture(scope="module")
def ellipsoid() -> Dataset:
    """8 × 8 images around a mean picture: SIZE long directions of unequal length, and short ones in all others."""
    random = np.random.default_rng(0)
    axes = np.linalg.qr(random.normal(0, 1, (64, 64)))[0]
    lengths = np.r_[0.5, 0.4, 0.35, 0.3, np.full(60, 0.03)]
    mean = 0.5 + 0.1 * random.random(64)

    def half(count):
        return (mean + random.normal(0, 1, (count, 64)) * lengths @ axes.T).astype(np.float32).reshape(-1, 8, 8)

    return Dataset("digits", half(600), half(300), None, None, None, None, (), (), "made here", "Apache-2.0")


@pytest.fixture(
    scope="module", params=[{}, {"tied": True}, {"hidden": (16,), "activation": "linear"}], ids=["untied", "tied", "deep"]
)
def trained(request, ellipsoid):
    settings = {"code": "linear", "code_size": SIZE, "epochs": 120, "batch_size": 100, "learning_rate": 0.01}
    e = Experiment.from_values({"dataset": "digits"} | settings | request.param)
    coarse = list(train(e, ellipsoid, device="cpu"))
    fine = e.changed(learning_rate=0.001, batch_size=600, epochs=200, continues=("0" * 32, 120))
    return e, list(train(fine, ellipsoid, device="cpu", weights=coarse[-1].state))


@pytest.fixture(scope="module")
def pca(ellipsoid) -> PCA:
    return PCA(SIZE).fit(ellipsoid.x_train.reshape(600, 64).astype(np.float64))


def flat_test(data):
    return data.x_test.reshape(len(data.x_test), 64).astype(np.float64)


def test_a_linear_autoencoder_reaches_the_held_out_error_of_pca(trained, ellipsoid, pca):
    x = flat_test(ellipsoid)
    expected = float(np.square(x - pca.inverse_transform(pca.transform(x))).sum(axis=1).mean())
    variance = float(np.square(x - pca.mean_).sum(axis=1).mean())
    assert expected < 0.15 * variance
    assert trained[1][-1].metrics["squared_error"] == pytest.approx(expected, abs=0.01 * variance)


def test_it_spans_the_subspace_of_pca(trained, pca):
    """The largest principal angle between the decoder's atoms and PCA's axes is small."""
    state = trained[1][-1].state
    if trained[0].tied:
        atoms = state["encoder.0.weight"].T
    else:
        atoms = state["decoder.0.weight"]
        atoms = atoms @ state["decoder.1.weight"] if "decoder.1.weight" in state else atoms
    span = torch.linalg.qr(atoms.double())[0].numpy()
    cosines = np.linalg.svd(span.T @ pca.components_.T, compute_uv=False)
    assert np.degrees(np.arccos(cosines.clip(-1, 1).min())) < 4


def test_no_linear_autoencoder_beats_pca_on_its_training_data(trained, ellipsoid, pca):
    x = ellipsoid.x_train.reshape(600, 64).astype(np.float64)
    best = float(np.square(x - pca.inverse_transform(pca.transform(x))).sum(axis=1).mean())
    last = [event for event in trained[1] if event.kind == "progress"][-1]
    assert last.training["squared_error"] >= best * (1 - 1e-3)


def test_the_reported_baseline_is_scikit_learns_pca(trained, ellipsoid, pca):
    x = flat_test(ellipsoid)
    expected = float(np.square(x - pca.inverse_transform(pca.transform(x))).sum(axis=1).mean())
    baseline = next(event for event in trained[1] if event.kind == "baseline")
    assert baseline.pca_error == pytest.approx(expected, rel=1e-3)
    assert baseline.mean_error == pytest.approx(float(np.square(x - pca.mean_).sum(axis=1).mean()), rel=1e-3)
    assert trained[1][-1].metrics["pca_error"] == baseline.pca_error


def test_the_preset_nears_pca_on_real_digits():
    from replearn_core.datasets import load

    e = preset("digits", "linear", epochs=40, learning_rate=0.01)
    metrics = list(train(e, load("digits"), device="cpu"))[-1].metrics
    assert metrics["pca_error"] * 0.99 < metrics["squared_error"] < metrics["pca_error"] * 1.15


def test_a_wide_code_beats_a_narrow_one_and_the_mean_picture(ellipsoid):
    errors = {}
    for size in (1, 4):
        e = Experiment(dataset="digits", code="linear", code_size=size, epochs=60, batch_size=100, learning_rate=0.01)
        errors[size] = list(train(e, ellipsoid, device="cpu"))[-1].metrics
    assert errors[4]["squared_error"] < 0.6 * errors[1]["squared_error"] < errors[1]["mean_error"]
