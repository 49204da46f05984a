"""The middle of the page: one part's picture as it stands, computed, being computed, or waiting for a press."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.ui import errors, fragments, questions, scorecard, text
from pages.ui.properties import plane, show, state
from pages.ui.properties.state import Asked, Now
from pages.ui.text import duration, t
from replearn_core import claims, properties, studies, tasks
from replearn_core.properties.disentangled import BATCH

POLL = 1.0  # seconds
OWN: Mapping[str, Callable[[Now], None]] = {"plane": lambda _: plane.show(), "scorecard": lambda shown: scorecard.page(shown.run)}
"""Parts that are no studies."""
CLAIMED = {"plane": ("C4",), "scorecard": ("C1",)}
"""The claims that they illustrate."""


def draw(shown: Now) -> None:
    if shown.part in OWN:
        with errors.contained(f"properties.{shown.part}"):
            OWN[shown.part](shown)
        return
    asked = state.question(shown)
    _warn(shown)
    if asked.view.live and asked.task is not None:
        fragments.region(_progress, run_every=POLL, key="properties_progress")(asked.task)
    elif asked.view.state == "finished":
        with errors.contained(f"properties.{shown.part}"):
            _result(shown, asked)
    else:
        _invite(shown, asked)


def lecture(shown: Now) -> None:
    """What the lecture claims about this part, and what the evidence that came with the app says."""
    for claim in CLAIMED.get(shown.part) or claims.claims_of(studies.PREFIX + shown.part):
        found = claims.evidence(claim)
        verdict = ""
        if found is not None:
            numbers = {"shown": sum(one.as_expected for one in found.effects), "all": len(found.effects), "date": found.date}
            verdict = t(f"claim.verdict_{found.verdict}", when=t(f"claim.{claim}.when"), **numbers)
        st.caption(t("properties.lecture", claim=claim, sentence=t(f"claim.{claim}.sentence"), verdict=verdict))


def _warn(shown: Now) -> None:
    """Where published figures are out of reach, before anybody waits for them."""
    options = shown.options()
    if shown.part == "disentangled" and options["dataset"] == "dsprites":
        steps = math.ceil(float(options["train_size"]) / BATCH) * int(options["epochs"])
        with st.container(border=True, key="properties_warning"):
            st.caption(":material/info: " + t("properties.dsprites", steps=steps))


def _progress(task: tasks.Task) -> None:
    """Polls while the engine works; its end draws the whole page anew."""
    questions.working(task, lambda: state.question(state.now()), "properties")


def _invite(shown: Now, asked: Asked) -> None:
    with st.container(border=True, key="properties_invite"):
        if asked.problem is not None:
            st.text(text.problem(asked.problem))
        st.markdown(t("properties.invite"))
        options = shown.options()
        st.caption(
            t("properties.cost", seeds=int(options["seeds"]), time=duration(studies.estimated_seconds(shown.part, options)))
        )
        questions.button(asked, "properties_run_here")


def _result(shown: Now, asked: Asked) -> None:
    arrays = asked.view.arrays
    told = properties.read_answer(arrays)
    with st.container(border=True, key="properties_answer"):
        st.markdown(f"**{said(shown.part, told)}**")
        questions.origin(asked)
        if asked.problem is not None:
            st.text(text.problem(asked.problem))
    show.DRAWN[shown.part](told, arrays)
    questions.findings(told, finding)
    st.caption(
        t("properties.about", seeds=len(_seeds(told)), first=_seeds(told)[0], last=_seeds(told)[-1], runs=len(set(told["runs"])))
    )


def said(part: str, told: Mapping[str, Any], lang: str | None = None) -> str:
    """The part's own sentence about its first comparison, in the direction that the seeds gave, and the interval."""
    key, numbers = told["findings"][0]
    means = {name.replace(".", "_"): one[0] for name, one in told["summary"].items()}
    values = {**told["settings"], **means, **numbers}
    values |= {f"{name}_percent": 100 * value for name, value in values.items() if isinstance(value, float)}
    lang = lang or text.language()
    sentence = text.said(lang, f"properties.says.{part}.{key.rpartition('.')[2]}", **values)
    return text.sentences(sentence, _effect("properties.interval", numbers, lang))


def _effect(key: str, numbers: Mapping[str, float], lang: str) -> str:
    found = {"effect": numbers["effect"], "low": numbers["low"], "high": numbers["high"], "seeds": int(numbers["seeds"])}
    return text.said(lang, key, **found)


def _seeds(told: Mapping[str, Any]) -> range:
    first = int(told["settings"]["first_seed"])
    return range(first, first + int(told["settings"]["seeds"]))


def finding(key: str, numbers: Mapping[str, float]) -> str:
    """One sentence: what was compared, the effect with its interval, and whether that is more than luck."""
    name, _, direction = key.removeprefix("finding.").rpartition(".")
    labels = f"properties.label.{name}"
    what = t(labels, **{one: numbers[one] for one in numbers})
    effect = _effect("properties.effect", numbers, text.language())
    return text.sentences(f"{what}{t('properties.colon')}{effect}", t(f"properties.verdict_{direction}"))
