"""The values that class rooms are made of, checked where they enter: codes, nicknames, questions, answers. For rooms.py."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from replearn_core.experiment import Problem

CODE_LETTERS = "ABCDEFGHJKMNPQRTUVWXY34679"  # none that is read as another: no I, L, O, S, Z, 0, 1, 2, 5, 8
CODE_LENGTH = 6  # 28.2 bits
MOST_ROOMS = 500
MOST_MEMBERS = 60
MOST_ANSWERS = 40  # questions that one participant can answer; an answer can be changed
MOST_QUESTIONS = 40  # that a teacher asks in one room
MOST_RUNS = 60  # of one participant; Train all six makes six
USUAL_HOURS, MOST_HOURS = 4, 24
MOST_NAME = 24
MOST_TEXT = 200
MOST_CHOICES, MOST_CHOICE = 6, 60
SHOWN = ("arriving", "all", "hidden")
"""When a class sees its answers: as they arrive, once all have answered, not at all."""
_OTHER_QUESTION = re.compile(r"[a-z]{2,12}:[\w.:-]{1,66}")
_NUMBER = 1e12


class RoomRefused(Exception):
    """What was asked of a room cannot be had. `problem` says why."""

    def __init__(self, key: str, **numbers: Any):
        self.problem = Problem(key, "room", numbers)
        super().__init__(f"{key} {numbers}")


@dataclass(frozen=True)
class Question:
    """What a teacher asks. choices: between which to choose; none for a number, which lies in [low, high] where those are set."""

    text: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Question":
        said = json.loads(text)
        return cls(said["text"], tuple(said["choices"]), said["low"], said["high"])


@dataclass(frozen=True)
class Room:
    """number: of its present question. shown: one of SHOWN. until: Unix time. link: the short link's code, "" without one."""

    code: str
    number: int
    question: Question
    shown: str
    until: float
    closed: bool
    link: str = ""

    @property
    def question_id(self) -> str:
        return f"q{self.number}"


@dataclass(frozen=True)
class Opened:
    code: str
    secret: str


@dataclass(frozen=True)
class Member:
    """token: what alone proves who answers; nobody else knows it."""

    number: int
    name: str
    token: str


@dataclass(frozen=True)
class Ran:
    """A participant's finished run. error: held-out squared error per image."""

    run_id: str
    member: int
    dataset: str
    code_size: int
    error: float


@dataclass(frozen=True)
class Board:
    """names, hidden: participants by number. answers: question → participant → answer; of those in `names` only. going: runs."""

    room: Room
    questions: Mapping[int, Question]
    names: Mapping[int, str]
    hidden: Mapping[int, str]
    answers: Mapping[str, Mapping[int, float | str]]
    runs: tuple[Ran, ...]
    going: int

    def visible(self, question: str) -> bool:
        """Whether the class may see the answers to this question now."""
        given = self.answers.get(question, {})
        return self.room.shown == "arriving" or (self.room.shown == "all" and bool(given) and len(given) >= len(self.names))

    def best(self, dataset: str) -> dict[int, Ran]:
        """Code size → the run with the smallest error on this data set, ascending."""
        found: dict[int, Ran] = {}
        for one in sorted(self.runs, key=lambda run: (run.code_size, run.error)):
            if one.dataset == dataset:
                found.setdefault(one.code_size, one)
        return found


def read_code(typed: str) -> str:
    """A room's code as it was typed or linked, in its one spelling. Raises RoomRefused."""
    code = re.sub(r"[\s-]", "", str(typed)[:40]).upper()
    if len(code) != CODE_LENGTH or any(letter not in CODE_LETTERS for letter in code):
        raise RoomRefused("problem.unknown_room", value=plain(typed, 12))
    return code


def plain(text: str, most: int) -> str:
    """One line of visible characters: no control, direction or zero-width ones, no piles of accents, at most `most`."""
    shown: list[str] = []
    marks = 0
    for letter in unicodedata.normalize("NFC", str(text)[: 8 * most]):
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind.startswith("M") else 0
        if kind.startswith("Z") or letter in "\t\n\r":
            shown.append(" ")
        elif not kind.startswith("C") and marks <= 2:
            shown.append(letter)
    return " ".join("".join(shown).split())[:most].strip()


def nickname(typed: str) -> str:
    """Raises RoomRefused where nothing can be seen of it."""
    name = plain(typed, MOST_NAME)
    if not any(unicodedata.category(letter)[0] in "LNSP" for letter in name):
        raise RoomRefused("problem.nickname_empty", limit=MOST_NAME)
    return name


def question(text: str, choices: tuple[str, ...] = (), low: float | None = None, high: float | None = None) -> Question:
    """A teacher's question, checked. Raises RoomRefused."""
    said, options = plain(text, MOST_TEXT), tuple(dict.fromkeys(filter(None, (plain(one, MOST_CHOICE) for one in choices))))
    if not said:
        raise RoomRefused("problem.question_empty", limit=MOST_TEXT)
    if choices and not 2 <= len(options) <= MOST_CHOICES:
        raise RoomRefused("problem.question_choices", low=2, high=MOST_CHOICES)
    bounds = [one for one in (low, high) if one is not None]
    if any(not math.isfinite(one) or abs(one) > _NUMBER for one in bounds) or bounds != sorted(set(bounds)):
        raise RoomRefused("problem.question_bounds")
    return Question(said, options, low, high)


def checked_answer(name: str, value: float | str, questions: Mapping[int, Question]) -> float | str:
    """An answer as it is kept. Raises RoomRefused."""
    asked = questions.get(int(name[1:])) if re.fullmatch(r"q\d{1,3}", name, re.ASCII) else None
    if asked is None and not _OTHER_QUESTION.fullmatch(name):
        raise RoomRefused("problem.room_no_question")
    if isinstance(value, str) and (asked is None or asked.choices):
        if (asked is not None and value not in asked.choices) or plain(value, MOST_CHOICE) != value:
            raise RoomRefused("problem.room_bad_answer", value=plain(value, 40))
        return value
    if isinstance(value, str | bool) or not math.isfinite(value) or abs(value) > _NUMBER or (asked and asked.choices):
        raise RoomRefused("problem.room_bad_answer", value=plain(str(value), 40))
    if asked and ((asked.low is not None and value < asked.low) or (asked.high is not None and value > asked.high)):
        raise RoomRefused("problem.room_bad_answer", value=plain(f"{value:g}", 40))
    return float(value)
