"""The middle of the deployment page: forms of the model as they are measured, the product, the file to take away, the bill."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui import drawing, errors, fragments, questions, tables, text
from pages.ui.deployment import charts, knobs, menu, package, state
from pages.ui.deployment.knobs import small
from pages.ui.plot import three
from pages.ui.text import duration, t
from replearn_core import claims, tasks
from replearn_core.applications.deployment import TOLERANCE, Model, bill, earnings, frontier, models_of, reaching, switches
from replearn_core.engine import RunView, TaskView, wire

POLL = 0.5  # seconds


def show(view: RunView) -> None:
    task, standing, problem = state.question(view)
    if problem is not None:
        st.text(text.problem(problem))
    if standing.live and task is not None:
        fragments.region(_measuring, run_every=POLL, key="deployment_measuring")(view)
    elif standing.state == "finished":
        with errors.contained("deployment.result"):
            _forms(standing, view)
            _product(models_of(standing.numbers, standing.arrays))
            package.offer(standing, view)
    else:
        with st.container(border=True, key="deployment_invite"):
            st.markdown(t("deployment.invite"))
            knobs.measure(view, "deployment_measure_here")
    with errors.contained("deployment.menu"):
        menu.show()
    with errors.contained("deployment.bill"):
        _bill(view)
        _against_scratch()


def _measuring(view: RunView) -> None:
    """Polls while the worker measures, and shows what there is so far; its end draws the whole page anew."""
    task, standing, _ = state.question(view)
    if not standing.live or task is None:
        st.rerun()
    assert task is not None
    st.progress(min(max(standing.progress, 0.0), 1.0), text=t("deployment.measuring", percent=round(100 * standing.progress)))
    st.button(t("properties.stop"), key="deployment_stop", icon=":material/stop:", on_click=questions.stop, args=(task,))
    if standing.partial:
        _forms(standing, view)


# ---- forms of the model ----


def _forms(standing: TaskView, view: RunView) -> None:
    numbers = standing.numbers
    models = models_of(numbers, standing.arrays)
    if not models:
        return
    best = frontier(models)
    labelled = numbers["classes"] > 0
    st.markdown(f"### {t('deployment.chart')}")
    chart = charts.trade_off(models, best, labelled, view.run_id, state.is_dark())
    drawing.draw(chart, "deployment_trade_off", _said(models, best))
    st.caption(_said(models, best))
    tables.show(_table(numbers, models, best, labelled), "deployment_table", wide=True, offered=not standing.live)
    calls = len(standing.arrays[f"{models[0].name}.times_1"])
    st.caption(t("deployment.how", calls=calls, held_out=int(numbers["held_out"])))
    _kept(numbers)
    for missing in [name for name in ("pruned", "low_rank") if f"{name}.quality" not in numbers]:
        st.caption(t("deployment.unchanged", form=name_of(missing)))


def _kept(numbers: Mapping[str, float]) -> None:
    """What a serving process keeps in memory, and whether ONNX Runtime gives the same answers."""
    if "float32.process" in numbers and "onnx.process" in numbers:
        sizes = {f"{one}_{what}": 1e-6 * numbers[f"{one}.{what}"] for one in ("float32", "onnx") for what in ("process", "grown")}
        st.caption(t("deployment.processes", **sizes))
    elif "onnx.difference" in numbers:
        st.caption(t("deployment.no_processes"))
    if (apart := numbers.get("onnx.difference")) is not None:
        agrees = apart <= TOLERANCE
        st.caption(t("deployment.agrees" if agrees else "deployment.disagrees", difference=apart, tolerance=TOLERANCE))


def _said(models: list[Model], best: frozenset[str]) -> str:
    """The finding in words."""
    first = next(one for one in models if one.name == "float32")
    fastest, smallest = min(models, key=lambda one: one.seconds), min(models, key=lambda one: one.size)
    return t(
        "deployment.said",
        fastest=name_of(fastest.name),
        times=three(first.seconds / fastest.seconds),
        smallest=name_of(smallest.name),
        share=three(first.size / smallest.size),
        best=[name_of(one.name) for one in models if one.name in best],
    )


def _table(numbers: Mapping[str, float], models: list[Model], best: frozenset[str], labelled: bool) -> dict[str, list]:
    """Columns by their headings."""

    def column(measure: str, scale: float = 1.0) -> list[str]:
        return [three(scale * numbers[f"{one.name}.{measure}"]) for one in models]

    quality = "deployment.column.accuracy" if labelled else "deployment.column.explained"
    return {
        t("deployment.column.form"): [name_of(one.name) for one in models],
        t("deployment.column.frontier"): [one.name in best for one in models],
        t(quality): [f"{100 * one.quality:.1f} %" for one in models],
        t("deployment.column.parameters"): [f"{numbers[f'{one.name}.parameters']:,.0f}" for one in models],
        t("deployment.column.kb"): column("bytes", 1e-3),
        t("deployment.column.memory"): column("memory", 1e-3),
        t("deployment.column.process"): [
            three(1e-6 * numbers[key]) if (key := f"{one.name}.process") in numbers else "–" for one in models
        ],
        t("deployment.column.operations"): [f"{numbers[f'{one.name}.operations']:,.0f}" for one in models],
        **{
            t("deployment.column.latency", p=p[1:], batch=batch): column(f"{p}_{batch}", 1e6)
            for batch in (1, 64)
            for p in ("p50", "p95", "p99")
        },
        t("deployment.column.throughput"): [f"{numbers[f'{one.name}.throughput']:,.0f}" for one in models],
        t("deployment.column.difference"): column("difference"),
    }


def name_of(form: str) -> str:
    return t(f"deployment.form.{form}")


# ---- the product ----


def _product(models: list[Model]) -> None:
    """Which model earns most, and where that changes."""
    terms = {name: state.term(name) for name in ("traffic", "budget", "price", "storage")}
    worth = {one.name: earnings(one, revenue=state.term("revenue"), **terms) for one in models}
    richest, best = max(worth, key=lambda name: worth[name]), max(models, key=lambda one: one.quality)
    changes = switches(models, [float(one) for one in np.geomspace(1e-10, 1.0, 201)], **terms)
    st.markdown(f"### {t('deployment.product_chart')}")
    verdict = t(
        "deployment.same" if richest == best.name else "deployment.other",
        richest=name_of(richest),
        best=name_of(best.name),
        money=money(worth[richest]),
        less=money(worth[richest] - worth[best.name]),
    )
    st.markdown(f"**{verdict}**")
    chart = charts.product(models, terms, state.term("revenue"), changes, state.is_dark())
    drawing.draw(chart, "deployment_product", verdict)
    said = [t("deployment.change", at=money(at), before=name_of(before), after=name_of(after)) for at, before, after in changes]
    st.caption(text.sentences(*said) if said else t("deployment.no_change", richest=name_of(richest)))
    st.caption(t("deployment.late"))


def money(value: float) -> str:
    """Dollars, three digits."""
    sign = "−" if value < 0 else ""
    size = abs(value)
    return f"{sign}US$ {figure(size)}"


def figure(size: float) -> str:
    """Three digits, thousands with a comma, tiny ones as powers of ten."""
    return f"{size:,.0f}" if size >= 1_000 else small(size) if 0 < size < 1e-3 else three(size)


# ---- training's bill ----


def _bill(view: RunView) -> None:
    """What training this run took, from its own clock."""
    last = next((event for event in reversed(view.events) if event.kind in ("finished", "progress")), None)
    if last is None:
        return
    seconds = float(last.seconds)  # type: ignore[union-attr]
    watt_hours, cost = bill(seconds, watts=state.term("watts"), price=state.term("price"))
    st.markdown(f"### {t('deployment.bill')}")
    with st.container(horizontal=True, key="deployment_bill"):
        st.metric(
            t("deployment.bill_time"), duration(seconds) if seconds >= 1 else t("deployment.unit.ms", n=three(1e3 * seconds))
        )
        st.metric(t("deployment.bill_energy"), t("deployment.unit.wh", n=figure(watt_hours)))
        st.metric(t("deployment.bill_cost"), money(cost))
    st.caption(t("deployment.bill_how", watts=f"{state.term('watts'):g}"))


TRANSFERRED = ("fixed_features", "last_layers", "all_layers", "gradual")
HERE = Path(__file__).resolve().parents[2]


def _against_scratch() -> None:
    """What a network from scratch and transferred ones cost to reach the same accuracy, from the race that came with the app."""
    kept = claims.shipped_answer(tasks.asked("study:race").id)
    if kept is None:
        return
    arrays = wire.arrays_of(kept)
    level = float(arrays["from_scratch.curve"].mean(axis=0).max())
    rows = [name for name in ("from_scratch", *TRANSFERRED) if f"{name}.curve" in arrays]
    epochs, seconds = (
        [reaching(arrays[f"{name}.curve"], arrays[f"{name}.{unit}"], level) for name in rows] for unit in ("epochs", "seconds")
    )
    bills = [None if one is None else bill(one, watts=state.term("watts"), price=state.term("price")) for one in seconds]
    st.markdown(f"### {t('deployment.scratch')}")
    never = t("deployment.never")
    tables.show(
        {
            t("deployment.column.strategy"): [t(f"transfer.strategy.{name}") for name in rows],
            t("deployment.column.epochs"): [never if one is None else three(one) for one in epochs],
            t("deployment.bill_time"): [never if one is None else t("deployment.unit.ms", n=1e3 * one) for one in seconds],
            t("deployment.bill_energy"): [never if one is None else t("deployment.unit.wh", n=figure(one[0])) for one in bills],
            t("deployment.bill_cost"): [never if one is None else money(one[1]) for one in bills],
        },
        "deployment_scratch",
        wide=True,
    )
    seeds = len(arrays["from_scratch.curve"])
    st.caption(t("deployment.scratch_how", level=f"{100 * level:.1f}", seeds=seeds, date=claims.made(kept)["date"]))
    st.page_link(str(HERE / "transfer.py"), label=t("deployment.scratch_link"), icon=":material/move_down:")
