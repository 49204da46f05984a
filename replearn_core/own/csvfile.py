"""A visitor's CSV as columns of levels and codes, with a named refusal for whatever is wrong with it. Standard library only.

Run as a script it reads a file from standard input under limits of memory and processor time and prints what it found as JSON:
that is how the server has a stranger's log parsed (`notifications/limited.py`). `numbers.py` here reads a table of numbers by the
same function, `notifications/tables.py` the published logs.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime

MOST_BYTES = 20 * 2**20
MOST_ROWS = 200_000
MOST_COLUMNS = 200
MOST_CELL = 2_000  # characters
MOST_DISTINCT = 1_500_000  # texts in all columns together
SHOWN = 3  # rows of the preview
SEPARATORS = ",;\t|"
DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?(e[+-]?\d+)?", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
FORMULA = tuple("=+-@＝＋－＠")  # with what a spreadsheet in Chinese or Japanese takes for the same
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
AFTERWARDS = re.compile(
    r"(remov|response|respond|dismiss|convers|dwell|duration|latency|outcome|spend|revenue|purchase|after|opened.?at|click.?time"
    r"|time.?to|impressions?$|點擊時間|回應|停留|成交|消費|購買|營收)",
    re.IGNORECASE,
)
"""Names of columns that are often known only after the outcome."""


class Refusal(ValueError):
    """What is wrong with the file: a text key and the numbers of its sentence."""

    def __init__(self, key: str, **numbers):
        self.key, self.numbers = key, numbers
        super().__init__(f"{key} {numbers}")


class Column:
    """One column: its distinct texts in order of appearance, and for each row which of them."""

    def __init__(self, name: str):
        self.name = name
        self.levels: dict[str, int] = {}
        self.codes = array("i")

    def add(self, text: str) -> None:
        self.codes.append(self.levels.setdefault(text, len(self.levels)))

    @property
    def texts(self) -> list[str]:
        return list(self.levels)


class Table:
    """columns by name, all of one length; separator; notes: (key, numbers) of what was done or skipped."""

    def __init__(self, columns: dict[str, Column], separator: str, encoding: str):
        self.columns, self.separator, self.encoding = columns, separator, encoding
        self.rows = len(next(iter(columns.values())).codes)


def read(data: bytes) -> Table:
    """The table in these bytes; the first line names the columns. Raises Refusal."""
    if len(data) > MOST_BYTES:
        raise Refusal("too_big", megabytes=round(len(data) / 2**20, 1), limit=MOST_BYTES // 2**20)
    text, encoding = _decoded(data)
    if not text.strip():
        raise Refusal("empty")
    separator = _separator(text)
    csv.field_size_limit(MOST_CELL)
    return Table(_columns(text, separator), separator, encoding)


def _decoded(data: bytes) -> tuple[str, str]:
    """UTF-8, UTF-16 by its mark or its zeros, else Big5."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _as(data, "utf-16"), "UTF-16"
    head = data[:4_000]
    zeros = head.count(0)
    if zeros > len(head) * 0.3:
        return _as(data, "utf-16-le" if zeros and head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"), "UTF-16"
    if zeros or b"\x00" in data:
        raise Refusal("nul", line=data[: data.index(b"\x00")].count(b"\n") + 1)
    for encoding, name in (("utf-8-sig", "UTF-8"), ("cp950", "Big5")):
        try:
            return data.decode(encoding), name
        except UnicodeDecodeError:
            continue
    raise Refusal("encoding")


def _as(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise Refusal("encoding") from None
    if "\x00" in text:
        raise Refusal("nul", line=text[: text.index("\x00")].count("\n") + 1)
    return text


def _separator(text: str) -> str:
    """The one that the first line has most of, outside quotes."""
    first = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").split("\n", 1)[0][:100_000])
    return max(SEPARATORS, key=lambda one: (first.count(one), -SEPARATORS.index(one)))


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each line that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Refusal("cell", line=reader.line_num, limit=MOST_CELL) from None
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _columns(text: str, separator: str) -> dict[str, Column]:
    lines = _lines(text, separator)
    _, header = next(lines, (0, []))
    if not header:  # nothing but separators
        raise Refusal("empty")
    columns = _named(header)
    if len(columns) < 2:
        raise Refusal("one_column")
    distinct, rows, own = 0, 0, list(columns.values())
    for line, cells in lines:
        if len(cells) != len(own):
            raise Refusal("ragged", line=line, found=len(cells), expected=len(own))
        rows += 1
        if rows > MOST_ROWS:
            raise Refusal("too_many_rows", limit=MOST_ROWS)
        for column, cell in zip(own, cells):
            before = len(column.levels)
            column.add(cell.strip())
            distinct += len(column.levels) - before
        if distinct > MOST_DISTINCT:
            raise Refusal("too_many_texts", limit=MOST_DISTINCT)
    if rows == 0:
        raise Refusal("no_rows")
    return columns


def _named(header: list[str]) -> dict[str, Column]:
    if len(header) > MOST_COLUMNS:
        raise Refusal("too_many_columns", found=len(header), limit=MOST_COLUMNS)
    columns: dict[str, Column] = {}
    for place, cell in enumerate(header):
        name = CONTROL.sub("", cell).strip()[:80]
        if not name:
            raise Refusal("unnamed", place=place + 1)
        if name in columns:
            raise Refusal("repeated", column=name, place=place + 1)
        columns[name] = Column(name)
    return columns


# ---- what the columns are ----


def numbers_of(column: Column, separator: str) -> list[float] | None:
    """A number for each level, NaN for an empty one; None where a level is none. Decimal commas where commas do not separate."""
    found = []
    for text in column.levels:
        if text == "":
            found.append(math.nan)
        elif NUMBER.fullmatch(text):
            found.append(float(text))
        elif separator != "," and DECIMAL_COMMA.fullmatch(text):
            found.append(float(text.replace(",", ".")))
        else:
            return None
        if math.isinf(found[-1]):
            return None
    return found if any(not math.isnan(one) for one in found) else None


def times_of(column: Column) -> tuple[list[float], int]:
    """(seconds since 1970 for each level, NaN where it is no time; how many rows that is)."""
    found = []
    for text in column.levels:
        try:
            found.append(datetime.fromisoformat(text.replace("/", "-").replace("Z", "+00:00")).timestamp())
        except (ValueError, OverflowError, OSError):
            found.append(math.nan)
    bad = sum(1 for code in column.codes if math.isnan(found[code]))
    return found, bad


def kind_of(column: Column, separator: str) -> str:
    """number, time or category."""
    if numbers_of(column, separator) is not None:
        return "number"
    some = dict.fromkeys(column.texts[:200])
    sample = Column(column.name)
    for text in some:
        sample.add(text)
    _, bad = times_of(sample)
    return "time" if bad < 0.2 * len(some) else "category"


def first_bad_time(column: Column) -> tuple[int, int]:
    """(rows whose time cannot be read, the first of them, counted from 1)."""
    found, bad = times_of(column)
    first = next((row for row, code in enumerate(column.codes, 1) if math.isnan(found[code])), 0)
    return bad, first


def outcome_of(column: Column) -> dict[str, int] | None:
    """Level → 0 or 1, where the column has exactly two levels that can be an outcome; empty cells are none."""
    levels = [text for text in column.levels if text != ""]
    if len(levels) != 2 or "" in column.levels:
        return None
    good = ("1", "1.0", "true", "yes", "y", "t", "click", "clicked", "opened", "open", "是", "有")
    chosen = [text for text in levels if text.lower() in good] or [sorted(levels)[-1]]
    return {text: int(text == chosen[0]) for text in levels}


def summary(table: Table) -> dict:
    """What the page shows of the file: no row of it but the first three."""
    columns = []
    for column in table.columns.values():
        kind = kind_of(column, table.separator)
        one = {
            "name": column.name,
            "kind": kind,
            "distinct": len(column.levels),
            "missing": column.codes.count(column.levels[""]) if "" in column.levels else 0,
            "outcome": outcome_of(column) is not None,
            "afterwards": bool(AFTERWARDS.search(column.name)),
        }
        if kind == "time":
            one["bad_times"], one["first_bad"] = first_bad_time(column)
        columns.append(one)
    texts = {column.name: column.texts for column in table.columns.values()}
    preview = [
        {column.name: CONTROL.sub("", texts[column.name][column.codes[row]])[:60] for column in table.columns.values()}
        for row in range(min(SHOWN, table.rows))
    ]
    return {
        "rows": table.rows,
        "separator": table.separator,
        "encoding": table.encoding,
        "columns": columns,
        "preview": preview,
    }


def escaped(cell: object) -> str:
    """A cell for a CSV that somebody opens in a spreadsheet: what would be read as a formula gets an apostrophe before it."""
    text = str(cell)
    return "'" + text if text.lstrip()[:1] in FORMULA and not NUMBER.fullmatch(text) else text


def written(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A CSV with every cell escaped."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([escaped(cell) for cell in header])
    writer.writerows([[escaped(cell) for cell in row] for row in rows])
    return out.getvalue()


def main() -> None:
    """What the child process does: standard input → one line of JSON."""
    import resource

    told: dict[str, object]

    resource.setrlimit(resource.RLIMIT_AS, (512 * 2**20, 512 * 2**20))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        told = {"summary": summary(read(sys.stdin.buffer.read(MOST_BYTES + 1)))}
    except Refusal as refused:
        told = {"problem": [refused.key, refused.numbers]}
    except MemoryError:
        told = {"problem": ["memory", {}]}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
