"""What a setting of a task or a study may be, beside a number (`catalog.Knob`): a choice, several of a few, numbers, samples.

`checked` gives a value its one spelling, so that equal questions have equal ids.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from replearn_core import catalog
from replearn_core.catalog import Knob

MOST_INDICES = 60
MOST_ADDRESS = 500  # characters


@dataclass(frozen=True)
class Choice:
    """One named option out of a few. In a study's settings: `Annotated[str, Choice(…)]`.

    own: what may stand before the name of a visitor's own labelled images; such a value is an option too. () for none.
    """

    name: str
    values: tuple[str, ...]
    default: str
    own: tuple[str, ...] = ()

    def __contains__(self, value: object) -> bool:
        if value in self.values:
            return True
        return isinstance(value, str) and any(value.startswith(head) and _labelled(value[len(head) :]) for head in self.own)


@dataclass(frozen=True)
class Several:
    """At least one of a few, spelled `one,other` in the order of `values`. In a study's settings: `Annotated[str, Several(…)]`"""

    values: tuple[str, ...]
    name: str = ""
    default: str = ""


@dataclass(frozen=True)
class Numbers:
    """Up to `most` numbers from low to high, spelled `0.1,1`; none is "". In a study's settings: `Annotated[str, Numbers(…)]`."""

    low: float
    high: float
    most: int
    name: str = ""
    default: str = ""


@dataclass(frozen=True)
class Indices:
    """A list of samples, spelled `3,17,25`: places in the held-out set, and after its last one in the training set."""

    name: str
    most: int = MOST_INDICES
    default: str = "0"


@dataclass(frozen=True)
class Place:
    """Where a file is: one of a few words, or an https address at one of these hosts or below them.

    In a study's settings: `Annotated[str, Place(…)]`.
    """

    words: tuple[str, ...]
    hosts: tuple[str, ...]
    name: str = ""
    default: str = ""


Option = Knob | Choice | Several | Numbers | Indices | Place


def at_host(address: str, hosts: Sequence[str]) -> bool:
    """Whether this is an https address at one of the hosts or below it, without a user name and with no port but 443."""
    if len(address) > MOST_ADDRESS or not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        odd = parts.scheme != "https" or parts.username is not None or parts.port not in (None, 443)
    except ValueError:
        return False
    host = (parts.hostname or "").lower()
    return not odd and any(host == one or host.endswith(f".{one}") for one in hosts)


def _labelled(name: str) -> bool:
    """Whether this names a visitor's own images with labels."""
    try:
        found = catalog.dataset(name)
    except KeyError:
        return False
    return catalog.is_own(name) and found.kind == "image" and found.classes >= 2


def refusal(key: str, setting: str, **numbers: Any) -> PydanticCustomError:
    """What pydantic reports as one of our Problems."""
    return PydanticCustomError(key, "{setting}", {"setting": setting, **numbers})


def filled(options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, float | str]:
    """A value for each option, in one spelling; defaults where none is given. Raises PydanticCustomError."""
    for name in given:
        if name not in options:
            raise refusal("problem.unknown_option", "options", value=str(name)[:40], choices=list(options))
    return {name: checked(option, given.get(name, option.default)) for name, option in options.items()}


def checked(option: Option, value: Any) -> float | str:
    """The value in its one spelling. Raises PydanticCustomError."""
    if isinstance(option, Choice):
        if value not in option:
            raise refusal("problem.unknown_choice", option.name, value=str(value)[:40], choices=list(option.values))
        return str(value)
    if isinstance(option, Several):
        return _several(option, value)
    if isinstance(option, Numbers):
        return _numbers(option, value)
    if isinstance(option, Indices):
        return _indices(option, value)
    if isinstance(option, Place):
        return _place(option, value)
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15 else None
    if number is None or not option.low <= number <= option.high or (option.integer and number != int(number)):
        shown = value if isinstance(value, (int, float)) and abs(value) < 1e15 else str(type(value).__name__)
        raise refusal("problem.out_of_range", option.name, value=shown, low=option.low, high=option.high)
    return number + 0.0


def _several(option: Several, value: Any) -> str:
    chosen = value.split(",") if isinstance(value, str) and len(value) < 1_000 else []
    unknown = [one for one in chosen if one not in option.values]
    if not chosen or unknown:
        shown = (unknown or [str(value)])[0][:40]
        raise refusal("problem.unknown_choice", option.name, value=shown, choices=list(option.values))
    return ",".join(one for one in option.values if one in chosen)


def _numbers(option: Numbers, value: Any) -> str:
    if value == "":
        return ""
    try:
        numbers = [float(part) for part in value.split(",")] if isinstance(value, str) and len(value) < 1_000 else [math.nan]
    except ValueError:
        numbers = [math.nan]
    wrong = [number for number in numbers if not option.low <= number <= option.high]
    if wrong or len(numbers) > option.most:
        shown = str(value)[:40]
        raise refusal("problem.bad_numbers", option.name, value=shown, low=option.low, high=option.high, limit=option.most)
    return ",".join(f"{number:g}" for number in numbers)


def _indices(option: Indices, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,6}(,\d{1,6})*", value, re.ASCII) or value.count(",") >= option.most:
        raise refusal("problem.bad_indices", option.name, value=str(value)[:40], limit=option.most)
    return ",".join(str(int(part)) for part in value.split(","))


def _place(option: Place, value: Any) -> str:
    """Also the address of a page that shows a file: Hugging Face's `/blob/` is `/resolve/` for the file itself."""
    given = value.strip() if isinstance(value, str) else ""
    if given in option.words:
        return given
    if not at_host(given, option.hosts):
        raise refusal("problem.address_not_allowed", option.name, host=str(value)[:60], hosts=list(option.hosts))
    return given.replace("/blob/", "/resolve/", 1)
