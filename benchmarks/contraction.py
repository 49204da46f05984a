"""What a contraction costs: one training step with it beside the same step without, for one layer and for a deep encoder.

Method: the step that training.py takes (forward, terms, backward, fused Adam, atoms kept at unit norm) on one batch of 128 random
pictures of 784 numbers, one thread; see side_by_side.py for the turns. One layer has a closed form, a deep encoder one probe.
"""

from collections.abc import Callable
from statistics import median

import torch

from replearn_core.experiment import Experiment
from replearn_core.networks import Autoencoder, unit_atoms
from replearn_core.penalties import terms
from replearn_core.presets import preset
from replearn_core.strategies import phases
from replearn_core.training import generator, make_optimiser, needs_input_gradient, parameters
from side_by_side import Speed, Watch, machine, one_thread, ratios, spread, table, take_turns, verdict, walls

ROUNDS, STEPS, LIMIT = 15, 30, 4.0
SHAPES = {"784-1000": {"hidden": (), "code_size": 1000}, "784-256-64-10": {"hidden": (256, 64), "code_size": 10}}


def main() -> None:
    one_thread()
    rows = [row for name, sizes in SHAPES.items() for row in compare(name, sizes)]
    print(f"\n### A contractive step\n\n{machine()}. One thread, batch 128, {ROUNDS} rounds of {STEPS} steps.\n")
    head = ["network", "plain step, ms", "contractive step, ms", "times as long", "by processor time", "promise"]
    print(table(head, rows))


def compare(name: str, sizes: dict) -> list[list[str]]:
    plain = preset("mnist", "undercomplete", **sizes)
    contractive = plain.changed(penalties=[{"name": "contraction", "weight": 0.1}])
    measured = take_turns({"plain": steps_of(plain), "contractive": steps_of(contractive)}, ROUNDS)
    longer = ratios(measured["plain"], measured["contractive"])  # of speeds, so the other way round
    milliseconds = [spread([1e3 / speed for speed in walls(measured[kind])]) for kind in ("plain", "contractive")]
    by_processor = spread(ratios(measured["plain"], measured["contractive"], "processor"))
    return [[name, *milliseconds, spread(longer), by_processor, verdict(median(longer), "at most", LIMIT)]]


def steps_of(e: Experiment) -> Callable[[], Speed]:
    """A function that takes STEPS training steps of this experiment and returns steps a second."""
    network = Autoencoder(e, generator(e.seed, "weights"))
    phase = phases(e)[0]
    optimiser = make_optimiser(e, phase, parameters(network, phase), None)
    objective, atoms = terms(e.reconstruction, e.penalties), unit_atoms(e)
    noise, probe = generator(e.seed, "noise"), generator(e.seed, "probe")
    probed = needs_input_gradient(network, phase, objective)
    batch = torch.rand(128, e.data.size, generator=generator(e.seed, "order"))  # (B, D)

    def take() -> Speed:
        watch = Watch()
        for _ in range(STEPS):
            p = network(batch.detach().requires_grad_() if probed else batch, batch, noise, probe=probe)
            loss = sum(weight * term(p) for _, weight, term in objective)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if atoms:
                network.normalise_atoms(phase.bottom, phase.top)
        return watch.speed(STEPS)

    return take


if __name__ == "__main__":
    main()
