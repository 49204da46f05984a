"""The shapes of a run's weights without PyTorch, which the server does not load. A bundle is checked against them."""

from replearn_core.experiment import Experiment


def shapes(e: Experiment) -> dict[str, tuple[int, ...]]:
    """Name → shape of every tensor of a run, as `networks.expected_shapes` has them."""
    doubled = 2 if e.code == "gaussian" else 1
    found: dict[str, tuple[int, ...]] = {"gain": (e.code_size,)} if e.code == "predictive" else {}
    if e.network == "conv":
        channels = (1, *e.hidden)
        flat = channels[-1] * (e.data.shape[0] >> len(e.hidden)) ** 2
        for i, (a, b) in enumerate(zip(channels, channels[1:])):
            found |= {f"encoder.{i}.weight": (b, a, 4, 4), f"encoder.{i}.bias": (b,)}
            found |= {f"decoder.{i}.weight": (b, a, 4, 4), f"decoder.{i}.bias": (a,)}
        dense = [(len(e.hidden), flat, e.code_size)]
    else:
        widths = (e.data.size, *e.hidden, e.code_size)
        dense = [(i, a, b) for i, (a, b) in enumerate(zip(widths, widths[1:]))]
    last = dense[-1][0]
    for i, a, b in dense:
        wide = b * (doubled if i == last else 1)
        found |= {f"encoder.{i}.weight": (wide, a), f"encoder.{i}.bias": (wide,), f"decoder.{i}.bias": (a,)}
        if not e.tied:
            found[f"decoder.{i}.weight"] = (a, b)
    if e.code == "lista":
        units = e.code_size
        found = {name: shape for name, shape in found.items() if not name.startswith("encoder.0.")}
        found |= {"encoder.0.encoder": (units, e.data.size), "encoder.0.inhibition": (units, units)}
        found["encoder.0.threshold"] = (units,)
    return found
