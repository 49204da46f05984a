"""Train what the app ships: the six variants of the lecture on digits, seed 0; then draw their maps and films as the latent
explorer first asks for them. `make assets` calls it; see README.md here."""

import gzip
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from replearn_core import catalog
from replearn_core.engine import Engine
from replearn_core.engine.cluster import Embedded
from replearn_core.presets import preset
from replearn_core.store import Store
from replearn_core.tasks import asked

HERE = Path(__file__).resolve().parent
ANSWERS = HERE / "answers"
EXPERIMENTS = [preset("digits", name) for name, variant in catalog.VARIANTS.items() if variant.lecture]


def main() -> None:
    wanted = {experiment.id for experiment in EXPERIMENTS}
    for old in HERE.iterdir():
        if old.is_dir() and (old / "experiment.json").is_file() and old.name not in wanted:
            shutil.rmtree(old)
    for experiment in EXPERIMENTS:
        with tempfile.TemporaryDirectory() as scratch:
            settings = Path(scratch) / "experiment.json"
            settings.write_text(experiment.as_json())
            out = HERE / experiment.id
            shutil.rmtree(out, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "replearn_core", "train", settings, "--out", out, "--quiet"], check=True)
    draw()


def draw() -> None:
    """The answers that the store serves, by the engine that answers visitors."""
    shutil.rmtree(ANSWERS, ignore_errors=True)
    ANSWERS.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        engine = Engine(Store(scratch, shipped=HERE), Embedded(1))
        try:
            while engine.problem is not None:
                time.sleep(0.1)
            for experiment in EXPERIMENTS:
                for kind, options in (("points", {}), ("map", {}), ("map", {"source": "pixels"}), ("film", {})):
                    task_id = engine.compute(asked(kind, run=experiment.id, **options), owner="make")
                    while (view := engine.task(task_id)).live:
                        time.sleep(0.05)
                    assert view.state == "finished", f"{kind} of {experiment.id}: {view.problem}"
                    answer = engine.store.read_task(task_id)
                    assert answer is not None
                    (ANSWERS / f"{task_id}.gz").write_bytes(gzip.compress(answer, mtime=0))
        finally:
            engine.close()


if __name__ == "__main__":
    main()
