"""The command line: `python -m replearn_core train experiment.json --out DIR`, and its fellows (`--help` lists them).

The same loop as in the app, without a browser.
"""

import argparse
import json
import signal
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from replearn_core import catalog, folder, weights
from replearn_core.events import Event
from replearn_core.experiment import Experiment, InvalidExperiment, Problem
from replearn_core.places import ASSETS
from replearn_core.storage import Storage

WRONG, INTERRUPTED = 2, 130  # exit status for input that cannot be used, and for Ctrl-C
MAX_SETTINGS = 1_000_000
WORDS = ASSETS / "i18n" / "en.toml"

Wanted = Callable[[], bool]
EPILOG = """examples:
  echo '{"dataset": "digits"}' > experiment.json
  python -m replearn_core train experiment.json --out run
  python -m replearn_core show run"""


class Left(Exception):
    """Interrupted while the data were on their way: there is nothing to keep yet."""


class Wrong(Exception):
    """Input that cannot be used. `problem` says what it is; `shown` is the file or folder that it concerns."""

    def __init__(self, problem: Problem, shown: str = ""):
        self.problem, self.shown = problem, shown
        super().__init__(problem.key)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 the run diverged, 2 wrong input, 130 interrupted (and resumable)."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.run not in (_train, _resume):
            return asked.run(asked, lambda: True)
        with _interruptible() as interrupted:
            return asked.run(asked, lambda: not interrupted)
    except (KeyboardInterrupt, Left):
        return INTERRUPTED
    except Wrong as wrong:
        problems, shown = [wrong.problem], wrong.shown
    except InvalidExperiment as error:
        problems, shown = list(error.problems), asked.experiment
    line = "; ".join(sentence(problem) for problem in problems)
    print(f"{shown}: {line}" if shown else line, file=sys.stderr)
    return WRONG


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM fill the list, from before torch is imported (which it would abort) until the folder is written."""
    interrupted: list[int] = []
    previous = {one: signal.signal(one, lambda *_: interrupted.append(1)) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m replearn_core",
        description="Train autoencoders without a browser.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    train = commands.add_parser("train", help="train an experiment and write its run folder")
    train.add_argument("experiment", help='JSON file; {"dataset": "digits"} is enough')
    train.add_argument("--out", required=True, type=Path, metavar="DIR", help="the run folder to write")
    train.set_defaults(run=_train)
    resume = commands.add_parser("resume", help="go on with a stopped run to its planned epochs")
    resume.add_argument("folder", type=Path, metavar="DIR")
    resume.set_defaults(run=_resume)
    for command in (train, resume):
        command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
        command.add_argument("--quiet", action="store_true", help="no progress bar")
    show = commands.add_parser("show", help="what a run folder holds")
    show.add_argument("folder", type=Path, metavar="DIR")
    show.set_defaults(run=_show)
    commands.add_parser("catalog", help="all that can be chosen, as JSON").set_defaults(run=_catalog)
    data = commands.add_parser("data", help="write a data set as the file that a script beside it reads")
    data.add_argument("name")
    data.add_argument("out", type=Path, metavar="FILE")
    data.set_defaults(run=_data)
    commands.add_parser("prepare", help="do now what a first visit would wait for").set_defaults(run=_prepare)
    claims = commands.add_parser("claims", help="run the experiments of the lecture's claims and keep what came out")
    claims.add_argument(
        "only", nargs="*", metavar="C4", help="these claims alone (default: all); papers: the published tables, on real MNIST"
    )
    claims.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: assets/claims)")
    claims.set_defaults(run=_claims)
    return parser


# ---- the commands ----


def _data(asked: argparse.Namespace, wanted: Wanted) -> int:
    """x_train, x_test and the scale that brings them into [0, 1], for `takehome`'s scripts."""
    import numpy as np

    from replearn_core import datasets

    try:
        found = datasets.load(asked.name, compact=True)
    except datasets.Unavailable as error:
        raise _not_here(error) from None
    test = np.rint(found.x_test / found.scale).astype(found.x_train.dtype) if found.scale != 1 else found.x_test
    try:
        with asked.out.open("wb") as file:
            np.savez_compressed(file, x_train=found.x_train, x_test=test, scale=found.scale)
    except OSError:
        raise Wrong(Problem("problem.folder_not_writable", "", {"path": str(asked.out.parent)})) from None
    return 0


def _prepare(asked: argparse.Namespace, wanted: Wanted) -> int:
    """Bytecode, UMAP's compiled functions, and one tiny run through all imports."""
    import compileall

    from replearn_core.engine import compiling, work

    root = Path(__file__).resolve().parents[1]
    for part in ("replearn_core", "pages"):
        compileall.compile_dir(str(root / part), quiet=2)
    compiling.compile_beside()
    seconds = work.warm_up()
    print(f"a tiny run: {seconds:.1f} s; compiled for maps: {'yes' if compiling.compiled() else 'no, the first map does it'}")
    return 0


def _train(asked: argparse.Namespace, wanted: Wanted) -> int:
    experiment = Experiment.from_json(_settings(Path(asked.experiment)))
    if experiment.continues is not None:
        raise Wrong(
            Problem("problem.parent_missing", "continues", dict(zip(("run", "epoch"), experiment.continues))), asked.experiment
        )
    _check_device(asked.device)
    _claim(asked.out, experiment)
    return _run(experiment, asked, asked.out, wanted)


def _resume(asked: argparse.Namespace, wanted: Wanted) -> int:
    _check_device(asked.device)
    run = _read(asked.folder)
    if run.state == "finished":
        raise Wrong(Problem("problem.already_finished", "", {"path": str(asked.folder), "epoch": _last_epoch(run)}))
    try:
        kept = folder.read_state(asked.folder)
        if kept is None:
            raise Wrong(Problem("problem.nothing_to_resume", "", {"path": str(asked.folder)}))
        first, second, epoch = kept
        state = weights.from_bytes(first) | (weights.from_bytes(second) if second else {})
    except folder.Damaged as error:
        raise Wrong(error.problem, str(asked.folder)) from None
    except weights.WeightsError as error:
        raise Wrong(error.problem, str(asked.folder)) from None
    _claim(asked.folder, run.experiment)
    return _run(run.experiment, asked, asked.folder, wanted, run.events, state, epoch)


def _show(asked: argparse.Namespace, _: Wanted) -> int:
    run = _read(asked.folder)
    print(f"{run.experiment.id}  {run.state}  {len(run.events)} events")
    print(f"settings  {run.experiment.as_json()}")
    records: list[Any] = [event for event in run.events if event.kind == "progress"]
    if records:
        last = records[-1]
        print(f"epoch {last.epoch:g} of {_last_epoch(run)}, {last.seconds:.1f} s of training")
        for name, value in last.training.items():
            print(f"  {name:<24} training {value:.6g}   held out {last.held_out.get(name, float('nan')):.6g}")
    for name, value in sorted(run.metrics.items()):
        print(f"  {name:<36} {value:.6g}")
    return 0


def _catalog(_: argparse.Namespace, __: Wanted) -> int:
    print(json.dumps(catalog.as_json(), indent=1, ensure_ascii=False, default=str))
    return 0


def _claims(asked: argparse.Namespace, _: Wanted) -> int:
    """Claims, and the papers' tables where they are named: these need MNIST, which the claims do not."""
    from replearn_core import claims, datasets, papers

    known = [*claims.CLAIMS, papers.ALL, *papers.TABLES]
    for name in asked.only:
        if name not in known:
            raise Wrong(Problem("problem.unknown_choice", "claim", {"value": name[:40], "choices": known}))
    out, some = asked.out or claims.SHIPPED, tuple(name for name in asked.only if name in claims.CLAIMS)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise Wrong(Problem("problem.folder_not_writable", "", {"path": str(out)})) from None
    if some or not asked.only:
        claims.make(some, out, lambda line: print(line, flush=True))
    tables = tuple(name for name in papers.TABLES if {name, papers.ALL} & set(asked.only))
    try:
        if tables:
            papers.make(tables, out / papers.ALL, lambda line: print(line, flush=True))
    except datasets.Unavailable as error:
        raise _not_here(error) from None
    return 0


# ---- training into a folder ----


def _run(
    experiment: Experiment,
    asked: argparse.Namespace,
    out: Path,
    wanted: Wanted,
    before: Sequence[Event] = (),
    state: dict[str, Any] | None = None,
    epoch: int = 0,
) -> int:
    """Train, from `state` after `epoch` epochs where there is one, and write the folder. Ctrl-C leaves it resumable."""
    from replearn_core import datasets, training

    events = _up_to(before, epoch)
    keep: tuple[Any, int] = (state, epoch)
    bar: Bar | None = None
    try:
        loading = Loading(asked.quiet, wanted)
        data = datasets.load(experiment.dataset, experiment.train_size, on_progress=loading)
        loading.close()
        bar = Bar(experiment, asked.quiet)
        goes_on = _from(experiment, epoch) if state is not None else experiment
        for event in training.train(goes_on, data, device=asked.device, weights=state, wanted=wanted):
            if not _told(events, event):
                events.append(event)
            if getattr(event, "state", None) is not None:
                keep = event.state, int(event.epoch)  # type: ignore[union-attr]
            bar.tell(event)
    except datasets.Unavailable as error:
        raise _not_here(error) from None
    finally:
        if bar is not None:
            bar.close()
    return _write(experiment, out, events, *keep)


def _write(experiment: Experiment, out: Path, events: Sequence[Event], state: Any, epoch: int) -> int:
    files = weights.to_bytes(state, run_id=experiment.id, epoch=epoch) if state else (b"", b"")
    end = events[-1]
    try:
        folder.write_run(out, experiment, events, *files, metrics=getattr(end, "metrics", {}))
    except OSError:
        raise Wrong(Problem("problem.folder_not_writable", "", {"path": str(out)})) from None
    print(f"{end.kind} after {epoch} epochs: {out}")
    return {"finished": 0, "diverged": 1}.get(end.kind, INTERRUPTED)


def _from(experiment: Experiment, epoch: int) -> Experiment:
    """The experiment that goes on after `epoch` epochs and ends where this one would have."""
    first = experiment.continues[1] if experiment.continues else 0
    return experiment.changed(continues=(experiment.id, epoch), epochs=first + experiment.epochs - epoch)


def _up_to(events: Sequence[Event], epoch: int) -> list[Event]:
    """The events of a stopped run up to the record after `epoch` epochs: what is told again is not kept twice."""
    for number, event in enumerate(events):
        if event.kind == "progress" and event.epoch == epoch:  # type: ignore[union-attr]
            return list(events[: number + 1])
    return []


def _told(events: Sequence[Event], event: Any) -> bool:
    """Whether a resumed run tells again what its folder has already: how it began, its phase, the moment it goes on from."""
    same = {"started": (), "baseline": (), "phase": ("name",), "progress": ("epoch",)}
    if event.kind not in same:
        return False
    return any(old.kind == event.kind and all(getattr(old, n) == getattr(event, n) for n in same[event.kind]) for old in events)


class Loading:
    """A bar for data that take a while: bytes of a download, or images being drawn. Raises Left once nobody wants them."""

    def __init__(self, quiet: bool, wanted: Wanted):
        self.quiet, self.wanted = quiet, wanted
        self.bar: Any = None

    def __call__(self, done: int, total: int | None) -> None:
        from tqdm import tqdm

        if not self.wanted():
            self.close()
            raise Left
        if self.bar is None:
            off = True if self.quiet else None
            unit = "B" if total is None else "image"
            self.bar = tqdm(total=total, unit=unit, unit_scale=True, mininterval=0, disable=off, file=sys.stderr)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


class Bar:
    """A progress bar over epochs on stderr; nothing where it is not wanted or stderr is a file."""

    def __init__(self, experiment: Experiment, quiet: bool):
        from tqdm import tqdm

        first = experiment.continues[1] if experiment.continues else 0
        self.bar = tqdm(total=first + experiment.epochs, unit="epoch", disable=True if quiet else None, file=sys.stderr)

    def tell(self, event: Event) -> None:
        if event.kind == "progress":
            self.bar.set_postfix({name: f"{value:.4g}" for name, value in event.held_out.items()}, refresh=False)  # type: ignore[union-attr]
            self.bar.update(event.epoch - self.bar.n)  # type: ignore[union-attr]

    def close(self) -> None:
        self.bar.close()


# ---- input ----


def _not_here(error: Any) -> Wrong:
    """What a `datasets.Unavailable` says, in our own words."""
    numbers = {"dataset": error.dataset, "reason": error.reason, "files": ", ".join(error.files)}
    return Wrong(Problem("problem.dataset_unavailable", "dataset", numbers))


def _settings(path: Path) -> str:
    """The text of a settings file. Raises Wrong."""
    try:
        if path.stat().st_size > MAX_SETTINGS:
            raise Wrong(Problem("problem.file_too_large", "", {"path": str(path), "limit": MAX_SETTINGS // 1_000_000}))
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise Wrong(Problem("problem.file_missing", "", {"path": str(path)})) from None
    except (OSError, UnicodeDecodeError, ValueError):
        raise Wrong(Problem("problem.file_unreadable", "", {"path": str(path)})) from None


def _read(path: Path) -> folder.Run:
    """A run folder. Raises Wrong."""
    if not (path / "experiment.json").is_file():
        raise Wrong(Problem("problem.not_a_run", "", {"path": str(path)}))
    try:
        return folder.read_run(path)
    except folder.Damaged as error:
        raise Wrong(error.problem, str(path)) from None


def _claim(out: Path, experiment: Experiment) -> None:
    """Make sure that the folder can be written and holds no other run, before any work is done. Raises Wrong."""
    try:
        other = folder.read_experiment(out).id if (out / "experiment.json").exists() else experiment.id
    except folder.Damaged:
        other = "?"
    if other != experiment.id:
        raise Wrong(Problem("problem.folder_holds_other_run", "", {"path": str(out), "run": other}))
    try:
        Storage(out).write("experiment.json", experiment.as_json().encode())
    except OSError:
        raise Wrong(Problem("problem.folder_not_writable", "", {"path": str(out)})) from None


def _check_device(name: str) -> None:
    """Raises Wrong for a device that is not here."""
    import torch

    kind, _, number = name.partition(":")
    here = name in ("auto", "cpu") or (kind == "cuda" and torch.cuda.is_available() and (number or "0").isdigit())
    if not here or (number and int(number) >= torch.cuda.device_count()):
        raise Wrong(Problem("problem.device_unavailable", "", {"device": name[:40]}))


def _last_epoch(run: folder.Run) -> int:
    first = run.experiment.continues[1] if run.experiment.continues else 0
    return first + run.experiment.epochs


# ---- words ----


def sentence(problem: Problem) -> str:
    """A problem in English: the catalogue's sentence where there is one, else the key and its numbers."""
    values = {"setting": problem.setting, **problem.numbers}
    plain = {name: ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value for name, value in values.items()}
    text = _words().get(problem.key, "")
    try:
        return text.format(**plain) if text else _spelled(problem, plain)
    except (KeyError, IndexError, ValueError):
        return _spelled(problem, plain)


def _spelled(problem: Problem, values: dict[str, Any]) -> str:
    return " ".join([problem.key, *(f"{name}={value}" for name, value in values.items() if value != "")])


def _words() -> dict[str, str]:
    try:
        return dict(_flat(tomllib.loads(WORDS.read_text("utf-8"))))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str):
            yield prefix + name, value


if __name__ == "__main__":
    sys.exit(main())
