"""What came out of the studies, drawn: models of a click, few labels, uplift. `decide.py` has the decisions."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import tables
from pages.ui.notifications import charts
from pages.ui.notifications.charts import Line
from pages.ui.plot import three
from pages.ui.text import has, sentences, t
from replearn_core.applications.notifications import measures, models, pretraining, simulator
from replearn_core.applications.notifications import uplift as campaign
from replearn_core.properties.study import interval, within

Told = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]


def name_of(kind: str) -> str:
    return t(f"notifications.family.{kind}")


def words(arrays: Arrays, key: str) -> Any:
    """Text that came among the arrays."""
    return json.loads(arrays[key].tobytes()) if key in arrays else None


def headline(sentence: str, key: str = "notifications_answer") -> None:
    """key: of its own where a page has two."""
    with st.container(border=True, key=key):
        st.markdown(f"**{sentence}**")


def spread(found: Any, scale: float = 1.0) -> str:
    mean, low, high = (scale * float(one) for one in found[:3])
    return t("properties.spread", mean=mean, low=low, high=high)


def so_far(study: str, arrays: Arrays) -> None:
    """While it is computed: what the first seeds gave."""
    if study == "clicks":
        done = [name for name in models.FAMILIES if f"{name}.gain" in arrays]
        if done:
            _gain(arrays, done)
            _calibration(arrays, done)
    elif study == "uplift":
        _uplift_curve(arrays, [name for name in campaign.RANKINGS if f"curve.{name}" in arrays])
    elif "auc" in arrays:
        _few_curve(arrays)


# ---- models of a click ----


def clicks(told: Told, arrays: Arrays) -> None:
    key, numbers = told["findings"][0]
    own, other = (told["summary"][f"{name}.auc"][0] for name in ("embedding", "one_hot"))
    best = max(models.FAMILIES, key=lambda name: told["summary"][f"{name}.auc"][0])
    sentence = t(f"notifications.says.clicks.{key.rpartition('.')[2]}", own=three(own), other=three(other), **points(numbers))
    headline(sentences(sentence, t("notifications.says.best", best=name_of(best), auc=three(told["summary"][f"{best}.auc"][0]))))
    aside(arrays)
    ranking(told, "auc")
    left, right = st.columns(2)
    with left:
        _calibration(arrays, ("one_hot", "boosting", "embedding", "fed"))
    with right:
        _gain(arrays, models.FAMILIES)
    table(told, arrays)
    maps(arrays)


def aside(arrays: Arrays) -> None:
    """What is trained on and tested on, and what was left out."""
    train, later, new, users = (int(one) for one in arrays["counts"])
    about = words(arrays, "words") or {}
    how = "both" if later and new else "later" if later else "new" if about.get("users", True) else "rows"
    st.caption(t(f"notifications.split_{how}", train=train, later=later, new=new, users=users))
    if about.get("left_out"):
        st.text(t("notifications.left_out", columns=about["left_out"]))


def ranking(told: Told, measure: str) -> None:
    """One row a model: mean over seeds with its interval."""
    lines = [(name, name_of(name), np.array(told["values"][f"{name}.{measure}"])) for name in models.FAMILIES]
    mark = np.mean(told["values"][f"truth.{measure}"]) if f"truth.{measure}" in told["values"] else None
    said = t("properties.semicolon").join(
        f"{label}{t('properties.colon')}{spread(within(interval(values)))}" for _, label, values in lines
    )
    title = t(f"notifications.measure.{measure}")
    st.markdown(f"### {t('notifications.chart.ranking')}")
    charts.rows(lines, title, "ranking", t("properties.dots_alt", title=title, rows=said), mark, t("notifications.ceiling"))
    if mark is not None:
        st.caption(t("notifications.ceiling_said", auc=three(mark)))


def _calibration(arrays: Arrays, names) -> None:
    """Predicted against clicked, the first seed's held-out rows in ten bins."""
    st.markdown(f"### {t('notifications.chart.calibration')}")
    lines = []
    for name in names:
        if f"{name}.curve" in arrays:
            curve = arrays[f"{name}.curve"][0]
            curve = 100 * curve[np.isfinite(curve[:, 0]), :2]
            lines.append(Line(name, name_of(name), curve[:, 0], curve[:, 1]))
    if not lines:
        return
    worst = max(lines, key=lambda line: float(np.abs(line.y - line.x).max()))
    far = float(np.abs(worst.y - worst.x).max())
    said = t("notifications.alt.calibration", model=worst.label, far=three(far))
    charts.lines(lines, t("notifications.axis.predicted"), t("notifications.axis.clicked"), "calibration", said, diagonal=True)
    st.caption(said)


def _gain(arrays: Arrays, names) -> None:
    """Share of the clicks among the best rows; the lift is the slope."""
    st.markdown(f"### {t('notifications.chart.gain')}")
    shares = np.linspace(0, 100, measures.SHARES + 1)
    lines = [Line(name, name_of(name), shares, 100 * arrays[f"{name}.gain"].mean(axis=0)) for name in names]
    place = measures.SHARES // 5
    best = max(lines, key=lambda line: line.y[place])
    said = t("notifications.alt.gain", model=best.label, share=20, clicks=three(best.y[place]), lift=three(best.y[place] / 20))
    charts.lines(lines, t("notifications.axis.sent_share"), t("notifications.axis.click_share"), "gain", said, diagonal=True)
    st.caption(said)


def table(told: Told, arrays: Arrays) -> None:
    """All measures with both intervals: over seeds, and over the users of the first split."""
    columns: dict[str, list[str]] = {t("notifications.column.model"): [name_of(name) for name in models.FAMILIES]}
    for place, measure in enumerate(measures.NAMES):
        scale = 100 if measure == "calibration" else 1
        columns[t(f"notifications.measure.{measure}")] = [
            spread(told["summary"][f"{name}.{measure}"], scale) for name in models.FAMILIES
        ]
        columns[t("notifications.column.users", measure=t(f"notifications.measure.{measure}"))] = [
            f"{three(scale * low)} … {three(scale * high)}"
            for low, high in (arrays[f"{name}.interval"][0, place] for name in models.FAMILIES)
        ]
    for measure in ("auc_later", "auc_new", "truth"):
        if f"one_hot.{measure}" in told["summary"]:
            columns[t(f"notifications.measure.{measure}")] = [
                spread(told["summary"][f"{name}.{measure}"]) for name in models.FAMILIES
            ]
    with st.expander(t("notifications.all_measures"), icon=":material/table:"):
        tables.show(columns, "notifications_table", wide=True)
        st.caption(t("notifications.intervals"))


def maps(arrays: Arrays) -> None:
    """Embeddings on their two principal components."""
    found = [place for place in ("first", "second") if f"map.{place}" in arrays]
    if not found:
        return
    st.markdown(f"### {t('notifications.chart.map')}")
    for column, place in zip(st.columns(len(found)), found):
        about = words(arrays, f"map.{place}.names")
        title = (
            t(f"notifications.column_name.{about['column']}")
            if has(f"notifications.column_name.{about['column']}")
            else about["column"]
        )
        share = 100 * float(arrays[f"map.{place}.share"].sum())
        said = t("notifications.alt.map", what=title, n=len(arrays[f"map.{place}"]), share=three(share))
        if f"map.{place}.likeness" in arrays:
            said += " " + t("notifications.alt.likeness", r=three(float(arrays[f"map.{place}.likeness"][0])))
        with column:
            groups = arrays.get(f"map.{place}.group")
            labels = None
            if groups is not None:
                labels = (
                    [t(f"notifications.group_of.{one}") for one in simulator.CATEGORIES] if about["column"] == "app" else None
                )
                labels = labels or [t("notifications.segment", n=one + 1) for one in range(simulator.SEGMENTS)]
            shown = _app_names(about["levels"]) if about["column"] == "app" else about["levels"]
            charts.scatter(
                arrays[f"map.{place}"], shown, groups, labels, arrays[f"map.{place}.rate"], title, f"map_{place}", said
            )
            st.caption(said)


def _app_names(levels: list[str]) -> list[str]:
    """`chat 1` in the visitor's language."""
    parts = [one.rpartition(" ") for one in levels]
    return [f"{t(f'notifications.group_of.{kind}')} {n}" for kind, _, n in parts]


# ---- few labels ----


def few(told: Told, arrays: Arrays) -> None:
    key, numbers = told["findings"][0]
    right, guess = (100 * told["summary"][name][0] for name in ("recovered", "guessed"))
    sentence = t(f"notifications.says.few.{key.rpartition('.')[2]}", labels=int(numbers["labels"]), **points(numbers))
    headline(sentences(sentence, t("notifications.says.recovered", right=three(right), guess=three(guess))))
    _few_curve(arrays)


def _few_curve(arrays: Arrays) -> None:
    st.markdown(f"### {t('notifications.chart.few')}")
    labels, auc = arrays["labels"].astype(float), arrays["auc"]  # (S, 5, 4)
    lines, said = [], []
    for row, kind in enumerate(pretraining.KINDS):
        values = auc[:, row]
        banded = kind == "pretrained" and len(values) > 1  # five bands would hide each other
        found = [interval(column) for column in values.T] if banded else None
        band = None if found is None else np.array([within(one)[1:3] for one in found])
        lines.append(Line(kind, name_of(kind), labels, values.mean(axis=0), band))
        said.append(f"{name_of(kind)}{t('properties.colon')}{', '.join(three(one) for one in values.mean(axis=0))}")
    alt = t(
        "notifications.alt.few", rows=t("properties.semicolon").join(said), labels=", ".join(f"{int(one):,}" for one in labels)
    )
    charts.lines(lines, t("notifications.axis.labels"), t("notifications.measure.auc"), "few", alt, log=True, ticks=labels)
    st.caption(alt)


# ---- uplift ----


def uplift(told: Told, arrays: Arrays) -> None:
    key, numbers = told["findings"][0]
    everyone = told["summary"]["all"]
    sentence = t(f"notifications.says.uplift.{key.rpartition('.')[2]}", everyone=three(everyone[0]), **said_of(numbers))
    headline(sentence)
    _uplift_curve(arrays, campaign.RANKINGS, str(told["settings"]["dataset"]))
    left, right = st.columns(2)
    with left:
        _tenths(arrays)
    with right:
        _groups(told, arrays)


def _uplift_curve(arrays: Arrays, names, dataset: str = "simulator") -> None:
    if not names:
        return
    st.markdown(f"### {t('notifications.chart.uplift')}")
    shares = np.linspace(0, 100, campaign.SHARES + 1)
    lines = []
    for name in names:
        band = arrays.get(f"band.{name}") if name == "two_models" and len(arrays[f"curve.{name}"]) == 1 else None
        lines.append(Line(name, name_of(name), shares, arrays[f"curve.{name}"].mean(axis=0), band))
    end = float(lines[0].y[-1])
    top = int(lines[0].y.argmax())
    said = t(
        "notifications.alt.uplift",
        model=lines[0].label,
        most=three(float(lines[0].y[top])),
        share=int(shares[top]),
        all=three(end),
    )
    charts.lines(lines, t("notifications.axis.sent_share"), t("notifications.axis.gained"), "uplift", said, chord=end)
    st.caption(said)


def _tenths(arrays: Arrays) -> None:
    st.markdown(f"### {t('notifications.chart.tenths')}")
    found = arrays["tenths.two_models"]
    labels = [t("notifications.tenth", n=one + 1) for one in range(len(found))]
    below = int((found[:, 2] < 0).sum())
    above = int((found[:, 1] > 0).sum())
    said = t("notifications.alt.tenths", above=above, below=below, top=three(found[0, 0]), bottom=three(found[-1, 0]))
    charts.effects(found, labels, t("notifications.axis.uplift"), "tenths", said)
    st.caption(said)


def _groups(told: Told, arrays: Arrays) -> None:
    """Named groups: send, leave alone, or nothing is shown."""
    st.markdown(f"### {t('notifications.chart.groups')}")
    dataset = str(told["settings"]["dataset"])
    found = arrays["groups"]
    labels = [t(f"notifications.kind.{one.replace('=', '_')}") for one in campaign.names_of_groups(dataset)]
    alone = [label for label, row in zip(labels, found) if row[2] < 0]
    moved = [label for label, row in zip(labels, found) if row[1] > 0]
    nobody = t("notifications.nobody")
    said = t("notifications.alt.groups", alone=alone or nobody, moved=len(moved), n=len(found))
    charts.effects(found[:, :3], labels, t("notifications.axis.uplift"), "groups", said, arrays.get("groups.truth"))
    st.caption(said)


# ---- in words ----


def points(numbers: Mapping[str, float], scale: float = 100.0) -> dict[str, Any]:
    """An effect in points."""
    return {one: scale * numbers[one] for one in ("effect", "low", "high")} | {"seeds": int(numbers["seeds"])}


def said_of(numbers: Mapping[str, float]) -> dict[str, Any]:
    return points(numbers, 1.0)


def finding(key: str, numbers: Mapping[str, float]) -> str:
    """One sentence: what was compared, the effect with its interval, and whether that is more than luck."""
    name, _, direction = key.removeprefix("finding.").rpartition(".")
    plain = name.startswith("uplift") or name in ("clicks.profit_gain", "clicks.beside_random", "clicks.calibration")
    effect = t("notifications.effect", **points(numbers, 1.0 if plain else 100.0))
    extra = {"labels": int(numbers["labels"])} if "labels" in numbers else {}
    label = t(f"notifications.label.{name}", **extra)
    return sentences(f"{label}{t('properties.colon')}{effect}", t(f"properties.verdict_{direction}"))
