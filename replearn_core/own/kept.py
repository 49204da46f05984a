"""Where visitors' own data lie: `own/<name>/` in the shared storage, with a list of what was made of them. Nothing here lasts.

The server keeps, beats and leaves; its workers read by `raw`, which `datasets.load` calls. A name is drawn at random and says
what the data are (`catalog.OWN`); who has it has the data, and nobody finds it by asking.
"""

import io
import json
import os
import re
import secrets
import time
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from replearn_core import catalog, storage
from replearn_core.datasets.dataset import Part, Raw, Unavailable
from replearn_core.experiment import RUN_ID_PATTERN
from replearn_core.own.refusal import Refused

FOLDER = "own"
DATA, SEEN, JOBS = "data.npz", "seen", "jobs"
GONE = 15 * 60.0  # seconds after the last page that used them was closed: longer than a network's ten bad minutes
LONGEST = 12 * 3600.0  # seconds after the upload, whoever still looks
BEAT = 60.0  # seconds between two notes that somebody is there
MOST_FILE = 64 * 2**20  # bytes of one data set
MOST_BYTES = int(os.environ.get("REPLEARN_OWN_MB") or 1024) * 2**20  # of all of them
MOST_SETS = 200


# ---- keeping ----


def keep(facts: Mapping[str, Any], npz: bytes) -> str:
    """Keep what `worker.prepared` made, under a name of its own: equal uploads are two data sets. Raises Refused."""
    try:
        place = storage.shared()
        folders = place.folders(FOLDER)
        total = sum(file.bytes for folder in folders for file in place.names(folder)) if folders else 0
        if len(folders) >= MOST_SETS or total + len(npz) > MOST_BYTES:
            raise Refused("problem.own_server_full")
        classes, images = len(facts["classes"]), facts["kind"] == "image"
        name = catalog.own_name(images, facts["size"], facts["train"], facts["test"], classes, secrets.token_hex(16))
        place.write(f"{FOLDER}/{name}/{SEEN}", _stamp(time.time()), durable=False)
        place.write(f"{FOLDER}/{name}/{DATA}", npz, durable=False)
    except OSError:
        raise Refused("problem.own_not_kept") from None
    return name


def there(name: str) -> bool:
    """Whether these data live."""
    try:
        return _known(name) and _has_data(name)
    except OSError:
        return False


def is_gone(dataset: str) -> bool:
    """Whether this is a visitor's data set whose data have left. False where the place cannot be asked, and for other sets."""
    try:
        return _known(dataset) and not _has_data(dataset)
    except OSError:
        return False


def content(name: str) -> bytes | None:
    """The npz as it is kept, for its visitor to take home; None where it has left."""
    try:
        return storage.shared().read(f"{FOLDER}/{name}/{DATA}", most=MOST_FILE) if _known(name) else None
    except OSError:
        return None


def raw(name: str) -> Raw:
    """The arrays, training half in the order from which the first n are taken. Raises Unavailable."""
    found = content(name)
    if found is None:
        raise Unavailable(name, "left")
    entry = catalog.dataset(name)
    try:
        with np.load(io.BytesIO(found), allow_pickle=False) as arrays:
            halves = [Part(arrays[f"x_{half}"], arrays[f"y_{half}"] if entry.classes else None) for half in ("train", "test")]
            about, scale = json.loads(arrays["about"].tobytes()), float(arrays["scale"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise Unavailable(name, "damaged", [DATA]) from error
    train, test = halves
    if (len(train.x), len(test.x), train.x.shape[1:]) != (entry.train_size, entry.test_size, entry.shape):
        raise Unavailable(name, "damaged", [DATA])
    return Raw(train, test, scale, tuple(about["classes"]), (), "", "–")


# ---- staying and leaving ----


def beat(name: str, now: float | None = None) -> None:
    """Note that a page which uses these data is open. Raises OSError."""
    stamp = _times(name)
    if stamp is not None:
        storage.shared().write(f"{FOLDER}/{name}/{SEEN}", _stamp(stamp[0], time.time() if now is None else now), durable=False)


def trace(name: str, job_id: str) -> None:
    """Note that this run or task is made of these data, so that it leaves with them. Raises OSError."""
    if catalog.is_own(name) and _known(name):
        storage.shared().write(f"{FOLDER}/{name}/{JOBS}/{job_id}", b"", durable=False)


def names() -> tuple[str, ...]:
    """Every data set that lives, or is leaving. Raises OSError."""
    return tuple(folder.rsplit("/", 1)[-1] for folder in storage.shared().folders(FOLDER))


def gone(name: str, now: float | None = None) -> bool:
    """Whether nobody has used these data for GONE seconds, or they were kept for LONGEST. Raises OSError."""
    now = time.time() if now is None else now
    times = _times(name)
    return times is None or not there(name) or now - times[1] > GONE or now - times[0] > LONGEST


def leave(name: str, forget: Callable[[str], bool]) -> bool:
    """Delete the data, then every run and task that was made of them; whether nothing is left. Raises OSError.

    forget: takes out one run or task; False while it is still ending, to be asked again later.
    """
    place, folder = storage.shared(), f"{FOLDER}/{name}"
    place.remove(f"{folder}/{DATA}")
    left = False
    for file in place.names(f"{folder}/{JOBS}"):
        job_id = file.name.rsplit("/", 1)[-1]
        if not re.fullmatch(RUN_ID_PATTERN, job_id) or forget(job_id):
            place.remove(file.name)
        else:
            left = True
    if not left:
        place.remove(folder)
    return not left


def _known(name: str) -> bool:
    return catalog.OWN.fullmatch(name) is not None


def _has_data(name: str) -> bool:
    return any(file.name.endswith(f"/{DATA}") for file in storage.shared().names(f"{FOLDER}/{name}"))


def _stamp(uploaded: float, seen: float | None = None) -> bytes:
    return json.dumps([uploaded, uploaded if seen is None else seen]).encode()


def _times(name: str) -> tuple[float, float] | None:
    """(uploaded, last seen), Unix times; None where that cannot be read."""
    found = storage.shared().read(f"{FOLDER}/{name}/{SEEN}", most=1_000)
    try:
        uploaded, seen = json.loads(found or b"")
        return float(uploaded), float(seen)
    except (ValueError, TypeError):
        return None
