"""Beside the picture: what to notice, a question, a next step to try, and each term's formula with the code that computes it."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qsl

import streamlit as st

from pages.ui import draft, glossary, palette, projector, session, text
from pages.ui.text import t
from replearn_core import catalog
from replearn_core.experiment import Experiment

CORE = Path(catalog.__file__).parent
LESSON = "autoencoder"


def show(variant: str, experiment: Experiment) -> None:
    """The right column of the lab."""
    lesson = text.lesson(LESSON)[variant]
    with st.container(key="notice"):
        st.header(t("notice.title"), anchor=False)
        st.markdown(glossary.linked(lesson["notice"]))
        st.markdown(f"**{t('notice.question')}**  \n{lesson['question']}")
        st.markdown(f"**{t('notice.next')}**  \n{lesson['next']}")
        if change := lesson.get("try"):
            st.button(t("notice.try"), key="try", icon=":material/science:", on_click=_try, args=(variant, change))
    with st.container(key="formula"):
        st.header(t("notice.formula"), anchor=False)
        st.latex(_objective(experiment))
        if paper := catalog.VARIANTS[variant].paper:
            st.caption(t("notice.source", paper=paper))
        _code(experiment)


def _try(variant: str, change: str) -> None:
    """Turn the knobs that a lesson's next step names, from the variant's own settings."""
    base = draft.last_valid()
    query = {"dataset": base.dataset, "variant": variant, "seed": str(base.seed)} | dict(parse_qsl(change))
    experiment, problems = Experiment.from_query(query)
    if not problems:
        draft.take_experiment(experiment)


def _objective(experiment: Experiment) -> str:
    """The objective as LaTeX, each term in the colour of its curve."""
    dark = st.context.theme.type == "dark"
    parts = [_coloured(experiment.reconstruction, catalog.RECONSTRUCTIONS[experiment.reconstruction].equation, dark)]
    parts += [_coloured(term.name, catalog.PENALTIES[term.name].equation, dark) for term in experiment.penalties]
    lines = r"\\ {}+".join(parts)
    if experiment.corruption:
        seen = catalog.CORRUPTIONS[experiment.corruption.name].equation
        lines += rf"\\ \textcolor{{{_ink(palette.meaning('noise', dark), dark)}}}{{{seen}}}"
    return r"\begin{gathered}" + lines + r"\end{gathered}"


def _coloured(name: str, equation: str, dark: bool) -> str:
    return rf"\textcolor{{{_ink(palette.term(name, dark), dark)}}}{{{equation}}}"


def _ink(colour: str, dark: bool) -> str:
    """A curve's colour, as much lighter or darker as text needs."""
    surfaces = palette.theme(dark)
    return palette.reaching(colour, (surfaces.background, surfaces.panel), palette.TEXT_CONTRAST, lighter=dark)


def _code(experiment: Experiment) -> None:
    """The real source of every term and corruption that is switched on."""
    box = st.expander(t("notice.code"), icon=":material/code:", key=session.SOURCE, on_change="rerun")
    if not box.open:  # what highlights code is a third of the page's JavaScript: it is fetched when somebody looks
        return
    with box:
        st.caption(t("notice.code_help"))
        for name, file, function in _functions(experiment):
            with st.container(key=f"code_{palette.TERMS.get(name, 'noise')}_{name}"):
                st.code(source_of(file, function), language="python", wrap_lines=True)


def _functions(experiment: Experiment) -> Iterator[tuple[str, str, str]]:
    """(term, file, function) in the order of the objective."""
    yield experiment.reconstruction, "penalties.py", catalog.RECONSTRUCTIONS[experiment.reconstruction].code_names
    for term in experiment.penalties:
        yield term.name, "penalties.py", catalog.PENALTIES[term.name].code_names
    if experiment.corruption:
        yield experiment.corruption.name, "corruptions.py", catalog.CORRUPTIONS[experiment.corruption.name].code_names
    if experiment.code == "k_sparse":
        yield "k_sparse", "codes.py", "k_sparse"


@lru_cache
def source_of(file: str, function: str) -> str:
    """A function's text, read from the file and not by importing it: pages never import torch. Raises KeyError."""
    source = (CORE / file).read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return ast.get_source_segment(source, node) or ""
    raise KeyError(f"{file} has no function {function!r}")


def beneath(sentences: str) -> None:
    """What to notice, below a page's picture: a lesson's Markdown. On a projector it is folded."""
    with projector.notes():
        if not projector.on():
            st.markdown(f"## {t('notice.title')}")
        st.markdown(glossary.linked(sentences))
