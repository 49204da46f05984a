"""One run's folder: its files written and read. `store.Store` keeps many of them; the command line works on single ones.

A folder is a `Storage` (store.py: perhaps object storage) or a plain path; what is read may also be files in memory, by name.
Nothing is pickled; each file appears whole.
"""

import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from replearn_core import weights as safe
from replearn_core.events import ENDS, Event, as_record, from_record
from replearn_core.experiment import Experiment, InvalidExperiment, Problem
from replearn_core.storage import Storage

Place = Storage | Path
Files = Place | Mapping[str, bytes]
BROUGHT = "brought.json"  # in the folder of a run that came with a bundle: nobody here saw it trained
MAX_FILE = 256 * 2**20
MAX_EVENTS = 20_000


class Damaged(Exception):
    """A run folder whose files cannot be read. `problem` names the file."""

    def __init__(self, file: str):
        self.problem = Problem("problem.damaged", "", {"file": file})
        super().__init__(f"{file} cannot be read")


@dataclass(frozen=True)
class Run:
    """One run folder, read."""

    experiment: Experiment
    events: tuple[Event, ...]
    metrics: Mapping[str, float]

    @property
    def state(self) -> str:
        """How it ended: finished, stopped, diverged, or interrupted where no last event says so."""
        end = self.events[-1].kind if self.events else ""
        return end if end in ENDS else "interrupted"


def write_run(
    folder: Place,
    experiment: Experiment,
    events: Sequence[Event],
    weights: bytes = b"",
    optimizer: bytes = b"",
    metrics: Mapping[str, float] | None = None,
) -> None:
    """All files of a run. events.jsonl comes last: once it is there, the rest is. Raises OSError."""
    files = _at(folder)
    frames = {f"{line}.{name}": array for line, event in enumerate(events) for name, array in getattr(event, "frame", {}).items()}
    files.write("experiment.json", experiment.as_json().encode())
    for name, data in (("weights", weights), ("optimizer", optimizer)):
        if data:
            files.write(f"{name}.safetensors", data)
    files.write("frames.npz", _npz(frames))
    files.write("metrics.json", json.dumps(dict(metrics or {}), indent=1).encode())
    files.write("events.jsonl", "".join(json.dumps(as_record(event)) + "\n" for event in events).encode())


def read_run(folder: Files) -> Run:
    """A whole run folder but its weights. Raises Damaged; a run without events yet has none."""
    experiment = read_experiment(folder)
    lines = read_file(folder, "events.jsonl", missing=b"").splitlines()
    frames = _frames(folder) if lines else {}
    try:
        if len(lines) > MAX_EVENTS:
            raise ValueError("too many events")
        events = tuple(from_record(json.loads(line), frames.get(number)) for number, line in enumerate(lines))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Damaged("events.jsonl") from None
    try:
        metrics = {
            str(name): float(value) for name, value in json.loads(read_file(folder, "metrics.json", missing=b"{}")).items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Damaged("metrics.json") from None
    return Run(experiment, events, metrics)


def read_experiment(folder: Files) -> Experiment:
    """Raises Damaged."""
    try:
        return Experiment.from_json(read_file(folder, "experiment.json").decode())
    except (InvalidExperiment, UnicodeDecodeError):
        raise Damaged("experiment.json") from None


def read_state(folder: Place, epoch: int | None = None) -> tuple[bytes, bytes, int] | None:
    """(weights, optimiser or empty, epoch) as kept after `epoch` epochs, or the last; None without one. Raises Damaged."""
    names = [("weights.safetensors", "optimizer.safetensors")]
    if epoch is not None:
        names.append((f"weights-{epoch}.safetensors", f"optimizer-{epoch}.safetensors"))
    for first, second in names:
        data = read_file(folder, first, missing=b"")
        try:
            found = safe.epoch_of(data) if data else None
        except safe.WeightsError:
            raise Damaged(first) from None
        if found is not None and epoch in (None, found):
            return data, read_file(folder, second, missing=b""), found
    return None


def write_state(folder: Place, weights: bytes, optimizer: bytes, epoch: int) -> None:
    """Keep the state after `epoch` epochs for a continuation, beside the last one. Raises OSError."""
    _at(folder).write(f"weights-{epoch}.safetensors", weights)
    _at(folder).write(f"optimizer-{epoch}.safetensors", optimizer)


def read_file(folder: Files, name: str, missing: bytes | None = None) -> bytes:
    """The bytes of a file of sane size. Raises Damaged; `missing` stands for a file that is not there."""
    try:
        data = folder.get(name) if isinstance(folder, Mapping) else _at(folder).read(name, most=MAX_FILE)
    except OSError:
        raise Damaged(name) from None
    if data is None and missing is None:
        raise Damaged(name)
    return missing if data is None else data  # type: ignore[return-value]


def _at(folder: Place) -> Storage:
    return folder if isinstance(folder, Storage) else Storage(folder)


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _frames(folder: Files) -> dict[int, dict[str, np.ndarray]]:
    """Line number → frame. Sizes are checked before anything is unpacked. Raises Damaged."""
    data = read_file(folder, "frames.npz")
    frames: dict[int, dict[str, np.ndarray]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_FILE or len(members) > 20 * MAX_EVENTS:
                raise ValueError("too large")
            for member in members:
                line, name = re.fullmatch(r"(\d{1,6})\.(\w{1,40})\.npy", member.filename).groups()  # type: ignore[union-attr]
                frames.setdefault(int(line), {})[name] = _npy(archive.read(member))
    except (ValueError, AttributeError, EOFError, OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error):
        raise Damaged("frames.npz") from None
    return frames


def _npy(data: bytes) -> np.ndarray:
    """A plain array, whose header may not announce more than there is. Raises ValueError."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("not version 1.0")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=2_000)
    if dtype.kind not in "biuf" or fortran or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError("not a plain array of that size")
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape)
