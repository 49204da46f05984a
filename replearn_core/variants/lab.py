"""What the studies of the six autoencoders share: the lab's own presets over seeds. Used by this package only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.presets import preset
from replearn_core.properties.study import Pictures, decoded, encoded


class Variants(Pictures):
    """Presets of the lab, each trained for `epochs`; the lab itself trains for more, which the tests of a claim need not."""

    epochs: Annotated[int, Field(ge=1, le=500)] = 60

    def preset(self, variant: str, seed: int, **fields: Any) -> Experiment:
        """A variant as the lab has it, on these pictures; `fields` change the rest. Raises InvalidExperiment."""
        shared = {"epochs": self.epochs, "train_size": self.train_size, "seed": seed}
        return preset(self.dataset, variant, **(shared | fields))


def rebuilt(network: Any, x: np.ndarray) -> np.ndarray:
    """g(f(x)) (N, *shape)."""
    return decoded(network, encoded(network, x))


def error(network: Any, x: np.ndarray) -> float:
    """Squared error per image of what the network makes of x."""
    return measures.reconstruction_error(x, rebuilt(network, x))


def against(values: Mapping[str, list[float]], measure: str, one: str, other: str) -> np.ndarray:
    """(S,) log(one / other) of a positive measure, seed by seed: −0.1 is about a tenth less."""
    return np.log(np.asarray(values[f"{one}.{measure}"])) - np.log(np.asarray(values[f"{other}.{measure}"]))
