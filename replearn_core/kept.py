"""What the index says of one run: `Kept`, from a row of it, and such a row from what a run's folder holds. For store.py."""

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replearn_core.events import ENDS
from replearn_core.experiment import Experiment, InvalidExperiment, Problem
from replearn_core.folder import Damaged, read_experiment, read_file
from replearn_core.storage import Storage

if TYPE_CHECKING:  # workers import this module with the engine, and never the database's
    from replearn_core.index import Row

INTERRUPTED = json.dumps(["problem.interrupted", "", {}])


@dataclass(frozen=True)
class Kept:
    """One row of the index. `experiment` is None where it cannot be read; `seconds` is training time; `created` a Unix time."""

    run_id: str
    state: str
    experiment: Experiment | None
    created: float
    count: int = 0
    seconds: float | None = None
    problem: Problem | None = None
    attempts: int = 0  # how often it was handed to a worker
    shipped: bool = False
    elsewhere: bool = False  # another server works on it


def row_of(run_id: str, folder: Storage) -> "Row":
    """A row of the index, from what the folder holds."""
    from replearn_core.index import Row

    created, size, state, problem, text, parent, count, seconds = time.time(), 0, "interrupted", None, None, None, 0, None
    try:
        files = folder.names()
        created, size = max((file.modified for file in files), default=created), sum(file.bytes for file in files)
        experiment = read_experiment(folder)
        text, parent = experiment.as_json(), experiment.continues[0] if experiment.continues else None
        if experiment.id != run_id:
            raise Damaged("experiment.json")
        lines = read_file(folder, "events.jsonl", missing=b"").splitlines()
        end = json.loads(lines[-1]) if lines else {}
        state = end["kind"] if end.get("kind") in ENDS else "interrupted"
        count, seconds = len(lines), end.get("seconds")
    except Damaged as error:
        state, problem = "damaged", json.dumps([error.problem.key, "", dict(error.problem.numbers)])
    except (ValueError, TypeError, AttributeError, OSError, RecursionError):
        state, problem = "damaged", json.dumps(["problem.damaged", "", {"file": "events.jsonl"}])
    return Row(run_id, state, text, parent, created, created, size, count, seconds, problem, 0)


def kept_of(row: "Row", *, shipped: bool = False, elsewhere: bool = False) -> Kept:
    try:
        experiment = Experiment.from_json(row.experiment) if row.experiment else None
    except InvalidExperiment:
        experiment = None
    problem = Problem(*json.loads(row.problem)) if row.problem else None
    attempts = 0 if shipped else row.attempts
    return Kept(row.id, row.state, experiment, row.created, row.count, row.seconds, problem, attempts, shipped, elsewhere)


def as_text(problem: Problem | None) -> str | None:
    """A problem as the index keeps it."""
    return json.dumps([problem.key, problem.setting, dict(problem.numbers)]) if problem else None
