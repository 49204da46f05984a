"""Six ideal properties of a representation, and what they are good for: studies with real runs over seeds, named in `STUDIES`.

Importing this package costs NumPy and pydantic: torch and scikit-learn are imported inside the functions that need them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from replearn_core.properties.atoms import Atoms, run_atoms
from replearn_core.properties.dimension import Dimension, run_dimension
from replearn_core.properties.disentangled import Disentangled, run_disentangled
from replearn_core.properties.distributed import Distributed, run_distributed
from replearn_core.properties.field import DenoisingField, run_field
from replearn_core.properties.hierarchical import Hierarchical, run_hierarchical
from replearn_core.properties.manifold import Manifold, run_manifold
from replearn_core.properties.scorecard import measure_run, readings
from replearn_core.properties.smooth import Boundary, Smooth, run_boundary, run_smooth
from replearn_core.properties.sparse import Sparse, run_sparse
from replearn_core.properties.study import Finding, Interval, Settings, Study, read_answer
from replearn_core.properties.useful import Causes, FewLabels, run_causes, run_few_labels


class Entry(NamedTuple):
    """A study: its settings, the function, and CPU seconds of its defaults on one core of a small machine."""

    settings: type[Settings]
    run: Callable[..., Study]
    seconds: float
    dataset: str = "digits"  # of studies without a choice


STUDIES: Mapping[str, Entry] = MappingProxyType(
    {
        "disentangled": Entry(Disentangled, run_disentangled, 18),
        "distributed": Entry(Distributed, run_distributed, 11, "sprites"),
        "smooth": Entry(Smooth, run_smooth, 12),
        "boundary": Entry(Boundary, run_boundary, 16),
        "hierarchical": Entry(Hierarchical, run_hierarchical, 8),
        "sparse": Entry(Sparse, run_sparse, 14),
        "atoms": Entry(Atoms, run_atoms, 16, "patches"),
        "manifold": Entry(Manifold, run_manifold, 19),
        "field": Entry(DenoisingField, run_field, 12),
        "dimension": Entry(Dimension, run_dimension, 13),
        "few_labels": Entry(FewLabels, run_few_labels, 9),
        "causes": Entry(Causes, run_causes, 10, "sprites"),
    }
)
__all__ = [
    "STUDIES",
    "Entry",
    "Finding",
    "Interval",
    "Settings",
    "Study",
    "measure_run",
    "read_answer",
    "readings",
]
