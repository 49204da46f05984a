"""The lecture's six autoencoders put to the test, over seeds: studies like those of `replearn_core.properties`, in `STUDIES`.

Each takes the lab's own presets, so what it trained can be opened there. Importing this package costs NumPy and pydantic.
"""

from collections.abc import Mapping
from types import MappingProxyType

from replearn_core.properties import Entry
from replearn_core.variants.clean import Clean, run_clean
from replearn_core.variants.compress import Narrow, Resembles, run_narrow, run_resembles
from replearn_core.variants.contracted import Contracted, run_contracted
from replearn_core.variants.penalised import Penalised, run_penalised
from replearn_core.variants.predicted import Predicted, run_predicted
from replearn_core.variants.scale import Scale, run_scale
from replearn_core.variants.stacked import Stacked, run_stacked

STUDIES: Mapping[str, Entry] = MappingProxyType(
    {
        "resembles": Entry(Resembles, run_resembles, 4),
        "narrow": Entry(Narrow, run_narrow, 10),
        "penalised": Entry(Penalised, run_penalised, 10),
        "clean": Entry(Clean, run_clean, 8),
        "contracted": Entry(Contracted, run_contracted, 9),
        "stacked": Entry(Stacked, run_stacked, 16),
        "predicted": Entry(Predicted, run_predicted, 15),
        "scale": Entry(Scale, run_scale, 8),
    }
)
