"""A language made from English, `qps`: accents and brackets show what is translated, 40 % more text shows what has no room.

`write` makes its folder as a translator would (docs/translating.md). A visible word without accents has not come from the texts.
"""

import re
import tomllib
from pathlib import Path

from pages.ui.text import ASSETS

LANG = "qps"
LONGER = 0.4
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ACCENTED = "áƀçďéƒĝĥíĵķļɱñóƥɋŕšţúṽŵẋýžÁƁÇĎÉƑĜĤÍĴĶĻṀÑÓƤɊŔŠŢÚṼŴẊÝŽ"
_TABLE = str.maketrans(_PLAIN, _ACCENTED)
_FILL = ("öñé", "ţŵö", "ţĥŕéé", "ƒöüŕ", "ƒíṽé", "šíẋ")
# What is no word: placeholders, formulas, code, targets of links, icons, entities, tags, and what people write in code.
_KEPT = re.compile(
    r"(\{[^}]*\}|\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`|\]\([^)]*\)|:\w+(?:/\w+)?:|:gray\[|&\w+;|</?\w[^>]*>)", re.DOTALL
)
_LINE = re.compile(r"^(\s*(?:[-*] (?:\w+: )?|#{1,6} |\d+\. |> )?)(.*)$")


def said(text: str) -> str:
    """Each line in brackets, with accents, and 40 % longer; placeholders, formulas, code and links stay."""
    return "\n".join(_line(line) if line.strip() else line for line in text.split("\n"))


def _line(line: str) -> str:
    found = _LINE.match(line)
    assert found is not None
    head, body = found.groups()
    parts = _KEPT.split(body)
    parts[::2] = [part.translate(_TABLE) for part in parts[::2]]
    return f"{head}⟦{''.join(parts)}{_fill(sum(map(len, parts[::2])))}⟧"


def _fill(length: int) -> str:
    words, wanted = "", LONGER * length
    while len(words) < wanted:
        words += " " + _FILL[len(words) % len(_FILL)]
    return words[: max(0, round(wanted))]


def write(folder: Path) -> Path:
    """The language's folder inside `folder`: catalogue, lessons, guided lessons, glossary."""
    made = folder / LANG
    for name in ("i18n", f"lessons/{LANG}", f"lessons/guided/{LANG}"):
        (made / name).mkdir(parents=True)
    catalogue = tomllib.loads((ASSETS / "i18n" / "en.toml").read_text("utf-8"))
    (made / "i18n" / f"{LANG}.toml").write_text("\n".join(_flat(catalogue)), "utf-8")
    for path in (ASSETS / "lessons" / "en").glob("*.md"):
        (made / "lessons" / LANG / path.name).write_text(_lesson(path.read_text("utf-8")), "utf-8")
    for path in (ASSETS / "lessons" / "guided" / "en").glob("*.md"):
        _, front, body = path.read_text("utf-8").split("+++\n", 2)
        (made / "lessons" / "guided" / LANG / path.name).write_text(f"+++\n{front}+++\n{_guided(body)}", "utf-8")
    terms = tomllib.loads((ASSETS / "glossary.toml").read_text("utf-8"))
    (made / "glossary.toml").write_text("\n".join(_term(name, one) for name, one in terms.items()), "utf-8")
    return made


def quoted(text: str) -> str:
    """A basic TOML string."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def _flat(table: dict, prefix: str = ""):
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name} = {quoted(said(value))}"


def _lesson(text: str) -> str:
    """`# name` and `## part` are names; below `## try` stands a query."""
    parts = re.split(r"^(#{1,2} .*\n)", text, flags=re.MULTILINE)
    for place in range(2, len(parts), 2):
        parts[place] = parts[place] if parts[place - 1] == "## try\n" else said(parts[place])
    return "".join(parts)


def _guided(text: str) -> str:
    """`### part` is a name; `# title` and `## title` are words."""
    return "\n".join(line if line.startswith("### ") else said(line) for line in text.split("\n"))


def _term(name: str, one: dict) -> str:
    lines = [f"[{name}]", *(f"{key} = {quoted(one[key])}" for key in ("symbol", "page", "query") if key in one)]
    words = {"en": one["en"], "zh-TW": one["zh-TW"], LANG: [said(text) for text in one["en"]]}
    lines += [f"{lang} = [{', '.join(quoted(text) for text in told)}]" for lang, told in words.items()]
    return "\n".join(lines) + "\n"
