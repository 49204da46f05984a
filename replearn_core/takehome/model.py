"""The parts of a script that build the network, say what it is to do, and train it."""

from collections.abc import Sequence

from replearn_core import strategies
from replearn_core.experiment import INFERRED_CODES, Experiment
from replearn_core.takehome.source import quoted

CALLS = {
    "linear": "a",
    "sigmoid": "torch.sigmoid(a)",
    "tanh": "torch.tanh(a)",
    "relu": "torch.relu(a)",
    "leaky_relu": "F.leaky_relu(a, 0.01)",
}
SLOPES = {
    "linear": "torch.ones_like",
    "sigmoid": "lambda h: h * (1 - h)",
    "tanh": "lambda h: 1 - h * h",
    "relu": "lambda h: (h > 0).to(h.dtype)",
    "leaky_relu": "lambda h: torch.where(h > 0, 1.0, 0.01)",
}


# ---- the network ----


def model_code(experiments: Sequence[Experiment]) -> str:
    """The class `Autoencoder`, its initial weights, and `network`, for a run that continues the ones before it."""
    parts, e = [], experiments[-1]
    if e.code in INFERRED_CODES:
        names = ["shrink", "lipschitz", "fista", "normalise_atoms_", "random_dictionary", "_Problem", "_problem", "_start"]
        names += ["_check_dictionary", "_check_number", *(["Lista"] if e.code == "lista" else [])]
        parts.append("from typing import NamedTuple\n\n\n" + quoted("sparse_coding.py", *names))
    if e.code == "k_sparse":
        parts.append(quoted("codes.py", "k_sparse"))
    if any(map(unit_atoms, experiments)) and e.code not in INFERRED_CODES:
        parts.append(quoted("sparse_coding.py", "normalise_atoms_", "_check_dictionary"))
    parts += [_class(e), _initial(experiments[0])]
    return "\n\n".join(parts)


def _class(e: Experiment) -> str:
    conv = e.network == "conv"
    encoder, decoder = _conv_stages(e) if conv else _dense_stages(e)
    lines = [
        "def activation(a):",
        f"    return {CALLS[e.activation]}",
        "",
        "",
        "class Autoencoder(nn.Module):",
        '    """Level 0 is the input, level i the output of encoder[i-1]; decoder[i] maps level i+1 back to level i."""',
        "",
        f"    levels = {len(e.hidden) + 1}",
        "",
        "    def __init__(self):",
        "        super().__init__()",
        f"        self.encoder = nn.ModuleList([{', '.join(encoder)}])",
    ]
    if e.tied:
        lines.append(
            f"        self.biases = nn.ParameterList([torch.zeros(n) for n in ({_tuple(_widths(e)[:-1])})])  # of the decoder"
        )
    else:
        lines.append(f"        self.decoder = nn.ModuleList([{', '.join(decoder)}])")
    if e.code == "predictive":
        lines.append(f"        self.gain = nn.Parameter(torch.ones({e.code_size}))")
    lines += ["", *_encode(e), "", *_decode(e)]
    if e.code in INFERRED_CODES:
        lines += ["", *_infer(e)]
    return "\n".join(lines) + "\n"


def _widths(e: Experiment) -> list[int]:
    return [e.data.size, *e.hidden, e.code_size]


def _tuple(values: Sequence[int]) -> str:
    return ", ".join(map(str, values)) + ("," if len(values) == 1 else "")


def _dense_stages(e: Experiment) -> tuple[list[str], list[str]]:
    widths = _widths(e)
    out = [*widths[1:-1], widths[-1] * (2 if e.code == "gaussian" else 1)]
    encoder = [f"nn.Linear({a}, {b})" for a, b in zip(widths, out)]
    return encoder, [f"nn.Linear({b}, {a})" for a, b in zip(widths, widths[1:])]


def _conv_stages(e: Experiment) -> tuple[list[str], list[str]]:
    channels = [1, *e.hidden]
    side = e.data.shape[0] >> len(e.hidden)
    flat = channels[-1] * side * side
    pairs = list(zip(channels, channels[1:]))
    doubled = e.code_size * (2 if e.code == "gaussian" else 1)
    encoder = [f"nn.Conv2d({a}, {b}, 4, 2, 1)" for a, b in pairs] + [f"nn.Linear({flat}, {doubled})"]
    return encoder, [f"nn.ConvTranspose2d({b}, {a}, 4, 2, 1)" for a, b in pairs] + [f"nn.Linear({e.code_size}, {flat})"]


def _stage(e: Experiment, stage: str, level: str) -> str:
    if e.network == "conv":
        return f"self.run({stage}, x, {level})"
    return f"{stage}(x)"


def _encode(e: Experiment) -> list[str]:
    lines = []
    if e.network == "conv":
        side = e.data.shape[0]
        lines += [
            "    def run(self, stage, x, level):",
            "        if isinstance(stage, nn.Linear):",
            "            return stage(x)",
            f"        return stage(x.unflatten(1, (stage.in_channels, {side} >> level, {side} >> level))).flatten(1)",
            "",
        ]
    lines += [
        "    def features(self, x, bottom=0, top=levels):",
        '        """What the encoder says at level `top` of activations at level `bottom`."""',
        "        for i in range(bottom, min(top, self.levels - 1)):",
        f"            x = activation({_stage(e, 'self.encoder[i]', 'i')})",
        "        if top < self.levels:",
        "            return x",
    ]
    if e.code == "lista":
        return [*lines, "        return self.encoder[0](x - self.decoder[0].bias)"]
    lines.append(f"        a = {_stage(e, 'self.encoder[top - 1]', 'top - 1')}")
    if e.code == "k_sparse":
        k, alpha = int(e.code_options["k"]), e.code_options["alpha"]
        return [*lines, f"        return k_sparse(a, {k} if self.training else {round(k * alpha)})"]
    if e.code == "gaussian":
        return [*lines, "        mean, log_variance = a.chunk(2, dim=1)", "        return mean, log_variance.clamp(-12, 12)"]
    if e.code == "predictive":
        return [*lines, "        return self.gain * torch.tanh(a)"]
    return [*lines, f"        return {CALLS[e.code]}"]


def _decode(e: Experiment) -> list[str]:
    lines = [
        "    def decode(self, x, bottom=0, top=levels):",
        '        """Level `bottom` from activations at level `top`; of the picture, logits with cross-entropy."""',
        "        for i in range(top - 1, bottom - 1, -1):",
    ]
    if e.tied:
        lines.append("            x = F.linear(x, self.encoder[i].weight.t(), self.biases[i])")
    else:
        lines.append(f"            x = {_stage(e, 'self.decoder[i]', 'i + 1')}")
    return [*lines, "            if i > 0:", "                x = activation(x)", "        return x"]


def _infer(e: Experiment) -> list[str]:
    steps = int(e.code_options["steps"])
    return [
        "    def infer(self, x, sparsity, gamma):",
        '        """z* by FISTA from f(x)."""',
        "        start, stage = self.features(x).detach(), self.decoder[0]",
        f"        return fista(x - stage.bias, stage.weight, sparsity, {steps}, start=start, anchor=start, gamma=gamma).detach()",
    ]


def _initial(e: Experiment) -> str:
    he = e.activation in ("relu", "leaky_relu")
    lines = [
        "network = Autoencoder()",
        "g = generator(WEIGHTS)",
        "for i, stage in enumerate(network.encoder):",
    ]
    if he and e.hidden:
        lines += [
            "    if i < network.levels - 1:",
            '        nn.init.kaiming_uniform_(stage.weight, nonlinearity="relu", generator=g)  # He et al. 2015',
            "    else:",
            "        nn.init.xavier_uniform_(stage.weight, generator=g)  # Glorot & Bengio 2010",
        ]
    else:
        lines.append("    nn.init.xavier_uniform_(stage.weight, generator=g)  # Glorot & Bengio 2010")
    lines.append("    nn.init.zeros_(stage.bias)")
    if not e.tied:
        lines += [
            "for stage in network.decoder:",
            "    nn.init.xavier_uniform_(stage.weight, generator=g)",
            "    nn.init.zeros_(stage.bias)",
        ]
    if e.code in INFERRED_CODES:
        lines += [
            "with torch.no_grad():",
            f"    network.decoder[0].weight.copy_(random_dictionary({e.data.size}, {e.code_size}, g))",
        ]
        if e.code == "lista":
            sparsity = next((term.weight for term in e.penalties if term.name == "l1"), 0.0)
            layers = int(e.code_options["layers"])
            lines.append(f"network.encoder[0] = Lista(network.decoder[0].weight, {sparsity!r} / 2, {layers})")
    bias = "network.biases[0]" if e.tied else "network.decoder[0].bias"
    mean = "x_train.mean(dim=0)"
    if e.network == "conv":
        mean = f"{mean}.mean().expand_as({bias})"
    if e.reconstruction == "cross_entropy":
        mean = f"torch.logit({mean}.clamp(0.02, 0.98))"
    lines += ["with torch.no_grad():", f"    {bias}.copy_({mean})  # the first picture is the mean picture"]
    return "\n".join(lines) + "\n"


# ---- what it is to do ----


def objective_code(experiments: Sequence[Experiment]) -> str:
    """The functions of all terms and corruptions that any of the runs has, quoted from the app."""
    penalties = {term.name for e in experiments for term in e.penalties}
    reconstructions = {e.reconstruction for e in experiments} | (
        {"squared_error"} if any(e.strategy != "end_to_end" for e in experiments) else set()
    )
    parts = []
    if "contraction" in penalties:
        used = {name for e in experiments for name in (e.code, e.activation) if name in SLOPES}
        lines = "\n".join(f'    "{name}": {text},' for name, text in SLOPES.items() if name in used)
        parts.append("SLOPES = {  # s'(a), written with h = s(a)\n" + lines + "\n}\n")
    parts.append(quoted("penalties.py", *sorted(reconstructions), *sorted(penalties)).replace("p: Pass", "p"))
    corruptions = {e.corruption.name for e in experiments if e.corruption}
    if corruptions:
        parts.append(quoted("corruptions.py", *sorted(corruptions)).replace("generator: Generator", "generator"))
    return "\n\n".join(parts)


def unit_atoms(e: Experiment) -> bool:
    """As `networks.unit_atoms`, which imports torch."""
    names = [term.name for term in e.penalties]
    return e.code in INFERRED_CODES or "l1" in names or ("contraction" in names and not e.tied)


# ---- training ----


def loop_code(chain: Sequence[tuple[Experiment, int]]) -> str:
    """The loop over segments (a continuation changes the objective between two) and phases, and the last line's number."""
    last = chain[-1][0]
    phases, first = [], 0
    for e, end in chain:
        plan = strategies.phases(e) if len(chain) == 1 else strategies.end_to_end(len(e.hidden) + 1, end - first)
        phases += [_segment(e, phase.epochs, phase.bottom, phase.top) for phase in plan if phase.epochs]
        first = end
    segments = "SEGMENTS = [\n" + "".join(f"    {text},\n" for text in phases) + "]\n"
    fresh = "True" if len(chain) == 1 else "optimiser is None"
    layer_wise = last.strategy != "end_to_end"  # then the chain is this run alone
    return segments + _loop(last, fresh, any(unit_atoms(e) for e, _ in chain), layer_wise) + _measured(last)


def _segment(e: Experiment, epochs: int, bottom: int, top: int) -> str:
    reconstruction = e.reconstruction if bottom == 0 else "squared_error"
    terms = [f"(1.0, {reconstruction}, {{}})"]
    terms += [f"({term.weight!r}, {term.name}, {dict(term.options)!r})" for term in e.penalties]
    corruption = f"({e.corruption.name}, {e.corruption.weight!r})" if e.corruption else None
    return (
        f"dict(epochs={epochs}, bottom={bottom}, top={top}, batch_size={e.batch_size}, learning_rate={e.learning_rate!r}, "
        f"corruption={corruption}, terms=[{', '.join(terms)}], unit_atoms={unit_atoms(e)})"
    )


def _loop(e: Experiment, fresh: str, normalised: bool, layer_wise: bool) -> str:
    inferred = e.code in INFERRED_CODES
    code = ["features = network.features(seen, bottom, top)", "code, log_variance = features, None"]
    if e.code == "gaussian":
        code = [
            "features, log_variance = network.features(seen)",
            "code = features + (0.5 * log_variance).exp() * torch.randn(features.shape, generator=noise)",
        ]
    elif inferred:
        code.append('code = network.infer(seen, strengths.get("l1", 0.0), strengths.get("prediction", 0.0))')
    decoder = "network.biases" if e.tied else "network.decoder"
    gain = "\n    if top == network.levels:\n        trained.append(network.gain)" if e.code == "predictive" else ""
    closed = "False"  # whether the contraction has a closed form: one dense layer and an elementwise activation
    if e.network == "dense":
        closed = "top - bottom == 1" + ("" if e.code in SLOPES else " and top < network.levels")
    inner = "\n            ".join(code)
    return f"""
optimiser, epoch = None, 0
for segment in SEGMENTS:
    bottom, top, size = segment["bottom"], segment["top"], segment["batch_size"]
    strengths = {{function.__name__: strength for strength, function, _ in segment["terms"]}}
    trained = [*network.encoder[bottom:top].parameters(), *{decoder}[bottom:top].parameters()]{gain}
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_(True)
    if {fresh}:
        optimiser = torch.optim.Adam(trained, lr=segment["learning_rate"], fused=True)
    optimiser.param_groups[0]["lr"] = segment["learning_rate"]
    with torch.no_grad():  # what lies below is frozen
        x = network.features(x_train, 0, bottom) if bottom else x_train
{_centre(e) if layer_wise else ""}    closed = {closed}
    probed = "contraction" in strengths and not closed
    for epoch in range(epoch, epoch + segment["epochs"]):
        network.train()
        order, noise, probe = (generator(purpose, epoch) for purpose in (ORDER, NOISE, PROBE))
        for batch in x[torch.randperm(len(x), generator=order)].split(size):
            seen = batch
            if segment["corruption"]:
                corrupt, level = segment["corruption"]
                seen = corrupt(batch, level, noise)
            if probed:  # the contraction is estimated by a derivative with respect to what the encoder sees
                seen = seen.detach().requires_grad_()
            {inner}
            output = network.decode(code, bottom, top)
            weight = network.encoder[bottom].weight if "contraction" in strengths and closed else None
            name = {e.code!r} if top == network.levels else {e.activation!r}
            p = SimpleNamespace(target=batch, seen=seen, features=features, code=code, output=output, code_name=name,
                                weight=weight, probe=probe, log_variance=log_variance)
            loss = sum(strength * function(p, **options) for strength, function, options in segment["terms"])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
{_normalise(e) if normalised else ""}
    epoch += 1
"""


def _centre(e: Experiment) -> str:
    """As `training.centre` does where a layer's phase begins."""
    bias = "network.biases[bottom]" if e.tied else "network.decoder[bottom].bias"
    mean = {"sigmoid": "torch.logit({}.clamp(0.02, 0.98))", "tanh": "torch.atanh({}.clamp(-0.96, 0.96))"}.get(e.activation, "{}")
    lines = [
        "    if bottom:  # the rebuilt features begin at their mean, or units of the decoder would die",
        "        with torch.no_grad():",
        f"            {bias}.copy_({mean.format('x.mean(dim=0)')})",
    ]
    return "\n".join(lines) + "\n"


def _normalise(e: Experiment) -> str:
    space = " " * 12
    lines = ['if segment["unit_atoms"]:  # a smaller code cannot be bought with a larger decoder', "    with torch.no_grad():"]
    if e.tied:
        lines.append("        normalise_atoms_(network.encoder[top - 1].weight.T)")
    else:
        columns = "stage.weight if isinstance(stage, nn.Linear) else stage.weight.flatten(1).T"
        lines += ["        for stage in network.decoder[bottom:top]:", f"            normalise_atoms_({columns})"]
    return "\n".join(space + line for line in lines)


def _measured(e: Experiment) -> str:
    features = "network.features(x_test)" + ("[0]" if e.code == "gaussian" else "")
    decoded = f"network.decode({features})"
    if e.reconstruction == "cross_entropy":
        decoded = f"torch.sigmoid({decoded})"
    return f"""
network.eval()
with torch.no_grad():
    rebuilt = {decoded}
error = float((rebuilt - x_test).square().sum() / len(x_test))
print(f"Held-out squared error per image: {{error:.6g}}")
"""
