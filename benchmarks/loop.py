"""Samples a second of `training.train` with its events consumed, beside a bare PyTorch loop, Lightning's trainer and pythae's.

Method: the same network, data, batch size, squared error and fused Adam for all; one thread; see side_by_side.py for the turns.
Speeds are by the wall clock; "by processor time" is the same ratio with this process's own seconds, which a busy neighbour does
not lengthen, so the two agree on a quiet machine.
Ours is timed from its PhaseBegan to its last Progress, so it pays for every recorded moment; "with its ends" also counts what
comes before and after: building the network, and all measures on held-out data (probes, trustworthiness, Jacobians).
The bare loop gathers and slices its one tensor as ours does. Peers read the data by a DataLoader, as their users do, without
bars, logs and checkpoints (Lightning: `barebones`), and are timed within their own training, not in setting it up or saving.
Lightning is given our slices as well, in a row of its own, so that the cost of its DataLoader is seen apart.
"""

import logging
import tempfile
import warnings
from collections.abc import Callable
from statistics import median

import torch
from torch import nn

from replearn_core import datasets
from replearn_core.batches import batches
from replearn_core.datasets import Dataset
from replearn_core.experiment import Experiment
from replearn_core.presets import preset
from replearn_core.training import train
from side_by_side import Speed, Watch, machine, one_thread, ratios, spread, table, take_turns, verdict, walls

ROUNDS = 9
EPOCHS = {"digits": 200}  # as long as a visitor's; others, with more samples, 10
PEER_EPOCHS = {"digits": 10}  # they are slower, and as steady after the warm-up; others 2
LIMITS = {"bare loop": 0.95, "Lightning": 1.3, "pythae": 1.5}


def main() -> None:
    one_thread()
    pictures = "mnist" if datasets.origin("mnist") == "folder" else "glyphs"
    common = {"code": "relu", "batch_size": 128}
    cases = [
        preset(pictures, "undercomplete", hidden=(128,), code_size=16, epochs=EPOCHS.get(pictures, 10), **common),
        preset("digits", "undercomplete", hidden=(), code_size=32, epochs=EPOCHS["digits"], **common),
    ]
    rows = [row for experiment in cases for row in compare(experiment)]
    print(f"\n### The training loop\n\n{machine()}. One thread, batch 128, {ROUNDS} rounds; median (minimum–maximum).\n")
    head = ["network and data", "compared with", "ours, samples/s", "theirs, samples/s", "ratio", "by processor time", "promise"]
    print(table(head, rows))


def compare(e: Experiment) -> list[list[str]]:
    """Rows of the table for one experiment."""
    data = datasets.load(e.dataset, e.train_size)
    whole: list[Speed] = []
    measured = take_turns({"ours": lambda: ours(e, data, whole), "bare loop": lambda: bare(e, data)} | peers(e, data), ROUNDS)
    widths = "-".join(str(width) for width in (e.data.size, *e.hidden, e.code_size))
    pairs = [(name, measured["ours"], theirs) for name, theirs in measured.items() if name != "ours"]
    pairs.append(("bare loop, ours with its ends", whole[1:], measured["bare loop"]))
    rows = []
    for name, mine, theirs in pairs:
        ratio = ratios(mine, theirs)
        promise = verdict(median(ratio), "at least", LIMITS[name]) if name in LIMITS else ""
        speeds = [spread(walls(mine), 0), spread(walls(theirs), 0)]
        rows.append([f"{widths}, {e.dataset}", name, *speeds, spread(ratio), spread(ratios(mine, theirs, "processor")), promise])
    return rows


def ours(e: Experiment, data: Dataset, whole: list[Speed]) -> Speed:
    """From PhaseBegan to the last Progress; `whole` gets the speed of the call from end to end."""
    seen = e.epochs * len(data.x_train)
    call, loop = Watch(), Watch()
    for event in train(e, data, device="cpu"):
        if event.kind == "phase":
            loop.restart()
        elif event.kind == "progress" and event.epoch == e.epochs:
            speed = loop.speed(seen)
    whole.append(call.speed(seen))
    return speed


def network(e: Experiment) -> nn.Sequential:
    """The experiment's network, as anybody would write it."""
    widths = [e.data.size, *e.hidden, e.code_size]
    layers: list[nn.Module] = []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    for a, b in zip(widths[:0:-1], widths[-2::-1]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def squared_error(output: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return (output - x).square().sum() / len(x)


def adam(e: Experiment, model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=e.learning_rate, fused=True)


def tensor(data: Dataset) -> torch.Tensor:
    return torch.from_numpy(data.x_train.copy()).flatten(1)  # (N, D)


def bare(e: Experiment, data: Dataset) -> Speed:
    """The least that trains this network."""
    x, model = tensor(data), network(e)
    optimiser = adam(e, model)
    watch = Watch()
    for _ in range(e.epochs):
        for batch in batches(x, torch.randperm(len(x)), e.batch_size):
            loss = squared_error(model(batch), batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return watch.speed(e.epochs * len(x))


# ---- peers, where they are installed ----


def peers(e: Experiment, data: Dataset) -> dict[str, Callable[[], Speed]]:
    """Those that can be imported; a missing one is said, and left out."""
    found: dict[str, Callable[[], Speed]] = {}
    try:
        import lightning.pytorch  # noqa: F401

        found["Lightning"] = lambda: by_lightning(e, data, sliced=False)
        found["Lightning, given our slices"] = lambda: by_lightning(e, data, sliced=True)
    except ImportError:
        print("Lightning is not installed: `make bench` installs it")
    try:
        import pythae.trainers  # noqa: F401

        found["pythae"] = lambda: by_pythae(e, data)
    except ImportError:
        print("pythae is not installed: `make bench` installs it")
    quiet()
    return found


class Slices:
    """An epoch's batches, drawn and cut as ours are."""

    def __init__(self, x: torch.Tensor, size: int):
        self.x, self.size = x, size

    def __len__(self) -> int:
        return (len(self.x) + self.size - 1) // self.size

    def __iter__(self):
        return ((batch,) for batch in batches(self.x, torch.randperm(len(self.x)), self.size))


def by_lightning(e: Experiment, data: Dataset, *, sliced: bool) -> Speed:
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = network(e)

        def training_step(self, batch, _):
            return squared_error(self.model(batch[0]), batch[0])

        def configure_optimizers(self):
            return adam(e, self)

        def on_train_start(self):
            self.watch = Watch()

        def on_train_end(self):
            self.speed = self.watch.speed(epochs * len(x))

    x, epochs = tensor(data), PEER_EPOCHS.get(e.dataset, 2) * (3 if sliced else 1)
    loader = Slices(x, e.batch_size) if sliced else DataLoader(TensorDataset(x), e.batch_size, shuffle=True)
    module = Module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lightning.Trainer(max_epochs=epochs, accelerator="cpu", barebones=True).fit(module, loader)
    return module.speed


def by_pythae(e: Experiment, data: Dataset) -> Speed:
    from pythae.data.datasets import BaseDataset
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import CallbackHandler, TrainingCallback

    layers = network(e)
    half = len(layers) // 2 + 1

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = layers[:half]

        def forward(self, x):
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = layers[half:]

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    class Trainer(BaseTrainer):
        def _setup_callbacks(self):
            self.callback_handler = CallbackHandler([TrainingCallback()], self.model)
            self.watch = Watch()

        def save_model(self, model, dir_path):
            self.speed = self.watch.speed(epochs * len(x))

    x, epochs = tensor(data), PEER_EPOCHS.get(e.dataset, 2)
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=epochs,
            learning_rate=e.learning_rate,
            per_device_train_batch_size=e.batch_size,
            optimizer_params={"fused": True},
        )
        model = AE(AEConfig(input_dim=(e.data.size,), latent_dim=e.code_size), Encoder(), Decoder())
        trainer = Trainer(model, BaseDataset(x, torch.zeros(len(x))), training_config=config)
        trainer.train()
    return trainer.speed


def quiet() -> None:
    """Silence the peers' notices: at import they set their own levels, so this comes after."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("lightning", "pythae")):
            logging.getLogger(name).setLevel(logging.ERROR)


if __name__ == "__main__":
    main()
