"""What stacking is worth: 8 members trained together beside the same 8 one after another, for 64-pixel digits.

Method: `supervised.learn` on 1,437 digits, batch 32, layers of 64 sigmoid units, one epoch of each kind of phase, one thread; see
side_by_side.py for the turns. The weights of both ways are compared after each round, so that the ratio is one of equal results.
"""

from collections.abc import Callable, Iterable
from statistics import median

import torch

from replearn_core.datasets import load
from replearn_core.members import Blueprint, Members
from replearn_core.strategies import Phase
from replearn_core.supervised import learn
from side_by_side import Speed, Watch, machine, one_thread, ratios, spread, table, take_turns, verdict, walls

ROUNDS, MEMBERS, LIMIT = 7, 8, 1.5
PHASES = {
    "one layer, pretrained": (1, Phase("layer_1", 1)),
    "one layer, classified": (1, Phase("whole", 1, objective="classification")),
    "four layers, classified": (4, Phase("whole", 1, objective="classification")),
}


def main() -> None:
    one_thread()
    rows = [compare(name, depth, phase) for name, (depth, phase) in PHASES.items()]
    print(f"\n### {MEMBERS} networks as one\n\n{machine()}. One thread, batch 32, {ROUNDS} rounds of one epoch.\n")
    head = [
        "phase",
        "one after another, epochs/s",
        "stacked, epochs/s",
        "times as fast",
        "by processor time",
        "promise",
        "largest gap",
    ]
    print(table(head, rows))


def compare(name: str, depth: int, phase: Phase) -> list[str]:
    data = load("digits")
    x, y = torch.from_numpy(data.x_train.copy()).flatten(1), torch.from_numpy(data.y_train.copy())
    blueprint, ends = Blueprint((64,) + (64,) * depth, 10, "sigmoid", "xavier"), {}

    def way(kind: str, groups: Iterable[tuple[int, ...]]) -> Callable[[], Speed]:
        groups = tuple(groups)

        def take() -> Speed:
            stacks = [Members(blueprint, seeds) for seeds in groups]
            watch = Watch()
            for stack in stacks:
                list(learn(stack, (phase,), x, y, batch_size=32))
            speed = watch.speed(1.0)
            ends[kind] = torch.cat([stack.weights["encoder.0.weight"] for stack in stacks])
            return speed

        return take

    seeds = tuple(range(MEMBERS))
    measured = take_turns({"alone": way("alone", ((seed,) for seed in seeds)), "stacked": way("stacked", (seeds,))}, ROUNDS)
    faster = ratios(measured["stacked"], measured["alone"])
    speeds = [spread(walls(measured[kind])) for kind in ("alone", "stacked")]
    by_processor = spread(ratios(measured["stacked"], measured["alone"], "processor"))
    gap = float((ends["alone"] - ends["stacked"]).abs().max())
    return [name, *speeds, spread(faster), by_processor, verdict(median(faster), "at least", LIMIT), f"{gap:.1e}"]


if __name__ == "__main__":
    main()
