"""A world of users, apps and notifications whose truth is known: clicks, fatigue, uninstalls, and decisions that can be replayed.

Called by the studies of this package. A simulation of our own, not data about people: no number here was fitted to anybody's log.

At each of six moments a day every user could get one message about one app. Whether it is sent is a decision; whether it is
clicked follows the truth

    P(click) = σ(b_u + z_u · q_a + context − fatigue · s_u · F),    F ← ¾ F + 1 for a message that was ignored,

and an ignored message is followed by an uninstall of that app with a probability that grows with F. All luck is drawn
beforehand, for every moment and user, so two policies meet the same luck and their difference is the policies' own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

CATEGORIES = ("chat", "news", "shop", "game", "music", "video", "travel", "finance")
APPS = tuple(f"{category} {place}" for category in CATEGORIES for place in (1, 2, 3))
HOURS = (8, 10, 12, 15, 18, 21)
PLACES = ("home", "work", "transit", "out")
NETWORKS = ("wifi", "mobile")
ACTIVITIES = ("still", "walking", "driving")
SYSTEMS = ("system A", "system B")
AGES = ("new phone", "two years old", "four years old")
SEGMENTS = 4
TASTES = 4  # dimensions
RECENT = len(HOURS)  # messages in the last 24 hours that a policy can see: 0 … RECENT
PROPENSITY = 0.5  # share of moments at which the logging policy sends, by a coin
DECAY = 0.75  # of fatigue, each moment


@dataclass(frozen=True, eq=False)
class World:
    """T moments, U users, A apps. Everything that a decision cannot change.

    app, place, network, activity, last_app int (T, U); screen bool (T, U); base (T, U): logit of a click without fatigue.
    click, leave, coin: uniform luck (T, U). taste (U, 4), factor (A, 4), segment, system, age int (U,), sensitivity (U,).
    """

    app: np.ndarray
    place: np.ndarray
    network: np.ndarray
    activity: np.ndarray
    last_app: np.ndarray
    screen: np.ndarray
    base: np.ndarray
    click: np.ndarray
    leave: np.ndarray
    coin: np.ndarray
    taste: np.ndarray
    factor: np.ndarray
    segment: np.ndarray
    system: np.ndarray
    age: np.ndarray
    sensitivity: np.ndarray
    fatigue: float

    @property
    def moments(self) -> int:
        return self.app.shape[0]

    @property
    def users(self) -> int:
        return self.app.shape[1]

    def slot(self, t: np.ndarray) -> np.ndarray:
        """Place within the day, 0 … 5."""
        return np.asarray(t) % len(HOURS)

    def weekday(self, t: np.ndarray) -> np.ndarray:
        return np.asarray(t) // len(HOURS) % 7


class State(NamedTuple):
    """What decisions have left behind: installed bool (U, A), fatigue (U,), sent bool (RECENT, U), the oldest first."""

    installed: np.ndarray
    fatigue: np.ndarray
    sent: np.ndarray

    @property
    def recent(self) -> np.ndarray:
        """Messages to each user in the last 24 hours, int (U,)."""
        return self.sent.sum(axis=0)


@dataclass(frozen=True, eq=False)
class Replay:
    """What happened from `start` on: sent, clicked, left bool (T', U); p (T', U) true chance of a click, were it sent;
    recent int (T', U) as the policy saw it; installed bool (T', U) of that moment's app; the state at the end."""

    start: int
    sent: np.ndarray
    clicked: np.ndarray
    left: np.ndarray
    p: np.ndarray
    recent: np.ndarray
    installed: np.ndarray
    state: State

    @property
    def totals(self) -> np.ndarray:
        """(4,): messages sent, clicks, disturbances (messages that were ignored), uninstalls."""
        sent, clicked = self.sent.sum(), self.clicked.sum()
        return np.array([sent, clicked, sent - clicked, self.left.sum()], np.float64)


Decide = Callable[[int, np.ndarray], np.ndarray]
"""decide(t, recent (U,)) → bool (U,): to whom the message of moment t is sent. Those without the app never get it."""


def world(users: int, days: int, fatigue: float, seed: int) -> World:
    """A world from a seed. fatigue: 0 is nobody ever tires; 1 is the usual strength."""
    random = np.random.default_rng([seed, 0xC22])
    moments = days * len(HOURS)
    shape = (moments, users)
    centres = random.normal(0, 1.0, (SEGMENTS, TASTES))
    segment = random.integers(SEGMENTS, size=users)
    taste = centres[segment] + random.normal(0, 0.5, (users, TASTES))
    kinds = random.normal(0, 0.9, (len(CATEGORIES), TASTES))
    factor = np.repeat(kinds, 3, axis=0) + random.normal(0, 0.45, (len(APPS), TASTES))
    liking = 0.55 * taste @ factor.T  # (U, A)
    system = (taste[:, 0] + random.normal(0, 1, users) > 0).astype(np.int64)
    age = np.clip(np.round(1 + 0.6 * taste[:, 1] + random.normal(0, 0.7, users)), 0, 2).astype(np.int64)
    app = random.integers(len(APPS), size=shape)
    place, screen, network, activity = _context(random, shape)
    gumbel = random.gumbel(size=(*shape, len(APPS)))
    last_app = (1.2 * liking[None] + gumbel).argmax(axis=2)  # what they use by themselves tells their taste
    base = _base(random, liking, app, place, screen, network, activity, age)
    click, leave, coin = (random.uniform(size=shape) for _ in range(3))
    sensitivity = np.exp(random.normal(-0.1, 0.45, users))
    return World(
        app, place, network, activity, last_app, screen, base, click, leave, coin,
        taste, factor, segment, system, age, sensitivity, float(fatigue),
    )  # fmt: skip


def _context(random: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """place, screen, network and activity, as the hour and the weekday have them."""
    hour = np.arange(shape[0]) % len(HOURS)
    weekend = np.arange(shape[0]) // len(HOURS) % 7 >= 5
    chances = np.array(  # home, work, transit, out
        [
            [0.35, 0.15, 0.45, 0.05], [0.15, 0.65, 0.10, 0.10], [0.15, 0.45, 0.10, 0.30],
            [0.15, 0.65, 0.10, 0.10], [0.30, 0.15, 0.40, 0.15], [0.75, 0.03, 0.07, 0.15],
        ]
    )  # fmt: skip
    chances = np.where(weekend[:, None], np.array([0.55, 0.05, 0.12, 0.28]), chances[hour])  # (T, 4)
    place = (random.uniform(size=shape)[..., None] > chances.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
    screen = random.uniform(size=shape) < np.array([0.45, 0.25, 0.5, 0.4])[place]
    network = (random.uniform(size=shape) < np.array([0.05, 0.2, 0.95, 0.8])[place]).astype(np.int64)
    moving = np.array([[0.97, 0.03, 0.0], [0.9, 0.1, 0.0], [0.45, 0.25, 0.3], [0.5, 0.45, 0.05]])[place]
    activity = (random.uniform(size=shape)[..., None] > moving.cumsum(axis=2)[..., :-1]).sum(axis=2)
    return place, screen, network, activity


def _base(random, liking, app, place, screen, network, activity, age) -> np.ndarray:
    """Logit of a click by somebody who is not tired, (T, U)."""
    moments, users = app.shape
    kind, evening = app // 3, (np.arange(moments) % len(HOURS) == 5)[:, None]
    own = random.normal(0, 0.45, users) - 0.25 * age
    logit = -1.75 + own + liking[np.arange(users), app]
    logit = logit + 0.8 * screen + np.array([0.15, -0.2, 0.25, -0.1])[place] + np.array([0.0, -0.2, -1.6])[activity]
    logit = logit + 0.8 * (evening & ((kind == 3) | (kind == 5)))  # games and films belong to the evening
    logit = logit + 0.7 * ((place == 1) & ((kind == 0) | (kind == 7))) - 0.9 * ((place == 1) & (kind == 3))
    return logit - 0.7 * ((network == 1) & (kind == 5)) + 0.6 * ((place == 2) & (kind == 4))


def fresh(found: World) -> State:
    """Before the first message: every app installed, nobody tired."""
    users = found.users
    return State(np.ones((users, len(APPS)), bool), np.zeros(users), np.zeros((RECENT, users), bool))


def replay(found: World, decide: Decide, start: int = 0, end: int | None = None, state: State | None = None) -> Replay:
    """The world from moment `start` to `end` under a policy, from a state that earlier decisions have left."""
    installed, tired, window = fresh(found) if state is None else state
    installed, tired, window = installed.copy(), tired.copy(), window.copy()
    end, everyone = found.moments if end is None else end, np.arange(found.users)
    kept: dict[str, list[np.ndarray]] = {name: [] for name in ("sent", "clicked", "left", "p", "recent", "installed")}
    for t in range(start, end):
        recent, app = window.sum(axis=0), found.app[t]
        weary = found.fatigue * found.sensitivity * tired
        p = 1 / (1 + np.exp(-(found.base[t] - 0.35 * weary)))
        there = installed[everyone, app]
        sent = np.asarray(decide(t, recent), bool) & there
        clicked = sent & (found.click[t] < p)
        ignored = sent & ~clicked
        left = ignored & (found.leave[t] < np.minimum(0.006 * np.exp(0.55 * weary), 0.3) * (found.fatigue > 0))
        installed[everyone[left], app[left]] = False
        tired = DECAY * tired + ignored
        window = np.vstack([window[1:], sent[None]])
        for name, value in zip(kept, (sent, clicked, left, p, recent, there)):
            kept[name].append(value)
    arrays = {name: np.stack(rows) for name, rows in kept.items()}
    return Replay(start, state=State(installed, tired, window), **arrays)


def by_coin(found: World, share: float = PROPENSITY) -> Decide:
    """The logging policy: a coin for everybody, so what it sent is a fair sample of what it could have sent."""
    return lambda t, recent: found.coin[t] < share


def by_score(score: np.ndarray, threshold: float, start: int) -> Decide:
    """Send where the score (T', U, RECENT + 1), looked up with the messages of the last day, is above the threshold."""
    everyone = np.arange(score.shape[1])
    return lambda t, recent: score[t - start, everyone, recent] > threshold
