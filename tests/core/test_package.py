"""`pip install .`: what is installed works away from the repository, and every example of docs/api.md runs."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The package as pip leaves it, without its dependencies, which the tests have."""
    copy, target = tmp_path_factory.mktemp("source") / "copy", tmp_path_factory.mktemp("installed")
    for name in ("replearn_core", "assets"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(target), str(copy)], check=True, capture_output=True, timeout=240)
    return target


def run(installed: Path, folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


@pytest.mark.slow
def test_every_example_of_the_api_page_runs_from_the_installed_package(installed, tmp_path):
    assert len(EXAMPLES) >= 8
    script = tmp_path / "examples.py"
    script.write_text("import replearn_core\nprint(replearn_core.__file__)\n" + "\n".join(EXAMPLES), encoding="utf-8")
    assert run(installed, tmp_path, str(script)).startswith(str(installed))


@pytest.mark.slow
def test_the_command_line_works_from_the_installed_package(installed, tmp_path):
    (tmp_path / "experiment.json").write_text('{"dataset": "glyphs", "train_size": 64, "epochs": 1}')
    run(installed, tmp_path, "-m", "replearn_core", "train", "experiment.json", "--out", "run", "--quiet")
    assert "squared" in run(installed, tmp_path, "-m", "replearn_core", "show", "run").lower()


def test_the_packages_dependencies_are_those_that_the_app_pins():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = set((ROOT / "requirements.txt").read_text(encoding="utf-8").split("\n"))
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    assert asked and set(asked) <= pinned
