"""The deployment page as a visitor meets it: a shipped run is measured for real, and the model is taken home and run."""

import io
import zipfile

import numpy as np
import onnxruntime
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything


def test_a_press_measures_the_forms_and_the_model_that_is_taken_home_runs(visit, server):
    page = visit(f"{server.address}/deployment")
    page.locator(".st-key-deployment_measure button").click()
    expect(page.locator(".st-key-deployment_download")).to_be_visible()
    expect(page.locator(".st-key-deployment_trade_off .js-plotly-plot")).to_be_visible()
    with page.expect_download() as download:
        page.locator(".st-key-deployment_download button").click()
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
        session = onnxruntime.InferenceSession(archive.read("model.onnx"), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"x": np.zeros((3, 64), np.float32)})
    assert scores.shape == (3, 10) and np.isfinite(scores).all()
