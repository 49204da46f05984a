"""The model to take away: ONNX files, a card in the visitor's language, and a script that runs them, as one zip."""

import io
import zipfile

import streamlit as st

from pages.ui import text
from pages.ui.deployment import region
from pages.ui.plot import three
from pages.ui.text import t
from replearn_core.engine import RunView, TaskView
from replearn_core.experiment import Experiment

SCRIPT = '''"""Runs model.onnx. Needs onnxruntime and numpy: pip install onnxruntime numpy"""

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
x = np.zeros((1, {size}), np.float32)  # one row a sample: {shape}, flattened, values from 0 to 1
(y,) = session.run(None, {{"x": x}})
print(y.argmax(axis=1) if {labelled} else y)
'''


def offer(standing: TaskView, view: RunView) -> None:
    """The download button; the file is made when it is pressed."""
    assert (experiment := view.experiment) is not None
    st.download_button(
        t("deployment.download"),
        data=text.later(lambda: zipped(standing, experiment, view.run_id)),
        file_name=f"model-{view.run_id[:8]}.zip",
        mime="application/zip",
        icon=":material/download:",
        key="deployment_download",
        on_click="ignore",
    )


def zipped(standing: TaskView, experiment: Experiment, run_id: str) -> bytes:
    """The files of the package."""
    out = io.BytesIO()
    labelled = standing.numbers["classes"] > 0
    script = SCRIPT.format(size=experiment.data.size, shape="×".join(map(str, experiment.data.shape)), labelled=labelled)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.onnx", standing.arrays["onnx"].tobytes())
        archive.writestr("model_int8.onnx", standing.arrays["onnx_int8"].tobytes())
        archive.writestr("CARD.md", card(standing, experiment, run_id))
        archive.writestr("run.py", script)
        archive.writestr("experiment.json", experiment.as_json())
    return out.getvalue()


def card(standing: TaskView, experiment: Experiment, run_id: str) -> str:
    """What the model is, what it was measured to do, and what it must not be used for."""
    numbers = standing.numbers
    quality = t("deployment.column.accuracy" if numbers["classes"] > 0 else "deployment.column.explained")
    rows = "\n".join(
        f"| {region.name_of(name)} | {100 * numbers[f'{form}.quality']:.1f} % | {three(numbers[f'{form}.bytes'] / 1e3)} "
        f"| {three(1e6 * numbers[f'{form}.p50_1'])} / {three(1e6 * numbers[f'{form}.p99_1'])} |"
        for form, name in (("onnx", "onnx"), ("onnx_int8", "onnx_int8"))
    )
    return t(
        "deployment.card",
        run=run_id,
        data=text.dataset(experiment.dataset),
        seed=str(experiment.seed),
        samples=experiment.samples,
        held_out=int(numbers["held_out"]),
        quality=quality,
        rows=rows,
        difference=three(numbers["onnx.difference"]),
    )
