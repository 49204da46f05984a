"""The process that our workers are forked from, on Linux: it imports what all of them need, once, and then only waits.

Nothing here may start a thread or ask for a GPU: neither survives a fork.
"""

import sklearn.datasets  # noqa: F401
import sklearn.decomposition  # noqa: F401
import sklearn.linear_model  # noqa: F401
import sklearn.manifold  # noqa: F401
from distributed import worker  # noqa: F401

from replearn_core import training  # noqa: F401
from replearn_core.engine.work import step_down

step_down()
