"""Pretraining and fine-tuning compared, over seeds: studies like those of `replearn_core.properties`, named in `STUDIES`.

Modules here import `Several` and `Numbers` from `replearn_core.options`. Importing this package costs NumPy and pydantic.
"""

from collections.abc import Mapping
from types import MappingProxyType

from replearn_core.properties import Entry

STUDIES: Mapping[str, Entry] = MappingProxyType({})
