"""How long an image zip of 5,000 pictures of 28×28 takes until it is ready to train on: `python benchmarks/own.py`.

Three times: a new process with limits, the split, and the file kept; the pictures are rendered glyphs, PNG, a folder a character.
"""

import io
import resource
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

COUNT = 5_000


def packed() -> bytes:
    """The zip."""
    from replearn_core import datasets

    data, out = datasets.load("glyphs", COUNT), io.BytesIO()
    assert data.y_train is not None
    with zipfile.ZipFile(out, "w") as archive:
        for place, (picture, label) in enumerate(zip(data.x_train, data.y_train)):
            stream = io.BytesIO()
            Image.fromarray((255 * picture).round().astype(np.uint8)).save(stream, "PNG")
            archive.writestr(f"class-{label}/{place}.png", stream.getvalue())
    return out.getvalue()


def main() -> None:
    from replearn_core import datasets
    from replearn_core.own import kept, worker

    data = packed()
    print(f"{COUNT:,} pictures of 28×28, {len(data) / 2**20:.1f} MB")
    for _ in range(3):
        began = time.perf_counter()
        facts, npz = worker.prepared(data)
        read = time.perf_counter() - began
        name = kept.keep(facts, npz)
        datasets.load(name)
        print(f"read {read:.2f} s · ready {time.perf_counter() - began:.2f} s · {facts['train']:,} + {facts['test']:,} samples")
        kept.leave(name, lambda job: True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of the process with limits: {peak:.0f} MB")


if __name__ == "__main__":
    import os
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REPLEARN_STORE"] = folder
        main()
