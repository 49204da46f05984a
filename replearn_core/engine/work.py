"""What a worker runs: one training run that tells the server what happens and can be asked to stop. Called through Dask only.

torch and the data sets are imported inside functions: the server imports this module to name `run`, and must stay light.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from distributed import Worker, get_worker

from replearn_core import weights
from replearn_core.engine import wire
from replearn_core.events import Event
from replearn_core.experiment import Experiment, Problem

TOPIC = "replearn"
INTERVAL = 0.1  # seconds between two messages of one run
PARTIAL = 0.4  # seconds between two looks at what a study has so far
STOPPING: set[str] = set()  # task keys that nobody wants any more; the server adds to it, the loop reads it
STATES: dict[str, tuple[int, Mapping[str, Any]]] = {}  # task key → (epoch, latest whole state)
TELLERS: dict[str, "Teller"] = {}  # task key → what its run has said so far

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """All that a worker needs for one run, as plain values. `weights`: safetensors files of the state to start from."""

    key: str
    experiment: str  # JSON
    seconds: float  # wall-clock limit
    device: str = "auto"
    weights: tuple[bytes, bytes] | None = None
    parent: str | None = None


def run(order: Order) -> dict[str, Any]:
    """The whole run. Returns plain values and bytes:

    state (finished, stopped, diverged or failed), stream (all events, see wire.framed), weights and optimizer (safetensors, or
    empty), epoch, metrics, problem (key, setting, numbers) or None, timed_out.
    """
    teller = TELLERS[order.key] = Teller(order.key, get_worker())
    ends = time.monotonic() + order.seconds
    end: Event | None = None
    problem: Problem | None = None
    left = False

    def wanted() -> bool:
        return order.key not in STOPPING and time.monotonic() < ends and teller.wanted()

    def loading(done: int, total: int | None) -> None:
        if not wanted():
            raise Left
        teller.loading(done, total)

    try:
        for event in _events(order, wanted, loading):
            end = event
            if (state_now := getattr(event, "state", None)) is not None:
                STATES[order.key] = (int(event.epoch), state_now)  # type: ignore[union-attr]
            teller.tell(event)
    except Left:
        left = True
    except Exception as error:  # whatever a run does, its worker goes on and the visitor gets a key, not a library's words
        problem = _problem(error, order)
    finally:
        teller.close()
        TELLERS.pop(order.key, None)
    state = end.kind if problem is None and end is not None and end.kind in ("finished", "stopped", "diverged") else "failed"
    state = "stopped" if left else state
    timed_out = state == "stopped" and order.key not in STOPPING and time.monotonic() >= ends
    epoch, kept = STATES.pop(order.key, (0, None))
    STOPPING.discard(order.key)
    files = weights.to_bytes(kept, run_id=order.key[:32], epoch=epoch) if kept else (b"", b"")
    return {
        "state": state,
        "stream": bytes(teller.stream),
        "weights": files[0],
        "optimizer": files[1],
        "epoch": epoch,
        "metrics": dict(getattr(end, "metrics", {})) if state == "finished" else {},
        "problem": problem and (problem.key, problem.setting, dict(problem.numbers)),
        "timed_out": timed_out,
    }


class Left(Exception):
    """Nobody wants the run any more, and its data are still on their way."""


def _events(
    order: Order, wanted: Callable[[], bool], loading: Callable[[int, int | None], None] | None = None
) -> Iterator[Event]:
    from replearn_core import datasets, training

    experiment = Experiment.from_json(order.experiment)
    data = datasets.load(experiment.dataset, experiment.train_size, on_progress=loading, compact=True)
    state = None
    if order.weights is not None:
        first, second = order.weights
        state = weights.from_bytes(first, run_id=order.parent) | (weights.from_bytes(second) if second else {})
    yield from training.train(experiment, data, device=order.device, weights=state, wanted=wanted)


def stop(keys: list[str]) -> None:
    """Ask these tasks to end. The server calls it on every worker."""
    if len(STOPPING) > 10_000:
        STOPPING.clear()
    STOPPING.update(keys)


def checkpoint(key: str) -> tuple[int, bytes, bytes] | None:
    """(epoch, weights, optimiser) of the latest whole state of a task that runs here, or None. The server calls it."""
    if key not in STATES:
        return None
    epoch, state = STATES[key]
    return (epoch, *weights.to_bytes(state, run_id=key[:32], epoch=epoch))


def told(key: str, since: int) -> tuple[str, bytes] | None:
    """(attempt, the stream from byte `since` on, as far as it was sent) of a run that goes on here. Another server asks."""
    teller = TELLERS.get(key)
    return (teller.attempt, teller.sent(since)) if teller is not None else None


class Teller:
    """Tells the server what happens: the first events at once, then at most one batch every INTERVAL seconds, none lost."""

    def __init__(self, key: str, worker: Worker):
        self.key, self.worker, self.stream = key, worker, bytearray()
        self.attempt = uuid.uuid4().hex
        self._told, self._last, self._count = 0, 0.0, 0
        self._shown = 0.0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def wanted(self) -> bool:
        """False when Dask has cancelled the task, as it does when the server is gone for good."""
        task = self.worker.state.tasks.get(self.key)
        return task is None or task.state != "cancelled"

    def tell(self, event: Event) -> None:
        framed = wire.framed(event)
        with self._lock:
            self.stream += framed
            self._count += 1
            wait = INTERVAL - (time.monotonic() - self._last)
            if self._count <= 4 or wait <= 0:
                self._send()
            elif self._timer is None:
                self._timer = threading.Timer(wait, self._send_late)
                self._timer.daemon = True
                self._timer.start()

    def sent(self, since: int) -> bytes:
        with self._lock:
            return bytes(self.stream[since : self._told])

    def share(self, done: float) -> None:
        """Say which share of a task is done, at most once every INTERVAL seconds."""
        if done == 0.0 or time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            self.worker.log_event(TOPIC, {"key": self.key, "attempt": self.attempt, "share": done})

    def partial(self, give: Callable[[], bytes]) -> None:
        """Say what a task has so far, at most once every PARTIAL seconds."""
        if time.monotonic() - self._shown < PARTIAL:
            return
        data = give()
        for at, piece in wire.pieces(0, data):
            self.worker.log_event(TOPIC, {"key": self.key, "attempt": self.attempt, "partial": (at, len(data), piece)})
        self._shown = time.monotonic()

    def loading(self, done: int, total: int | None) -> None:
        """Say how much of the data is there, in bytes or images, at most once every INTERVAL seconds."""
        if time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            self.worker.log_event(TOPIC, {"key": self.key, "attempt": self.attempt, "loading": [done, total]})

    def close(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._send()

    def _send_late(self) -> None:
        with self._lock:
            self._timer = None
            self._send()

    def _send(self) -> None:
        """Everything not yet told. The caller holds the lock."""
        for at, piece in wire.pieces(self._told, bytes(self.stream[self._told :])):
            self.worker.log_event(TOPIC, {"key": self.key, "attempt": self.attempt, "at": at, "data": piece})
        self._told, self._last = len(self.stream), time.monotonic()


# ---- what went wrong, as a key and numbers ----


def _problem(error: Exception, order: Order) -> Problem:
    """Our own key for an exception; what nobody foresaw gets an id that the log repeats."""
    problem = foreseen(error, Experiment.from_json(order.experiment))
    if problem is not None:
        return problem
    number = uuid.uuid4().hex[:8]
    log.error("run %s failed, error id %s", order.key, number, exc_info=error)
    return Problem("problem.run_failed", "", {"error": number})


def foreseen(error: Exception, experiment: Experiment) -> Problem | None:
    """The Problem of an exception that carries one, or that has an explanation of its own."""
    given = getattr(error, "problem", None)
    if isinstance(given, Problem):
        return given
    if getattr(error, "key", "") == "dataset.unavailable":
        return unavailable(error)
    if (
        isinstance(error, MemoryError)
        or "memory" in str(error).lower()
        and type(error).__name__ in ("RuntimeError", "OutOfMemoryError")
    ):
        return out_of_memory(experiment)
    return None


def unavailable(error: Any) -> Problem:
    """datasets.Unavailable as a Problem."""
    if error.reason == "left":
        return Problem("problem.own_left", "dataset")
    return Problem(
        "problem.dataset_unavailable",
        "dataset",
        {"dataset": error.dataset, "reason": error.reason, "files": ", ".join(error.files)},
    )


def out_of_memory(experiment: Experiment) -> Problem:
    """About what this run needs, and the knob that weighs most."""
    size = experiment.data.size
    widths = [size, *experiment.hidden, experiment.code_size]
    parts = {
        "train_size": 2.0 * experiment.samples * size,
        "hidden" if experiment.hidden else "code_size": 32.0 * sum(a * b for a, b in zip(widths, widths[1:])),
        "batch_size": 24.0 * experiment.batch_size * sum(widths),
    }
    return Problem(
        "problem.out_of_memory", max(parts, key=lambda name: parts[name]), {"megabytes": round(sum(parts.values()) / 2**20) + 300}
    )


# ---- warming up ----


def warm_up() -> float:
    """Train a tiny experiment to its end, so that the first visitor does not wait for imports. Seconds it took."""
    begun = time.monotonic()
    tiny = Experiment(dataset="digits", train_size=200, code_size=4, epochs=1)
    order = Order("0" * 32, tiny.as_json(), 60.0)
    for _ in _events(order, lambda: True):
        pass
    return time.monotonic() - begun


def prepare(worker: Worker) -> None:
    """Niced, the first to go, warm: what every worker of ours does as it starts, in a thread so that it takes tasks meanwhile."""
    step_down()
    # Where memory runs out, Linux ends a worker rather than the server or the process that all workers are forked from.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("500")
    if os.environ.get("REPLEARN_WARM", "1") != "0":
        threading.Thread(target=_warm_and_say, args=(worker,), daemon=True, name="replearn-warm-up").start()


def step_down() -> None:
    """Let pages go first while runs are busy. Once or twice is the same."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, max(10, os.getpriority(os.PRIO_PROCESS, 0)))


def _warm_and_say(worker: Worker) -> None:
    try:
        worker.log_event(TOPIC, {"warm": worker.address, "seconds": warm_up()})
    except Exception:
        log.exception("warming up failed; runs are tried all the same")
        return
    _compile_maps()


def _compile_maps() -> None:
    """Compile, beside this process, what the first map needs. UMAP is imported with that map, not before: 150 MB, a second."""
    from replearn_core.engine import compiling

    try:
        if not compiling.compiled():
            compiling.compile_beside()
    except Exception:
        log.exception("compiling for maps failed; the first one takes longer")
