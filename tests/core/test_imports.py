"""The direction of imports: the server stays light, the core knows no browser, pages know no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "sklearn", "scipy", "streamlit", "plotly", "distributed", "dask", "umap", "pandas", "matplotlib")
CORE = sorted((ROOT / "replearn_core").rglob("*.py"))
PAGES = sorted((ROOT / "pages").rglob("*.py"))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path, top_level_only: bool = False) -> set[str]:
    """Top-level package names that a file imports, anywhere in it or only when it is itself imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    nodes = list(ast.walk(tree)) if not top_level_only else _run_at_import(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and _is_import_call(node) and node.args and isinstance(node.args[0], ast.Constant):
            found.add(str(node.args[0].value).split(".")[0])
    return found


def _is_import_call(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("__import__", "import_module")


def _run_at_import(tree: ast.AST) -> list[ast.AST]:
    """All nodes but those inside functions and `if TYPE_CHECKING`."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not checking and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def modules_after(statement: str) -> set[str]:
    """Top-level names in sys.modules of a fresh interpreter that has run this statement."""
    code = f"import sys; {statement}; print(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


def test_the_contract_is_light_enough_for_the_web_server():
    statement = "import replearn_core.experiment, replearn_core.catalog, replearn_core.events, replearn_core.strategies"
    assert not modules_after(statement) & set(HEAVY)


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_the_core_never_imports_the_browsers_side(path):
    assert not imported(path) & {"streamlit", "plotly", "pages"}


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_pages_never_import_torch_or_the_scheduler(path):
    assert not imported(path) & {"torch", "torchvision", "distributed", "dask", "umap"}


LAZY = ["experiment.py", "catalog.py", "events.py", "strategies.py", "store.py"]


@pytest.mark.parametrize("name", LAZY)
def test_what_the_server_imports_asks_for_torch_inside_functions_only(name):
    assert "torch" not in imported(ROOT / "replearn_core" / name, top_level_only=True)


ENGINE = sorted([*(ROOT / "replearn_core").glob("engine.py"), *(ROOT / "replearn_core" / "engine").glob("*.py")])


def test_only_the_engine_imports_the_scheduler():
    others = [path for path in CORE if path not in ENGINE]
    assert not [relative(path) for path in others if imported(path) & {"distributed", "dask"}]


@pytest.mark.parametrize("path", ENGINE, ids=relative)
def test_the_engine_asks_for_torch_inside_functions_only(path):
    assert "torch" not in imported(path, top_level_only=True)


def test_nothing_unpickles():
    for path in [*CORE, *PAGES]:
        assert not imported(path) & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}, relative(path)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert "torch.load" not in calls, relative(path)
        assert "allow_pickle=True" not in path.read_text(encoding="utf-8"), relative(path)


def test_this_test_sees_an_import_inside_a_function(tmp_path):
    path = tmp_path / "page.py"
    path.write_text("def f():\n    import torch.nn\n")
    assert "torch" in imported(path) and "torch" not in imported(path, top_level_only=True)
