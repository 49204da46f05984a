"""Who gets the message: a threshold on predicted probability, replayed against the simulator's truth, and estimated from logs.

A policy's result is counted in messages, clicks, disturbances (ignored messages) and uninstalls; money is arithmetic on these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from replearn_core.applications.notifications import simulator, tables
from replearn_core.applications.notifications.models import Predict

BUDGETS = np.linspace(0, 1, 21)  # share of the messages that could be sent
COUNTS = ("sent", "clicks", "disturbances", "uninstalls")


class Estimate(NamedTuple):
    """Clicks a message that could be sent, estimated from a log, its 95 % interval over users; ess: share of effective rows."""

    value: float
    low: float
    high: float
    ess: float


def thresholds(scores: np.ndarray) -> np.ndarray:
    """(21,): the score above which a share BUDGETS of these rows lies; taken from rows that the policy was not tested on."""
    found = np.quantile(scores, 1 - BUDGETS)
    found[0], found[-1] = np.inf, -np.inf
    return found


def score_table(found: simulator.World, predict: Predict, start: int) -> np.ndarray:
    """(T', U, 7) predictions for every moment from `start`, user, and number of messages in the last day."""
    t, user = np.meshgrid(np.arange(start, found.moments), np.arange(found.users), indexing="ij")
    columns = [
        predict(tables.at(found, t.ravel(), user.ravel(), np.full(t.size, recent))).reshape(t.shape)
        for recent in range(simulator.RECENT + 1)
    ]
    return np.stack(columns, axis=2)


def sweep(found: simulator.World, score: np.ndarray, limits: np.ndarray, start: int, state: simulator.State) -> np.ndarray:
    """(21, 4) COUNTS of replays with each threshold, from the state that the logging policy left."""
    return np.stack([_total(found, simulator.by_score(score, limit, start), start, state) for limit in limits])


def at_random(found: simulator.World, start: int, state: simulator.State) -> np.ndarray:
    """(21, 4): messages sent by a coin with each of BUDGETS; the last row is sending to all."""
    return np.stack([_total(found, simulator.by_coin(found, share), start, state) for share in BUDGETS])


def _total(found: simulator.World, decide: simulator.Decide, start: int, state: simulator.State) -> np.ndarray:
    return simulator.replay(found, decide, start, state=state).totals


def knowing(found: simulator.World, start: int, state: simulator.State, limits: np.ndarray) -> np.ndarray:
    """(21, 4): the true chance without fatigue decides: what no model can know, the mark to measure models by."""
    p = 1 / (1 + np.exp(-found.base[start:]))
    score = np.repeat(p[:, :, None], simulator.RECENT + 1, axis=2)
    return sweep(found, score, limits, start, state)


def profit(counts: np.ndarray, revenue: float, disturbance: float, uninstall: float) -> np.ndarray:
    """Money of (…, 4) COUNTS: revenue a click, less the price of a disturbance and of an uninstall."""
    return counts[..., 1] * revenue - counts[..., 2] * disturbance - counts[..., 3] * uninstall


# ---- from logs alone ----


def off_policy(
    clicked: np.ndarray, chosen: np.ndarray, propensity: np.ndarray | float, users: np.ndarray, seed: int = 0, draws: int = 200
) -> Estimate:
    """Clicks per opportunity of a policy that sends where `chosen`, by inverse propensity (Horvitz & Thompson 1952).

    V = mean over opportunities of chosen · sent · clicked / P(sent). Rows here are the sent ones, so V is given per logged
    message: Σ chosen · clicked / propensity over Σ 1 / propensity, the self-normalised form (Swaminathan & Joachims 2015).
    It assumes: the propensities are right and above zero wherever the policy sends; no message changes the answer to another
    (so no fatigue); the future is like the log. The interval resamples users.
    """
    weight = np.broadcast_to(1 / np.asarray(propensity, np.float64), clicked.shape)
    _, member = np.unique(users, return_inverse=True)
    top = np.bincount(member, weight * chosen * clicked)
    below = np.bincount(member, weight)
    random = np.random.default_rng([seed, 0x0FF])
    drawn = random.multinomial(len(top), np.full(len(top), 1 / len(top)), size=draws)
    values = (drawn @ top) / np.maximum(drawn @ below, 1e-12)
    low, high = np.percentile(values, (2.5, 97.5))
    return Estimate(
        float(top.sum() / below.sum()), float(low), float(high), float(weight.sum() ** 2 / (weight**2).sum() / len(weight))
    )


def estimated(clicked: np.ndarray, scores: np.ndarray, limits: np.ndarray, propensity: float, users: np.ndarray) -> np.ndarray:
    """(21, 3): value, low and high of `off_policy` for each threshold."""
    return np.array([off_policy(clicked, scores > limit, propensity, users)[:3] for limit in limits])


def same_messages(curve: np.ndarray, other: np.ndarray) -> Callable[[int], Mapping[str, float]]:
    """compared(place): what `other` would have got with as many messages as `curve` sent at that budget, by interpolation."""

    def compared(place: int) -> Mapping[str, float]:
        sent = curve[place, 0]
        return {name: float(np.interp(sent, other[:, 0], other[:, one])) for one, name in enumerate(COUNTS)}

    return compared
