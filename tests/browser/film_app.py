"""A server for `test_film.py` alone: the film component over a made-up film. NOT the app, and not what any network has learned.

Its "reconstructions" are scikit-learn's digits projected on a growing number of principal components, so that the pictures look
plausible and every number on the screen can be computed again by the test. Run ids say how a run behaves.
"""

import asyncio
import json
import math
import time

import numpy as np
import streamlit as st
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

IMAGES, MOMENTS, FEATURES = 12, 30, 36
began: dict[str, float] = {}
asked: dict[str, list[float]] = {}
busy: dict[str, int] = {}
most_at_once: dict[str, int] = {}
away_until = 0.0

digits = load_digits()
pictures = (digits.images / 16).astype(np.float32)  # (1797, 8, 8)
held_out = pictures[-IMAGES:]
pca = PCA(max(MOMENTS, FEATURES), random_state=0).fit(pictures[:-IMAGES].reshape(-1, 64))


def as_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)


def rebuilt(components: int) -> np.ndarray:
    """The held-out images from their first principal components. (12, 8, 8) uint8"""
    codes = pca.transform(held_out.reshape(-1, 64))[:, :components]
    return as_bytes((codes @ pca.components_[:components] + pca.mean_).reshape(-1, 8, 8))


def features(epoch: int) -> np.ndarray:
    """Signed pictures that come out of noise. (36, 8, 8) uint8, 128 = 0"""
    noise = np.random.default_rng(0).normal(size=(FEATURES, 64))
    mixed = pca.components_[:FEATURES] * epoch / MOMENTS + 0.15 * noise * (1 - epoch / MOMENTS)
    return (128 + 127 * mixed / np.abs(mixed).max(axis=1, keepdims=True)).round().astype(np.uint8).reshape(-1, 8, 8)


def activity(epoch: int) -> np.ndarray:
    """Codes that grow sparser. (40 samples, 64 units) uint8"""
    codes = np.abs(np.random.default_rng(1).normal(size=(40, 64))) ** (1 + epoch / 6)
    return (255 * codes / codes.max()).astype(np.uint8)


def roll(dimensions: int) -> np.ndarray:
    """A spiral in two dimensions, rolled up in three. (300, dimensions) float32"""
    turn = np.linspace(1.5 * np.pi, 4.5 * np.pi, 300)
    height = np.random.default_rng(2).uniform(0, 1, 300)
    across, up = turn * np.cos(turn) / 15, turn * np.sin(turn) / 15
    return np.stack([across, up] if dimensions == 2 else [across, 2 * height, up], axis=1).astype(np.float32)


def large(epoch: int) -> dict[str, np.ndarray]:
    """28×28 pictures, for measuring how long a moment takes to draw."""
    zoomed = np.kron(held_out, np.ones((1, 4, 4)))[:, 2:30, 2:30]
    wide = np.kron(features(epoch), np.ones((1, 4, 4), dtype=np.uint8))[:, 2:30, 2:30].astype(np.uint8)
    return {
        "reconstruction": as_bytes(zoomed * epoch / MOMENTS),
        "filters": wide,
        "atoms": wide[::-1].copy(),
        "activity": activity(epoch),
    }


def still(run: str) -> dict[str, np.ndarray]:
    if run.startswith("points"):
        return {"clean": roll(int(run[-1])), "seen": roll(int(run[-1]))}
    if run.startswith("large"):
        clean = as_bytes(np.kron(held_out, np.ones((1, 4, 4)))[:, 2:30, 2:30])
        return {"clean": clean, "seen": clean}
    clean = as_bytes(held_out)
    masked = np.where(np.random.default_rng(3).random(clean.shape) < 0.3, 0, clean).astype(np.uint8)
    return {
        "clean": clean,
        "seen": masked if run.startswith("masked") else clean,
        "labels": digits.target[-IMAGES:].astype(np.int64),
    }


def moment(run: str, epoch: int) -> dict[str, np.ndarray]:
    if run.startswith("points"):
        clean = roll(int(run[-1]))
        return {"reconstruction": (clean * (0.2 + 0.8 * epoch / (MOMENTS + 5))).astype(np.float32)}
    if run.startswith("large"):
        return large(epoch)
    components = epoch if not run.startswith("weak") else math.ceil(epoch / 3)
    own = {"reconstruction": rebuilt(components), "filters": features(epoch), "atoms": features(epoch)[::-1].copy()}
    return own | {"activity": activity(epoch)}


def happened(run: str) -> tuple[str, int]:
    """State and how many moments there are now; `slow…` records one each half second, `quick…` is done at once."""
    if run.startswith("queued"):
        return "queued", 0
    if run.startswith("failed"):
        return "failed", 0
    if run.startswith("slow"):
        done = int((time.monotonic() - began.setdefault(run, time.monotonic())) / 0.5)
        return ("running" if done < MOMENTS else "finished"), min(done, MOMENTS)
    if run.startswith("forever"):
        return "running", 10
    if "stopped" in run:
        return "stopped", MOMENTS
    return "finished", MOMENTS


def records(run: str, moments: int):
    """(record, arrays) of one run so far. A run named `A+B` continues run A after its tenth epoch."""
    root = run.split("+")[0]
    yield {"kind": "started", "run": root, "class_names": [str(i) for i in range(10)], "last_epoch": MOMENTS}, still(root)
    for epoch in range(1, moments + 1):
        yield {"kind": "progress", "run": root if epoch <= 10 else run, "epoch": float(epoch)}, moment(root, epoch)


def film_bytes(run: str, since: int) -> bytes:
    state, moments = happened(run)
    everything = list(records(run, moments)) if moments else []
    body, listed = b"", []
    for record, arrays in everything[since:]:
        placed = {}
        for name, array in arrays.items():
            placed[name] = {"dtype": str(array.dtype), "shape": list(array.shape), "offset": len(body)}
            body += array.tobytes()
        listed.append(record | {"arrays": placed})
    queue = {"position": 2, "seconds_left": 14.0} if state == "queued" else {"position": None, "seconds_left": None}
    header = json.dumps({"state": state, "restarts": 0, "count": len(everything), "records": listed} | queue).encode()
    return len(header).to_bytes(4, "little") + header + body


async def film(request: Request) -> Response:
    run = request.path_params["run"]
    asked.setdefault(run, []).append(time.monotonic())
    busy[run] = busy.get(run, 0) + 1
    most_at_once[run] = max(most_at_once.get(run, 0), busy[run])
    try:
        await asyncio.sleep(0.3 if run.startswith("forever") else 0.0)
        if time.monotonic() < away_until:
            return Response(status_code=503)
        if run.startswith("gone"):
            return JSONResponse({"state": "missing"}, status_code=404)
        return Response(film_bytes(run, int(request.query_params["since"])), media_type="application/octet-stream")
    finally:
        busy[run] -= 1


async def counts(request: Request) -> JSONResponse:
    """What the test asks about: how often a run was asked for, and how many questions were open at once."""
    run = request.path_params["run"]
    return JSONResponse({"asked": len(asked.get(run, [])), "most_at_once": most_at_once.get(run, 0)})


async def away(request: Request) -> JSONResponse:
    """Answers nothing but 503 for some seconds from now."""
    global away_until
    away_until = time.monotonic() + float(request.path_params["seconds"])
    return JSONResponse({})


base = st.get_option("server.baseUrlPath").strip("/")
prefix = f"/{base}" if base else ""
app = st.App(
    "film_page.py",
    routes=[
        Route(prefix + "/api/runs/{run}/film", film),
        Route(prefix + "/api/test/counts/{run}", counts),
        Route(prefix + "/api/test/away/{seconds}", away),
    ],
)
