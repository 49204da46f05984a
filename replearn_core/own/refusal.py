"""What is said of a file that cannot be taken: `Refused`, and names of strangers made fit to be repeated."""

from typing import Any

from replearn_core.experiment import Problem


class Refused(ValueError):
    """A file that cannot be taken. `problem` names it, the limit and the way out."""

    def __init__(self, key: str, setting: str = "file", **numbers: Any):
        self.problem = Problem(key, setting, numbers)
        super().__init__(f"{key} {numbers}")


def shown_name(name: str) -> str:
    """A stranger's file name, fit to be repeated: no folders, no control or direction characters, at most 60 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(one if one.isprintable() and not _turns(one) else "\N{REPLACEMENT CHARACTER}" for one in last)
    return clean if len(clean) <= 60 else f"{clean[:40]}…{clean[-16:]}"


def _turns(one: str) -> bool:
    """Whether a character changes the direction of writing, or cannot be seen."""
    return "\u200b" <= one <= "\u200f" or "\u202a" <= one <= "\u202e" or "\u2060" <= one <= "\u206f" or one == "\ufeff"
