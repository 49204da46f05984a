"""The middle of the page: a part's picture as it stands: computed, growing while it is computed, or waiting for a press."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import errors, fragments, questions, text
from pages.ui.text import t
from pages.ui.transfer import curves, grid, race, state
from pages.ui.transfer.state import Asked
from replearn_core import tasks
from replearn_core.comparisons.transfer import plan_of
from replearn_core.properties import read_answer
from replearn_core.strategies import TRANSFERS

POLL = 1.0  # seconds
DRAWN: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, np.ndarray]], None]] = {
    "race": race.show,
    "quadrant": grid.show,
    "layers": curves.show,
}


def draw() -> None:
    name = state.ADDRESS.part()
    if name == "advice":
        with errors.contained("transfer.advice"):
            grid.advice()
        return
    asked = state.question()
    if asked.view.live and asked.task is not None:
        fragments.region(_progress, run_every=POLL, key="transfer_progress")(asked.task)
    elif asked.view.state == "finished":
        with errors.contained(f"transfer.{name}"):
            _result(name, asked)
    else:
        questions.invite(asked, "transfer", t(f"transfer.invite_{name}"))
    if name == "race":
        with errors.contained("transfer.strategies"):
            _strategies()


def _progress(task: tasks.Task) -> None:
    """Polls while the engine works and draws what there is; its end draws the whole page anew."""
    view = questions.working(task, state.question, "transfer")
    arrays = view.arrays
    if arrays:
        with errors.contained(f"transfer.{state.ADDRESS.part()}"):
            DRAWN[state.ADDRESS.part()](read_answer(arrays), arrays)


def _result(name: str, asked: Asked) -> None:
    arrays = asked.view.arrays
    told = read_answer(arrays)
    with st.container(border=True, key="transfer_answer"):
        st.markdown(f"**{said(name, told)}**")
        questions.origin(asked)
        if asked.problem is not None:
            st.text(text.problem(asked.problem))
    DRAWN[name](told, arrays)
    questions.findings(told, finding)
    settings = told["settings"]
    first, count = int(settings["first_seed"]), int(settings["seeds"])
    st.caption(t("transfer.about", first=first, last=first + count - 1, seeds=count, id=asked.view.task_id[:8]))


# ---- in words ----


def said(name: str, told: Mapping[str, Any]) -> str:
    """The headline: what the first comparison says, in the direction that the seeds gave."""
    findings = told["findings"]
    key, numbers = findings[0]
    shares = {f"{one}_percent": 100 * numbers[one] for one in ("effect", "low", "high")}
    direction = key.rpartition(".")[2]
    if name == "quadrant":
        counts = dict.fromkeys(("higher", "unclear", "lower"), 0)
        for key, _ in findings:
            if key.startswith("finding.quadrant.advice."):
                counts[key.rpartition(".")[2]] += 1
        return t("transfer.says.quadrant", all=sum(counts.values()), **counts)
    if name == "layers":
        return t(f"transfer.says.layers.{direction}", k=int(numbers["k"]), seeds=int(numbers["seeds"]), **shares)
    best = key.split(".")[2]
    if best not in TRANSFERS:
        return t(f"transfer.says.race.alone_{direction}", seeds=int(numbers["seeds"]), **shares)
    means = {"own": 100 * told["summary"][f"{best}.accuracy"][0], "base": 100 * told["summary"]["from_scratch.accuracy"][0]}
    per_class = int(told["settings"]["per_class"])
    values = {"best": race.name_of(best), "n": per_class, "seeds": int(numbers["seeds"]), **means, **shares}
    return t(f"transfer.says.race.{direction}", **values)


def finding(key: str, numbers: Mapping[str, float]) -> str:
    """One sentence: what was compared, the effect in percentage points with its interval, and whether that is more than luck."""
    name, _, direction = key.removeprefix("finding.").rpartition(".")
    strategy = name.rpartition(".")[2]
    if strategy in TRANSFERS:
        group = "race_kept" if name.startswith("race.kept.") else "race_one"
    else:
        group = name.replace("race.", "race_")
    extra: dict[str, Any] = {one: int(numbers[one]) for one in ("labels", "k") if one in numbers}
    if strategy in TRANSFERS:
        extra["strategy"] = race.name_of(strategy)
    if "other" in numbers:
        extra["other"] = race.name_of(TRANSFERS[int(numbers["other"])])
    shares = {one: 100 * numbers[one] for one in ("effect", "low", "high")}
    effect = t("transfer.points", seeds=int(numbers["seeds"]), **shares)
    label = t(f"transfer.label.{group}", **extra)
    return text.sentences(f"{label}{t('properties.colon')}{effect}", t(f"properties.verdict_{direction}"))


def _strategies() -> None:
    """What the strategies do, as data; also before anything has run."""
    options = state.ADDRESS.settings()
    depth, epochs = int(options["depth"]), int(options["epochs"])
    last, early = (min(int(options[one]), depth) for one in ("last", "early"))
    drawn = str(options["factors"]) if str(options["factors"]).count(",") == depth else ""
    plan = plan_of(depth, epochs, TRANSFERS, last, early, drawn)
    st.markdown(f"**{t('transfer.strategies_title')}**")
    race.strategies(plan, depth)
    with st.expander(t("transfer.as_data"), icon=":material/data_object:"):
        st.code(race.as_code(plan), language=None, wrap_lines=True)
