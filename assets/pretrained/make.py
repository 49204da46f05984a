"""Train what the app ships: the six variants of the lecture on digits, seed 0. `make assets` calls it; see README.md here."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from replearn_core import catalog
from replearn_core.presets import preset

HERE = Path(__file__).resolve().parent
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


if __name__ == "__main__":
    main()
