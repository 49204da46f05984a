"""The pages that a lesson can drive: which knobs each has, with which values, and where they are on screen.

A knob is a parameter of the page's address, checked as the page does. Pages' modules are imported when a lesson needs them.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from replearn_core.catalog import Knob
from replearn_core.options import Choice, Option, Several, checked

PAGES = Path(__file__).resolve().parents[2]
PANELS: Mapping[str, tuple[str, ...]] = {
    "autoencoder": ("train", "tool_six", "tool_pin", "film", "headline", "panel", "view", "formula", "lab_notes"),
    "latent": ("latent_picture", "latent_notes"),
    "properties": ("properties_picture", "properties_answer", "properties_run"),
    "pretraining": ("properties_picture", "pretraining_answer", "pretraining_run"),
    "transfer": ("properties_picture", "transfer_answer", "transfer_run"),
    "malware": ("properties_picture", "malware_answer"),
    "notifications": ("properties_picture", "notifications_answer"),
    "deployment": ("deployment_measure", "properties_picture"),
    "evidence": ("evidence_head",),
}
"""View → keys of what is on it beside knobs, and can be pointed at."""
_PICTURES = {"autoencoder": "lab_picture", "latent": "latent_picture"}


def path(view: str) -> str:
    """The page's script."""
    return str(PAGES / f"{view}.py")


def picture(view: str) -> str:
    """The key of the container that shows results."""
    return _PICTURES.get(view, "properties_picture")


def selector(view: str, name: str, knobs: Mapping[str, str]) -> str:
    """The CSS class of a knob or a panel."""
    if name in PANELS.get(view, ()):
        key = name
    elif view == "properties" and name not in ("part", "group"):
        key = f"properties.knob.{knobs.get('part')}.{name}"
    else:
        key = f"knob.{name}" if view == "autoencoder" else f"{view}.knob.{name}"
    return ".st-key-" + "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in key)


# ---- what a page accepts ----


def problems(view: str, knobs: Mapping[str, str], highlight: Iterable[str] = ()) -> list[str]:
    """What is wrong with a step, in words for who writes lessons; nothing where the page takes all of it."""
    if view not in PANELS:
        return [f"no page {view!r}; lessons can drive {', '.join(PANELS)}"]
    found = _CHECKS.get(view, _of_options)(view, knobs)
    known = _names(view, knobs)
    return found + [f"{view} has no knob or panel {one!r} to highlight" for one in highlight if one not in known]


def _autoencoder(view: str, knobs: Mapping[str, str]) -> list[str]:
    from pages.ui import draft
    from replearn_core.experiment import Experiment

    own = {"view": draft.VIEWS, "panel": draft.PANELS}
    wrong = [f"{view} has no {name} {knobs[name]!r}" for name in own if name in knobs and knobs[name] not in own[name]]
    _, told = Experiment.from_query({name: value for name, value in knobs.items() if name not in own})
    return wrong + [f"{view}: {one.setting}: {one.key} {dict(one.numbers)}" for one in told]


def _of_options(view: str, knobs: Mapping[str, str]) -> list[str]:
    options = options_of(view, knobs)
    wrong = []
    for name, value in knobs.items():
        if name not in options:
            wrong.append(f"{view} has no knob {name!r}; it has {', '.join(options)}")
            continue
        try:
            checked(options[name], as_value(options[name], value))
        except (ValueError, PydanticCustomError) as error:
            wrong.append(f"{view}: {name} cannot be {value!r}: {dict(getattr(error, 'context', None) or {})}")
    return wrong


_CHECKS: Mapping[str, Callable[[str, Mapping[str, str]], list[str]]] = {"autoencoder": _autoencoder}


def options_of(view: str, knobs: Mapping[str, str]) -> Mapping[str, Option]:
    """The parameters of a page with these ones, by name; of the lab only what `Experiment.from_query` does not read."""
    from importlib import import_module

    if view == "latent":
        return _latent()
    if view == "evidence":
        from pages.ui.evidence import state as evidence

        return {"verdict": Choice("verdict", (evidence.ALL, *evidence.told.VERDICTS), evidence.ALL)}
    if view == "deployment":
        return _deployment()
    state = import_module(f"pages.ui.{view}.state")
    parts: tuple[str, ...] = state.PARTS
    part = knobs.get("part", parts[0])
    chosen: dict[str, Option] = {"part": Choice("part", parts, parts[0])}
    if part not in parts:
        return chosen
    return chosen | dict(state.known_options(part) if view == "properties" else state.options_of(part))


def _latent() -> dict[str, Option]:
    from pages.ui.latent import look
    from replearn_core import tasks

    shown = {option.name: option for option in tasks.KINDS["map"].options if option.name in look.DEFAULTS}
    choices = {"view": look.VIEWS, "panel": look.PANELS, "of": look.OF, "colour": look.COLOURS}
    several = {"maps": Several(look.MAPS, "maps", look.MAPS[0])}
    return shown | {name: Choice(name, values, values[0]) for name, values in choices.items()} | several


def _deployment() -> dict[str, Option]:
    from pages.ui.deployment import state
    from replearn_core import tasks

    task = {option.name: option for option in tasks.KINDS["deployment"].options if option.name != "rounds"}
    return task | {name: Knob(name, "", min(stops), max(stops), stops[0]) for name, stops in state.TERMS.items()}


def as_value(option: Option, said: str) -> Any:
    """A parameter's text as its option takes it; ValueError where it is no number."""
    return float(said) if isinstance(option, Knob) else said


def _names(view: str, knobs: Mapping[str, str]) -> set[str]:
    if view == "autoencoder":
        from pages.ui.text import catalogue

        own = {key.split(".")[1] for key in catalogue("en") if key.startswith("knob.")}
        return {*own, *PANELS[view]}
    return {*options_of(view, knobs), *PANELS[view], *(("group",) if view == "properties" else ())}
