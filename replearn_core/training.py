"""THE loop: `train(experiment, data)` is a generator of events that reads top to bottom. Workers, commands and tests call it."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import ParamSpec

import torch
from torch import Generator, Tensor, nn

from replearn_core import strategies
from replearn_core.adam import Adam
from replearn_core.batches import Samples, batches, flat
from replearn_core.corruptions import corrupt
from replearn_core.cost import macs
from replearn_core.datasets import Dataset
from replearn_core.evaluation import LIVE_SAMPLES, LIVE_SAMPLES_INFERRED, View, final_measures, inference_weights
from replearn_core.events import Diverged, Event, Finished, PhaseBegan, Stopped
from replearn_core.experiment import INFERRED_CODES, Experiment
from replearn_core.networks import Autoencoder, unit_atoms
from replearn_core.penalties import Terms, terms
from replearn_core.strategies import Phase

P = ParamSpec("P")
RECORDS = 100  # recorded moments of a run, about: so long a film is light to carry and to scrub. SILENCE may ask for more,
MOST_RECORDS = 600  # but not for many more than these
RECORD_COST = 40  # a moment is recorded after this many times its own work, so that looking costs a few percent
MACS_A_SECOND = 4e10  # of one core of a small machine; only ratios of work matter
STEP_OVERHEAD = 1.8e-4 * MACS_A_SECOND
RECORD_OVERHEAD = 1.5e-3 * MACS_A_SECOND
SILENCE = 0.12 * MACS_A_SECOND, 0.3 * MACS_A_SECOND  # between two pictures, at most: where they cost little, and in any case
PLAN = "optimizer.phases"  # in a state: the epochs of each phase of its run
PURPOSES = {"weights": 1, "order": 2, "noise": 3, "held_out": 4, "probe": 5}


def on_one_thread(generator: Callable[P, Iterator[Event]]) -> Callable[P, Iterator[Event]]:
    """Between two events: one torch thread, and subnormal numbers flushed to zero. Who takes the events keeps their own settings.

    Two threads beside a busy core were up to 25 times slower, and a backward pass that needs no lock for its queue is 2 % faster.
    Adam's moments of dead units decay into subnormals, and a step then took six times as long.
    """

    @wraps(generator)
    def settled(*args: P.args, **options: P.kwargs) -> Iterator[Event]:
        events = generator(*args, **options)
        while True:
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            torch.set_flush_denormal(True)
            try:
                with torch.autograd.set_multithreading_enabled(False):
                    event = next(events, None)
            finally:
                torch.set_flush_denormal(False)
                torch.set_num_threads(threads)
            if event is None:
                return
            yield event

    return settled


@on_one_thread
def train(
    experiment: Experiment,
    data: Dataset,
    *,
    device: str = "auto",
    weights: Mapping[str, Tensor] | None = None,
    wanted: Callable[[], bool] = lambda: True,
    phases: Sequence[Phase] | None = None,
) -> Iterator[Event]:
    """Train, and say what happens: Started, PhaseBegan, Progress …, then Finished, Stopped or Diverged.

    data: arrays (N, *shape) in [0, 1]. weights: the state that `experiment.continues` names, as a Progress carried it.
    wanted: asked between batches; False ends the run with the state of its last recorded whole epoch.
    phases: instead of those of `experiment.strategy`, laid over the epochs from 0 on.
    Equal experiments give equal numbers, bit for bit, on one machine. ValueError: weights that do not fit.
    """
    e, where, began = experiment, choose_device(device), time.perf_counter()
    first = e.continues[1] if e.continues else 0
    plan = strategies.phases(e, begun_plan(weights or {})) if phases is None else tuple(phases)
    last = sum(phase.epochs for phase in plan)

    x_train = Samples.training(data, e.train_size, where)  # (N, D)
    x_test = flat(data.x_test, where)
    network = Autoencoder(e, generator(e.seed, "weights"))
    centre(network, x_train.mean().cpu())
    if weights is not None:
        load(network, weights)
    network.to(where)
    view = View(e, network, data, x_test, generator(e.seed, "held_out", device=where))
    yield view.started(first, last, len(x_train), where.type, plan)

    kept, state, work, ends, told = first, None, 0.0, 0, False  # state: of epoch `kept`, to go on from
    for phase in plan:
        starts, ends = ends, ends + phase.epochs
        if ends <= first or not phase.epochs:
            continue
        objective = terms(e.reconstruction if phase.bottom == 0 else "squared_error", e.penalties)
        trained = parameters(network, phase)
        optimiser = make_optimiser(e, phase, trained, weights if first > starts else None)
        probed = needs_input_gradient(network, phase, objective)
        inference, atoms = inference_weights(e), unit_atoms(e)
        yield PhaseBegan(phase.name, max(starts, first), tuple(trained))
        with torch.no_grad():  # what lies below is frozen in this phase: its features are computed once
            x = torch.cat([network.encode(some, 0, phase.bottom) for some in x_train.blocks()]) if phase.bottom else x_train
        if phase.bottom and f"decoder.{phase.bottom}.bias" in trained and not network.decoder[phase.bottom].bias.any():
            centre(network, x[:].mean(dim=0), phase.bottom)  # a bias that has been trained stays as it is
        steps, step_work = math.ceil(len(x) / e.batch_size), work_of_step(e)
        recorded = moments(e, steps, first, last)
        window = Window(objective, where)

        for epoch in range(max(starts, first), ends):
            if state is None:
                state = keep(network, optimiser, plan)
                try:
                    yield view.progress(phase, objective, epoch, time.perf_counter() - began, None, work, state)
                except FloatingPointError as error:
                    yield Diverged(kept, str(error), state)
                    return
            order = torch.randperm(len(x), generator=generator(e.seed, "order", epoch)).to(where)
            noise, probe = generator(e.seed, "noise", epoch, where), generator(e.seed, "probe", epoch, where)
            network.train()
            for step, batch in enumerate(batches(x, order, e.batch_size), 1):  # batch (B, D)
                if not wanted():
                    yield Stopped(kept, state)
                    return
                seen = corrupt(batch, e.corruption, noise)
                if probed:
                    seen = seen.detach().requires_grad_()
                p = network(seen, batch, noise, phase.bottom, phase.top, inference, probe)
                values = [term(p) for _, _, term in objective]
                loss = values[0]
                for (_, weight, _), value in zip(objective[1:], values[1:]):
                    loss = loss + weight * value
                loss.backward()
                optimiser.step()
                if atoms:
                    network.normalise_atoms(phase.bottom, phase.top)
                window.add(values, len(batch))
                work += step_work
                del p, values, loss  # the next step finds their memory, and the gradients', still in the cache
                for parameter in trained.values():
                    parameter.grad = None

                record = recorded(epoch, step) or (step == steps and epoch + 1 == ends)
                if not record and step < steps:
                    continue
                try:
                    window.check()
                    if not record:
                        continue
                    now = epoch + (1 if step == steps else step / steps)
                    moment = view.progress(phase, objective, now, time.perf_counter() - began, window, work)
                except FloatingPointError as error:
                    yield Diverged(kept, str(error), state)
                    return
                if step == steps:  # only whole epochs can be continued from
                    kept, state = epoch + 1, keep(network, optimiser, plan)
                    moment = replace(moment, state=state)
                yield moment
                if step == steps and not told:  # after the first picture, which it would delay
                    told = True
                    yield view.baseline(x_train)
                window = Window(objective, where)
                network.train()
    yield Finished(kept, time.perf_counter() - began, final_measures(e, network, data, x_train, x_test), state)


# ---- what a run is made of ----


def choose_device(name: str) -> torch.device:
    """ "auto" is CUDA where there is one, else the CPU. RuntimeError from torch for a device that is not there."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


def generator(seed: int, purpose: str, epoch: int = 0, device: torch.device | str = "cpu") -> Generator:
    """One for each purpose and epoch, so that a penalty switched on changes no other draw and a run resumes exactly."""
    key = (seed * 8 + PURPOSES[purpose]) * 2**20 + epoch
    return Generator(device=device).manual_seed(key % (2**63 - 1))


@torch.no_grad()
def centre(network: Autoencoder, mean: Tensor, level: int = 0) -> None:
    """Start what the decoder says of a level, the picture being level 0, at about the level's mean (D,) over the training data.

    The first picture is then the mean, not grey noise. Of a hidden level, ReLU outputs that begin around 0 die by the dozen: a
    layer that is trained alone then rebuilds its level worse than the mean does.
    """
    e, bias = network.experiment, network.decoder[level].bias
    mean = mean.view(len(bias), -1).mean(dim=1)  # of a convolution's map, one number
    said_by = e.activation if level else "sigmoid" if e.reconstruction == "cross_entropy" else "linear"
    if said_by == "sigmoid":
        mean = torch.logit(mean.clamp(0.02, 0.98))
    elif said_by == "tanh":
        mean = torch.atanh(mean.clamp(-0.96, 0.96))
    bias.copy_(mean)


def load(network: Autoencoder, state: Mapping[str, Tensor]) -> None:
    """Put a kept state's weights into a network. ValueError names the tensor that is missing or of another shape."""
    own = network.state_dict()
    for name, value in own.items():
        if name not in state:
            raise ValueError(f"the state has no tensor {name!r}")
        if state[name].shape != value.shape:
            raise ValueError(f"{name!r} is {tuple(state[name].shape)}, the network needs {tuple(value.shape)}")
    network.load_state_dict({name: state[name] for name in own})


def parameters(network: Autoencoder, phase: Phase) -> dict[str, nn.Parameter]:
    """The parameters that a phase trains, by name; all others are frozen here."""
    inside = range(phase.bottom, phase.top)
    trained = {}
    for name, parameter in network.named_parameters():
        part, _, rest = name.partition(".")
        level = int(rest.split(".")[0]) if part in ("encoder", "decoder") else network.levels - 1  # gain belongs to the code
        parameter.requires_grad_(level in inside and phase.trains(name))
        if parameter.requires_grad:
            trained[name] = parameter
    return trained


def needs_input_gradient(network: Autoencoder, phase: Phase, objective: Terms) -> bool:
    """Whether the contraction is estimated here, by a derivative with respect to what the encoder sees."""
    return any(name == "contraction" for name, _, _ in objective) and not network.has_closed_contraction(phase.bottom, phase.top)


def make_optimiser(e: Experiment, phase: Phase, trained: Mapping[str, Tensor], state: Mapping[str, Tensor] | None) -> Adam:
    """Adam, one group per learning rate; with the moments of `state` where it has them."""
    rates = sorted({phase.rate(name) for name in trained})
    optimiser = Adam([([p for name, p in trained.items() if phase.rate(name) == rate], e.learning_rate * rate) for rate in rates])
    for name, parameter in trained.items():
        if state is not None and f"optimizer.exp_avg.{name}" in state:
            moments = optimiser.state[parameter]
            moments.step = float(state.get(f"optimizer.step.{name}", state["optimizer.step"]))
            moments.exp_avg.copy_(state[f"optimizer.exp_avg.{name}"])
            moments.exp_avg_sq.copy_(state[f"optimizer.exp_avg_sq.{name}"])
    return optimiser


def begun_plan(state: Mapping[str, Tensor]) -> list[int]:
    """The epochs of each phase of the run that kept this state; none where it had one phase or did not say."""
    return state[PLAN].flatten().long().tolist() if PLAN in state else []


def keep(network: Autoencoder, optimiser: Adam, plan: Sequence[Phase]) -> dict[str, Tensor]:
    """A copy, on the CPU, of all that is needed to go on: weights by name, and Adam's moments as `optimizer.<moment>.<name>`.

    `optimizer.step` counts the steps of most; `optimizer.step.<name>` those of a parameter that began later, as an encoder does
    whose only term was switched on in a continuation. `optimizer.phases` are the epochs of each phase, where there are several.
    """
    state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
    known = {name: optimiser.state[one] for name, one in network.named_parameters() if one in optimiser.state}
    named = {name: moments for name, moments in known.items() if moments.step}
    most = max((moments.step for moments in named.values()), default=None)
    if most is not None:
        state["optimizer.step"] = torch.tensor(most)
    for name, moments in named.items():
        if moments.step != most:
            state[f"optimizer.step.{name}"] = torch.tensor(moments.step)
        state[f"optimizer.exp_avg.{name}"] = moments.exp_avg.cpu().clone()
        state[f"optimizer.exp_avg_sq.{name}"] = moments.exp_avg_sq.cpu().clone()
    if len(plan) > 1:
        state[PLAN] = torch.tensor([phase.epochs for phase in plan])
    return state


class Window:
    """Sums of the objective's terms since the last recorded moment."""

    def __init__(self, objective: Terms, device: torch.device):
        self.sums = [torch.zeros((), device=device) for _ in objective]
        self.names = [name for name, _, _ in objective]
        self.steps, self.samples, self.began = 0, 0, time.perf_counter()

    def add(self, values: Sequence[Tensor], samples: int) -> None:
        for total, value in zip(self.sums, values):
            total += value.detach()
        self.steps += 1
        self.samples += samples

    def means(self) -> list[float]:
        return [float(total) / self.steps for total in self.sums]

    def speed(self) -> float:
        """Samples a second."""
        return self.samples / max(time.perf_counter() - self.began, 1e-9)

    def check(self) -> None:
        """FloatingPointError with the name of the first term that is not finite."""
        for name, total in zip(self.names, self.sums):
            if not math.isfinite(float(total)):
                raise FloatingPointError(name)


# ---- which moments are recorded ----


def work_of_step(e: Experiment) -> float:
    """Multiply-adds of one training step, with a step's fixed cost in the same unit."""
    per_sample = 3 * macs(e)
    if any(term.name == "contraction" for term in e.penalties):
        per_sample *= 2
    if e.code in INFERRED_CODES:
        per_sample += 2 * e.code_options["steps"] * e.data.size * e.code_size
    return STEP_OVERHEAD + e.batch_size * per_sample


def work_of_record(e: Experiment) -> float:
    inferred = e.code in INFERRED_CODES
    per_sample = 2 * macs(e) + (2 * e.code_options["steps"] * e.data.size * e.code_size if inferred else 0)
    return RECORD_OVERHEAD + (LIVE_SAMPLES_INFERRED if inferred else LIVE_SAMPLES) * per_sample


def moments(e: Experiment, steps: int, first: int, last: int) -> Callable[[int, int], bool]:
    """Whether the moment after step 1 … `steps` of an epoch 0, 1, … is recorded, as a function of (epoch, step).

    A gap is long enough for a record to cost a few percent and short enough for two pictures a second on a core that is shared
    with a browser, where training was up to four times slower than alone; early gaps are shorter: there the shape changes most.
    It follows from the experiment alone, never from the clock.
    """
    step_work, record_work = work_of_step(e), work_of_record(e)
    whole = steps * last * step_work
    gap = max(RECORD_COST * record_work, whole / RECORDS)
    silence = min(max(RECORD_COST / 2 * record_work, SILENCE[0]), SILENCE[1])
    gap = max(1.0, min(gap, silence) / step_work, whole / MOST_RECORDS / step_work)  # in steps
    parts = max(1, round(steps / gap))
    within = {round(i * steps / parts) for i in range(1, parts + 1)}
    every = max(1, round(gap / steps))
    early = {2**i for i in range(every.bit_length()) if 2**i < every}

    def recorded(epoch: int, step: int) -> bool:
        if step < steps:
            return step in within
        return (epoch + 1) % every == 0 or epoch + 1 == last or epoch + 1 - first in early

    return recorded
