"""Answers of tasks: one file each, beside the runs; see tasks.py. Kept by store.py, which gives their room to runs first."""

import gzip
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from replearn_core.experiment import RUN_ID_PATTERN
from replearn_core.storage import Named, Storage

FOLDER = "tasks"


class Answers:
    """Ids that are none have no answer, and are never part of a file's name. Other failures of the place raise OSError."""

    def __init__(self, storage: Storage, shipped: Path | None = None):
        """shipped: a folder of answers that come with the app, `<task id>.gz`; they are only read, where none is kept."""
        self.storage, self.shipped = storage, shipped

    def read(self, task_id: str, *, used: bool) -> bytes | None:
        """An answer as it was written, or None; `used`: it is the latest used one from now on."""
        if not re.fullmatch(RUN_ID_PATTERN, task_id):
            return None
        with suppress(OSError):
            data = self.storage.read(f"{FOLDER}/{task_id}")
            if data is not None and used:
                self.storage.touch(f"{FOLDER}/{task_id}")
            return data if data is not None or self.shipped is None else _unpacked(self.shipped / f"{task_id}.gz")
        return None

    def there(self, task_id: str) -> bool:
        """Whether there is such an answer, unread. True also where the place does not say: it was there before."""
        try:
            kept = self.storage.read(f"{FOLDER}/{task_id}", most=0) is not None
            return kept or (self.shipped is not None and (self.shipped / f"{task_id}.gz").is_file())
        except OSError:  # EFBIG of an answer that is there, or a place that fails
            return True

    def write(self, task_id: str, answer: bytes) -> None:
        self.storage.write(f"{FOLDER}/{task_id}", answer, durable=False)

    def remove(self, task_id: str) -> None:
        if re.fullmatch(RUN_ID_PATTERN, task_id):
            self.storage.remove(f"{FOLDER}/{task_id}")

    def kept(self) -> list[Named]:
        """The least recently used first."""
        with suppress(OSError):
            return sorted(self.storage.names(FOLDER), key=lambda file: file.modified)
        return []

    def shrink(self, most: int, newest: str) -> int:
        """Take the least recently used out, but not the newest, until `most` bytes are left. Returns how many are left."""
        answers = self.kept()
        size = sum(answer.bytes for answer in answers)
        for answer in answers:
            if size <= most:
                break
            if answer.name != f"{FOLDER}/{newest}":
                self.storage.remove(answer.name)
                size -= answer.bytes
        return size


@lru_cache(maxsize=16)
def _unpacked(path: Path) -> bytes | None:
    return gzip.decompress(path.read_bytes()) if path.is_file() else None
