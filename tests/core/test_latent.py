"""The latent explorer's answers, without an engine: against reference formulas, and on networks that can be seen through."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from replearn_core import datasets, latent, measures, revisit, tasks, training, walks
from replearn_core.experiment import Experiment
from replearn_core.latent import Subject
from replearn_core.tasks import CannotAnswer, asked, settled

RUN = "a" * 32


@pytest.fixture(scope="module")
def digits():
    """A trained run with a two-dimensional code: (experiment, data, its recorded states)."""
    experiment = Experiment(dataset="digits", train_size=300, hidden=(32,), code_size=2, code="linear", epochs=6)
    data = datasets.load("digits", 300)
    return experiment, data, list(revisit.states([(experiment, 6)], None))


@pytest.fixture
def subject(digits):
    experiment, data, states = digits
    return Subject(experiment, data, "run", states[-1][1], 6)


def ask(subject, kind, states=(), **options):
    return latent.answer(asked(kind, run=RUN, epoch=subject.epoch, **options), subject, lambda: states)


# ---- points ----


def test_points_are_held_out_samples_with_their_codes_and_errors(subject):
    answer = ask(subject, "points", size=200)
    a, test = answer.arrays, subject.data
    assert len(np.unique(a["index"])) == 200 and a["held_out"].all()
    assert (a["images"] == (test.x_test[a["index"]] * 255).round()).all() and (a["labels"] == test.y_test[a["index"]]).all()
    x = torch.from_numpy(test.x_test[a["index"]].reshape(200, -1).copy())
    codes = subject.network.encode(x)
    assert np.allclose(a["codes"], codes.numpy(), rtol=1e-3, atol=1e-3) and a["codes"].dtype == np.float16
    error = (subject.network.decode(codes) - x).square().sum(dim=1).numpy()
    assert np.allclose(a["error"], error, rtol=1e-4) and answer.numbers["error"] == pytest.approx(error.mean(), rel=1e-4)


def test_every_source_shows_the_same_points_and_a_smaller_choice_is_the_beginning_of_a_larger(subject):
    whole = ask(subject, "points", size=300).arrays["index"]
    assert (ask(subject, "points", size=50).arrays["index"] == whole[:50]).all()
    for source in ("pixels", "pca"):
        task = settled(asked("points", run=RUN, size=300, source=source), subject.experiment, ())
        other = latent.answer(task, Subject(task.experiment, subject.data, source))
        assert (other.arrays["index"] == whole).all()
        assert ("codes" in other.arrays) == (source == "pca")
    x = [part.reshape(len(part), -1) for part in (subject.data.x_train, subject.data.x_test[whole])]
    assert other.numbers["error"] == pytest.approx(measures.pca_error(*x, 2), rel=1e-3)


def test_training_samples_follow_the_held_out_ones(subject):
    a = ask(subject, "points", size=600, part="all").arrays
    test = len(subject.data.x_test)
    assert a["held_out"].sum() == test and (a["held_out"] == (a["index"] < test)).all() and len(a["index"]) == 600
    row = int(np.flatnonzero(a["index"] >= test)[0])
    assert (a["images"][row] == (subject.data.x_train[a["index"][row] - test] * 255).round()).all()


def test_codes_too_large_for_half_precision_keep_the_longer_one(subject):
    subject.network.encoder[1].weight.data *= 1e6
    assert ask(subject, "points", size=50).arrays["codes"].dtype == np.float32


def test_a_set_of_points_and_one_without_labels_travel_too():
    experiment = Experiment(dataset="s_curve", hidden=(8,), code_size=2, code="linear", epochs=1)
    data = datasets.load("s_curve")
    (*_, last) = revisit.states([(experiment, 1)], None)
    s = Subject(experiment, data, "run", last[1], 1)
    a = ask(s, "points", size=100).arrays
    assert a["samples"].shape == (100, 3) and a["samples"].dtype == np.float32 and (a["labels"] == -1).all()
    assert a["factors"].shape == (100, 2)
    assert "knn_accuracy" not in ask(s, "map", size=100, method="pca").numbers


# ---- maps, films, neighbours ----


def test_a_map_tells_how_far_to_trust_it(subject):
    from sklearn.manifold import trustworthiness

    answer = ask(subject, "map", method="pca", size=200)
    codes = subject.encode(subject.chosen(200, "held_out").x)
    assert answer.numbers["trustworthiness"] == pytest.approx(trustworthiness(codes, answer.arrays["points"], n_neighbors=5))
    assert {"continuity", "knn_accuracy", "knn_accuracy_source", "intrinsic_dimension", "seconds"} <= set(answer.numbers)
    exact = ask(subject, "map", method="code", size=200)
    assert (exact.arrays["points"] == codes).all() and exact.numbers["trustworthiness"] == 1.0


def test_a_film_has_a_map_for_each_recorded_epoch(digits, subject):
    states = digits[2]
    answer = ask(subject, "film", states, method="code", size=100)
    assert answer.arrays["epochs"].tolist() == [epoch for epoch, _ in states]
    for (_, state), frame in zip(states, answer.arrays["points"]):
        s = Subject(subject.experiment, subject.data, "run", state)
        assert np.allclose(frame, s.encode(s.chosen(100, "held_out").x))
    assert np.allclose(answer.arrays["trustworthiness"], 1.0)


def test_frames_of_a_film_follow_each_other_and_a_collapsed_epoch_repeats_the_last(digits, subject, monkeypatch):
    e, _, states = digits
    flat = {name: torch.zeros_like(value) if name == "encoder.1.weight" else value for name, value in states[-1][1].items()}
    frames = ask(subject, "film", [*states, (7, flat)], method="pca", size=100).arrays
    assert (frames["points"][-1] == frames["points"][-2]).all() and frames["epochs"][-1] == 7
    turned = [
        (epoch, {n: -v if n.startswith("encoder.1") else v for n, v in s.items()} if epoch % 2 else s) for epoch, s in states
    ]
    still = ask(subject, "film", turned, method="pca", size=100).arrays["points"].astype(np.float32)
    upright = ask(subject, "film", states, method="pca", size=100).arrays["points"].astype(np.float32)
    assert np.allclose(still, upright, atol=0.05), "a mirrored code is laid over the previous map"


def test_a_long_film_is_thinned_to_so_many_frames_with_both_ends(digits, subject):
    states = digits[2]
    epochs = ask(subject, "film", states, method="code", size=50, frames=3).arrays["epochs"]
    assert len(epochs) == 3 and (epochs[0], epochs[-1]) == (states[0][0], states[-1][0])


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 40, 41, 799, 800])
def test_of_a_film_of_any_length_few_epochs_are_held_at_a_time(count):
    held, most = weakref.WeakSet(), [0]

    class Codes:
        def __init__(self, epoch):
            self.epoch = epoch

    def encode(state):
        codes = Codes(state["epoch"])
        held.add(codes)
        most[0] = max(most[0], len(held))
        return codes

    found, recorded = latent._thinned(((epoch, {"epoch": epoch}) for epoch in range(count)), 5, encode)
    epochs = [epoch for epoch, _ in found]
    assert (recorded, len(found)) == (count, min(5, count)) and most[0] <= 2 * 5 + 2
    assert (epochs[0], epochs[-1]) == (0, count - 1) and epochs == [codes.epoch for _, codes in found]
    assert np.diff(epochs).max(initial=1) <= max(1, 0.5 * count) and (np.diff(epochs) > 0).all()


def test_nearest_images_in_code_space_and_in_pixels_leave_the_image_itself_out(subject):
    answer = ask(subject, "neighbours", indices="3,17", size=360, count=5)
    x = subject.data.x_test.reshape(len(subject.data.x_test), -1)
    for row, index in enumerate((3, 17)):
        expected = np.argsort(np.linalg.norm(x - x[index], axis=1), kind="stable")[1:6]
        assert answer.arrays["pixels"][row].tolist() == expected.tolist()
        assert index not in answer.arrays["code"][row]
    assert (np.diff(answer.arrays["code_distances"], axis=1) >= 0).all()


def test_weights_are_the_networks_own(subject):
    answer = ask(subject, "weights")
    own = subject.network.state_dict()
    assert set(answer.arrays) == set(own) and all((answer.arrays[name] == own[name].numpy()).all() for name in own)


# ---- walks ----


def test_a_walk_ends_at_the_two_images_reconstructions(subject):
    answer = ask(subject, "walk", a=4, b=9, steps=7)
    x = subject.data.x_test[[4, 9]].reshape(2, -1)
    rebuilt = subject.pictures(subject.decode(subject.encode(x)))
    assert (answer.arrays["code_images"][[0, -1]] == rebuilt).all()
    assert (answer.arrays["pixel_images"][[0, -1]] == subject.pictures(x)).all()
    middle = subject.pictures((x[:1] + x[1:]) / 2)[0].astype(int)
    assert np.abs(answer.arrays["pixel_images"][3].astype(int) - middle).max() <= 1


def test_the_walks_classifier_is_a_logistic_probe_on_training_pixels(subject):
    answer = ask(subject, "walk", a=4, b=9, steps=5)
    for name in ("code_confidence", "pixel_confidence"):
        assert answer.arrays[name].shape == (5, 10) and np.allclose(answer.arrays[name].sum(axis=1), 1, atol=1e-5)
    first = answer.arrays["classes"][answer.arrays["pixel_confidence"][0].argmax()]
    assert first == subject.data.y_test[4] and answer.numbers["classifier_accuracy"] > 0.8


def test_a_walk_has_no_classifier_where_the_run_saw_one_class_only(digits):
    experiment, data, states = digits
    y_train = np.where(np.arange(len(data.y_train)) < 16, 3, data.y_train)
    s = Subject(
        experiment.changed(train_size=16), replace(data, name="one class first", y_train=y_train), "run", states[-1][1], 6
    )
    assert walks.probe(s) is None


def test_a_traversal_moves_one_unit_and_nothing_else(subject):
    answer = ask(subject, "traverse", index=2, units=2, steps=5)
    code = subject.encode(subject.data.x_test[2].reshape(1, -1))
    unit = int(answer.arrays["units"][1])
    moved = np.repeat(code, 5, axis=0)
    moved[:, unit] = answer.arrays["values"][1]
    assert (answer.arrays["images"][1] == subject.pictures(subject.decode(moved))).all()


def test_a_grid_is_the_decoded_plane_with_up_at_the_top(subject):
    a = ask(subject, "grid", steps=4).arrays
    assert (np.diff(a["xs"]) > 0).all() and (np.diff(a["ys"]) < 0).all()
    corner = subject.pictures(subject.decode(np.array([[a["xs"][3], a["ys"][0]]], np.float32)))
    assert (a["images"][0, 3] == corner[0]).all() and a["distance"].shape == (4, 4)


@pytest.mark.parametrize("of", ["encoder", "decoder"])
def test_tangents_are_the_jacobians_singular_vectors(subject, of):
    a = ask(subject, "tangents", index=5, count=2, of=of).arrays
    x = torch.from_numpy(subject.data.x_test[5].reshape(-1).copy())
    if of == "encoder":
        jacobian = torch.autograd.functional.jacobian(lambda v: subject.network.encode(v[None])[0], x)
        _, values, vectors = np.linalg.svd(jacobian.numpy(), full_matrices=False)
    else:
        code = subject.network.encode(x[None])[0]
        left, values, _ = np.linalg.svd(
            torch.autograd.functional.jacobian(lambda v: subject.network.decode(v[None])[0], code).numpy()
        )
        vectors = left.T
    assert np.allclose(a["values"], values, rtol=1e-4)
    for found, expected in zip(a["vectors"].reshape(2, -1), vectors):
        assert abs(found @ expected) == pytest.approx(1, abs=1e-4) and found[np.abs(found).argmax()] > 0


def test_the_field_of_a_perfect_denoiser_falls_onto_the_manifold():
    circle = np.stack([np.cos(t := np.linspace(0, 6.28, 200)), np.sin(t)], axis=1).astype(np.float32)

    def project(x):
        return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)

    a = walks.denoising_field(project, circle, steps=9, paths=30, length=60, rate=0.2)
    assert np.allclose(a["pull"], project(a["at"].reshape(-1, 2)).reshape(a["at"].shape) - a["at"], atol=1e-6)
    assert np.allclose(np.linalg.norm(a["trajectories"][:, -1], axis=1), 1, atol=1e-3) and a["trajectories"].shape == (30, 61, 2)


def test_a_field_of_a_run_is_its_reconstruction_less_the_point():
    experiment = Experiment(dataset="moons", hidden=(8,), code_size=2, code="linear", epochs=1)
    (*_, last) = revisit.states([(experiment, 1)], None)
    s = Subject(experiment, datasets.load("moons"), "run", last[1], 1)
    a = ask(s, "field", steps=6, paths=5, length=3).arrays
    x = a["at"].reshape(-1, 2)
    assert np.allclose(a["pull"].reshape(-1, 2), s.decode(s.encode(x)) - x, atol=1e-6)


# ---- what makes no sense ----


def test_codes_that_are_not_finite_are_named_not_drawn(subject):
    subject.network.encoder[1].bias.data[0] = float("nan")
    for kind, options in (
        ("points", {}),
        ("map", {"method": "pca"}),
        ("walk", {}),
        ("traverse", {}),
        ("grid", {}),
        ("neighbours", {}),
    ):
        with pytest.raises(CannotAnswer) as error:
            ask(subject, kind, **options)
        assert error.value.problem.key == "problem.codes_not_finite", kind


def test_weights_of_another_run_are_refused(digits):
    experiment, data, _ = digits
    with pytest.raises(CannotAnswer) as error:
        ask(Subject(experiment.changed(code_size=3), data, "run", digits[2][-1][1], 6), "points")
    assert error.value.problem.key == "problem.state_does_not_fit"


@pytest.mark.parametrize(
    "kind, fields, options, key",
    [
        ("map", {}, {"method": "code", "dimensions": 3}, "problem.code_is_not_flat"),
        ("grid", {"code_size": 3}, {}, "problem.code_is_not_flat"),
        ("field", {}, {}, "problem.field_needs_plane"),
        ("walk", {}, {"a": 0, "b": 5_000}, "problem.out_of_range"),
        ("neighbours", {}, {"indices": "1,5000"}, "problem.out_of_range"),
    ],
)
def test_questions_that_make_no_sense_for_a_run_are_refused_before_anything_is_computed(digits, kind, fields, options, key):
    with pytest.raises(CannotAnswer) as error:
        tasks.check(asked(kind, run=RUN, **options), digits[0].changed(**fields))
    assert error.value.problem.key == key


# ---- training again ----


def test_a_state_trained_again_is_the_same_bit_for_bit(digits):
    experiment, data, states = digits
    kept = {int(e.epoch): e.state for e in training.train(experiment, data) if e.kind == "progress" and e.state}
    assert [epoch for epoch, _ in states] == sorted(kept)
    assert all(torch.equal(state[name], kept[epoch][name]) for epoch, state in states for name in state)


def test_a_continuation_is_trained_again_through_its_ancestors(digits):
    experiment, _, states = digits
    middle = states[-2][0]
    child = experiment.changed(continues=(experiment.id, middle), epochs=2, learning_rate=1e-3)
    through = revisit.last_state([(experiment, middle), (child, middle + 2)], None)
    from_kept = revisit.last_state([(child, middle + 2)], dict(states)[middle])
    assert all(torch.equal(through[name], from_kept[name]) for name in through)


def test_an_epoch_that_a_run_never_records_and_a_question_that_nobody_waits_for(digits):
    with pytest.raises(CannotAnswer) as error:
        revisit.last_state([(digits[0], 99)], None)
    assert error.value.problem.key == "problem.epoch_not_reached"
    with pytest.raises(revisit.Unwanted):
        revisit.last_state([(digits[0], 6)], None, wanted=lambda: False)


def test_a_film_of_nothing_but_collapsed_epochs_says_so(digits, subject):
    flat = {name: torch.zeros_like(value) for name, value in digits[2][-1][1].items()}
    with pytest.raises(CannotAnswer) as error:
        ask(subject, "film", [(0, flat), (1, flat)], method="pca", size=50)
    assert error.value.problem.key == "problem.codes_constant"
