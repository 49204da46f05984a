"""What a step points at on its page, and what it covers until the guess is made: CSS made from the lesson. Called by guide.py."""

import json
from collections.abc import Container, Sequence

import streamlit as st

from pages.ui import controls, palette
from pages.ui.evidence import told
from pages.ui.lessons import views
from pages.ui.lessons.lesson import Ask, Lesson, Step
from pages.ui.text import t

TELLING = (
    '.st-key-properties_choice [data-testid="stCaptionContainer"]',
    ".st-key-properties_notes",
    '.st-key-evidence_head [data-testid="stButtonGroup"]',
)
"""What of the pages says beforehand how it will come out: verdicts and what to notice."""


def style(lesson: Lesson, n: int, guessed: Container[int], asking: bool, covered: bool, words: str) -> None:
    """An outline around what step n names. Until its guess is made, what the page says of the outcome is out of sight, and so is
    a result that is there already; what a later step asks stays out of sight until that one's guess. guessed: steps. words: what
    stands in a covered result's place."""
    step = lesson.steps[n - 1]
    later = [lesson.steps[one - 1] for one in unasked(lesson, n, guessed)]
    rules = [rule for name in step.highlight for rule in pointed(step, name)]
    if step.view == "evidence" and step.ask:
        rules += _evidence(claim(step.ask), later)
    elif later and not asking:
        rules.append(f".st-key-{step.view}_answer {{ display: none }}")
    if asking or later:
        rules.append(f"{', '.join(f'{one}, {one} *' for one in TELLING)} {{ visibility: hidden !important }}")
    if covered:
        box = views.picture(step.view) if step.view != "evidence" else f"evidence_{claim(step.ask)}"
        rules += _covered(f".st-key-{box}", words)
    st.html("<style>" + "\n".join(rules) + "</style>")


def unasked(lesson: Lesson, n: int, guessed: Container[int]) -> list[int]:
    """The later steps, not yet guessed at, whose result the page shows together with that of step n."""
    now = lesson.steps[n - 1]
    return [at for at, one in enumerate(lesson.steps[n:], n + 1) if one.ask and at not in guessed and _alike(now, one)]


def claim(ask: Ask | None) -> str:
    """The claim whose evidence is asked about, else ""."""
    kind, _, rest = ask.result.partition(":") if ask else ("", "", "")
    return rest.partition(":")[0] if kind == "evidence" else ""


def _alike(step: Step, other: Step) -> bool:
    """Whether the page says with the one's result what the other asks."""
    same = (step.view, step.knobs, claim(step.ask)) == (other.view, other.knobs, claim(other.ask))
    return same and step.view != "autoencoder"  # the lab has numbers of the run only, and each step asks for one of them


def pointed(step: Step, name: str) -> Sequence[str]:
    """The knob; where it is folded away, what unfolds it. The lab draws folded knobs only once they are unfolded."""
    line = "{ outline: 2px solid var(--lab-accent); outline-offset: 2px; border-radius: 8px }"
    knob = views.selector(step.view, name, step.knobs)
    undrawn = step.view == "autoencoder" and name in controls.FOLDED
    fold = f".st-key-{controls.MORE} details:not([open])" if undrawn else f"details:not([open]):has({knob})"
    return f"{knob} {line}", f"{fold} {line}"


def _evidence(asked: str, later: Sequence[Step]) -> list[str]:
    """Of all the cards only the one that the step is about, without the rows that later steps ask for and the verdict on all."""
    rules = [
        f':has(> [class*="st-key-evidence_C"]):not(:has(> .st-key-evidence_{asked})) {{ display: none }}',
        '[data-testid="stElementContainer"]:has([data-testid="stMarkdown"] h2) { display: none }',
    ]
    card = f".st-key-evidence_{asked}"
    if later:
        rules.append(f'{card} > :not(:first-child):has([data-testid="stMarkdown"]) {{ display: none }}')
    for one in (step.ask for step in later if step.ask):
        for row in told.measured(asked):
            if row.effect.finding == one.result.split(":")[2] and all(row.effect.where.get(k) == v for k, v in one.where.items()):
                words = json.dumps(t("evidence.strip_alt", effect=row.mean, low=row.low, high=row.high), ensure_ascii=False)
                rules.append(f"{card} tr:has([aria-label={words}]) {{ display: none }}")
    return rules


def _covered(box: str, words: str) -> list[str]:
    line = palette.theme(st.context.theme.type == "dark").hairline
    words = json.dumps(words, ensure_ascii=False).replace("<", "")
    return [
        f"{box} {{ border: 1px dashed {line}; border-radius: 8px; position: relative; max-height: 70vh; overflow: clip }}",
        f"{box} * {{ visibility: hidden !important }}",
        f"{box}::before {{ content: {words}; position: absolute; inset: 40px 24px auto; text-align: center; "
        "color: var(--lab-muted) }",
    ]
