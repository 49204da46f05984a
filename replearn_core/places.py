"""Where the files lie that come with the code: assets/ beside the package in the repository, inside it once installed."""

from pathlib import Path

_INSIDE = Path(__file__).resolve().parent / "assets"
ASSETS = _INSIDE if _INSIDE.is_dir() else _INSIDE.parents[1] / "assets"
