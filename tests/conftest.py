"""Fixtures that every test may use: small data sets made in memory, and one thread for everything."""

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before torch or NumPy are imported: equal runs are equal bit for bit on one thread only
# A visitor finds workers that have trained a little already; here each second of that is another test's.
os.environ.setdefault("REPLEARN_WARM", "0")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile(
    "replearn", deadline=None, derandomize=True, database=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("replearn")


@pytest.fixture(scope="session")
def make_data():
    """make_data(name="digits", train=96, test=64, seed=0, labelled=None) → a Dataset with the shape of that catalogue entry.

    Samples are a class's prototype and three directions that all share, with a little noise: enough structure to learn.
    `labelled` False leaves the labels out; None follows the catalogue. Three classes.
    """
    from replearn_core import catalog
    from replearn_core.datasets import Dataset

    def make(name="digits", train=96, test=64, seed=0, labelled=None):
        entry = catalog.DATASETS[name]
        world = np.random.default_rng(12345)
        prototypes, directions = world.random((3, entry.size)), world.normal(0, 1, (3, entry.size))

        def half(count, stream):
            random = np.random.default_rng([seed, stream])
            labels = np.arange(count) % 3
            x = 0.3 + 0.4 * prototypes[labels] + 0.08 * random.normal(0, 1, (count, 3)) @ directions
            x = np.clip(x + 0.02 * random.normal(0, 1, x.shape), 0, 1).astype(np.float32)
            return x.reshape(count, *entry.shape), labels.astype(np.int64)

        (x_train, y_train), (x_test, y_test) = half(train, 1), half(test, 2)
        if not (entry.classes if labelled is None else labelled):
            y_train = y_test = None
        names = () if y_train is None else ("a", "b", "c")
        return Dataset(name, x_train, x_test, y_train, y_test, None, None, names, (), "made by tests/conftest.py", "Apache-2.0")

    return make
