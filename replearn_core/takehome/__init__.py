"""A run as code that anybody can run: one PyTorch script, or a notebook, made from the settings; the pages offer both.

`script(chain)` needs only torch, numpy and scikit-learn to run, and ends with the same held-out error as the run (a test each
preset). Functions that the app itself uses are quoted from its source, so the page, the app and the script say the same.
No torch when this package is imported.
"""

import json
from collections.abc import Sequence

from replearn_core.experiment import Experiment
from replearn_core.takehome.data import data_code
from replearn_core.takehome.model import loop_code, model_code, objective_code

Chain = Sequence[tuple[Experiment, int]]
"""(experiment, its last epoch) from the first ancestor to the run itself: one pair for a run that continues none."""

NEEDS_A_FILE = ("glyphs", "dsprites", "kmnist")
"""Data sets that the script reads from a file beside it: our renderer and these archives need more than scikit-learn."""


def sections(chain: Chain, expected: float | None = None) -> list[tuple[str, str]]:
    """(heading, code) in the order in which they run. expected: the run's held-out squared error, for the last line.

    ValueError for a chain whose runs are pretrained layer by layer: such a run cannot be continued in one script.
    """
    last = chain[-1][0]
    if len(chain) > 1 and any(e.strategy != "end_to_end" for e, _ in chain):
        raise ValueError("a continuation of a layer-wise pretrained run")
    compared = "" if expected is None else f'print("The app measured {expected:.6g}.")\n'
    return [
        ("Settings", _head(last)),
        ("Data", data_code(last)),
        ("Network", model_code([e for e, _ in chain])),
        ("Objective", objective_code([e for e, _ in chain])),
        ("Training", loop_code(chain) + compared),
    ]


def script(chain: Chain, expected: float | None = None) -> str:
    """The whole program."""
    last = chain[-1][0]
    head = f'"""{_title(last)}\n\nRun {last.id}. Needs: pip install torch numpy scikit-learn\n"""\n\n'
    parts = [f"# ---- {heading.lower()} ----\n\n{code.strip()}\n" for heading, code in sections(chain, expected)]
    return head + "\n\n".join(parts)


def notebook(chain: Chain, expected: float | None = None) -> str:
    """The same as a Jupyter notebook (format 4.5), a cell for each section."""
    last = chain[-1][0]
    cells = [_cell("markdown", f"# {_title(last)}\n\nRun `{last.id}`", 0)]
    for place, (heading, code) in enumerate(sections(chain, expected), 1):
        cells += [_cell("markdown", f"## {heading}", 2 * place - 1), _cell("code", code.strip(), 2 * place)]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1, ensure_ascii=False)


def _cell(kind: str, text: str, number: int) -> dict:
    cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _title(e: Experiment) -> str:
    sizes = "-".join(map(str, [e.data.size, *e.hidden, e.code_size]))
    return f"An autoencoder {sizes} on {e.dataset}, as trained in the Representation Learning Lab."


def _head(e: Experiment) -> str:
    return f'''from __future__ import annotations

import hashlib
import math
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = {e.seed}
torch.set_num_threads(1)  # as in the app: sums in the same order
torch.set_flush_denormal(True)


def generator(purpose, epoch=0):
    """One source of randomness for each purpose and epoch, so that a penalty switched on changes no other draw."""
    return torch.Generator().manual_seed(((SEED * 8 + purpose) * 2**20 + epoch) % (2**63 - 1))


WEIGHTS, ORDER, NOISE, PROBE = 1, 2, 3, 5
'''
