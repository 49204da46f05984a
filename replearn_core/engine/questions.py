"""What a worker does for a task: the run's state (kept, or trained again), and the answer as bytes. Through Dask only."""

import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from distributed import get_worker

from replearn_core import weights
from replearn_core.engine import wire, work
from replearn_core.experiment import Experiment, Problem
from replearn_core.tasks import Task

log = logging.getLogger(__name__)

REMEMBERED = 3  # states that were trained again, for the next question about the same epoch
_states: OrderedDict[tuple[str, float], Mapping[str, Any]] = OrderedDict()


@dataclass(frozen=True)
class Question:
    """All that a worker needs for one task, as plain values.

    chain: (experiment as JSON, epoch) of the runs to train again, the oldest first; empty where the state is kept. weights: the
    kept state, or the one that the chain's oldest run continues, as safetensors files, of the run `owner`.
    """

    key: str
    task: str  # JSON
    experiment: str  # JSON
    seconds: float  # wall-clock limit
    device: str = "auto"
    chain: tuple[tuple[str, int], ...] = ()
    weights: tuple[bytes, bytes] | None = None
    owner: str | None = None


def answer(question: Question) -> dict[str, Any]:
    """{"answer": bytes (wire.pack_arrays)}, or {"problem": (key, setting, numbers)}, or {"unwanted": True}."""
    teller, ends = work.Teller(question.key, get_worker()), time.monotonic() + question.seconds

    def wanted() -> bool:
        return question.key not in work.STOPPING and time.monotonic() < ends and teller.wanted()

    try:
        return {"answer": _answer(question, wanted, teller)}
    except Exception as error:  # whatever a question does, its worker goes on and the visitor gets a key, not a library's words
        if type(error).__name__ == "Unwanted":
            late = question.key not in work.STOPPING and time.monotonic() >= ends
            return {"problem": ("problem.time_limit", "", {"seconds": round(question.seconds)})} if late else {"unwanted": True}
        problem = _problem(error, question)
        return {"problem": (problem.key, problem.setting, dict(problem.numbers))}
    finally:
        work.STOPPING.discard(question.key)
        teller.close()


def _answer(question: Question, wanted, teller: "work.Teller") -> bytes:
    import torch

    from replearn_core import datasets, latent, revisit
    from replearn_core.properties.study import part

    torch.set_num_threads(1)
    task, experiment = Task.from_json(question.task), Experiment.from_json(question.experiment)
    trained = 0.6 if question.chain else 0.0  # the share of the work that training again is taken for

    def progress(share: float, partial: Any = None) -> None:
        if not wanted():
            raise revisit.Unwanted
        teller.share(share)
        if partial is not None:
            teller.partial(lambda: packed(*partial()))

    def packed(arrays: Mapping[str, Any], numbers: Mapping[str, float]) -> bytes:
        return wire.pack_arrays(arrays, {"task": task.model_dump(mode="json"), "numbers": numbers})

    teller.share(0.0)
    chain = [(Experiment.from_json(text), epoch) for text, epoch in question.chain]
    options: dict[str, Any] = {
        "device": question.device,
        "wanted": wanted,
        "on_progress": lambda share: progress(trained * share),
    }
    start = _kept(question)

    def recorded() -> Iterator[tuple[int, Mapping[str, Any]]]:
        return revisit.states(chain, start, **options)

    data = datasets.load(experiment.dataset, experiment.train_size)
    state = None
    if task.source == "run" and task.kind != "film":
        place = (str(task.run), float(task.epoch or 0))
        state = start if not chain else _states.get(place) or revisit.last_state(chain, start, **options)
        if chain:
            _remember(place, state)
    subject = latent.Subject(experiment, data, task.source, state, task.epoch)
    arrays, numbers = latent.answer(task, subject, recorded, part(progress, trained, 1.0))
    if task.epoch is not None:
        numbers["epoch"] = task.epoch
    return packed(arrays, numbers)


def _kept(question: Question) -> Mapping[str, Any] | None:
    """The state that came with the question. Raises WeightsError."""
    if question.weights is None:
        return None
    first, second = question.weights
    return weights.from_bytes(first, run_id=question.owner) | (weights.from_bytes(second) if second else {})


def _remember(place: tuple[str, float], state: Mapping[str, Any] | None) -> None:
    if state is not None:
        _states[place] = {name: value for name, value in state.items() if not name.startswith(weights.OPTIMIZER)}
        while len(_states) > REMEMBERED:
            _states.popitem(last=False)


def _problem(error: Exception, question: Question) -> Problem:
    problem = work.foreseen(error, Experiment.from_json(question.experiment))
    if problem is not None:
        return problem
    number = uuid.uuid4().hex[:8]
    log.error("task %s failed, error id %s", question.key, number, exc_info=error)
    return Problem("problem.task_failed", "", {"error": number})
