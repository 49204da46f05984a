"""A CSV as rows of numbers, with a column of labels if one is named. Called by worker.py, in its process. Raises Refused only."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from replearn_core.own import csvfile, found
from replearn_core.own.found import Found
from replearn_core.own.refusal import Refused


def look(data: bytes) -> dict[str, Any]:
    """`csvfile.summary` with, for each column, whether it can be used: `number`, and `classes` (2 … CLASSES levels)."""
    table, headless = _table(data)
    told = csvfile.summary(table)
    for one in told["columns"]:
        one["classes"] = 2 <= one["distinct"] <= found.CLASSES
    return told | {"headless": headless}


def read(data: bytes, columns: Sequence[str], label: str = "") -> Found:
    """The named columns as numbers; rows with an empty cell in one of them, or without a label, are left out and counted."""
    table, headless = _table(data)
    if table.rows > found.SAMPLES:
        raise Refused("problem.own_rows", count=table.rows, limit=found.SAMPLES)
    columns = [name for name in columns if name != label and name in table.columns]
    if not 2 <= len(columns) <= found.COLUMNS:
        raise Refused("problem.own_width", count=len(columns), limit=found.COLUMNS)
    x = np.empty((table.rows, len(columns)))
    for place, name in enumerate(columns):
        numbers = csvfile.numbers_of(table.columns[name], table.separator)
        if numbers is None:
            raise Refused("problem.own_not_numbers", column=name)
        x[:, place] = np.array(numbers)[np.frombuffer(table.columns[name].codes, np.int32)]
    kept = ~np.isnan(x).any(axis=1)
    y, classes = _classes(table, label)
    if y is not None:
        kept &= y >= 0
    into = Found(x[kept], None if y is None else y[kept], classes, tuple(columns), Counter(), Counter(), {}, {"label": label})
    into.notes["incomplete"] = int((~kept).sum())
    into.notes["headless"] = int(headless)
    return _used(into)


def _table(data: bytes) -> tuple[csvfile.Table, bool]:
    """(the table, whether its first line was numbers and names were made up). Raises Refused."""
    try:
        table = csvfile.read(data)
        names = list(table.columns)
        if not all(csvfile.NUMBER.fullmatch(name) for name in names):
            return table, False
    except csvfile.Refusal as refusal:
        if refusal.key != "repeated" or not csvfile.NUMBER.fullmatch(str(refusal.numbers.get("column", ""))):
            raise Refused(f"notifications.refusal.{refusal.key}", **refusal.numbers) from None
    except MemoryError:
        raise Refused("notifications.refusal.memory") from None
    return _headless(data), True


def _headless(data: bytes) -> csvfile.Table:
    """The same file with a line of column numbers before it."""
    try:
        text, _ = csvfile._decoded(data)
        separator = csvfile._separator(text)
        many = text.lstrip("\r\n").split("\n", 1)[0].count(separator) + 1
        header = separator.join(f"c{place + 1}" for place in range(min(many, csvfile.MOST_COLUMNS + 1)))
        return csvfile.read(f"{header}\n{text}".encode()[: csvfile.MOST_BYTES])
    except csvfile.Refusal as refusal:
        raise Refused(f"notifications.refusal.{refusal.key}", **refusal.numbers) from None


def _classes(table: csvfile.Table, label: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(place of each row's label or −1, the levels in order); None without a column of labels."""
    if not label or label not in table.columns:
        return None, ()
    column = table.columns[label]
    levels = [text for text in column.texts if text != ""]
    if len(levels) > found.CLASSES:
        raise Refused("problem.own_classes", count=len(levels), limit=found.CLASSES)
    order = sorted(levels, key=lambda text: (not csvfile.NUMBER.fullmatch(text), _number(text), text))
    place = {text: number for number, text in enumerate(order)} | {"": -1}
    codes = np.array([place[text] for text in column.texts], np.int64)
    names = tuple(csvfile.CONTROL.sub("", text)[: found.CLASS_NAME] for text in order)
    return codes[np.frombuffer(column.codes, np.int32)], names


def _number(text: str) -> float:
    return float(text) if csvfile.NUMBER.fullmatch(text) else 0.0


def _used(into: Found) -> Found:
    """Classes of which a row is left, counted from 0 without gaps."""
    if into.y is None:
        return into
    used, places = np.unique(into.y, return_inverse=True)
    into.y, into.classes = places.ravel(), tuple(into.classes[one] for one in used)
    if len(into.classes) < 2:
        into.y, into.classes = None, ()
        into.notes["one_class"] = 1
    return into
