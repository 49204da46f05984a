"""The words: `t(key, **numbers)` from assets/i18n in the visitor's language, and lesson files. All pages take their text here."""

import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from pages.ui import powers, session
from replearn_core import catalog
from replearn_core.experiment import Problem

ASSETS = Path(__file__).resolve().parents[2] / "assets"
TRANSLATION = "REPLEARN_TRANSLATION"
MAKING = {Path(one).name: Path(one) for one in [os.environ.get(TRANSLATION)] if one}
"""A language that is being written: its code, which is its folder's name, and the folder (docs/translating.md says how)."""
LANGUAGES = {"zh-TW": "中文", "en": "English"} | {lang: lang for lang in MAKING}
THIN = "\u2009"
NOTHING = 1e-12  # numbers nearer to zero are what rounding leaves of it
T = TypeVar("T")
_CJK = "\u3400-\u9fff"
_LATIN = r"A-Za-z0-9{}%$`+±"
_FULL = "\u3000-\u303f\uff00-\uffef"  # full-width punctuation
_PERCENT = re.compile(r"(?<=[\d}]) (?=%)")  # where a Chinese line would end between a number and its %
_NEEDLESS = re.compile(rf"(?<=[{_CJK}{_FULL}])[ {THIN}](?=[{_CJK}{_FULL}])")  # where Chinese words took a placeholder's place
_MATH_OR_CODE = re.compile(r"(```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$)", re.DOTALL)


# ---- language ----

_LATER: ContextVar[str | None] = ContextVar("language of what is made after the run that offered it", default=None)


def language() -> str:
    """?lang= first, then the choice made, then the browser's language: Chinese of any kind is zh-TW, all else English."""
    if (kept := _LATER.get()) is not None:
        return kept
    asked = st.query_params.get("lang")
    if asked in LANGUAGES:
        session.put(session.LANGUAGE, asked)
        return asked
    chosen = session.get(session.LANGUAGE)
    return chosen if chosen in LANGUAGES else of_locale(st.context.locale)


def of_locale(locale: str | None) -> str:
    """`zh-Hant-HK` → `zh-TW`, `de` → `en`."""
    return "zh-TW" if (locale or "").lower().startswith("zh") else "en"


def choose(chosen: str) -> None:
    """Switch the language; every other query parameter and all knobs stay."""
    session.put(session.LANGUAGE, chosen)
    st.query_params["lang"] = chosen


def later(made: Callable[[], T]) -> Callable[[], T]:
    """`made` in the language of now, wherever it is called: Streamlit makes a file that is offered when its button is pressed, in
    a thread that knows no visitor."""
    lang = language()

    def in_language() -> T:
        token = _LATER.set(lang)
        try:
            return made()
        finally:
            _LATER.reset(token)

    return in_language


def folder(lang: str) -> Path:
    """Where a language's catalogue, lessons and glossary lie."""
    return MAKING.get(lang, ASSETS)


# ---- sentences ----


def t(key: str, /, **numbers: Any) -> str:
    """The sentence of `key` with its numbers; a missing key shows itself, so that the page still works."""
    return said(language(), key, **numbers)


def said(lang: str, key: str, /, **numbers: Any) -> str:
    """`t` for a given language."""
    sentence = catalogue(lang).get(key)
    if sentence is None:
        return key
    shown = {name: _shown(value, lang) for name, value in numbers.items()}
    try:
        return _NEEDLESS.sub("", sentence.format_map(shown)) if "{" in sentence else sentence
    except (KeyError, ValueError, IndexError):
        return sentence


def sentences(*parts: str) -> str:
    """One after another. A Chinese full stop brings its own room; after any other end comes a space."""
    spaced_out = [part if re.search(f"[{_FULL}]$", part) else f"{part} " for part in parts[:-1]]
    return "".join((*spaced_out, *parts[-1:]))


def has(key: str) -> bool:
    return key in catalogue("en")


@lru_cache
def catalogue(lang: str) -> Mapping[str, str]:
    """Dotted key → sentence, spaces put in and held as `spaced` does."""
    with (folder(lang) / "i18n" / f"{lang}.toml").open("rb") as file:
        written = {key: spaced(sentence) for key, sentence in _flat(tomllib.load(file))}
    return {key: _PERCENT.sub("\u00a0", sentence) for key, sentence in written.items()} if lang == "zh-TW" else written


def _flat(table: Mapping[str, Any], prefix: str = ""):
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def spaced(sentence: str) -> str:
    """A thin space where Chinese meets Latin, a number or a formula, and one before % at which no Chinese line ends; the insides
    of formulas and code stay as they are."""
    parts, chinese = _MATH_OR_CODE.split(sentence), re.search(f"[{_CJK}]", sentence)
    for i in range(0, len(parts), 2):
        parts[i] = _PERCENT.sub("\u00a0", parts[i]) if chinese else parts[i]
        parts[i] = re.sub(rf"(?<=[{_CJK}])(?=[{_LATIN}])|(?<=[{_LATIN}])(?=[{_CJK}])", THIN, parts[i])
    for i in range(1, len(parts), 2):
        before = THIN if re.search(rf"[{_CJK}]$", parts[i - 1]) else ""
        after = THIN if re.match(rf"[{_CJK}]", parts[i + 1]) else ""
        parts[i] = before + parts[i] + after
    return "".join(parts)


# ---- numbers ----


def number(value: float) -> str:
    """Three significant digits, the same in every locale: 0.00213, 12.3, 1,230; 0 for what rounding leaves of it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else powers.written(value, 3)
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "NaN")
    if abs(value) < NOTHING:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return powers.written(value, 3)
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = f"{round(value, digits):,.{max(0, digits)}f}"
    return (rounded.rstrip("0").rstrip(".") if "." in rounded else rounded).replace("-", "−")


def _shown(value: Any, lang: str) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ("、" if lang == "zh-TW" else ", ").join(_shown(part, lang) for part in value)
    return number(value) if isinstance(value, (int, float)) else str(value)


def duration(seconds: float) -> str:
    """`12 s`, `3 min 20 s` in the visitor's words."""
    whole = max(0, round(seconds))
    if seconds < 1:
        return t("unit.under_a_second")
    return t("unit.seconds", n=whole) if whole < 60 else t("unit.minutes", minutes=whole // 60, n=whole % 60)


# ---- problems and lessons ----


def problem(found: Problem) -> str:
    """A Problem's sentence: the item, the limit, how to mend it. Show it with `st.text`: it may repeat what a stranger typed."""
    numbers = dict(found.numbers)
    for name, group in (("dataset", "dataset.{}.name"), ("reason", "reason.{}")):
        key = group.format(numbers.get(name))
        if name in numbers and has(key):
            numbers[name] = t(key)
    return t(found.key, **{**numbers, "setting": setting(str(numbers.get("setting") or found.setting))})


def dataset(name: str) -> str:
    """A data set as people call it; a visitor's own by its kind and the end of its name, which alone opens nothing."""
    if not catalog.is_own(name):
        return t(f"dataset.{name}.name")
    found = catalog.dataset(name)
    return t(f"own.named_{found.kind}", side=found.shape[0], last=name[-4:])


def setting(name: str) -> str:
    """A setting's name as its knob is labelled, else the name itself."""
    for key in (f"knob.{name}.name", f"penalty.{name}.name", f"corruption.{name}.name", f"reconstruction.{name}.name"):
        if has(key):
            return t(key)
    return name or t("knob.experiment.name")


def lesson(name: str) -> Mapping[str, Mapping[str, str]]:
    """A lesson file's `# sections`, each with its `## parts`, in the visitor's language."""
    return _lesson(language(), name)


@lru_cache
def _lesson(lang: str, name: str) -> Mapping[str, Mapping[str, str]]:
    text = (folder(lang) / "lessons" / lang / f"{name}.md").read_text(encoding="utf-8")
    sections: dict[str, Mapping[str, str]] = {}
    for section in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        parts = (part.partition("\n") for part in re.split(r"^## ", body, flags=re.MULTILINE)[1:])
        sections[title.strip()] = {head.strip(): spaced(rest.strip()) for head, _, rest in parts}
    return sections
