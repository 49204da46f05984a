"""A run as code: the script runs by itself and ends with the run's own held-out error; the notebook holds the same code."""

import ast
import json
import re
import subprocess
import sys

import pytest

from replearn_core import catalog, datasets, takehome
from replearn_core.experiment import Experiment, Term
from replearn_core.presets import preset
from replearn_core.training import train

SMALL = {"train_size": 300, "epochs": 2}
CONTRACTION, L1 = Term(name="contraction", weight=0.1), Term(name="l1", weight=0.01)
NOISE = Term(name="salt_and_pepper", weight=0.2)
OTHERS = {
    "greedy": preset("digits", "deep").changed(strategy="greedy", **SMALL),
    "greedy, a phase for each layer": preset("digits", "deep").changed(strategy="greedy_frozen", train_size=300, epochs=6),
    "greedy and tied, of sigmoid features": preset("digits", "deep").changed(
        strategy="greedy", activation="sigmoid", tied=True, train_size=300, epochs=6
    ),
    "deep contraction": preset("digits", "deep").changed(penalties=(CONTRACTION,), **SMALL),
    "greedy contraction of a code without a closed form": Experiment(
        dataset="digits", hidden=(40,), code="k_sparse", code_size=20, strategy="greedy", penalties=(CONTRACTION,), **SMALL
    ),
    "tied": Experiment(
        dataset="digits", hidden=(), code_size=20, code="tanh", tied=True, corruption=NOISE, penalties=(L1,), **SMALL
    ),
    "convolutional": Experiment(
        dataset="digits", network="conv", hidden=(8,), code_size=6, reconstruction="cross_entropy", **SMALL
    ),
    "sprites": preset("sprites", "undercomplete").changed(**SMALL),
    "patches": preset("patches", "undercomplete").changed(**SMALL),
    "spirals": preset("spirals", "undercomplete").changed(**SMALL),
    "s_curve": preset("s_curve", "undercomplete").changed(**SMALL),
}


def end_of(e, state=None):
    *_, last = train(e, datasets.load(e.dataset, e.train_size), device="cpu", weights=state)
    return last


# A Python of its own that has imported what scripts import, which takes longer than they do, and forks for each of them.
FORKS = """
import os, runpy, sys, traceback
import sklearn.datasets, torch, torch._dynamo
for folder in map(str.strip, sys.stdin):
    if not (child := os.fork()):
        os.chdir(folder)
        status, said = 1, os.open("said.txt", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1), os.dup2(said, 2)
        try:
            runpy.run_path("run.py", run_name="__main__")
            status = 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def said_by(tmp_path_factory):
    """said_by(script) → the held-out error that it prints, run by itself in an empty folder."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as python:

        def run(text):
            folder = tmp_path_factory.mktemp("script")
            (folder / "run.py").write_text(text, encoding="utf-8")
            print(folder, file=python.stdin, flush=True)
            status = python.stdout.readline()
            said = (folder / "said.txt").read_text(encoding="utf-8")
            assert int(status) == 0, said
            return error_in(said)

        yield run


def error_in(said):
    return float(re.search(r"per image: ([\d.e+-]+)", said)[1])


@pytest.mark.slow
@pytest.mark.parametrize("variant", catalog.VARIANTS)
def test_the_script_of_every_preset_ends_with_the_runs_own_error(variant, said_by):
    e = preset("digits", variant).changed(**SMALL)
    expected = end_of(e).metrics["squared_error"]
    assert said_by(takehome.script([(e, e.epochs)], expected)) == pytest.approx(expected, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_strategies_and_data_do_so_too(name, said_by):
    e = OTHERS[name]
    expected = end_of(e).metrics["squared_error"]
    assert said_by(takehome.script([(e, e.epochs)])) == pytest.approx(expected, rel=0.01)


def sparser(weight):
    """Penalties of sparse coding with another λ than the preset's."""
    return (Term(name="l1", weight=weight), Term(name="prediction", weight=1.0))


TOGGLED = {  # variant, penalties before and after; weights with which a step under the other's would show
    "switched on": ("undercomplete", (), (Term(name="l1", weight=1.0),)),
    "switched off": ("undercomplete", (Term(name="l1", weight=1.0),), ()),
    "inference under another weight": ("psc", sparser(0.5), sparser(3.0)),
    "layers that began as inference under another weight": ("lista", sparser(0.5), sparser(3.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TOGGLED)
def test_a_penalty_that_was_changed_on_the_way_is_in_the_script_from_there_on(name, said_by):
    variant, before, after = TOGGLED[name]
    first = preset("digits", variant).changed(train_size=300, epochs=8, penalties=before)
    middle = end_of(first)
    second = first.changed(penalties=after, continues=(first.id, 8), epochs=3)
    expected = end_of(second, middle.state).metrics["squared_error"]
    text = takehome.script([(first, 8), (second, 11)])
    assert text.count("dict(epochs=") == 2
    assert said_by(text) == pytest.approx(expected, rel=0.001)


@pytest.mark.slow
def test_data_that_only_our_renderer_draws_are_read_from_a_file(tmp_path):
    from replearn_core.__main__ import main

    e = preset("glyphs", "undercomplete").changed(**SMALL)
    assert main(["data", "glyphs", str(tmp_path / "data.npz")]) == 0
    expected = end_of(e).metrics["squared_error"]
    (tmp_path / "run.py").write_text(takehome.script([(e, e.epochs)]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "run.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert error_in(done.stdout) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("variant", catalog.VARIANTS)
@pytest.mark.parametrize("dataset", catalog.DATASETS)
def test_every_script_can_be_read_by_python_and_imports_nothing_of_ours(dataset, variant):
    e = preset(dataset, variant)
    tree = ast.parse(takehome.script([(e, e.epochs)]))
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    allowed = {"__future__", "hashlib", "math", "types", "typing", "numpy", "torch", "sklearn"}
    assert {name.split(".")[0] for name in imported} <= allowed
    assert "replearn" not in re.sub(
        r"Representation Learning Lab|replearn \{name\}", "", ast.unparse(tree).lower().replace("representation learning lab", "")
    )


def test_the_notebook_has_the_scripts_code_in_order():
    e = preset("digits", "psc")
    book = json.loads(takehome.notebook([(e, e.epochs)], 1.5))
    cells = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    assert cells == [code.strip() for _, code in takehome.sections([(e, e.epochs)], 1.5)]
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5) and len({cell["id"] for cell in book["cells"]}) == len(
        book["cells"]
    )


def test_a_continuation_of_a_layer_wise_run_is_refused():
    first = preset("digits", "deep").changed(strategy="greedy", epochs=4)
    second = first.changed(continues=(first.id, 4), epochs=2)
    with pytest.raises(ValueError, match="layer-wise"):
        takehome.script([(first, 4), (second, 6)])
