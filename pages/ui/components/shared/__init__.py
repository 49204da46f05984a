"""What our browser components share: sources here, and the joining of sources, called where a component is registered.

The sources are plain ES modules. Streamlit wants one text, so they are joined, in the order of their imports, without any
build step.
"""

import re
from collections.abc import Sequence
from pathlib import Path

_IMPORT = re.compile(r'^import .*? from "\.{1,2}/[\w./]+";\n', re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export (?!default)(?:\{[^}]*\};\n)?", re.MULTILINE)


def joined(folder: Path, modules: Sequence[str]) -> str:
    """The modules as one: their imports from one another fall away, and so do the exports but the default one."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", source)) for source in _read(folder, modules))


def texts_of(folder: Path, names: Sequence[str]) -> str:
    """Style sheets one after another."""
    return "\n".join(_read(folder, names))


def _read(folder: Path, names: Sequence[str]) -> list[str]:
    return [(folder / name).read_text(encoding="utf-8") for name in names]
