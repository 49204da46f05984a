"""A run as one zip that another installation opens: settings, history, weights and measures, with all runs that it continues.

`packed` makes one from a store; `checked` has a process with limits read bytes that nobody vouches for, and raises `Refused` and
nothing else; `keep` puts the files into a store, one at a time. Hashes tell a changed file; a run that was brought is marked as
such, for nobody here saw it trained.
"""

import errno
import io
import json
import platform
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from replearn_core import catalog
from replearn_core import weights as safe
from replearn_core.experiment import Experiment, InvalidExperiment
from replearn_core.folder import BROUGHT, Damaged, Run, read_run
from replearn_core.own import limited
from replearn_core.own.refusal import Refused
from replearn_core.own.zips import BROKEN, check_directory, check_names
from replearn_core.shapes import shapes

if TYPE_CHECKING:  # the process that checks a bundle keeps none
    from replearn_core.store import Store

FORMAT, VERSION = "replearn-bundle", 1
LIMIT = 20 * 2**20  # bytes of a bundle: what the server takes as an upload
UNPACKED = 96 * 2**20  # of all files
FILE = 32 * 2**20  # of one: weights and zipped frames hardly shrink again, so a bundle has no larger ones
PICTURES = 96 * 2**20  # bytes of all frames of all runs, unpacked
EVENTS = 16 * 2**20  # bytes of all histories: a run of a hundred moments has 0.2 MB
SECONDS, MEGABYTES = 10, 640  # of processor time and of address space, libraries included, for the check
MOST_RUNS = 51
_RUN = r"[0-9a-f]{32}"
_STATE = re.compile(r"(?:weights|optimizer)(?:-(\d{1,6}))?\.safetensors")
_NAME = re.compile(rf"runs/({_RUN})/(experiment\.json|events\.jsonl|metrics\.json|frames\.npz|{_STATE.pattern})")
_NEEDED = ("experiment.json", "events.jsonl", "frames.npz", "metrics.json", "weights.safetensors")
_MEASURES = {"l0", "hoyer", "dead", "squared_error", "samples_per_second"}  # of each recorded moment
_SOFTWARE = ("torch", "numpy", "scikit-learn", "streamlit")


@dataclass(frozen=True)
class Member:
    """One run of a bundle. files: name → bytes. state, count, seconds: as the index keeps them."""

    experiment: Experiment
    state: str
    count: int
    seconds: float | None
    files: Mapping[str, bytes]

    @property
    def run_id(self) -> str:
        return self.experiment.id


@dataclass(frozen=True)
class Bundle:
    """members: from the first ancestor to the run itself. software: with what it was trained, for people to read."""

    members: tuple[Member, ...]
    made: str
    software: Mapping[str, str]

    @property
    def run_id(self) -> str:
        return self.members[-1].run_id


# ---- making one ----


def packed(store: "Store", lineage: Sequence[tuple[str, int | None]]) -> bytes:
    """The bundle of a finished run. lineage: as `Engine.lineage` gives it. Raises Refused."""
    files: dict[str, bytes] = {}
    for run_id, epoch in lineage:
        folder = store.folder(run_id)
        if folder is None:
            raise Refused("problem.bundle_chain", file=run_id[:8])
        wanted = [*_NEEDED, "optimizer.safetensors"]
        wanted += [] if epoch is None else [f"weights-{epoch}.safetensors", f"optimizer-{epoch}.safetensors"]
        try:
            found = {name: data for name in wanted if (data := folder.read(name, most=FILE))}
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise Refused("problem.bundle_large", megabytes=FILE / 2**20, limit=LIMIT // 2**20) from None
            raise Refused("problem.bundle_damaged", file=run_id[:8]) from None
        if missing := [name for name in _NEEDED if name not in found]:
            raise Refused("problem.bundle_missing", file=f"{run_id[:8]}/{missing[0]}")
        if catalog.is_own(Experiment.from_json(found["experiment.json"].decode()).dataset):
            raise Refused("problem.bundle_own")
        files |= {f"runs/{run_id}/{name}": data for name, data in found.items()}
    for without in ("", "optimizer"):  # the optimiser's state is only needed to go on training exactly
        chosen = {name: data for name, data in files.items() if not without or f"/{without}" not in name}
        made = _zipped(chosen, [run_id for run_id, _ in lineage])
        if len(made) <= LIMIT:
            return made
    raise Refused("problem.bundle_large", megabytes=len(made) / 2**20, limit=LIMIT // 2**20)


def _zipped(files: Mapping[str, bytes], runs: Sequence[str]) -> bytes:
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "runs": list(runs),
        "made": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "software": software(),
        "files": {name: {"sha256": sha256(data).hexdigest(), "bytes": len(data)} for name, data in sorted(files.items())},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest, indent=1))
        for name, data in sorted(files.items()):
            archive.writestr(name, data)
    return out.getvalue()


def software() -> dict[str, str]:
    """What is installed here, by name; nothing is imported for it."""
    found = {"python": platform.python_version()}
    for name in _SOFTWARE:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


# ---- reading one ----


def checked(data: bytes) -> Bundle:
    """`opened` by a process with limits on time and memory; here the files are only unpacked, each when it is asked for.

    Raises Refused.
    """
    _check_size(data)
    try:
        said, _ = limited.ask("replearn_core.bundle", "check", data, SECONDS)
    except Refused as refused:
        if refused.problem.key == "problem.zip_slow":
            raise Refused("problem.bundle_slow", seconds=SECONDS, limit=MEGABYTES) from None
        raise
    members = tuple(
        Member(Experiment.from_json(text), state, count, seconds, _Packed(data, tuple(names)))
        for text, state, count, seconds, names in said["members"]
    )
    return Bundle(members, said["made"], said["software"])


def main() -> None:
    """The process with limits: what the bundle's runs are is answered, and no byte of their files."""
    limited.serve(lambda data: (_told(opened(data)), b""), SECONDS, MEGABYTES)


def _told(found: Bundle) -> dict[str, Any]:
    members = [
        (one.experiment.as_json(), one.state, one.count, one.seconds, [f"runs/{one.run_id}/{name}" for name in one.files])
        for one in found.members
    ]
    return {"members": members, "made": found.made, "software": dict(found.software)}


class _Packed(Mapping[str, bytes]):
    """The files of one run in a bundle that was checked, unpacked one at a time: names are members' whole names."""

    def __init__(self, data: bytes, names: Sequence[str]):
        self._data, self._names = data, {name.rsplit("/", 1)[-1]: name for name in names}

    def __getitem__(self, name: str) -> bytes:
        with zipfile.ZipFile(io.BytesIO(self._data)) as archive:
            return archive.read(self._names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _check_size(data: bytes) -> None:
    if len(data) > LIMIT:
        raise Refused("problem.bundle_large", megabytes=len(data) / 2**20, limit=LIMIT // 2**20)


def opened(data: bytes) -> Bundle:
    """Everything is checked: names, sizes, hashes, settings, weights, and that the runs belong together. Raises Refused.

    What a hostile file may cost is bounded, by the constants above; `checked` also bounds it by the clock.
    """
    _check_size(data)
    contents = _unpacked(data)
    manifest = _manifest(contents.pop("manifest.json", None))
    _check_files(manifest["files"], contents)
    _check_together(contents)
    members = tuple(_member(run_id, contents) for run_id in manifest["runs"])
    if any(name.split("/")[1] not in manifest["runs"] for name in contents):
        raise Refused("problem.bundle_chain", file="manifest.json")
    _check_chain(members)
    return Bundle(members, manifest["made"], manifest["software"])


def _unpacked(data: bytes) -> dict[str, bytes]:
    """Member → bytes, counted while they are read: what a header promises is not believed."""
    most = 1 + MOST_RUNS * 9
    check_directory(data, most, 200 * most)
    left, contents = UNPACKED, {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            check_names(members, most)
            for member in members:
                if member.filename != "manifest.json" and not _NAME.fullmatch(member.filename):
                    raise Refused("problem.bundle_strange", file=member.filename[:80])
                with archive.open(member) as stream:
                    contents[member.filename] = stream.read(min(left, FILE) + 1)
                if len(contents[member.filename]) > min(left, FILE):
                    raise Refused("problem.bundle_bomb", limit=(FILE if left > FILE else UNPACKED) // 2**20)
                left -= len(contents[member.filename])
    except Refused:
        raise
    except BROKEN:
        raise Refused("problem.zip_damaged", "zip") from None
    return contents


def _manifest(data: bytes | None) -> dict[str, Any]:
    """runs, files, made and software, of the right types. A newer version is told before anything else of it is looked at."""
    if data is None:
        raise Refused("problem.bundle_none")
    try:
        said = json.loads(data) if len(data) < 2**20 else None
    except (ValueError, RecursionError):
        raise Refused("problem.bundle_manifest") from None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise Refused("problem.bundle_none")
    if type(said.get("version")) is not int or said["version"] < 1:
        raise Refused("problem.bundle_manifest")
    if said["version"] > VERSION:
        raise Refused("problem.bundle_newer", version=min(said["version"], 10**9), ours=VERSION)
    runs, files, installed = said.get("runs"), said.get("files"), said.get("software")
    if not isinstance(runs, list) or not 1 <= len(runs) <= MOST_RUNS or not isinstance(files, dict):
        raise Refused("problem.bundle_manifest")
    if not all(_is_id(one) for one in runs) or len(set(runs)) < len(runs):
        raise Refused("problem.bundle_manifest")
    shown = {str(name)[:40]: str(one)[:40] for name, one in installed.items()} if isinstance(installed, dict) else {}
    return {"runs": runs, "files": files, "made": str(said.get("made", ""))[:40], "software": shown}


def _is_id(one: object) -> bool:
    return isinstance(one, str) and re.fullmatch(_RUN, one) is not None


def _check_files(said: Mapping[str, Any], contents: Mapping[str, bytes]) -> None:
    """Each file as the manifest has it, and none more or less."""
    for name in sorted(said.keys() ^ contents.keys()):
        raise Refused("problem.bundle_strange" if name in contents else "problem.bundle_missing", file=str(name)[:80])
    for name, data in contents.items():
        about = said[name]
        if not isinstance(about, dict) or about.get("sha256") != sha256(data).hexdigest():
            changed = "problem.bundle_weights" if "/weights" in name else "problem.bundle_changed"
            raise Refused(changed, file=name[:80])


def _check_together(contents: Mapping[str, bytes]) -> None:
    """Histories and frames of all runs, before any of them is read: 51 runs of a few kilobytes can unpack to gigabytes."""
    if sum(len(data) for name, data in contents.items() if name.endswith("/events.jsonl")) > EVENTS:
        raise Refused("problem.bundle_bomb", limit=EVENTS // 2**20)
    unpacked = 0
    for name, data in contents.items():
        if name.endswith("/frames.npz"):
            unpacked += _frames_size(name, data)
            if unpacked > PICTURES:
                raise Refused("problem.bundle_bomb", limit=PICTURES // 2**20)


def _frames_size(name: str, data: bytes) -> int:
    """Bytes of one run's frames, as their zip says; more than that is never read of it."""
    try:
        check_directory(data, 60_000, 12 * 2**20)
        with zipfile.ZipFile(io.BytesIO(data)) as frames:
            return sum(one.file_size for one in frames.infolist())
    except Refused as refused:
        if refused.problem.key != "problem.zip_empty":  # a run without pictures: points in many dimensions
            raise
        return 0
    except BROKEN:
        raise Refused("problem.bundle_damaged", file=name[:80]) from None


def _member(run_id: str, contents: Mapping[str, bytes]) -> Member:
    before = f"runs/{run_id}/"
    files = {name.removeprefix(before): data for name, data in contents.items() if name.startswith(before)}
    for name in _NEEDED:
        if name not in files:
            raise Refused("problem.bundle_missing", file=before + name)
    run = _read(run_id, files)
    if run.experiment.id != run_id:
        raise Refused("problem.bundle_changed", file=f"{before}experiment.json")
    if catalog.is_own(run.experiment.dataset):
        raise Refused("problem.bundle_own")
    if not _has_history(run):
        raise Refused("problem.bundle_damaged", file=f"{before}events.jsonl")
    for name, data in files.items():
        if state := _STATE.fullmatch(name):
            _check_state(run, name, data, int(state[1]) if state[1] else None)
    seconds = next((event.seconds for event in reversed(run.events) if hasattr(event, "seconds")), None)
    return Member(run.experiment, run.state, len(run.events), seconds, files)


def _read(run_id: str, files: Mapping[str, bytes]) -> Run:
    try:
        Experiment.from_json(files["experiment.json"].decode())
    except InvalidExperiment as error:
        first = error.problems[0]
        raise Refused(first.key, first.setting, **first.numbers) from None
    except UnicodeDecodeError:
        raise Refused("problem.bundle_changed", file=f"runs/{run_id}/experiment.json") from None
    try:
        return read_run(files)
    except Damaged as damaged:
        raise Refused("problem.bundle_damaged", file=f"runs/{run_id}/{damaged.problem.numbers['file']}") from None


def _has_history(run: Run) -> bool:
    """Whether the events are of this run and say what pages read: they trust what the loop wrote, and this may be anybody's."""
    started = run.events[0] if run.events else None
    moments: list[Any] = [event for event in run.events if event.kind == "progress"]
    if not moments or started is None or started.kind != "started" or getattr(started, "run_id", "") != run.experiment.id:
        return False
    if any(_MEASURES - one.measures.keys() for one in moments):
        return False
    numbers = [terms for one in moments for terms in (one.measures, one.training, one.training_weighted)]
    numbers += [terms for one in moments for terms in (one.held_out, one.held_out_weighted)]
    numbers += [getattr(event, "metrics", {}) for event in run.events] + [run.metrics]
    return all(isinstance(value, int | float) for found in numbers for value in found.values())


def _check_state(run: Run, name: str, data: bytes, epoch: int | None) -> None:
    """Weights: exactly this experiment's tensors, finite, of this run. The optimiser's: finite, of this run."""
    run_id = run.experiment.id
    try:
        expected = shapes(run.experiment) if name.startswith("weights") else None
        safe.read(data, expected, run_id=run_id)
        found = safe.epoch_of(data)
    except safe.WeightsError as error:
        raise Refused(error.problem.key, "weights", **error.problem.numbers) from None
    if found is None or (epoch is not None and found != epoch):
        raise Refused("problem.bundle_weights", file=f"runs/{run_id}/{name}")


def _check_chain(members: Sequence[Member]) -> None:
    """Each run continues the one before it, from a state that is there; the first continues none."""
    for before, one in zip((None, *members), members):
        said = one.experiment.continues
        if said is None and before is None:
            continue
        if said is None or before is None or said[0] != before.run_id or not _has_state(before, said[1]):
            raise Refused("problem.bundle_chain", file=one.run_id[:8])
    if members[-1].state == "interrupted":
        raise Refused("problem.bundle_unfinished", file=members[-1].run_id[:8])


def _has_state(member: Member, epoch: int) -> bool:
    first = member.experiment.continues[1] if member.experiment.continues else 0
    last = safe.epoch_of(member.files["weights.safetensors"])
    return epoch in (first, last) or f"weights-{epoch}.safetensors" in member.files


# ---- keeping one ----


def keep(store: "Store", bundle: Bundle) -> tuple[str, ...]:
    """Put the runs into the store, ancestors first; those that it has already stay as they are. Returns the ids of the new ones.

    Raises Refused for a run that is being trained here at this moment, and StoreUnavailable.
    """
    new = []
    mark = json.dumps({"made": bundle.made, "software": dict(bundle.software)}).encode()
    for one in bundle.members:
        here = store.kept(one.run_id)
        if here is not None and here.state in ("queued", "running"):
            raise Refused("problem.bundle_running", file=one.run_id[:8])
        if here is not None and (here.state in ("finished", "diverged") or here.shipped or here.count >= one.count > 0):
            continue
        if store.take_in(one.experiment, one.files, mark, one.state, one.count, one.seconds):
            new.append(one.run_id)
    return tuple(new)


def brought(store: "Store", run_id: str) -> bool:
    """Whether a run came with a bundle, and was not trained here."""
    folder = store.folder(run_id)
    try:
        return folder is not None and folder.read(BROUGHT, most=100_000) is not None
    except OSError:
        return False


if __name__ == "__main__":
    main()
