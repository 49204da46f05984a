"""What one unit draws when it learned from natural patches, under no, weak and strong sparsity (claim C7)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.properties.study import (
    Settings,
    Study,
    Tell,
    decoded,
    difference,
    encoded,
    finding,
    finished,
    part,
    signed_pictures,
    silent,
    trained,
)

if TYPE_CHECKING:
    from replearn_core.networks import Autoencoder

STRENGTHS = ("none", "weak", "strong")
SIDE = 12  # of the patches
SHOWN = 64
ANGLES, FREQUENCIES, WIDTHS = 8, (0.1, 0.16, 0.24, 0.34), (1.2, 1.8, 2.6)  # cycles per pixel; standard deviations in pixels


class Atoms(Settings):
    """code: k_sparse (the k largest survive; none: all units) or predictive (sparse coding with the L1 weight λ; none: 0).

    Under an L1 penalty a plain ReLU code of unit-norm atoms loses nearly all its units on these patches, so it is no choice
    here.
    """

    code: Literal["k_sparse", "predictive"] = "k_sparse"
    units: Annotated[int, Field(ge=16, le=400)] = 100
    weak_k: Annotated[int, Field(ge=1, le=400)] = 10
    strong_k: Annotated[int, Field(ge=1, le=400)] = 3
    weak_l1: Annotated[float, Field(ge=0, le=10)] = 0.05
    strong_l1: Annotated[float, Field(ge=0, le=10)] = 0.2
    train_size: Annotated[int, Field(ge=500, le=10_000)] = 8_000
    epochs: Annotated[int, Field(ge=1, le=200)] = 8


def run_atoms(settings: Atoms, *, tell: Tell = silent) -> Study:
    """The same autoencoder on whitened patches with no, weak and strong sparsity, and what its atoms look like.

    values for none, weak, strong: `.gabor`, share of an atom's energy that its best Gabor function explains, mean over live
    atoms; `.gabors`, share of live atoms above 0.5; `.selectivity`, orientation selectivity 0 … 1; `.locality`, share of the
    patch that the atom's energy covers; `.l0`, `.live` (units), `.error`. `chance.gabor`: of random low-passed patches, as
    smooth as the data.
    arrays for the first seed: `<strength>.atoms` uint8 (64, 12, 12), the best Gabor fits first; `<strength>.fits` likewise, the
    Gabor functions fitted; `<strength>.scores` (S, units), 0 for dead units.
    """
    from replearn_core.datasets import load

    data = load("patches", settings.train_size)
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {}
    scores: dict[str, list[np.ndarray]] = {strength: [] for strength in STRENGTHS}
    runs: list[str] = []
    total = len(STRENGTHS) * settings.seeds
    for seed in settings.each_seed:
        chance = gabor_fit(smooth_noise(settings.units, data.x_train, seed))[0]
        values.setdefault("chance.gabor", []).append(float(chance.mean()))
        for strength in STRENGTHS:
            experiment = experiment_of(settings, strength, seed)
            network = trained(experiment, data, part(tell, len(runs) / total, (len(runs) + 0.9) / total))
            runs.append(experiment.id)
            codes = encoded(network, data.x_test)
            atoms, live = atoms_of(network), ~measures.dead_units(codes)
            fit, best = gabor_fit(atoms)
            scores[strength].append(np.where(live, fit, 0))
            used = atoms[live] if live.any() else atoms
            found = {
                "gabor": fit[live].mean() if live.any() else 0.0,
                "gabors": (fit[live] > 0.5).mean() if live.any() else 0.0,
                "selectivity": orientation_selectivity(used).mean(),
                "locality": coverage(used).mean(),
                "l0": measures.l0(codes),
                "live": live.sum(),
                "error": measures.reconstruction_error(data.x_test, decoded(network, codes)),
            }
            for name, value in found.items():
                values.setdefault(f"{strength}.{name}", []).append(float(value))
            if seed == settings.first_seed:
                order = np.argsort(-np.where(live, fit, -1), kind="stable")[:SHOWN]
                arrays |= {f"{strength}.atoms": signed_pictures(atoms[order]), f"{strength}.fits": signed_pictures(best[order])}
    arrays |= {f"{strength}.scores": np.array(one, np.float32) for strength, one in scores.items()}
    findings = (
        finding("atoms.strong_against_none", difference(values["strong.gabor"], values["none.gabor"])),
        finding("atoms.weak_against_none", difference(values["weak.gabor"], values["none.gabor"])),
        finding("atoms.strong_against_chance", difference(values["strong.gabor"], values["chance.gabor"])),
        finding("atoms.locality", difference(values["none.locality"], values["strong.locality"])),
    )
    return finished("atoms", settings, values, arrays, findings, runs)


def experiment_of(settings: Atoms, strength: str, seed: int) -> Experiment:
    fields: dict[str, Any] = {
        "dataset": "patches",
        "train_size": settings.train_size,
        "code": settings.code,
        "code_size": settings.units,
        "epochs": settings.epochs,
        "learning_rate": 3e-3,
        "seed": seed,
    }
    if settings.code == "k_sparse":
        k = {"none": settings.units, "weak": settings.weak_k, "strong": settings.strong_k}[strength]
        fields |= {"tied": True, "code_options": {"k": min(k, settings.units), "alpha": 1}}
    else:
        weight = {"none": 0.0, "weak": settings.weak_l1, "strong": settings.strong_l1}[strength]
        fields["code_options"] = {"steps": 8}
        fields["penalties"] = ({"name": "l1", "weight": weight}, {"name": "prediction", "weight": 0.5})
    return Experiment.from_values(fields)


def atoms_of(network: Autoencoder) -> np.ndarray:
    """(K, H, W): what one unit of code adds to the picture."""
    units = network.experiment.code_size
    return decoded(network, np.eye(units, dtype=np.float32)) - decoded(network, np.zeros((1, units), np.float32))


def smooth_noise(count: int, x: np.ndarray, seed: int) -> np.ndarray:
    """(count, 12, 12) Gaussian noise with the data's covariance: what an atom would look like if learning found no structure
    but that."""
    flat = x.reshape(len(x), -1).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    drawn = np.random.default_rng(seed).normal(size=(count, len(flat))) @ flat / np.sqrt(len(flat))
    return drawn.reshape(count, *x.shape[1:])


# ---- how much an atom looks like a Gabor function ----


def gabor_fit(atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(share of energy (M,), the best Gabor functions (M, 12, 12)) of atoms (M, 12, 12), mean removed; 0 for a constant atom.

    max over a bank of 8 angles, 4 frequencies, 3 widths and 144 places of ‖P a‖² / ‖a‖², P the projection on the Gabor
    function's even and odd phase. So phase and amplitude are fitted exactly, the rest to the bank's steps: a Gabor function
    between the steps scores about 0.9. ValueError: not (M, 12, 12), NaN or Inf.
    """
    flat = measures.checks.flat("atoms", atoms).astype(np.float64)
    if atoms.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"atoms must have the shape (units, {SIDE}, {SIDE}), not {atoms.shape}")
    flat = flat - flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1)
    unit = flat / np.where(norm > 1e-12, norm, 1)[:, None]
    bank = _bank()  # (G, 2, 144), orthonormal pairs
    shares = sum(np.square(unit @ bank[:, phase].T) for phase in (0, 1))  # (M, G)
    best = shares.argmax(axis=1)
    weights = np.einsum("md,mpd->mp", unit, bank[best])
    fitted = np.einsum("mp,mpd->md", weights, bank[best]) * norm[:, None]
    return np.where(norm > 1e-12, shares.max(axis=1), 0.0), fitted.reshape(atoms.shape)


@cache
def _bank() -> np.ndarray:
    """(G, 2, 144): even and odd Gabor functions, mean removed, made orthonormal."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    pairs = []
    for y in range(SIDE):
        for x in range(SIDE):
            for width in WIDTHS:
                window = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))
                for angle in np.arange(ANGLES) * np.pi / ANGLES:
                    phase = 2 * np.pi * ((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle))
                    for frequency in FREQUENCIES:
                        pairs.append((window * np.cos(frequency * phase), window * np.sin(frequency * phase)))
    bank = np.array(pairs).reshape(len(pairs), 2, -1)
    bank -= bank.mean(axis=2, keepdims=True)
    even = bank[:, 0] / np.linalg.norm(bank[:, 0], axis=1, keepdims=True)
    odd = bank[:, 1] - (bank[:, 1] * even).sum(axis=1, keepdims=True) * even
    return np.stack([even, odd / np.linalg.norm(odd, axis=1, keepdims=True)], axis=1)


def orientation_selectivity(atoms: np.ndarray) -> np.ndarray:
    """(M,) |Σ_f P(f) e^{2iθ(f)}| / Σ_f P(f) over the power spectrum without its mean: 1 for a grating, 0 for a round spot.

    One minus the circular variance (Ringach, Shapley & Hawken 2002, J. Neurosci. 22:5639), of the spectrum in place of
    responses.
    """
    power = np.square(np.abs(np.fft.fft2(atoms, s=(32, 32))))
    fy, fx = np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32), indexing="ij")
    keep = (np.hypot(fx, fy) > 0) & (np.hypot(fx, fy) < 0.5)
    total = power[:, keep].sum(axis=1)
    return np.abs(power[:, keep] @ np.exp(2j * np.arctan2(fy, fx)[keep])) / np.where(total > 0, total, 1)


def coverage(atoms: np.ndarray) -> np.ndarray:
    """(M,) (Σ e)² / (D Σ e²), e the squared pixels: the share of the patch that an atom covers; 1/D for one pixel, 1 when all
    are equal."""
    energy = np.square(atoms.reshape(len(atoms), -1).astype(np.float64))
    square = np.square(energy).sum(axis=1)
    return np.square(energy.sum(axis=1)) / np.where(square > 0, square * energy.shape[1], 1)
