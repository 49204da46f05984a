"""What computing frozen features once is worth: a classifier on copied layers, trained on kept features and through the layers.

Method: the transfer page's fixed feature extractor (`strategies.transfers`), five seeds as one stack, one thread; "once" is
`heads.learn_head` as the page calls it, "every epoch" the same steps by autograd with the frozen layers run for each batch, as a
loop with `requires_grad=False` does it. Both end with equal weights; see side_by_side.py for the turns. The first row is the
page's default network, the second one as wide as its knob goes. The promise is judged by processor time.
"""

from collections.abc import Callable
from statistics import median

import torch

from replearn_core.comparisons import sources
from replearn_core.comparisons.heads import learn_head
from replearn_core.members import Members, classification_loss
from replearn_core.strategies import transfers
from replearn_core.supervised import gathered, make_optimiser, parameters
from replearn_core.training import generator
from side_by_side import Speed, Watch, machine, one_thread, ratios, spread, table, take_turns, verdict, walls

ROUNDS, LIMIT, SEEDS, CLASSES, BATCH, RATE = 9, 5.0, range(5), 10, 32, 1e-3
CASES = {"4 layers of 64": (4, 64, 1_000, 12), "4 layers of 256": (4, 256, 1_000, 12), "6 layers of 256": (6, 256, 1_000, 12)}


def main() -> None:
    one_thread()
    rows = [compare(name, *case) for name, case in CASES.items()]
    print(f"\n### A classifier on frozen layers\n\n{machine()}. One thread, 5 seeds stacked, batch {BATCH}, {ROUNDS} rounds.\n")
    head = ["network", "features once, epochs/s", "every epoch, epochs/s", "times as fast", "by processor time", "promise"]
    print(table(head, rows))


def compare(name: str, depth: int, width: int, samples: int, epochs: int) -> list[str]:
    blueprint = sources.Recipe(depth=depth, width=width).blueprint(CLASSES)
    phase = transfers(depth, epochs)["fixed_features"].phases[0]
    random = torch.Generator().manual_seed(0)
    x = torch.rand(samples, blueprint.sizes[0], generator=random)
    y = torch.randint(0, CLASSES, (samples,), generator=random)
    ended: dict[str, torch.Tensor] = {}

    def once() -> Speed:
        members, watch = Members(blueprint, SEEDS), Watch()
        rows = torch.arange(samples).expand(len(members), -1)
        for _ in learn_head(members, phase, x, y, seeds=members.seeds, labelled=rows, batch_size=BATCH, learning_rate=RATE):
            pass
        ended["once"] = members.weights["head.weight"]
        return watch.speed(epochs)

    def every() -> Speed:
        members, watch = Members(blueprint, SEEDS), Watch()
        through(members, phase, x, y, epochs)
        ended["every"] = members.weights["head.weight"]
        return watch.speed(epochs)

    contenders: dict[str, Callable[[], Speed]] = {"once": once, "every": every}
    measured = take_turns(contenders, ROUNDS)
    gap = float((ended["once"] - ended["every"]).detach().abs().max())
    assert gap < 1e-4, f"{name}: weights differ by {gap}"
    faster = ratios(measured["once"], measured["every"])
    speeds = [spread(walls(measured[kind]), 1) for kind in ("once", "every")]
    by_processor = ratios(measured["once"], measured["every"], "processor")
    return [name, *speeds, spread(faster), spread(by_processor), verdict(median(by_processor), "at least", LIMIT)]


def through(members: Members, phase, x, y, epochs: int) -> None:
    """The same training without kept features: every batch goes through the frozen layers, as a plain loop with
    `requires_grad=False` would do it."""
    trained = parameters(members, phase)
    for value in trained.values():
        value.requires_grad_()
    optimiser = make_optimiser(phase, trained, RATE)
    for epoch in range(epochs):
        order = torch.stack([torch.randperm(len(x), generator=generator(seed, "order", epoch)) for seed in members.seeds])
        for batch in order.split(BATCH, dim=1):  # (M, B)
            for value in trained.values():
                value.grad = None
            logits = members.logits(gathered(x, batch))
            classification_loss(logits, y[batch]).sum().backward()
            optimiser.step()


if __name__ == "__main__":
    main()
