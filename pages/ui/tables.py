"""Tables to take home: a table on a page with its CSV beneath, a study's numbers as CSV. No cell of either is a formula."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui import powers
from pages.ui.text import later, t

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet reads a formula from
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)
_WRITTEN = re.compile(r"[−-]?\d{1,3}(,\d{3})*(\.\d+)?(e[−+-]?\d+)?( × 10[" + powers.DIGITS + "]+)?", re.IGNORECASE)
"""As `text.number` writes it."""

Columns = Mapping[str, Sequence[Any]]


def show(columns: Columns, key: str, *, wide: bool = False, offered: bool = True) -> None:
    """A table, by its headings, and its CSV. wide: one that may scroll in its own box. offered: False where it still moves, since
    a file that a poll has replaced can no longer be fetched."""
    if wide:
        st.dataframe(columns, hide_index=True, width="stretch", key=key)
    else:
        st.table(columns, hide_index=True, border="horizontal")
    if offered:
        offer(key, lambda: of_columns(columns))


def offer(key: str, made: Callable[[], bytes], label: str | None = None) -> None:
    """The button that saves a CSV, which is made when it is pressed. label: else `CSV`, for what stands right above."""
    st.download_button(
        label or t("table.csv"), later(made), f"{key}.csv", "text/csv", key=f"{key}_csv", icon=":material/download:",
        type="tertiary", on_click="ignore", help=None if label else t("table.csv_help"),
    )  # fmt: skip


# ---- what a study measured ----


def offer_study(told: Mapping[str, Any], sentence: Callable[[str, Mapping[str, float]], str]) -> None:
    """Every number of an answer: each measure over its seeds, then each comparison. sentence: of (key, numbers)."""
    offer(f"study_{told['name']}", lambda: study(told, sentence), t("table.study"))


def study(told: Mapping[str, Any], sentence: Callable[[str, Mapping[str, float]], str]) -> bytes:
    """A row a measure: mean, interval, seeds, each seed's value; a row a comparison: effect, interval, seeds, in words."""
    first, most = int(told["settings"].get("first_seed", 0)), max((len(one) for one in told["values"].values()), default=0)
    names = ("measure", "effect", "low", "high", "seeds")
    head = [t(f"table.column.{name}") for name in names] + [t("table.column.seed", n=first + place) for place in range(most)]
    rows: list[list[Any]] = []
    for name, (mean, low, high, seeds) in told["summary"].items():
        values = list(told["values"].get(name, ()))
        rows.append([name, mean, low, high, int(seeds), *values, *[""] * (most - len(values))])
    for key, found in told["findings"]:
        numbers = [found[name] for name in ("effect", "low", "high")]
        rows.append([sentence(key, found), *numbers, int(found["seeds"]), *[""] * most])
    return written([head, *rows])


# ---- cells ----


def of_columns(columns: Columns) -> bytes:
    return written([list(columns), *zip(*columns.values(), strict=True)])


def written(rows: Iterable[Sequence[Any]]) -> bytes:
    """UTF-8 with the mark that spreadsheets look for."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([escaped(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def escaped(cell: Any) -> str:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it. Numbers stay, and
    those that were written for reading (`−1,230`) become plain ones."""
    if cell is None or isinstance(cell, (bool, int, float)):
        return "" if cell is None else repr(cell)
    text = str(cell)
    if _WRITTEN.fullmatch(text):
        text = powers.for_machines(text).replace(",", "").replace("−", "-")
    return "'" + text if text.lstrip(" ").startswith(FORMULA) and not _NUMBER.fullmatch(text) else text
