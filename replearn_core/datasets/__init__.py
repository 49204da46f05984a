"""Named data sets as read-only arrays, each with its source and licence; importing this costs NumPy and nothing more."""

from replearn_core.datasets.dataset import Dataset, Unavailable
from replearn_core.datasets.library import available, expected_files, load, names, origin
from replearn_core.datasets.sprites import render_sprite

__all__ = ["Dataset", "Unavailable", "available", "expected_files", "load", "names", "origin", "render_sprite"]
