"""Logs of messages and clicks as columns: the simulator's, the real sets of REPLEARN_DATA, a visitor's CSV; and honest splits.

Called by the studies of this package. Columns that are known only after the outcome never become features: `LEAKS` names
those of the real sets, `telltale` finds them in a stranger's file.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from replearn_core.applications.notifications import openml, simulator
from replearn_core.applications.notifications.measures import auc
from replearn_core.datasets import Unavailable, download
from replearn_core.own import csvfile
from replearn_core.properties.study import Tell, silent

FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kdd": ("kddcup2012_click_small/Click_prediction_small.csv",),
        "push_2019": ("mobile_notifications/evalumap2019_10users_train.csv.gz",),
        "push_2020": ("mobile_notifications/evalumap2020_notifications.csv.gz",),
        "hillstrom": ("hillstrom_email/hillstrom.csv",),
    }
)
LEAKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kdd": ("impression",),  # how often the advertisement was shown in the whole period: counted after the click
        "push_2019": ("timeAppLastUsed_onRemoval", "responseTime_s"),  # known when the notification is removed
        "push_2020": (),
        "hillstrom": ("visit", "conversion", "spend"),  # outcomes of the campaign
    }
)
OUTCOMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"kdd": ("click", "1"), "push_2019": ("action", "True"), "push_2020": ("action", "Opened")}
)
TELLTALE = 0.97  # AUC of one column alone from which it cannot have been known beforehand
LATER = 0.7  # share of the time that is trained on
NEW = 0.2  # share of the users that are never trained on
MOST_BYTES = 200 * 2**20  # of a real set's file, unpacked


class Leak(ValueError):
    """Columns that are known only after the outcome were asked for as features. `columns` names them."""

    def __init__(self, columns: Sequence[str]):
        self.columns = tuple(columns)
        super().__init__(", ".join(columns))


@dataclass(frozen=True, eq=False)
class Log:
    """N messages. categories: name → int32 (N,) codes into levels[name]. numbers: name → float32 (N,), NaN where missing.

    clicked uint8 (N,). user int64 (N,); anonymous rows have a user of their own. time float64 (N,), or None where the log has
    none. truth float64 (N,): the chance of a click, on the simulator. left_out: columns that were not made features.
    """

    name: str
    categories: Mapping[str, np.ndarray]
    levels: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, np.ndarray]
    clicked: np.ndarray
    user: np.ndarray
    time: np.ndarray | None = None
    truth: np.ndarray | None = None
    left_out: tuple[str, ...] = ()
    users_known: bool = True

    def __len__(self) -> int:
        return len(self.clicked)

    def rows(self, chosen: np.ndarray) -> Log:
        """The chosen rows (mask or places)."""
        return replace(
            self,
            categories={name: codes[chosen] for name, codes in self.categories.items()},
            numbers={name: values[chosen] for name, values in self.numbers.items()},
            clicked=self.clicked[chosen],
            user=self.user[chosen],
            time=None if self.time is None else self.time[chosen],
            truth=None if self.truth is None else self.truth[chosen],
        )

    def with_numbers(self, more: Mapping[str, np.ndarray]) -> Log:
        return replace(self, numbers={**self.numbers, **more})


class Split(NamedTuple):
    """Masks (N,): trained on; later messages to the same users; later messages to users never seen."""

    train: np.ndarray
    later: np.ndarray
    new: np.ndarray

    @property
    def test(self) -> np.ndarray:
        return self.later | self.new


def split(log: Log, seed: int) -> Split:
    """As deployed: train on the known users' first 70 % of the time, test on what comes later, to them and to new users.

    Rows of one moment never stand on both sides, nor do the new users' rows. A log without times is split by user alone.
    """
    random = np.random.default_rng([seed, 0x5B11])
    users = np.unique(log.user)
    share = NEW if log.time is not None else 1 - LATER
    held = random.permutation(users)[: max(1, round(share * len(users)))] if log.users_known else users[:0]
    fresh = np.isin(log.user, held)
    if log.time is None:
        if not log.users_known:
            fresh = random.uniform(size=len(log)) < share
        return Split(~fresh, np.zeros(len(log), bool), fresh)
    cut = np.quantile(log.time, LATER, method="lower")
    early = log.time <= cut
    return Split(early & ~fresh, ~early & ~fresh, ~early & fresh)


def validation(log: Log, seed: int) -> np.ndarray:
    """Mask (N,) of training rows to stop and to tune on: the last fifth of the time, or a fifth of the users."""
    if log.time is not None:
        mask = log.time > np.quantile(log.time, 0.8, method="lower")
        if 0 < mask.sum() < len(log):
            return mask
    random = np.random.default_rng([seed, 0x7E57])
    users = np.unique(log.user)
    return np.isin(log.user, random.permutation(users)[: max(1, len(users) // 5)])


# ---- the simulator's log ----


def of_replay(found: simulator.World, played: simulator.Replay) -> Log:
    """The messages that were sent, in order of time."""
    t, user = np.nonzero(played.sent)
    log = at(found, t + played.start, user, played.recent[t, user])
    return replace(log, clicked=played.clicked[t, user].astype(np.uint8), truth=played.p[t, user])


def at(found: simulator.World, t: np.ndarray, user: np.ndarray, recent: np.ndarray) -> Log:
    """The features of moments t for users (N,), with `recent` messages in the last day; nothing is clicked."""
    app = found.app[t, user]
    categories = {
        "user": user,
        "app": app,
        "category": app // 3,
        "hour": found.slot(t),
        "weekday": found.weekday(t),
        "place": found.place[t, user],
        "screen": found.screen[t, user],
        "network": found.network[t, user],
        "activity": found.activity[t, user],
        "last_app": found.last_app[t, user],
        "system": found.system[user],
        "age": found.age[user],
    }
    levels = {
        "user": tuple(map(str, range(found.users))),
        "app": simulator.APPS,
        "category": simulator.CATEGORIES,
        "hour": tuple(f"{hour}:00" for hour in simulator.HOURS),
        "weekday": tuple(map(str, range(1, 8))),
        "place": simulator.PLACES,
        "screen": ("off", "on"),
        "network": simulator.NETWORKS,
        "activity": simulator.ACTIVITIES,
        "last_app": simulator.APPS,
        "system": simulator.SYSTEMS,
        "age": simulator.AGES,
    }
    coded = {name: np.asarray(codes, np.int32) for name, codes in categories.items()}
    numbers = {"recent": np.asarray(recent, np.float32)}
    return Log("simulator", coded, levels, numbers, np.zeros(len(t), np.uint8), np.asarray(user, np.int64), t.astype(np.float64))


# ---- real sets ----


def available(name: str) -> bool:
    """Whether the files of a set are here; the simulator always is."""
    return name not in FILES or _path(name) is not None


def fetchable(name: str) -> bool:
    """Whether a set that is not here can be fetched when it is needed."""
    return name == "kdd"


def _path(name: str) -> Path | None:
    """The file in REPLEARN_DATA, else the copy that was fetched before."""
    folder = os.environ.get("REPLEARN_DATA")
    paths = [Path(folder).expanduser() / FILES[name][0]] if folder else []
    return next((path for path in (*paths, *([openml.kept()] if fetchable(name) else [])) if path.is_file()), None)


def raw(name: str, tell: Tell = silent) -> csvfile.Table:
    """A real set as it lies in its file; fetched first where it can be, with `tell` for how far that is. Raises Unavailable."""
    path = _path(name)
    if path is None and fetchable(name):
        try:
            path = openml.fetch(lambda done, _: tell(min(1.0, done / (openml.MEGABYTES * 1e6))))
        except (download.Failed, OSError) as error:
            raise Unavailable(name, "download", FILES[name]) from error
    if path is None:
        raise Unavailable(name, "missing", FILES[name])
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return csvfile.read(file.read(MOST_BYTES))
    except (OSError, EOFError, csvfile.Refusal) as error:
        raise Unavailable(name, "damaged", FILES[name]) from error


def load(name: str, tell: Tell = silent) -> Log:
    """A real set as a log: kdd, push_2019 or push_2020. Raises Unavailable."""
    table = raw(name, tell)
    outcome, good = OUTCOMES[name]
    clicked = np.array([text == good for text in table.columns[outcome].texts], np.uint8)[codes_of(table, outcome)]
    aside = {outcome, *LEAKS[name]}
    user, time = _who(table, {"kdd": "user_id", "push_2019": "user", "push_2020": "source_user"}[name]), None
    if name == "push_2019":  # its time stamps are parts of the day; the row numbers of each user are in order of time
        order = values_of(table, "id")
        time = np.empty(len(order))
        for one in np.unique(user):
            here = user == one
            time[here] = order[here].argsort().argsort() / here.sum()
        aside |= {"id"}
    if name == "push_2020":
        time = np.array(csvfile.times_of(table.columns["time"])[0])[codes_of(table, "time")]
        aside |= {"time", "source_split"}
    return from_table(name, table, [one for one in table.columns if one not in aside], clicked, user, time, tuple(LEAKS[name]))


def _who(table: csvfile.Table, column: str) -> np.ndarray:
    """Users; in the click log the number 0 stands for everybody unknown, so each such row is somebody else."""
    codes = codes_of(table, column).astype(np.int64)
    texts = table.columns[column].texts
    if column == "user_id" and "0" in texts:
        nobody = codes == texts.index("0")
        codes[nobody] = len(texts) + np.arange(nobody.sum())
    return codes


def from_table(
    name: str,
    table: csvfile.Table,
    features: Sequence[str],
    clicked: np.ndarray,
    user: np.ndarray,
    time: np.ndarray | None,
    left_out: tuple[str, ...],
    who: str | None = None,
) -> Log:
    """The chosen columns as features. who: the column of users, always a category; "" where the file has none, None where it is
    named like one. Raises Leak where a feature is in `left_out`."""
    if wrong := [one for one in features if one in left_out]:
        raise Leak(wrong)
    categories, levels, numbers = {}, {}, {}
    for column in features:
        values = csvfile.numbers_of(table.columns[column], table.separator)
        whole = values is not None and all(one != one or one == int(one) for one in values)
        if values is not None and column != who and not (whole and (_is_id(column) or len(values) <= 12)):
            numbers[column] = np.array(values, np.float64)[codes_of(table, column)].astype(np.float32)
        else:
            categories[column] = codes_of(table, column)
            levels[column] = tuple(table.columns[column].texts)
    return Log(name, categories, levels, numbers, clicked, user, time, None, left_out, who != "")


def _is_id(column: str) -> bool:
    return column.lower().endswith(("id", "hash", "code", "key"))


def codes_of(table: csvfile.Table, column: str) -> np.ndarray:
    return np.array(table.columns[column].codes, np.int32)


def values_of(table: csvfile.Table, column: str) -> np.ndarray:
    """float64 (N,) of a column of numbers. ValueError where it is none."""
    values = csvfile.numbers_of(table.columns[column], table.separator)
    if values is None:
        raise ValueError(column)
    return np.array(values, np.float64)[codes_of(table, column)]


# ---- a visitor's own file ----


def telltale(table: csvfile.Table, features: Sequence[str], clicked: np.ndarray) -> tuple[str, ...]:
    """Columns that alone give the outcome away (AUC above TELLTALE on rows not used to learn their rates), or by being empty.

    Nothing that is known before a message is sent tells so much; such a column was filled in afterwards.
    """
    half = np.random.default_rng(0).permutation(len(clicked)) % 2 == 0
    if min(clicked[half].sum(), clicked[~half].sum(), (1 - clicked[half]).sum(), (1 - clicked[~half]).sum()) == 0:
        return ()
    found = []
    for column in features:
        codes = codes_of(table, column)
        total = np.bincount(codes[half], minlength=codes.max() + 1)
        rate = (np.bincount(codes[half], clicked[half], minlength=len(total)) + clicked.mean()) / (total + 1)
        scores = [rate[codes]]
        values = csvfile.numbers_of(table.columns[column], table.separator)
        if values is not None:
            column_values = np.array(values)[codes]
            scores += [np.nan_to_num(column_values, nan=-1e30), np.isnan(column_values).astype(float)]
        elif "" in table.columns[column].levels:
            scores.append((codes == table.columns[column].levels[""]).astype(float))
        told = [auc(clicked[~half], one[~half]) for one in scores]
        if max(max(one, 1 - one) for one in told) > TELLTALE:
            found.append(column)
    return tuple(found)


def own(data: bytes, roles: Mapping[str, str], most: int = 40_000) -> Log:
    """A visitor's file as a log. roles: {"outcome": column, "user": column or "", "time": column or ""}.

    Columns that tell the outcome, by name or by what they hold, are left out and listed. Of more than `most` rows the latest
    are taken. Raises csvfile.Refusal.
    """
    table = csvfile.read(data)
    outcome, who, when = (roles.get(one, "") for one in ("outcome", "user", "time"))
    for column in (outcome, who, when):
        if column and column not in table.columns:
            raise csvfile.Refusal("no_such_column", column=column[:80])
    meaning = csvfile.outcome_of(table.columns[outcome]) if outcome else None
    if meaning is None:
        raise csvfile.Refusal("bad_outcome", column=outcome[:80])
    clicked = np.array([meaning[text] for text in table.columns[outcome].texts], np.uint8)[codes_of(table, outcome)]
    if min(clicked.sum(), len(clicked) - clicked.sum()) < 50:
        raise csvfile.Refusal("too_few_outcomes", limit=50, found=int(min(clicked.sum(), len(clicked) - clicked.sum())))
    user = codes_of(table, who).astype(np.int64) if who else np.arange(table.rows)
    time = _times(table, when) if when else None
    features = [one for one in table.columns if one not in (outcome, when)]
    named = tuple(one for one in features if csvfile.AFTERWARDS.search(one) and one != who)
    found = telltale(table, [one for one in features if one not in named and one != who], clicked)
    kept = [one for one in features if one not in (*named, *found)]
    if not [one for one in kept if one != who]:
        raise csvfile.Refusal("no_features")
    log = from_table("own", table, kept, clicked, user, time, (*named, *found), who)
    order = np.arange(table.rows) if time is None else np.argsort(time, kind="stable")
    order = order[-most:]
    return log.rows(order if time is None else order[~np.isnan(time[order])])


def _times(table: csvfile.Table, column: str) -> np.ndarray:
    values = csvfile.numbers_of(table.columns[column], table.separator)
    times = csvfile.times_of(table.columns[column])[0] if values is None else values
    found = np.array(times, np.float64)[codes_of(table, column)]
    if np.isnan(found).mean() > 0.2:
        bad = np.flatnonzero(np.isnan(found))
        raise csvfile.Refusal("bad_times", column=column[:80], count=len(bad), row=int(bad[0]) + 1)
    return found
