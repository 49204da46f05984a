"""From a trained run to a product: the model, smaller and faster forms of it, what each costs and what each earns.

`measure` answers the task kind `deployment` in a worker; `decisions` is what pages compute from it. Importing this costs NumPy.
"""

from replearn_core.applications.deployment.decisions import Model, bill, earnings, frontier, models_of, reaching, switches

FORMS = ("float32", "half", "pruned", "low_rank", "distilled", "onnx", "onnx_int8")
"""The model as it was trained, and its smaller or faster forms, in the order in which they are shown."""

TOLERANCE = 1e-4
"""By so much an output of ONNX Runtime may differ from PyTorch's: both add float32 numbers, in another order."""

__all__ = ["FORMS", "TOLERANCE", "Model", "bill", "earnings", "frontier", "models_of", "reaching", "switches"]
