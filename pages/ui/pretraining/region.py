"""The middle of the page: the network and the phase that runs, and what there is of the answer, finished or not."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import errors, fragments, questions, text
from pages.ui.pretraining import borders, diagram, show, state
from pages.ui.pretraining.state import Asked
from pages.ui.text import t
from replearn_core import tasks
from replearn_core.properties import read_answer

POLL = 0.7  # seconds
POINTS = ("error", "modern", "batch_norm", "all_labels", "at", "none", "never", "gain")  # effects that are shares of pictures
FORMULAS = {
    "plain": r"\min_{W,b,c}\;\frac1N\sum_n \ell\big(h^{(i-1)}_n,\; W^{\top} s(W h^{(i-1)}_n + b) + c\big)",
    "denoising": r"\min_{W,b,c}\;\frac1N\sum_n \ell\big(h^{(i-1)}_n,\; W^{\top} s(W \tilde h^{(i-1)}_n + b) + c\big),"
    r"\qquad \tilde h = m\odot h,\; m_j\sim\mathrm{Bernoulli}(1-\nu)",
    "sparse": r"\min_{W,b,c}\;\frac1N\sum_n \ell\big(h^{(i-1)}_n,\; W^{\top} h^{(i)}_n + c\big)"
    r" + \lambda\sum_j \mathrm{KL}\big(\rho\,\Vert\,\bar h^{(i)}_j\big),"
    r"\qquad h^{(i)} = s(W h^{(i-1)} + b)",
    "contractive": r"\min_{W,b,c}\;\frac1N\sum_n \ell\big(h^{(i-1)}_n,\; W^{\top} h^{(i)}_n + c\big)"
    r" + \lambda\,\Big\Vert\frac{\partial h^{(i)}_n}{\partial h^{(i-1)}_n}\Big\Vert_F^2",
}
"""The objective of one layer, by how it is trained."""


def draw() -> None:
    asked = state.question()
    if asked.view.live and asked.task is not None:
        fragments.region(_progress, run_every=POLL, key="pretraining_progress")(asked.task)
    elif asked.view.state == "finished" and asked.task is not None:
        with errors.contained("pretraining.result"):
            _result(asked, asked.task)
    else:
        _invite(asked)


def _progress(task: tasks.Task) -> None:
    """Polls while the engine works and draws what there is; its end draws the whole page anew."""
    view = questions.working(task, state.question, "pretraining")
    with errors.contained("pretraining.live"):
        arrays, at = view.arrays, (int(view.numbers.get("stage", 0)), int(view.numbers.get("place", 0)))
        if state.ADDRESS.part() == "pretraining":
            diagram.network(task.options, at if arrays else (0, 0))
        if arrays:
            _picture(task.options, arrays, at)


def _picture(settings: Mapping[str, Any], arrays: Mapping[str, Any], at: tuple[int, int] | None) -> None:
    if state.ADDRESS.part() == "pretraining":
        show.views(settings, arrays, at)
    else:
        borders.show(settings, arrays)


def _invite(asked: Asked) -> None:
    if state.ADDRESS.part() == "pretraining":
        diagram.network(state.ADDRESS.settings(), None)
    questions.invite(asked, "pretraining", t(f"pretraining.invite_{state.ADDRESS.part()}"))


def _result(asked: Asked, task: tasks.Task) -> None:
    arrays = asked.view.arrays
    told = read_answer(arrays)
    with st.container(border=True, key="pretraining_answer"):
        st.markdown(f"**{said(told)}**")
        if state.ADDRESS.part() == "pretraining":
            st.markdown(text.sentences(why(told), edge(told)))
        questions.origin(asked)
        if asked.problem is not None:
            st.text(text.problem(asked.problem))
    _picture(told["settings"], arrays, None)
    questions.findings(told, finding)
    first, count = int(told["settings"]["first_seed"]), int(told["settings"]["seeds"])
    st.caption(t("pretraining.about", first=first, last=first + count - 1, seeds=count, id=task.id[:8]))


# ---- in words ----


def said(told: Mapping[str, Any]) -> str:
    """The headline: what the first comparison says, in the direction that the seeds gave."""
    if state.ADDRESS.part() == "borders":
        return borders.said(told)
    key, numbers = told["findings"][0]
    means = {name: 100 * told["summary"][f"{name}.error"][0] for name in show.FAMILIES}
    shares = {name: 100 * numbers[name] for name in ("effect", "low", "high")}
    direction = key.rpartition(".")[2]
    return t(f"pretraining.says.{direction}", labels=int(numbers["labels"]), seeds=int(numbers["seeds"]), **means, **shares)


def _direction(told: Mapping[str, Any], name: str) -> str:
    found = next(key for key, _ in told["findings"] if key.startswith(f"finding.pretraining.{name}."))
    return found.rpartition(".")[2]


def why(told: Mapping[str, Any]) -> str:
    """Whether it optimises better or regularises better, as far as these seeds show."""
    summary = told["summary"]
    numbers = {
        f"{name}_{key}": summary[f"{name}.{key}"][0] for name in ("random", "pretrained") for key in ("train_loss", "matched")
    }
    trained = {f"{name}_train": 100 * summary[f"{name}.train_error"][0] for name in ("random", "pretrained")}
    fits = "equal" if max(trained.values()) < 1 else "unequal"
    return t(f"pretraining.why.{fits}_{_direction(told, 'regularises')}", **numbers, **trained)


def edge(told: Mapping[str, Any]) -> str:
    """Where the gain ends: among the numbers of labels, and beside today's remedies."""
    key, numbers = next(one for one in told["findings"] if one[0].startswith("finding.pretraining.border."))
    labels = t(f"pretraining.edge.{key.rpartition('.')[2]}", labels=int(numbers["labels"]))
    if (told["settings"]["activation"], told["settings"]["initialisation"]) == ("relu", "he"):
        return labels  # the rival from random weights is that remedy
    error = 100 * told["summary"]["modern.error"][0]
    return text.sentences(labels, t(f"pretraining.edge.modern_{_direction(told, 'modern')}", modern=error))


def finding(key: str, numbers: Mapping[str, float]) -> str:
    """One sentence: what was compared, the effect with its interval, and whether that is more than luck."""
    name, _, direction = key.removeprefix("finding.").rpartition(".")
    group, _, last = name.rpartition(".")
    if last == "border":
        direction = "higher" if numbers["low"] > 0 else "lower" if numbers["high"] < 0 else "unclear"
    extra: dict[str, Any] = {one: int(numbers[one]) for one in ("labels",) if one in numbers}
    if "stop" in numbers:
        extra["stop"] = borders.stop_name(numbers["stop"])
    if last in POINTS or last == "border" or group == "borders":
        shares = {one: 100 * numbers[one] for one in ("effect", "low", "high")}
        effect = t("pretraining.points", seeds=int(numbers["seeds"]), **shares)
    else:
        effect = t("properties.effect", **{**numbers, "seeds": int(numbers["seeds"])})
    label = t(f"pretraining.label.{name}", **extra)
    return text.sentences(f"{label}{t('properties.colon')}{effect}", t(f"properties.verdict_{direction}"))


def objective() -> None:
    """One layer's objective for the kind that is chosen, and the plan as data."""
    values = state.ADDRESS.settings()
    with st.expander(t("pretraining.objective"), icon=":material/function:"):
        st.latex(FORMULAS[str(values["layer"])])
        st.caption(t("pretraining.formula_about"))
    with st.expander(t("pretraining.plan"), icon=":material/data_object:"):
        st.code(diagram.as_code(values), language=None, wrap_lines=True)
        st.caption(t("pretraining.plan_about"))
