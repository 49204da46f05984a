"""The package is cheap to import: pages may do so without paying for torch or scikit-learn."""

import subprocess
import sys


def test_importing_the_measures_loads_numpy_alone():
    heavy = "{'torch', 'sklearn', 'scipy', 'skdim', 'streamlit'}"
    code = f"import sys, replearn_core.measures; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
