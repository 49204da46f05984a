"""The engine's one line to Dask: connect, hand out, hear, stop, and connect again when the scheduler is lost."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from distributed import Client, Future, KilledWorker

from replearn_core.engine import cluster, questions, work
from replearn_core.experiment import Problem

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds for one question to the scheduler
ANSWER = 5.0  # seconds for one question to a worker: one that hangs must not hold up what concerns the others


class Lost(Exception):
    """The scheduler did not answer."""


class DaskSide:
    """Only the engine's thread calls `attend`, `submit`, `ended` and `abandon`; the rest may come from any thread.

    hear: called with each message of a worker, in Dask's thread. lost: called with the keys that a lost worker had.
    wake: set whenever the engine's thread has something to do. slots: how many tasks can run at once.
    """

    def __init__(
        self,
        processes: cluster.Cluster,
        hear: Callable[[Mapping[str, Any]], None],
        lost: Callable[[Sequence[str]], None],
    ):
        self.processes, self._hear, self._lost = processes, hear, lost
        self.wake = threading.Event()
        self.warm: dict[str, float] = {}  # worker → seconds that its warming up took
        self.slots = 0
        self.problem: Problem | None = None
        self._client: Client | None = None
        self._futures: dict[str, Future] = {}
        self._counted = self._tried = 0.0
        self._closed = False

    def attend(self) -> bool:
        """Keep the connection. Returns whether it stands."""
        client = self._client
        if client is not None and client.status == "running":
            if time.monotonic() - self._counted > 2.0:
                self._count(client)
            return True
        if client is not None:
            self._let_go()
            return False
        if time.monotonic() - self._tried > 2.0 and not self._closed:
            self._connect()
        return self._client is not None

    def _connect(self) -> None:
        try:
            client = Client(
                self.processes.address(), set_as_default=False, name="replearn", timeout=PATIENCE, direct_to_workers=False
            )
        except Exception as error:  # whatever the network says, the pages stay readable and this is tried again
            log.warning("no scheduler: %s", error)
            self.problem, self._tried = Problem("problem.engine_lost"), time.monotonic()
            return
        if self._closed:
            _close_quietly(client)
            return
        client.subscribe_topic(work.TOPIC, self._told)
        client.subscribe_topic("all", self._happened)
        self._client, self.problem = client, None
        self.wake.set()

    def _let_go(self) -> None:
        """The connection is gone, and with it every task."""
        client, self._client = self._client, None
        self._futures.clear()
        self.warm.clear()
        self.slots = 0
        self.problem = Problem("problem.engine_lost")
        if client is not None:
            threading.Thread(target=_close_quietly, args=(client,), daemon=True).start()

    def _count(self, client: Client) -> None:
        """How many tasks can run at once: threads of the workers that are there."""
        self._counted = time.monotonic()
        self.slots = sum(self._ask(client.nthreads).values())

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (OSError, TimeoutError) as error:
            raise Lost(type(error).__name__) from None

    def _told(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _, message = event
        if "warm" in message:
            self.warm[message["warm"]] = message["seconds"]
        elif "key" in message:
            self._hear(message)

    def _happened(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _, message = event
        action = message.get("action") if isinstance(message, Mapping) else None
        if action in ("add-worker", "remove-worker"):
            self._counted = 0.0
            self.wake.set()
        if action == "remove-worker":
            self.warm.pop(message.get("worker", ""), None)
            self._lost([str(key) for key in message.get("processing-tasks") or ()])

    # ---- tasks ----

    def submit(self, function: Callable[[Any], Any], order: work.Order | questions.Question) -> None:
        """Hand one run or one question out. Its key is the order's."""
        assert self._client is not None
        future = self._client.submit(function, order, key=order.key, pure=True)
        future.add_done_callback(lambda _: self.wake.set())
        self._futures[order.key] = future

    def ended(self) -> Iterator[tuple[str, Mapping[str, Any] | None, Problem | None]]:
        """(key, result or None, problem or None) of the tasks that have ended since the last call; None twice: it was lost."""
        for key, future in list(self._futures.items()):
            if future.status in ("pending",):
                continue
            if future.status == "finished":
                yield key, self._ask(lambda done=future: done.result(timeout=60)), None  # type: ignore[misc]
            elif future.status == "error":
                yield key, None, self._what_went_wrong(key, future)
            else:
                yield key, None, None
            self._futures.pop(key, None)
            future.release()

    def _what_went_wrong(self, key: str, future: Future) -> Problem:
        error = future.exception(timeout=PATIENCE)
        if isinstance(error, KilledWorker):
            return Problem("problem.quarantined", "", {"restarts": error.allowed_failures + 1})
        log.error("run %s ended with %s", key, error)
        return Problem("problem.run_failed", "", {"error": key[:8]})

    def stop(self, keys: list[str]) -> None:
        """Ask the workers that have these tasks to end them; they do between two batches."""
        for worker, here in self._whose(keys).items():
            self._at(worker, work.stop, here)

    def checkpoint(self, key: str) -> tuple[int, bytes, bytes] | None:
        """The latest whole state of a running task."""
        return next((found for worker in self._whose([key]) if (found := self._at(worker, work.checkpoint, key))), None)

    def told(self, key: str, since: int) -> tuple[str, bytes] | None:
        """What a run that another server handed out has said from byte `since` on: (attempt, stream)."""
        return next((found for worker in self._whose([key]) if (found := self._at(worker, work.told, key, since))), None)

    def _whose(self, keys: Sequence[str]) -> dict[str, list[str]]:
        """Worker → those of these tasks that it has; nothing where the scheduler does not answer: what matters is asked again."""
        client = self._client
        try:
            found = {} if client is None else self._ask(client.processing)
        except Exception as error:
            log.info("nobody says who works on what: %s", type(error).__name__)
            return {}
        having = {worker: [key for key in map(str, tasks) if key in keys] for worker, tasks in found.items()}
        return {worker: here for worker, here in having.items() if here}

    def _at(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What one worker answers, or None."""
        client = self._client
        if client is None:
            return None
        try:
            return client.run(function, *arguments, workers=[worker], callback_timeout=ANSWER).get(worker)
        except Exception as error:  # it is on its way out, or hangs; what matters is asked again
            log.info("worker %s does not answer: %s", worker, type(error).__name__)
            return None

    def abandon(self, key: str) -> None:
        """Give a task up that does not end, and restart its worker."""
        future = self._futures.pop(key, None)
        if future is None or self._client is None:
            return
        client, workers = self._client, list(self._whose([key]))
        future.cancel(force=True)
        if workers:
            threading.Thread(target=_restart_quietly, args=(client, workers), daemon=True).start()

    def close(self) -> None:
        """Leave the scheduler, and end it where it is ours."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            for topic in (work.TOPIC, "all"):
                client.unsubscribe_topic(topic)
            _close_quietly(client)
        self.processes.close()


def _close_quietly(client: Client) -> None:
    try:
        client.close(timeout=2)
    except Exception as error:
        log.info("closing: %s", type(error).__name__)


def _restart_quietly(client: Client, workers: list[str]) -> None:
    try:
        client.restart_workers(workers, timeout=30, raise_for_error=False)
    except Exception as error:
        log.warning("a worker did not restart: %s", type(error).__name__)
