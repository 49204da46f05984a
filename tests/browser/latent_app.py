"""A server for `test_latent_canvas.py` and `benchmarks/canvas.py`: the latent canvas over tasks that are computed here at start.

NOT the app: no engine, no store. Two small networks are really trained on scikit-learn's digits; maps are the code itself,
principal components and linear discriminants; the film leads from the first to the last. Task ids say how a task behaves.
"""

import json
import time

import numpy as np
import streamlit as st
import torch
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from replearn_core import datasets, weights
from replearn_core.experiment import Experiment
from replearn_core.networks import Autoencoder
from replearn_core.training import train

LARGE, MOMENTS = 10_000, 21
EXPERIMENTS = {
    "plane": Experiment(
        dataset="digits", hidden=(128, 32), code_size=2, code="linear", activation="tanh", epochs=80, batch_size=64
    ),
    "wide": Experiment(dataset="digits", hidden=(), code_size=32, code="sigmoid", tied=True, epochs=30, batch_size=64),
    "large": Experiment(dataset="mnist", hidden=(256,), code_size=32, code="linear", activation="relu"),
}
sent: dict[str, int] = {}
asked: dict[str, int] = {}
torch.set_num_threads(1)


def trained(e: Experiment) -> Autoencoder:
    """The network after its last epoch; untrained where its data set may not be here."""
    network = Autoencoder(e, torch.Generator().manual_seed(0)).eval()
    if e.dataset == "digits":
        network.load_state_dict(
            {name: value for name, value in list(train(e, digits))[-1].state.items() if "optimizer" not in name}
        )
    return network


def encoded(network: Autoencoder, pictures: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network.encode(torch.from_numpy(pictures.reshape(len(pictures), -1)).float()).numpy()


digits = datasets.load("digits")
pictures = np.concatenate([digits.x_test, digits.x_train])[:900]
labels = np.concatenate([digits.y_test, digits.y_train])[:900].astype(np.int16)
networks = {name: trained(e) for name, e in EXPERIMENTS.items()}
flat = pictures.reshape(len(pictures), -1)
pca = PCA(3, random_state=0).fit_transform(flat).astype(np.float32)
discriminants = LinearDiscriminantAnalysis(n_components=2).fit_transform(flat, labels).astype(np.float32)
codes = {name: encoded(networks[name], pictures) for name in ("plane", "wide")}


def points(run: str) -> dict[str, np.ndarray]:
    with torch.no_grad():
        rebuilt = networks[run].decode(torch.from_numpy(codes[run])).numpy()
    return {
        "index": np.arange(1000, 1000 + len(pictures), dtype=np.int32),
        "images": (pictures * 255).round().astype(np.uint8),
        "labels": labels,
        "factors": flat.mean(axis=1, keepdims=True),
        "held_out": np.arange(len(pictures)) < len(digits.x_test),
        "error": np.square(rebuilt - flat).sum(axis=1).astype(np.float32),
        "density": -np.hypot(*pca[:, :2].T).astype(np.float32),
        "codes": codes[run].astype(np.float32 if run == "plane" else np.float16),
    }


def large_points() -> dict[str, np.ndarray]:
    """10,000 pictures of 28×28: the digits enlarged, again and again; their codes made up."""
    rows = np.arange(LARGE) % len(pictures)
    zoomed = np.pad(np.kron(pictures, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2)))
    return {
        "index": np.arange(LARGE, dtype=np.int32),
        "images": (255 * zoomed).astype(np.uint8)[rows],
        "labels": labels[rows],
        "factors": np.zeros((LARGE, 0), np.float32),
        "error": np.random.default_rng(0).random(LARGE).astype(np.float32),
        "density": np.random.default_rng(1).random(LARGE).astype(np.float32),
        "codes": np.random.default_rng(2).normal(size=(LARGE, 32)).astype(np.float16),
    }


def large_map() -> dict[str, np.ndarray]:
    rows = np.arange(LARGE) % len(pictures)
    return {"points": discriminants[rows] + np.random.default_rng(3).normal(scale=0.5, size=(LARGE, 2)).astype(np.float32)}


def film() -> dict[str, np.ndarray]:
    share = np.linspace(0, 1, MOMENTS, dtype=np.float32)[:, None, None]
    start = pca[:, :2] / pca[:, :2].std()
    placed = (1 - share) * start + share * discriminants / discriminants.std()
    trust = np.linspace(0.8, 0.95, MOMENTS, dtype=np.float32)
    return {"points": placed.astype(np.float16), "epochs": 3 * np.arange(MOMENTS, dtype=np.float32), "trustworthiness": trust}


def turned(points: np.ndarray) -> np.ndarray:
    """The same map from behind, turned by 130 degrees."""
    angle = np.deg2rad(130)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    return np.ascontiguousarray((points * [-1, 1]).astype(np.float32) @ rotation)


RESULTS = {
    "points": lambda: points("plane"),
    "points-wide": lambda: points("wide"),
    "points-large": large_points,
    "code": lambda: {"points": codes["plane"]},
    "pca": lambda: {"points": pca[:, :2]},
    "lda": lambda: {"points": discriminants},
    "turned": lambda: {"points": turned(discriminants)},
    "space": lambda: {"points": pca},
    "film": film,
    "large": large_map,
    "empty": lambda: {"points": np.zeros((0, 2), np.float32)},
}


def packed(header: dict, arrays: dict[str, np.ndarray]) -> bytes:
    body, placed = b"", {}
    for name, array in arrays.items():
        array = np.ascontiguousarray(array)
        placed[name] = {"dtype": str(array.dtype), "shape": list(array.shape), "offset": len(body)}
        body += array.tobytes()
    text = json.dumps({"progress": 1.0, "position": None, "problem": None, "numbers": {}} | header | {"arrays": placed}).encode()
    return len(text).to_bytes(4, "little") + text + body


async def result(request: Request) -> Response:
    """GET /api/tasks/{id}/result?arrays=a,b: a task of this file, or one whose name says its state. `late` ends at the third."""
    task = request.path_params["task"]
    asked[task] = asked.get(task, 0) + 1
    kind = task.split("_")[0]
    states = {"queued": {"position": 3}, "running": {"progress": 0.42}, "failed": {"problem": {"key": "problem.nan"}}}
    if kind in states:
        return Response(packed({"state": kind} | states[kind], {}))
    if kind == "late":
        kind = "pca"
        if asked[task] < 3:
            return Response(packed({"state": "running", "progress": asked[task] / 3}, {}))
    if kind not in RESULTS:
        return JSONResponse({"state": "missing"}, status_code=404)
    wanted = request.query_params.get("arrays")
    arrays = {name: array for name, array in RESULTS[kind]().items() if wanted is None or name in wanted.split(",")}
    data = packed({"state": "finished"}, arrays)
    sent[f"{task}?{wanted}"] = len(data)
    return Response(data, media_type="application/octet-stream")


async def experiment(request: Request) -> Response:
    run = request.path_params["run"]
    if run not in EXPERIMENTS:
        return JSONResponse({"state": "missing"}, status_code=404)
    return Response(EXPERIMENTS[run].as_json(), media_type="application/json")


async def run_weights(request: Request) -> Response:
    run = request.path_params["run"]
    if run not in networks:
        return JSONResponse({"state": "missing"}, status_code=404)
    asked[f"weights {run}"] = asked.get(f"weights {run}", 0) + 1
    data, _ = weights.to_bytes(networks[run].state_dict(), run_id=run, epoch=1)
    sent[f"weights {run}"] = len(data)
    return Response(data, media_type="application/octet-stream")


async def decoded(request: Request) -> JSONResponse:
    """What PyTorch makes of a code: {"code": […]} -> values in [0, 1]."""
    code = torch.tensor([(await request.json())["code"]], dtype=torch.float32)
    with torch.no_grad():
        return JSONResponse(networks[request.path_params["run"]].decode(code)[0].tolist())


async def counts(_: Request) -> JSONResponse:
    return JSONResponse({"sent": sent, "asked": asked, "now": time.time()})


app = st.App(
    "latent_page.py",
    routes=[
        Route("/api/tasks/{task}/result", result),
        Route("/api/runs/{run}/experiment", experiment),
        Route("/api/runs/{run}/weights", run_weights),
        Route("/api/test/decode/{run}", decoded, methods=["POST"]),
        Route("/api/test/counts", counts),
    ],
)
