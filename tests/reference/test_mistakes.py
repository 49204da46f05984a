"""Mistakes seen in public implementations of autoencoders: a test each, which fails if ours makes it."""

import numpy as np
import pytest
import torch

from replearn_core import evaluation, penalties, training
from replearn_core.batches import Samples
from replearn_core.events import Finished
from replearn_core.experiment import Experiment
from replearn_core.networks import Autoencoder
from replearn_core.strategies import Phase
from replearn_core.training import train

CONTRACTION, KL = "contraction", "kl_sparsity"


@pytest.fixture(autouse=True)
def forget_earlier_data(monkeypatch):
    monkeypatch.setattr(evaluation, "_of_data", {}, raising=False)


def an_experiment(**fields) -> Experiment:
    return Experiment.from_values({"dataset": "digits", "code_size": 6, "epochs": 2, "batch_size": 32} | fields)


def penalised(name, weight, **options):
    return [{"name": name, "weight": weight, "options": options}]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def a_network(**fields) -> Autoencoder:
    return Autoencoder(an_experiment(**fields), generator())


def contraction_of(network, x) -> float:
    seen = x.clone().requires_grad_()
    return float(penalties.contraction(network(seen, x, generator())).detach())


def first_state(e, data):
    """Weights before the first step."""
    return next(event.state for event in train(e, data, device="cpu") if event.kind == "progress")


def started_from(e, state, data, **settings):
    """The events of a run of `e` that begins with these weights."""
    return list(train(e.changed(continues=("0" * 32, 0)), data, device="cpu", weights=state, **settings))


@pytest.fixture
def passes(monkeypatch):
    """Every training pass that was made: (seen, target, training mode), copied as it happens; held-out ones are left out."""
    made, forward = [], Autoencoder.forward

    def spy(self, seen, target, *rest, **named):
        if any(p.requires_grad for p in self.parameters()) and torch.is_grad_enabled() and len(target) <= 32:
            made.append((seen.detach().clone(), target.detach().clone(), self.training))
        return forward(self, seen, target, *rest, **named)

    monkeypatch.setattr(Autoencoder, "forward", spy)
    return made


# ---- contraction ----


@pytest.mark.parametrize("fields", [{"tied": True}, {}, {"hidden": (8,), "tied": True}, {"code": "relu"}], ids=str)
def test_the_contractions_gradient_reaches_the_weights_so_that_training_lowers_it(fields, make_data):
    """A weight read from state_dict() is detached: the penalty would be reported and never lowered."""
    data = make_data()
    norms = [
        list(train(an_experiment(epochs=40, penalties=penalised(CONTRACTION, w), **fields), data))[-1].metrics for w in (0, 10)
    ]
    assert norms[1]["jacobian"] < 0.5 * norms[0]["jacobian"]


def test_a_relu_code_has_the_slope_of_a_relu():
    """h(1 − h) would be negative for active units above 1, and wrong for the others."""
    network = a_network(code="relu")
    with torch.no_grad():
        network.encoder[0].bias.copy_(torch.tensor([5.0, 5, 5, -9, -9, -9]))
    expected = float(network.encoder[0].weight[:3].detach().square().sum())
    assert contraction_of(network, torch.rand(4, 64, generator=generator(1))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("fields", [{}, {"hidden": (6,), "activation": "linear"}], ids=["closed form", "estimate"])
def test_rows_of_opposite_sign_do_not_cancel(fields):
    """backward(ones) gives ‖Jᵀ1‖, which is 0 for units that mirror each other."""
    network = a_network(code="linear", **fields)
    with torch.no_grad():
        last = network.encoder[-1].weight
        last[3:] = -last[:3]
    x = torch.rand(4, 64, generator=generator(1))
    values = [float(penalties.contraction(network(x.requires_grad_(), x, generator(seed))).detach()) for seed in range(40)]
    assert np.mean(values) > 0.1


def test_the_norm_sums_over_units_and_does_not_average_them():
    network = a_network(code="linear")
    x = torch.rand(4, 64, generator=generator(1))
    before = contraction_of(network, x)
    with torch.no_grad():
        network.encoder[0].weight[3:] = 0
    assert contraction_of(network, x) == pytest.approx(float(network.encoder[0].weight.detach().square().sum()), rel=1e-5)
    assert before > contraction_of(network, x)


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_saturated_units_have_no_slope_however_large_their_weights(hidden):
    """The product of the weight matrices alone would not see the saturation."""
    network = a_network(code="sigmoid", hidden=hidden, activation="sigmoid")
    with torch.no_grad():
        network.encoder[0].bias.fill_(200.0)
    assert contraction_of(network, torch.rand(4, 64, generator=generator(1))) < 1e-12


@pytest.mark.parametrize("penalty", [CONTRACTION, "l1"])
def test_an_untied_decoder_cannot_grow_while_the_encoder_shrinks(penalty, make_data):
    e = an_experiment(code="relu", epochs=10, learning_rate=0.01, penalties=penalised(penalty, 1))
    for event in list(train(e, make_data()))[1:]:
        if event.kind == "progress" and event.epoch > 0:
            norms = torch.linalg.vector_norm(event.state["decoder.0.weight"], dim=0)
            torch.testing.assert_close(norms, torch.ones(6))


def test_atoms_have_unit_norm_after_every_step_and_not_only_where_we_look(monkeypatch, make_data):
    seen, forward = [], Autoencoder.forward

    def spy(self, *given, **named):
        seen.append(torch.linalg.vector_norm(self.decoder[0].weight.detach(), dim=0))
        return forward(self, *given, **named)

    monkeypatch.setattr(Autoencoder, "forward", spy)
    list(train(an_experiment(code="predictive", penalties=penalised("l1", 0.1), learning_rate=0.05), make_data()))
    assert len(seen) > 6
    torch.testing.assert_close(torch.stack(seen), torch.ones(len(seen), 6))


# ---- sparsity ----


def test_the_average_of_kl_sparsity_is_over_samples_and_not_over_units():
    active_once_each = torch.eye(4)[:, :4].repeat(5, 1)  # (20, 4): every unit active in a quarter of the samples
    network = a_network(code_size=4)
    p = network(torch.zeros(20, 64), torch.zeros(20, 64), generator())
    p.code = active_once_each
    assert float(penalties.kl_sparsity(p, 0.25).detach()) == pytest.approx(0, abs=1e-6)
    p.code = torch.tensor([[1.0, 0, 0, 0]]).repeat(20, 1)  # the same average over units, but one unit does everything
    assert float(penalties.kl_sparsity(p, 0.25).detach()) > 1


def test_kl_sparsity_looks_at_the_codes_activations_and_at_nothing_else():
    network = a_network(hidden=(8,), activation="sigmoid")
    x = torch.rand(20, 64, generator=generator(1))
    rho = network.encode(x).mean(dim=0).double()  # after the sigmoid
    expected = (0.05 * torch.log(0.05 / rho) + 0.95 * torch.log(0.95 / (1 - rho))).sum()
    assert float(penalties.kl_sparsity(network(x, x, generator()), 0.05).detach()) == pytest.approx(
        float(expected.detach()), rel=1e-4
    )
    with torch.no_grad():
        for stage in network.decoder:
            stage.weight.mul_(7)
    assert float(penalties.kl_sparsity(network(x, x, generator()), 0.05).detach()) == pytest.approx(
        float(expected.detach()), rel=1e-4
    )


def test_dead_units_and_the_share_of_active_ones_are_always_reported(make_data):
    e, data = an_experiment(code="relu", learning_rate=1e-6), make_data()
    state = first_state(e, data)
    state["encoder.0.bias"][:] = torch.tensor([-99.0, -99, 9, 9, 9, 9])
    events = started_from(e, state, data)
    for event in events:
        if event.kind == "progress":
            assert event.measures["dead"] == 2 and event.measures["l0"] == pytest.approx(4 / 6)
    assert events[-1].metrics["dead"] == 2 and events[-1].metrics["l0"] == pytest.approx(4 / 6)


def test_a_sigmoid_unit_stuck_at_one_is_dead_too(make_data):
    e, data = an_experiment(code="sigmoid", learning_rate=1e-6), make_data()
    state = first_state(e, data)
    state["encoder.0.bias"][0] = 99
    assert started_from(e, state, data)[-1].metrics["dead"] == 1


# ---- denoising ----


def rows_within(batch, x) -> bool:
    rows = {row.tobytes() for row in x.reshape(len(x), -1)}
    return all(row.numpy().tobytes() in rows for row in batch)


@pytest.mark.parametrize("corruption", ["gaussian", "masking", "salt_and_pepper"])
def test_the_target_is_the_clean_input_and_the_encoder_sees_the_noisy_one(corruption, passes, make_data):
    data = make_data()
    list(train(an_experiment(corruption={"name": corruption, "weight": 0.3}), data))
    assert len(passes) == 6
    for seen, target, _ in passes:
        assert rows_within(target, data.x_train) and not torch.equal(seen, target)
        assert not any(rows_within(row[None], data.x_train) for row in seen)


def test_the_reported_error_is_the_distance_to_the_clean_input(make_data):
    """With every pixel hidden and weights that stay, the error is that of the constant picture against clean images."""
    data = make_data()
    e = an_experiment(corruption={"name": "masking", "weight": 0.95}, learning_rate=1e-6, epochs=1)
    state = {name: torch.zeros_like(value) for name, value in first_state(e, data).items()}
    progress = [event for event in started_from(e, state, data) if event.kind == "progress"][-1]
    clean = float(np.square(data.x_train, dtype=np.float64).sum() / len(data.x_train))
    assert progress.training["squared_error"] == pytest.approx(clean, rel=1e-3)


def test_noise_is_drawn_anew_for_every_batch_and_every_epoch(passes, make_data):
    data = make_data()
    data.x_train[:] = 0.5  # all images equal, so what differs is the noise
    list(train(an_experiment(epochs=4, corruption={"name": "masking", "weight": 0.3}), data))
    masks = [row.numpy().tobytes() for seen, _, _ in passes for row in seen]
    assert len(masks) == 4 * 96 and len(set(masks)) == len(masks)


def test_survivors_of_masking_keep_their_value(passes, make_data):
    list(train(an_experiment(corruption={"name": "masking", "weight": 0.5}), make_data()))
    for seen, target, _ in passes:
        assert torch.equal(seen[seen != 0], target[seen != 0])


# ---- tied weights, and weights that are handed on ----


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_tied_weights_stay_tied_through_training(hidden, make_data):
    e = an_experiment(tied=True, code="linear", activation="linear", hidden=hidden, epochs=3, learning_rate=0.01)
    data = make_data()
    state = list(train(e, data))[-1].state
    network = Autoencoder(e, generator(9))
    training.load(network, state)
    h = torch.rand(4, 6, generator=generator(1))
    x = h
    for level in reversed(range(network.levels)):
        x = x @ state[f"encoder.{level}.weight"] + state[f"decoder.{level}.bias"]
    torch.testing.assert_close(network.decode(h), x)
    assert not [name for name in state if name.startswith("decoder") and "weight" in name]


def test_the_gradient_of_a_tied_weight_comes_from_both_of_its_uses():
    network = a_network(tied=True, code="linear")
    x = torch.rand(4, 64, generator=generator(1))
    penalties.squared_error(network(x, x, generator())).backward()
    both = network.encoder[0].weight.grad.clone()
    with torch.no_grad():
        h, w = network.encode(x), network.encoder[0].weight
        error = 2 * (network.decode(h) - x) / len(x)
    torch.testing.assert_close(both, (error @ w.T).T @ x + h.T @ error, rtol=1e-4, atol=1e-5)


def test_weights_given_to_a_run_are_copied_and_then_updated(make_data):
    data, e = make_data(), an_experiment(learning_rate=0.01)
    given = list(train(e, data))[-1].state
    before = {name: value.clone() for name, value in given.items()}
    progress = [event for event in started_from(e.changed(seed=5), given, data) if event.kind == "progress"]
    weights = [name for name in given if not name.startswith("optimizer")]
    assert all(torch.equal(progress[0].state[name], before[name]) for name in weights)
    assert all(not torch.equal(progress[-1].state[name], before[name]) for name in weights)
    assert all(torch.equal(given[name], before[name]) for name in given), "the state that was given is not written to"


@pytest.mark.parametrize("damage", ["missing", "shape"])
def test_weights_that_do_not_fit_are_refused_by_name(damage, make_data):
    data, e = make_data(), an_experiment()
    state = first_state(e, data)
    if damage == "missing":
        del state["encoder.0.weight"]
    else:
        state["encoder.0.weight"] = torch.zeros(6, 63)
    with pytest.raises(ValueError, match=r"encoder\.0\.weight"):
        started_from(e, state, data)


# ---- held-out data only ----

HELD_OUT = ("squared_error", "l0", "hoyer", "dead", "jacobian", "trustworthiness", "continuity")


def measured(e, network, data) -> dict[str, float]:
    x_train, x_test = Samples(data.x_train, torch.device("cpu")), torch.from_numpy(data.x_test).flatten(1)
    evaluation._of_data.clear()
    return evaluation.final_measures(e, network, data, x_train, x_test)


def test_poisoned_training_data_change_no_measure_that_is_made_on_held_out_data(make_data):
    e, clean, poisoned = an_experiment(), make_data(), make_data()
    network = Autoencoder(e, generator())
    poisoned.x_train[:] = np.random.default_rng(0).random(poisoned.x_train.shape)
    before, after = measured(e, network, clean), measured(e, network, poisoned)
    assert {name: before[name] for name in HELD_OUT} == {name: after[name] for name in HELD_OUT}
    assert before["probe_all"] != after["probe_all"], "the probe learns from training data, so it must notice"


def test_poisoned_held_out_data_change_every_measure(make_data):
    e, clean, poisoned = an_experiment(), make_data(), make_data()
    network = Autoencoder(e, generator())
    poisoned.x_test[:] = np.random.default_rng(0).random(poisoned.x_test.shape)
    before, after = measured(e, network, clean), measured(e, network, poisoned)
    for name in set(before) - {"l0", "dead"}:
        assert before[name] != after[name], name


def test_held_out_data_have_no_part_in_training(make_data):
    e, clean, poisoned = an_experiment(epochs=3), make_data(), make_data()
    poisoned.x_test[:] = 1 - poisoned.x_test
    one, other = (list(train(e, data)) for data in (clean, poisoned))
    curves = [[event for event in run if event.kind == "progress"] for run in (one, other)]
    for a, b in zip(*curves, strict=True):
        assert a.training == b.training and a.held_out != b.held_out
        assert all(torch.equal(a.state[name], b.state[name]) for name in a.state)


def test_training_data_have_no_part_in_the_held_out_curve(make_data):
    e, clean, poisoned = an_experiment(learning_rate=1e-6), make_data(), make_data()
    state = first_state(e, clean)
    poisoned.x_train[:] = 1 - poisoned.x_train
    one, other = (next(event for event in started_from(e, state, data) if event.kind == "progress") for data in (clean, poisoned))
    assert one.held_out == other.held_out and one.measures["squared_error"] == other.measures["squared_error"]


# ---- frozen and fine-tuned ----


def run_phases(phases, data, **fields):
    e = an_experiment(hidden=(8,), **fields)
    return first_state(e, data), list(train(e, data, phases=phases))


def test_frozen_parameters_are_bit_equal_afterwards_and_the_others_move(make_data):
    phases = (Phase("head", 3, 0, 2, frozen=("encoder.0.*", "decoder.1.bias")),)
    before, events = run_phases(phases, make_data())
    after = events[-1].state
    frozen = {"encoder.0.weight", "encoder.0.bias", "decoder.1.bias"}
    for name, value in before.items():
        assert torch.equal(value, after[name]) == (name in frozen), name
    assert not frozen & set(next(event for event in events if event.kind == "phase").trains)


def test_what_was_frozen_in_one_phase_moves_in_the_next(make_data):
    phases = (Phase("head", 1, 0, 2, frozen=("encoder.0.*",)), Phase("all", 1, 0, 2))
    before, events = run_phases(phases, make_data())
    assert not torch.equal(before["encoder.0.weight"], events[-1].state["encoder.0.weight"])


@pytest.mark.parametrize("penalty", ["l1", CONTRACTION])
def test_layers_below_a_greedy_phase_are_bit_equal_even_where_atoms_are_normalised(penalty, make_data):
    phases = (Phase("layer_1", 2, 0, 1), Phase("layer_2", 2, 1, 2))
    _, events = run_phases(phases, make_data(), epochs=4, penalties=penalised(penalty, 0.1))
    states = {event.epoch: event.state for event in events if event.kind == "progress" and event.state}
    for name in ("encoder.0.weight", "encoder.0.bias", "decoder.0.weight", "decoder.0.bias"):
        assert torch.equal(states[2.0][name], states[4.0][name]), name
    assert not torch.equal(states[2.0]["encoder.1.weight"], states[4.0]["encoder.1.weight"])


def test_per_layer_rates_reach_the_optimiser(make_data):
    """Adam's first step moves a parameter by its learning rate, whatever the gradient's size."""
    data = make_data()
    phases = (Phase("rates", 1, 0, 2, rates=(("encoder.0.*", 0.01), ("encoder.*", 0.5), ("decoder.0.*", 0.0))),)
    before, events = run_phases(phases, data, batch_size=4_096, learning_rate=0.01, activation="tanh")
    expected = {"encoder.0.weight": 1e-4, "encoder.1.weight": 5e-3, "decoder.1.weight": 1e-2, "decoder.0.weight": 0.0}
    for name, rate in expected.items():
        moved = float((events[-1].state[name] - before[name]).abs().max())
        assert moved == pytest.approx(rate, rel=0.02, abs=1e-7), name


def test_looking_at_held_out_data_leaves_the_network_in_training_mode(monkeypatch, passes, make_data):
    """A k-sparse code that stayed in eval mode would train on αk units."""
    monkeypatch.setattr(training, "moments", lambda e, steps, first, last: lambda epoch, step: True)
    e = an_experiment(code="k_sparse", code_options={"k": 2, "alpha": 3})
    events = list(train(e, make_data()))
    assert len([event for event in events if event.kind == "progress"]) == 1 + 2 * 3
    assert len(passes) == 6 and all(mode for _, _, mode in passes)


def test_the_end_of_a_run_is_measured_in_test_mode(make_data):
    e = an_experiment(code="k_sparse", code_options={"k": 2, "alpha": 2})
    finished = list(train(e, make_data()))[-1]
    assert isinstance(finished, Finished) and finished.metrics["l0"] == pytest.approx(4 / 6, abs=0.01)
