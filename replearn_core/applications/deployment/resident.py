"""What a process that serves a model keeps in memory: a fresh one loads it, answers, and says how large it has become.

`measure.py` asks; `python -m replearn_core.applications.deployment.resident` answers. Linux tells; elsewhere there is no number.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 64  # samples that the process answers once
SECONDS = 120.0  # of its life, at most: importing PyTorch from a cold disk is slow
STATUS = Path("/proc/self/statm")
_ROOT = Path(__file__).resolve().parents[3]


def serving(file: bytes, width: int, experiment: str = "") -> tuple[int, int] | None:
    """(bytes of the whole process, bytes by which loading and answering made it grow), or None where nobody can tell.

    file: an ONNX model; or, with the experiment as JSON, the tensors of a `forms.Deployed` as safetensors.
    """
    if not STATUS.exists():
        return None
    head = json.dumps({"width": width, "experiment": experiment}).encode()
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    env = kept | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(
            command,
            input=len(head).to_bytes(8, "little") + head + file,
            capture_output=True,
            timeout=SECONDS,
            cwd=_ROOT,
            env=env,
            check=True,
        )
        whole, grown = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        logging.getLogger(__name__).warning("the memory of a serving process was not measured: %s", type(error).__name__)
        return None
    return int(whole), int(grown)


# ---- inside the process ----


def main() -> None:
    data = sys.stdin.buffer.read()
    size = int.from_bytes(data[:8], "little")
    head, file = json.loads(data[8 : 8 + size]), data[8 + size :]
    answer = _torch if head["experiment"] else _onnx
    sys.stdout.write(json.dumps(answer(head, file)))


def _onnx(head: Mapping[str, Any], file: bytes) -> tuple[int, int]:
    import onnxruntime

    before = _resident()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    session.run(None, {"x": np.zeros((BATCH, head["width"]), np.float32)})
    after = _resident()
    return after, after - before


def _torch(head: Mapping[str, Any], file: bytes) -> tuple[int, int]:
    import torch
    from safetensors.torch import load

    from replearn_core.applications.deployment.forms import Deployed
    from replearn_core.experiment import Experiment
    from replearn_core.networks import Autoencoder

    torch.set_num_threads(1)
    before, tensors = _resident(), load(file)
    network = Autoencoder(Experiment.from_json(head["experiment"]), torch.Generator())
    if not any(name.startswith("network.decoder.") for name in tensors):
        network.decoder = torch.nn.ModuleList()
    bias = tensors.get("head.bias")
    model = Deployed(network, None if bias is None else torch.nn.Linear(tensors["head.weight"].shape[1], len(bias)))
    model.load_state_dict(tensors)
    with torch.inference_mode():
        model.eval()(torch.zeros(BATCH, head["width"]))
    after = _resident()
    return after, after - before


def _resident() -> int:
    """Bytes of this process that lie in memory now."""
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
