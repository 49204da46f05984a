"""The servers that share one index: each says every few seconds that it lives, and notices whose count stands still.

Made by store.py where the database is one of several servers. Counts are compared, not clocks: those of two machines differ.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from replearn_core.index import Index

log = logging.getLogger(__name__)

BEAT = 2.0  # seconds between two counts
DEAD = 10.0  # seconds without one, after which a server's runs are interrupted


class Neighbours:
    """This server among others. `prepare` makes the index usable, tried until it is; `problem`: JSON, of interrupted runs.

    lost: whether the database did not answer last. live: servers, this one included. others_busy: jobs that workers have from
    the others.
    """

    def __init__(self, index: Index, prepare: Callable[[], None], problem: str):
        self.server = uuid.uuid4().hex
        self.busy = 0  # jobs that workers have from this server
        self.lost, self.others_busy = True, 0
        self.live = 1  # servers, this one included
        self._index, self._prepare, self._problem = index, prepare, problem
        self._prepared = self._known = self._revived = False
        self._said = ""  # why the database did not answer last
        self._seen: dict[str, tuple[int, float]] = {}  # server → (its count, when that was new here, monotonic seconds)
        self._ending = threading.Event()
        self.attend()
        self._thread = threading.Thread(target=self._live, daemon=True, name="replearn-heartbeat")
        self._thread.start()

    def attend(self) -> None:
        """Count on, and look at the others."""
        try:
            if not self._prepared:
                self._prepare()
                self._index.interrupt_orphans(self._problem)
                self._prepared = True
            self._revived |= not self._index.beat(self.server, self.busy) and self._known
            self._known = True
            self._look()
            self.lost, self._said = False, ""
        except SQLAlchemyError as error:
            self.lose(error)

    def lose(self, error: Exception) -> None:
        """The database does not answer. What was seen of the others says nothing any more."""
        said, self._said = self._said, str(error).splitlines()[0]
        if said != self._said:
            log.warning("the index of runs cannot be reached: %s", self._said)
        self.lost = True
        self._seen.clear()

    def take_revived(self) -> bool:
        """Whether this server came back from the dead since the last call: its runs are marked interrupted."""
        revived, self._revived = self._revived, False
        return revived

    def close(self) -> None:
        """Leave: what was not done is interrupted, and the others know at once."""
        self._ending.set()
        self._thread.join(5)
        try:
            self._index.bury(self.server, None, self._problem)
        except SQLAlchemyError as error:
            log.warning("leaving without a word: %s", str(error).splitlines()[0])

    def _live(self) -> None:
        while not self._ending.wait(BEAT):
            try:
                self.attend()
            except Exception:  # whatever it was, a server whose heart stops would be taken for dead
                log.exception("the heart goes on after an error")

    def _look(self) -> None:
        now, seen, before = time.monotonic(), {}, dict(self._seen)
        counts = self._index.servers()
        for name, (beat, _) in counts.items():
            last, since = before.get(name, (None, now))
            seen[name] = beat, since if last == beat else now
            if now - seen[name][1] > DEAD and name != self.server:
                log.warning("server %s is gone; its runs are interrupted", name)
                self._index.bury(name, beat, self._problem)
        self._seen = seen
        self.live = max(1, len(counts))
        self.others_busy = sum(busy for name, (_, busy) in counts.items() if name != self.server)
