"""Files by name below one URL: a folder of this machine, or object storage through fsspec. The store and its workers use it.

`s3://bucket/lab`, `gs://…`, `abfs://…`: what fsspec knows, with the package that fsspec asks for. A plain path or `file://…` is a
folder. `shared()` is the one that REPLEARN_STORE names, for code that runs in a worker.
"""

import errno
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,199}(/[A-Za-z0-9_][A-Za-z0-9_.=-]{0,199})*")
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")  # what file systems call it


class Named(NamedTuple):
    """One file: its name below the storage, its bytes, when it was last written (Unix time, 0 where nobody knows)."""

    name: str
    bytes: int
    modified: float


class Storage:
    """Files below one URL. Safe to call from any thread; each method raises OSError where the place fails.

    A name is parts of letters, digits and `_.=-` with `/` between; ValueError for others, `..` and absolute ones among them.
    """

    def __init__(self, url: str | Path):
        self.url = str(url)
        self.folder = _local(self.url)  # None for object storage
        self._place: _Place = _Folder(self.folder) if self.folder is not None else _Objects(self.url)

    def __str__(self) -> str:
        """The URL without a password, for messages."""
        return re.sub(r"//[^/@]*@", "//", self.url)

    def below(self, name: str) -> "Storage":
        """The storage of one folder."""
        return Storage(self.folder / _checked(name) if self.folder is not None else f"{self.url.rstrip('/')}/{_checked(name)}")

    def read(self, name: str, *, most: int | None = None) -> bytes | None:
        """A file's bytes, or None where there is none. Raises OSError (EFBIG) for one of more than `most` bytes, unread."""
        return self._place.read(_checked(name), most)

    def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Whole or not at all: a reader sees the old bytes or the new ones. `durable`: on the disk before this returns."""
        self._place.write(_checked(name), data, durable)

    def remove(self, name: str) -> None:
        """Take a file away, or a folder and all below it. Nothing happens where there is none."""
        self._place.remove(_checked(name))

    def touch(self, name: str) -> None:
        """Note that a file was used now. In object storage the time of writing stays."""
        _checked(name)
        if self.folder is not None:
            with suppress(FileNotFoundError):
                os.utime(self.folder / name)

    def tidy(self) -> None:
        """Take away what a process that was killed while it wrote has left, here and in the folders here. For a sole writer."""
        if self.folder is not None:
            for pattern in (".*.part", "*/.*.part"):
                for path in self.folder.glob(pattern):
                    path.unlink(missing_ok=True)

    def names(self, folder: str = "") -> list[Named]:
        """The files in one folder, by name; not those in folders of it, nor hidden ones."""
        return self._listed(folder)[0]

    def folders(self, folder: str = "") -> list[str]:
        """The names of the folders in one folder."""
        return self._listed(folder)[1]

    def _listed(self, folder: str) -> tuple[list[Named], list[str]]:
        before = f"{_checked(folder)}/" if folder else ""
        found = [item for item in self._place.listed(folder) if NAME.fullmatch(item[0])]
        files = [Named(before + name, size, when) for name, size, when, is_folder in found if not is_folder]
        return sorted(files), sorted(before + name for name, _, _, is_folder in found if is_folder)


def shared() -> Storage:
    """The storage that REPLEARN_STORE names: the server's own, and inside its workers the same."""
    return _storage(default_url())


def default_url() -> str:
    """REPLEARN_STORE, else a folder of this user: ~/.local/share/replearn, or the system's own place for such data.

    For a user without a home that can be written to, a temporary folder, the same for as long as this process lives.
    """
    if named := os.environ.get("REPLEARN_STORE"):
        return named if "://" in named else str(Path(named).expanduser())
    name = "LOCALAPPDATA" if os.name == "nt" else "XDG_DATA_HOME"
    try:
        root = Path(os.environ.get(name) or Path.home() / ".local" / "share") / "replearn"
        root.mkdir(parents=True, exist_ok=True)
        if os.access(root, os.W_OK):
            return str(root)
    except (OSError, RuntimeError):  # RuntimeError: nobody knows where home is
        pass
    return temporary()


@cache
def temporary() -> str:
    """A folder that vanishes with this machine's temporary files; one for each process."""
    return tempfile.mkdtemp(prefix="replearn-store-")


@cache
def _storage(url: str) -> Storage:
    return Storage(url)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"no name of a file: {name[:80]!r}; letters, digits and _.=- with / between")
    return name


def _local(url: str) -> Path | None:
    if url.startswith(("file://", "local://")):
        return Path(url.split("://", 1)[1])
    return None if "://" in url else Path(url)


# ---- the two kinds of place ----


class _Place(Protocol):
    def read(self, name: str, most: int | None) -> bytes | None: ...
    def write(self, name: str, data: bytes, durable: bool) -> None: ...
    def remove(self, name: str) -> None: ...
    def listed(self, folder: str) -> Iterator[tuple[str, int, float, bool]]:
        """(name within the folder, bytes, modified, whether it is a folder)."""
        ...


class _Folder:
    """A folder of this machine. Not through fsspec: its writes are neither atomic nor durable, its errors lose their errno."""

    def __init__(self, root: Path):
        self.root = root

    def read(self, name: str, most: int | None) -> bytes | None:
        try:
            if most is not None and (self.root / name).stat().st_size > most:
                raise OSError(errno.EFBIG, "too large", name)
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes, durable: bool) -> None:
        path = self.root / name
        beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        path = self.root / name
        with suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def listed(self, folder: str) -> Iterator[tuple[str, int, float, bool]]:
        with suppress(FileNotFoundError), os.scandir(self.root / folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # gone since
                    about = entry.stat()
                    yield entry.name, about.st_size, about.st_mtime, entry.is_dir()


class _Objects:
    """Object storage. A write is one put, which these stores make visible whole."""

    def __init__(self, url: str):
        import fsspec  # type: ignore[import-untyped]  # a server with a plain folder does without

        self.files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)  # other servers write here too
        self.root = root.rstrip("/")

    def read(self, name: str, most: int | None) -> bytes | None:
        with _as_os_error():
            try:
                if most is not None and (self.files.info(f"{self.root}/{name}")["size"] or 0) > most:
                    raise OSError(errno.EFBIG, "too large", name)
                data: bytes = self.files.cat_file(f"{self.root}/{name}")
                return data
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes, durable: bool) -> None:
        with _as_os_error():
            self.files.pipe_file(f"{self.root}/{name}", data)

    def remove(self, name: str) -> None:
        with _as_os_error(), suppress(FileNotFoundError):
            self.files.rm(f"{self.root}/{name}", recursive=True)

    def listed(self, folder: str) -> Iterator[tuple[str, int, float, bool]]:
        with _as_os_error():
            try:
                found = self.files.ls(f"{self.root}/{folder}".rstrip("/"), detail=True)
            except FileNotFoundError:
                return
        for item in found:
            name = item["name"].rstrip("/").rsplit("/", 1)[-1]
            yield name, item.get("size") or 0, _time(item), item["type"] == "directory"


def _time(item: dict[str, Any]) -> float:
    value = next((item[name] for name in _TIMES if item.get(name) is not None), 0.0)
    return value.timestamp() if isinstance(value, datetime) else float(value) if isinstance(value, (int, float)) else 0.0


@contextmanager
def _as_os_error() -> Iterator[None]:
    """What a cloud's library says, as an OSError: callers know no other failure of a place."""
    try:
        yield
    except (OSError, ValueError):
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"object storage: {type(error).__name__}: {error}") from error
