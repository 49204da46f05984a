"""Take it home: a run as a script, as a notebook, and its weights with a card. Beneath the lab's picture."""

import io
import json
import zipfile
from collections.abc import Callable

import streamlit as st

from pages.ui import runs, session, share, text
from pages.ui.own import door as own_door
from pages.ui.text import t
from replearn_core import catalog, engine, takehome
from replearn_core.engine import RunView
from replearn_core.experiment import Experiment
from replearn_core.store import Damaged


def beneath(view: RunView) -> None:
    """The offer under a run that has ended; nothing while it goes, or where it learned nothing."""
    if view.live or view.experiment is None or runs.epoch_of(view) <= 0:
        return
    share.came_with_a_bundle(view.run_id)
    box = st.expander(t("takehome.title"), icon=":material/home_work:", key=session.TAKEHOME, on_change="rerun")
    if not box.open:
        return
    with box:
        st.caption(t("takehome.about"))
        chain = lineage(view)
        try:
            parts = takehome.sections(chain, measured(view))
        except ValueError:
            st.caption(t("takehome.no_chain"))
            _weights(view)
            share.offer(view.run_id)
            return
        with st.container(horizontal=True, key="takehome_buttons"):
            _button("script", takehome.script(chain, measured(view)), f"run-{view.run_id[:8]}.py", "text/x-python")
            _button(
                "notebook", takehome.notebook(chain, measured(view)), f"run-{view.run_id[:8]}.ipynb", "application/x-ipynb+json"
            )
            _weights(view)
            if view.state == "finished" and not catalog.is_own(view.experiment.dataset):
                share.offer(view.run_id)
            if catalog.is_own(view.experiment.dataset):
                own_door.take_home(view.experiment.dataset, "takehome")
        if view.experiment.dataset in takehome.NEEDS_A_FILE or catalog.is_own(view.experiment.dataset):
            st.caption(t("takehome.needs_file", data=text.dataset(view.experiment.dataset)))
        for heading, code in parts:
            with st.container(key=f"takehome_{heading.lower()}"):
                st.markdown(f"**{t(f'takehome.section.{heading.lower()}')}**")
                st.code(code.strip(), language="python", wrap_lines=True)


def lineage(view: RunView) -> list[tuple[Experiment, int]]:
    """(experiment, its last epoch) from the first ancestor on."""
    assert view.experiment is not None
    running = engine.current()
    last = (view.experiment, int(runs.epoch_of(view)))
    ancestors = running.lineage(view.run_id)[:-1] if running else ()
    found = [(running.experiment(run_id), epoch) for run_id, epoch in ancestors] if running else []
    return [(experiment, int(epoch)) for experiment, epoch in found if experiment is not None and epoch is not None] + [last]


def measured(view: RunView) -> float | None:
    """The held-out squared error of a finished run."""
    end = view.events[-1] if view.events else None
    return float(end.metrics["squared_error"]) if end is not None and end.kind == "finished" else None  # type: ignore[union-attr]


def _button(kind: str, content: str | Callable[[], bytes], name: str, mime: str) -> None:
    st.download_button(
        t(f"takehome.{kind}"), content, name, mime, icon=":material/download:", key=f"takehome_{kind}", on_click="ignore"
    )


def _weights(view: RunView) -> None:
    """Weights and settings, with a card, as one zip."""
    running = engine.current()
    try:
        weights = running.weights(view.run_id) if running else None
    except Damaged:
        weights = None
    if weights is not None:
        _button("weights", text.later(lambda: zipped(view, weights)), f"run-{view.run_id[:8]}.zip", "application/zip")


def zipped(view: RunView, weights: bytes) -> bytes:
    """weights.safetensors, experiment.json and CARD.md."""
    assert view.experiment is not None
    e, out = view.experiment, io.BytesIO()
    end = view.events[-1]
    metrics = dict(getattr(end, "metrics", {}))
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in metrics.items())
    card = t(
        "takehome.card",
        run=view.run_id,
        data=text.dataset(e.dataset),
        samples=e.samples,
        seed=str(e.seed),
        epochs=int(runs.epoch_of(view)),
        sizes="-".join(map(str, [e.data.size, *e.hidden, e.code_size])),
        rows=rows,
    )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights.safetensors", weights)
        archive.writestr("experiment.json", json.dumps(json.loads(e.as_json()), indent=2))
        archive.writestr("CARD.md", card)
    return out.getvalue()
