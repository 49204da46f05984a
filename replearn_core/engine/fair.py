"""Who is next: a bounded queue that takes turns among owners, so that a second run waits behind other visitors' first."""

from collections import deque


class Full(Exception):
    """No room. `limit` is the bound that was met; `own` says whether it is the owner's own share."""

    def __init__(self, limit: int, own: bool):
        self.limit, self.own = limit, own
        super().__init__(limit, own)


class FairQueue:
    """Round-robin over owners, first come first served within one owner. Not thread-safe: its user holds a lock.

    A run that several owners want stands in the line of each, so it comes up at the earliest of their turns.
    """

    def __init__(self, limit: int = 200, owner_limit: int = 10):
        self.limit, self.owner_limit = limit, owner_limit
        self._lines: dict[str, deque[str]] = {}  # owner → runs, in the order of the owners' turns
        self._owners: dict[str, set[str]] = {}  # run → who waits for it
        self._order: dict[str, int] | None = None  # run → place, until something changes

    def __len__(self) -> int:
        return len(self._owners)

    def __contains__(self, run: str) -> bool:
        return run in self._owners

    def push(self, run: str, owner: str) -> None:
        """Put a run at the end of the owner's line. Raises Full; a run that stands there already stays where it is."""
        line = self._lines.get(owner, deque())
        if run in line:
            return
        if len(line) >= self.owner_limit:
            raise Full(self.owner_limit, own=True)
        if run not in self and len(self) >= self.limit:
            raise Full(self.limit, own=False)
        line.append(run)
        self._lines.setdefault(owner, line)
        self._stands(run, owner)

    def put_back(self, run: str, owner: str) -> None:
        """A run that had its turn in vain stands first in its owner's line, and its owner's turn is next. Never refused."""
        self.discard(run, owner)
        line = self._lines.pop(owner, deque())
        line.appendleft(run)
        self._lines = {owner: line} | self._lines
        self._stands(run, owner)

    def pop(self) -> str | None:
        """The next run, out of every line; its owner's next turn comes after everybody else's."""
        if not self._lines:
            return None
        owner, line = next(iter(self._lines.items()))
        run = line[0]
        self._lines[owner] = self._lines.pop(owner)  # at the end of the turns
        self.discard(run)
        return run

    def discard(self, run: str, owner: str | None = None) -> None:
        """Take a run out of one owner's line, or out of all."""
        self._order = None
        waiting = self._owners.get(run, set())
        for name in waiting & {owner} if owner is not None else set(waiting):
            waiting.discard(name)
            self._lines[name].remove(run)
            if not self._lines[name]:
                self._lines.pop(name)
        if not waiting:
            self._owners.pop(run, None)

    def places(self) -> dict[str, int]:
        """Run → place, 1 = next, in the order in which `pop` would give them. Worked out once after each change."""
        if self._order is None:
            copy = FairQueue()
            copy._lines = {owner: deque(line) for owner, line in self._lines.items()}
            copy._owners = {run: set(owners) for run, owners in self._owners.items()}
            runs = iter(copy.pop, None)
            self._order = {run: place for place, run in enumerate(runs, 1)}
        return self._order

    def _stands(self, run: str, owner: str) -> None:
        self._owners.setdefault(run, set()).add(owner)
        self._order = None
