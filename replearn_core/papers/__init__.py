"""Tables of published papers, computed again in kind on real MNIST: `make claims ONLY=papers`. The evidence page shows them.

Each is a module with its settings and a `TABLE`. What came out is kept as one number a seed in assets/claims/papers; intervals
are computed on reading. To add one: a module, its name in `TABLES`, texts `papers.<table>.*` in both languages, `make claims
ONLY=<table>`.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from replearn_core import datasets
from replearn_core.papers import contraction, halves, ladder, thirty
from replearn_core.papers.table import Expected, Result, Row, Rows, Settings, Table
from replearn_core.places import ASSETS

__all__ = ["ALL", "TABLES", "Expected", "Result", "Row", "Rows", "Settings", "Table", "computed", "keep", "make", "shipped"]

ALL = "papers"  # all tables, where one is named
DATASET = "mnist"
SHIPPED = ASSETS / "claims" / ALL
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch")
TABLES: Mapping[str, Table] = MappingProxyType(
    {module.TABLE.name: module.TABLE for module in (contraction, thirty, ladder, halves)}
)


@lru_cache(maxsize=32)
def shipped(name: str, folder: Path = SHIPPED) -> Result | None:
    """A table as it was last computed; None where that was never done for its present settings. KeyError for an unknown table."""
    table = TABLES[name]
    try:
        told = json.loads((folder / f"{name}.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    if told["settings"] != table.settings.model_dump(mode="json"):
        return None
    rows = {row: {measure: tuple(values) for measure, values in found.items()} for row, found in told["rows"].items()}
    return Result(table, rows, told["date"], told["seconds"], told["versions"])


def make(only: tuple[str, ...] = (), folder: Path = SHIPPED, say: Callable[[str], None] = lambda line: None) -> None:
    """Compute the named tables, or all, on MNIST and write `<table>.json`. KeyError for an unknown table; datasets.Unavailable
    without MNIST, before anything is computed."""
    wanted = [TABLES[name] for name in only or TABLES]
    data = datasets.load(DATASET)
    for table in wanted:
        say(f"{table.name} …")
        keep(computed(table, data, say=say), folder)


def keep(found: Result, folder: Path = SHIPPED) -> None:
    """Write what `shipped` reads."""
    told = {
        "table": found.table.name,
        "dataset": DATASET,
        "settings": found.table.settings.model_dump(mode="json"),
        "rows": found.rows,
        "date": found.date,
        "seconds": found.seconds,
        "versions": dict(found.versions),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{found.table.name}.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    shipped.cache_clear()


def computed(
    table: Table,
    data: datasets.Dataset,
    settings: Settings | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Result:
    """A table computed here and now, on one thread, with other settings than its own where they are given."""
    import torch

    torch.set_num_threads(1)
    began = time.process_time()
    rows = table.run(settings or table.settings, data, say)
    seconds = round(time.process_time() - began, 1)
    versions = {name: version(name) for name in LIBRARIES}
    return Result(table, rows, datetime.now(UTC).date().isoformat(), seconds, versions)
