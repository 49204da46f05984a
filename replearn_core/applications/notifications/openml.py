"""The click log of KDD Cup 2012 from OpenML, by scikit-learn's fetch_openml in a process of its own. Called by `tables`.

It is kept as a CSV like the one in REPLEARN_DATA, so that one reader serves both.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path

from replearn_core.datasets import download
from replearn_core.datasets.dataset import Progress

KDD = 1_220  # OpenML's number of Click_prediction_small
ROWS = 39_948
COLUMNS = (
    *("click", "impression", "url_hash", "ad_id", "advertiser_id", "depth", "position"),
    *("query_id", "keyword_id", "title_id", "description_id", "user_id"),
)
MEGABYTES = 1.5  # of what comes over the network, about: for a progress bar


def kept() -> Path:
    """Where the copy lies, or would lie: in scikit-learn's data folder."""
    return download.data_home() / "replearn" / "kdd.csv.gz"


def fetch(on_progress: Progress | None = None) -> Path:
    """The copy, fetched if it is not here. on_progress: (bytes so far, None); what it raises stops the download. Raises
    download.Failed."""
    target = kept()
    if target.is_file():
        return target
    return download.made(f"{__name__}.child", (str(target),), "kdd", download.data_home(), on_progress)


# ---- inside the process ----


def child(target: str) -> None:
    download.as_child()
    keep_copy(Path(target))


def keep_copy(target: Path) -> None:
    """Fetch, check and write the copy, whole or not at all. Raises ValueError where it is another table, and whatever
    fetch_openml raises."""
    from sklearn.datasets import fetch_openml

    frame = fetch_openml(data_id=KDD, as_frame=True, parser="auto").frame
    if len(frame) != ROWS or set(frame.columns) != set(COLUMNS):
        raise ValueError(f"OpenML {KDD}: expected {ROWS} rows of {COLUMNS}, got {len(frame)} of {tuple(frame.columns)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=target.parent, suffix=".csv.gz")
    try:
        with os.fdopen(handle, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
            packed.write(frame[list(COLUMNS)].to_csv(index=False, lineterminator="\n").encode())
        os.chmod(scratch, 0o644)
        os.replace(scratch, target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
