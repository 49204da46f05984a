"""Pretraining and fine-tuning compared, over seeds: studies like those of `replearn_core.properties`, named in `STUDIES`.

Modules here import `Several` and `Numbers` from `replearn_core.options`. Importing this package costs NumPy and pydantic.
"""

from collections.abc import Mapping
from types import MappingProxyType

from replearn_core.comparisons.borders import Borders, run_borders
from replearn_core.comparisons.layers import Layers, run_layers
from replearn_core.comparisons.pretraining import Pretraining, run_pretraining
from replearn_core.comparisons.quadrant import Quadrant, run_quadrant
from replearn_core.comparisons.transfer import Race, run_race
from replearn_core.properties import Entry

STUDIES: Mapping[str, Entry] = MappingProxyType(
    {
        "pretraining": Entry(Pretraining, run_pretraining, 27),
        "borders": Entry(Borders, run_borders, 27),
        "race": Entry(Race, run_race, 20, "glyphs"),
        "quadrant": Entry(Quadrant, run_quadrant, 110, "glyphs"),
        "layers": Entry(Layers, run_layers, 20, "glyphs"),
    }
)
