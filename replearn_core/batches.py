"""Training images as the loop reads them: kept as they are loaded, bytes too, and brought to float32 a few batches at a time."""

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from replearn_core.datasets.dataset import Dataset

GATHERED = 2**20  # bytes of floats brought into order at a time: few gathers, within the cache
BLOCK = 2_048  # rows that a whole pass takes at a time


class Samples:
    """x (N, D) on a device, float32 in [0, 1] whichever rows are read: `samples[rows]`, for a slice or indices.

    kept: (N, D) float32, or uint8 with `scale`: all of MNIST is 47 MB instead of 188.
    """

    def __init__(self, images: np.ndarray, device: torch.device, scale: float = 1.0):
        self.kept, self.scale = flat(images, device), float(np.float32(scale))

    @classmethod
    def training(cls, data: Dataset, size: int | None, device: torch.device) -> "Samples":
        """The first `size` training images of a data set (None: all)."""
        return cls(data.x_train[:size], device, data.scale)

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def width(self) -> int:
        return self.kept.shape[1]

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        chosen = taken(self.kept, rows)
        if chosen.dtype != torch.uint8:
            return chosen
        return chosen.to(torch.float32).mul_(self.scale).clamp_(0.0, 1.0)  # as datasets.dataset.unit_range, bit for bit

    def blocks(self) -> Iterator[Tensor]:
        """All rows in order, some thousand at a time."""
        return (self[start : start + BLOCK] for start in range(0, len(self), BLOCK))

    def mean(self) -> Tensor:
        """(D,) on the device."""
        if len(self) <= BLOCK:
            return self[:].mean(dim=0)
        total = sum((block.sum(dim=0, dtype=torch.float64) for block in self.blocks()), torch.zeros((), dtype=torch.float64))
        return (total / len(self)).to(torch.float32)


def taken(x: Tensor, rows: Tensor | slice) -> Tensor:
    """Rows of x. For indices `index_select`: the same numbers as `x[rows]`, 3 to 20 times faster (docs/decisions.md)."""
    return x[rows] if isinstance(rows, slice) else x.index_select(0, rows)


def flat(images: np.ndarray, device: torch.device) -> Tensor:
    """(N, D) on the device. On the CPU it shares the data set's memory, which is read only, and nothing here writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(images).flatten(1).to(device)


def batches(x: Samples | Tensor, order: Tensor, size: int) -> Iterator[Tensor]:
    """Rows of x in this order, `size` at a time: slices of gathers of as many batches as the cache holds."""
    width = x.width if isinstance(x, Samples) else x.shape[1]
    at_once = max(1, GATHERED // (4 * width * size))
    for block in order.split(size * at_once):
        yield from (x[block] if isinstance(x, Samples) else taken(x, block)).split(size)
