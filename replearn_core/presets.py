"""Variants of the catalogue as experiments, with sizes that suit the data set. Used by pages, queries and tests."""

from collections.abc import Mapping
from typing import Any

from replearn_core import catalog
from replearn_core.experiment import INFERRED_CODES, Experiment


def preset(dataset: str, variant: str, **fields) -> Experiment:
    """A variant of the catalogue with sizes that suit the data set."""
    data = catalog.dataset(dataset)
    settings = dict(catalog.VARIANTS[variant].settings) | _suited(data, variant)
    sizes = _sizes(data)
    settings["code_size"] = sizes[settings["code_size"]]
    settings["hidden"] = sizes[settings.get("hidden", "none")]
    if "penalties" in settings:
        settings["penalties"] = [
            _term(name, sizes.get(weight, weight), options) for name, weight, options in settings["penalties"]
        ]
    if "corruption" in settings:
        settings["corruption"] = _term(*settings["corruption"])
    if settings["code"] == "k_sparse":
        settings["code_options"] = {"k": max(1, settings["code_size"] // 10)}
    common = {"dataset": dataset, "train_size": data.usual_train_size, **_pace(data, settings["code"] in INFERRED_CODES)}
    return Experiment.from_values(common | settings | fields)


def _suited(data: catalog.DatasetEntry, variant: str) -> dict[str, Any]:
    """Settings of a variant with which it shows what it is for on this data set, where its usual ones would not."""
    if variant == "denoising" and data.kind == "points":  # a coordinate set to 0 lies on another part of the manifold, or nowhere
        return {"corruption": ("gaussian", 0.1, {})}
    if variant == "sparse_l1" and data.name == "patches":  # pale patches about 0.5: at 0.05 nearly all rectifiers fall silent
        return {"penalties": (("l1", 0.02, {}),), "tied": True, "learning_rate": 0.0005}
    return {}


def _sizes(data: catalog.DatasetEntry) -> dict[str, Any]:
    """Sizes for a data set of D numbers: narrow and wide codes, the hidden layers before them, and a strong β.

    The KL weighs against an error summed over D pixels: β = 4 on 8×8 digits collapses every unit to its prior.
    """
    if data.kind == "points" and data.size > 3:  # the columns of a visitor's table
        narrow, wide = max(2, data.size // 4), max(64, 2 * data.size)
        latent = min(8, narrow)
        return {"narrow": narrow, "wide": wide, "latent": latent, "none": (), "shallow": (64,), "deep": (64, 32), "strong": 2.0}
    if data.kind == "points":
        return {"narrow": data.size - 1, "wide": 64, "latent": 2, "none": (), "shallow": (64,), "deep": (64, 32), "strong": 2.0}
    if data.size <= 64:
        return {"narrow": 16, "wide": 100, "latent": 8, "none": (), "shallow": (64,), "deep": (128, 64), "strong": 2.0}
    strong = 4.0 if data.size >= 1_000 else 2.0
    return {"narrow": 32, "wide": 256, "latent": 10, "none": (), "shallow": (256,), "deep": (256, 128), "strong": strong}


def _pace(data: catalog.DatasetEntry, inferred: bool) -> dict[str, Any]:
    """Epochs and batch size with which a first run on this data set takes some seconds on one core."""
    if catalog.is_own(data.name):
        batch = 64 if data.size <= 64 else 128
        steps = max(1, data.usual_train_size // batch)
        few, most = (2_000, 300) if not inferred else (250, 60)
        return {"epochs": max(8, min(most, few // steps)), "batch_size": batch}
    if data.size <= 64:
        return {"epochs": 60 if inferred else 200, "batch_size": 64}
    return {"epochs": 8 if inferred else 30, "batch_size": 128}


def _term(name: str, weight: float, options: Mapping[str, float]) -> dict[str, Any]:
    return {"name": name, "weight": weight, "options": dict(options)}


def variant_of(experiment: Experiment) -> str:
    """The variant whose preset differs from this experiment in the fewest fields; earlier ones win ties."""
    return min(catalog.VARIANTS, key=lambda name: len(differences(experiment, preset(experiment.dataset, name))))


def differences(experiment: Experiment, base: Experiment) -> list[str]:
    """Names of the fields in which two experiments on one data set differ."""
    return [name for name in Experiment.model_fields if getattr(experiment, name) != getattr(base, name)]
