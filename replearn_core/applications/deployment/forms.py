"""The model that is shipped, and its smaller forms: half precision, pruned, low rank, distilled. `measure.py` times them.

A model maps samples (B, D) to scores (B, classes); where the data has no labels, to the samples rebuilt (B, D).
"""

import copy
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from replearn_core.datasets import Dataset
from replearn_core.experiment import INFERRED_CODES
from replearn_core.networks import Autoencoder

LABELLED = 4_000  # training samples for the classifier, at most
DISTILLED = 10_000  # and for a student
TEMPERATURE = 2.0


class Deployed(nn.Module):
    """A trained encoder and a linear classifier on its codes; without labels, the whole autoencoder."""

    def __init__(self, network: Autoencoder, head: nn.Linear | None):
        super().__init__()
        self.network, self.head = network, head

    def forward(self, x: Tensor) -> Tensor:
        code = self.network.encode(x)
        return self.network.decode(code) if self.head is None else self.head(code)


class SparseLinear(nn.Module):
    """A linear layer whose zeros are neither kept nor multiplied: weights (out, in) as compressed sparse rows."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "sparse CSR support is in beta"
            self.register_buffer("weight", weight.to_sparse_csr())
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.mm(self.weight, x.t()).t()  # type: ignore[arg-type]
        return out if self.bias is None else out + self.bias  # type: ignore[operator]


class Halved(nn.Module):
    """A model in 16-bit floats that takes and gives 32-bit ones."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = copy.deepcopy(model).half()

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x.half()).float()


# ---- the model itself ----


def needed(network: Autoencoder, data: Dataset) -> Autoencoder:
    """A copy of what the product needs: without labels all of it, else the encoder."""
    copied = copy.deepcopy(network)
    if data.y_train is not None and network.experiment.code not in INFERRED_CODES:
        copied.decoder = nn.ModuleList()
    return copied.eval().requires_grad_(False)


def deployed(network: Autoencoder, data: Dataset) -> Deployed:
    """The network with a logistic regression on its standardised codes, fitted on training data, where there are labels."""
    if data.y_train is None:
        return Deployed(network, None).eval()
    from sklearn.linear_model import LogisticRegression

    with torch.no_grad():
        codes = network.encode(flat(data.x_train[:LABELLED])).numpy().astype(np.float64)
    mean, spread = codes.mean(axis=0), codes.std(axis=0) + 1e-8
    fitted = LogisticRegression(max_iter=500, tol=1e-3).fit((codes - mean) / spread, data.y_train[: len(codes)])
    weight, bias = fitted.coef_ / spread, fitted.intercept_ - (fitted.coef_ / spread) @ mean
    if len(weight) == 1:  # two classes have one score: scores −s/2 and s/2 decide alike
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    head = nn.Linear(codes.shape[1], len(weight))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(bias))
    return Deployed(network, head).eval().requires_grad_(False)


def quality(run: Callable[[Tensor], Tensor], data: Dataset) -> float:
    """Held-out accuracy, or the share of held-out variance that is explained, 1 − error ÷ variance about the mean picture."""
    x = flat(data.x_test)
    with torch.no_grad():
        out = torch.cat([run(part) for part in x.split(64)])
    if data.y_test is not None:
        return float((out.argmax(dim=1).numpy() == data.y_test).mean())
    variance = float((x - flat(data.x_train).mean(dim=0)).square().sum())
    return 1.0 - float((out - x).square().sum()) / variance


def flat(images: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(images, np.float32)).flatten(1)


# ---- smaller forms ----


def pruned(network: Autoencoder, share: float) -> Autoencoder:
    """Without the given share of all weights, those of least magnitude (Han, Pool, Tran & Dally 2015, without training again).

    Linear layers become sparse ones; convolutions keep their zeros.
    """
    smaller = copy.deepcopy(network)
    weights = [layer.weight for _, _, layer in layers(smaller)]
    if not weights:  # LISTA is made of other parts
        return smaller
    sizes = torch.cat([weight.detach().abs().flatten() for weight in weights])
    kept = max(1, round(len(sizes) * (1 - share)))
    threshold = float(sizes.kthvalue(len(sizes) - kept + 1).values)
    for owner, name, layer in list(layers(smaller)):
        with torch.no_grad():
            weight = layer.weight * (layer.weight.abs() >= threshold)
        if isinstance(layer, nn.Linear):
            _put(owner, name, SparseLinear(weight, layer.bias))
        else:
            layer.weight = nn.Parameter(weight, requires_grad=False)
    return smaller.eval()


def low_rank(network: Autoencoder, energy: float) -> Autoencoder:
    """Each W (out, in) as A B of the least rank that keeps this share of ‖W‖²_F, where that is smaller (Eckart & Young 1936)."""
    smaller = copy.deepcopy(network)
    for owner, name, layer in list(layers(smaller)):
        if not isinstance(layer, nn.Linear):
            continue
        u, s, v = torch.linalg.svd(layer.weight.detach().double(), full_matrices=False)
        share = torch.cumsum(s.square(), 0) / s.square().sum()
        rank = int(torch.searchsorted(share, energy)) + 1
        rows, columns = layer.weight.shape
        if rank * (rows + columns) >= rows * columns:
            continue
        first, second = nn.Linear(columns, rank, bias=False), nn.Linear(rank, rows)
        with torch.no_grad():
            first.weight.copy_(s[:rank, None] * v[:rank])
            second.weight.copy_(u[:, :rank])
            second.bias.copy_(layer.bias)
        _put(owner, name, nn.Sequential(first, second).requires_grad_(False))
    return smaller.eval()


def distilled(
    model: Deployed, data: Dataset, width: int, seed: int, tell: Callable[[float], None], epochs: int = 20
) -> nn.Module:
    """A student with one hidden layer that learns the teacher's answers on training data (Hinton, Vinyals & Dean 2015).

    With labels: cross-entropy to the teacher's probabilities at temperature 2. Without: squared error to the teacher's pictures.
    """
    x = flat(data.x_train[:DISTILLED])
    with torch.no_grad():
        target = torch.cat([model(part) for part in x.split(1_024)])
    generator = torch.Generator().manual_seed(seed)
    student = nn.Sequential(nn.Linear(x.shape[1], width), nn.ReLU(), nn.Linear(width, target.shape[1]))
    for layer in student:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
    optimiser = torch.optim.Adam(student.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(128):
            loss = _unlike(student(x[rows]), target[rows], model.head is not None)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        tell((epoch + 1) / epochs)
    return student.eval().requires_grad_(False)


def _unlike(answer: Tensor, target: Tensor, scores: bool) -> Tensor:
    if not scores:
        return (answer - target).square().sum(dim=1).mean()
    return F.cross_entropy(answer / TEMPERATURE, (target / TEMPERATURE).softmax(dim=1))


def layers(network: Autoencoder) -> Iterator[tuple[nn.Module, str, Any]]:
    """(owner, name, layer) of every linear and convolutional layer; of an inferred code's decoder only the bias is used."""
    inferred = network.experiment.code in INFERRED_CODES
    for owner in (network.encoder if inferred else network).modules():
        for name, child in owner.named_children():
            if isinstance(child, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                yield owner, name, child


def _put(owner: nn.Module, name: str, layer: nn.Module) -> None:
    if isinstance(owner, (nn.ModuleList, nn.Sequential)):
        owner[int(name)] = layer
    else:
        setattr(owner, name, layer)


# ---- what a form weighs ----


def file_of(model: nn.Module) -> bytes:
    """The model's tensors as a safetensors file; a sparse matrix as values, columns and row ends, in the smallest integers."""
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if value.layout == torch.sparse_csr:
            small = torch.int16 if value.shape[1] < 2**15 else torch.int32
            tensors |= {
                f"{name}.values": value.values(),
                f"{name}.columns": value.col_indices().to(small),
                f"{name}.rows": value.crow_indices().to(torch.int32),
            }
        else:
            tensors[name] = value.contiguous()
    return save(tensors)


def parameters_of(model: nn.Module) -> int:
    """Numbers that the model keeps: of a sparse matrix, those that are not zero."""
    return sum(value._nnz() if value.layout == torch.sparse_csr else value.numel() for value in model.state_dict().values())


def operations_of(model: nn.Module, width: int) -> int:
    """Multiply-adds of one sample with `width` inputs, as PyTorch counts them; zeros of sparse layers are not multiplied."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, width))
    sparse: list[Any] = [layer.weight for layer in model.modules() if isinstance(layer, SparseLinear)]
    return counter.get_total_flops() // 2 - sum(weight.numel() - weight._nnz() for weight in sparse)  # it counts them as dense


# ---- ONNX ----


def as_onnx(model: nn.Module, width: int) -> bytes:
    """The model as an ONNX file for any number of samples: inputs `x` (N, width), outputs `y`."""
    out = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # this exporter is being replaced by one that needs three more packages
        torch.onnx.export(
            model,
            (torch.zeros(2, width),),
            out,  # type: ignore[arg-type]
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "samples"}, "y": {0: "samples"}},
            dynamo=False,
        )
    return out.getvalue()


def as_int8(onnx: bytes) -> bytes:
    """The same with 8-bit weights; activations are quantised as they come (dynamic quantisation)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().addFilter(_without_advice)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "model.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(onnx)
        quantize_dynamic(source, target, weight_type=QuantType.QInt8)
        return target.read_bytes()


def _without_advice(record: logging.LogRecord) -> bool:
    """onnxruntime advises to simplify the graph first, once a model; ours are simple already."""
    return not str(record.msg).startswith("Please consider to run pre-processing")


def onnx_runner(onnx: bytes) -> Callable[[Tensor], Tensor]:
    """Run an ONNX file on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(session.run(None, {"x": x.numpy()})[0])
