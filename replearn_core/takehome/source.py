"""Functions of this project as text, to be quoted in a script. The source is read, never imported."""

import ast
from functools import lru_cache
from pathlib import Path

CORE = Path(__file__).resolve().parents[1]


@lru_cache
def quoted(file: str, *names: str) -> str:
    """The named functions, classes and constants of a module of the core, in the file's order. KeyError for an unknown one."""
    text = (CORE / file).read_text(encoding="utf-8")
    found, seen = [], set()
    for node in ast.parse(text).body:
        made = set(_made_by(node)) & set(names)
        if made:
            seen |= made
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            found.append("\n".join(text.splitlines()[first - 1 : node.end_lineno]))
    if missing := set(names) - seen:
        raise KeyError(f"{file} has no {', '.join(sorted(missing))}")
    short = [text for text in found if "\n" not in text]
    long = [text for text in found if "\n" in text]
    return "\n\n\n".join((["\n".join(short)] if short else []) + long) + "\n"


def _made_by(node: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
