"""Draw the home page's moving pictures from shipped runs and results: one strip of frames a page. `make assets` calls it.

A strip is a lossless WebP of FRAMES frames below one another on a transparent ground; lab.css steps through them. Line colours
reach 3:1 on the light and the dark card. Each number is a recorded one; between two recorded pictures there is a cross-fade.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from replearn_core import datasets, training
from replearn_core.engine import wire
from replearn_core.networks import Autoencoder
from replearn_core.presets import preset

HERE = Path(__file__).resolve().parent
ASSETS = HERE.parent
WIDTH, HEIGHT, FRAMES = 576, 144, 24  # twice the size that a card has
MARGIN = 8
TEAL, ORANGE, BLUE, GREY = "#1F8A87", "#B86A12", "#3D7CC9", "#7C828E"
CLASSES = ("#3D7CC9", "#B86A12", "#1F8A87", "#B5519B", "#7C828E", "#8A7A1C", "#C2503A", "#5F6FD0", "#4E8F3A", "#A0668C")
Frames = list[Image.Image]


def main() -> None:
    for name, draw in PICTURES.items():
        frames = draw()
        assert len(frames) == FRAMES, name
        strip = Image.new("RGBA", (WIDTH, HEIGHT * FRAMES))
        for place, frame in enumerate(frames):
            strip.paste(frame, (0, HEIGHT * place))
        strip.save(HERE / f"{name}.webp", lossless=True, quality=100, method=6)
        print(name, (HERE / f"{name}.webp").stat().st_size // 1024, "kB")


# ---- a picture a page ----


def properties() -> Frames:
    """One unit of a β-VAE's code, moved from end to end: each sprite is another unit."""
    moved = answer("disentangled")["beta.traversal"]  # (units, steps, 32, 32)
    there_and_back = [*range(9), *range(7, 0, -1)]
    return [row(moved[:, there_and_back[place % 16]], 4) for place in range(FRAMES)]


def autoencoder() -> Frames:
    """Held-out digits as the shipped undercomplete run rebuilds them, moment by moment, below the digits themselves."""
    with np.load(ASSETS / "pretrained" / preset("digits", "undercomplete").id / "frames.npz") as kept:
        clean = kept["0.clean"][:8]
        places = sorted(int(name.split(".")[0]) for name in kept if name.endswith(".reconstruction"))
        moments = [kept[f"{place}.reconstruction"][:8] for place in places]
    return [two_rows(clean, moments[min(place * len(moments) // (FRAMES - 6), len(moments) - 1)]) for place in range(FRAMES)]


def latent() -> Frames:
    """The codes of held-out digits while the shipped run trains, on the plane of their last two principal directions."""
    experiment = preset("digits", "undercomplete")
    data = datasets.load("digits")
    network, codes = Autoencoder(experiment, training.generator(experiment.seed, "weights")), []
    held_out = torch.tensor(data.x_test.reshape(len(data.x_test), -1))
    for event in training.train(experiment, data):
        if event.kind == "progress" and event.state is not None:
            training.load(network, event.state)
            with torch.no_grad():
                codes.append(network.encode(held_out).numpy())
    last = codes[-1] - codes[-1].mean(axis=0)
    plane = np.linalg.svd(last, full_matrices=False)[2][:2].T
    flat = [(one - codes[-1].mean(axis=0)) @ plane for one in codes]
    reach = np.abs(flat[-1]).max(axis=0) * 1.05
    chosen = [flat[min(place * len(flat) // (FRAMES - 6), len(flat) - 1)] for place in range(FRAMES)]
    return [scatter(np.clip(one / reach, -1, 1), data.y_test) for one in chosen]


def pretraining() -> Frames:
    """First-layer features of one network: at random, learned layer by layer, tuned with labels."""
    kept = answer("pretraining")
    stages = [kept[f"features.{name}"][0][:16] for name in ("random", "pretrained", "tuned")]
    return [two_rows(*np.split(fade(stages, place), 2)) for place in range(FRAMES)]


def transfer() -> Frames:
    """Held-out accuracy while four strategies tune, mean of five seeds."""
    kept = answer("race")
    names = ("from_scratch", "fixed_features", "last_layers", "all_layers")
    lines = [kept[f"{name}.curve"].mean(axis=0) for name in names]
    return list(curves(lines, (GREY, ORANGE, BLUE, TEAL)))


def notifications() -> Frames:
    """Share of all clicks reached by sending to the most likely first, against sending at random."""
    kept = answer("clicks")
    lines = [kept["embedding.gain"].mean(axis=0), kept["one_hot.gain"].mean(axis=0), np.linspace(0, 1, 51)]
    return list(curves(lines, (TEAL, BLUE, GREY)))


def malware() -> Frames:
    """Where the network looked in four files, and the files as byte plots."""
    kept = answer("malware_families")
    files, looked = kept["pictures"], kept["saliency"]
    stages = [np.maximum(files[:4] // 3, looked[:4]), files[:4]]
    return [row(fade(stages, place // 6 * 6), 2) for place in range(FRAMES)]


def deployment() -> Frames:
    """Accuracy against time for one answer, of ten forms of a model, one after another."""
    numbers = header("product")["numbers"]
    forms = [name.removesuffix(".accuracy") for name in numbers if name.endswith(".accuracy")]
    points = np.array([[np.log10(numbers[f"{one}.latency_seconds"]), numbers[f"{one}.accuracy"]] for one in forms])
    points = 1.8 * (points - points.min(axis=0)) / np.ptp(points, axis=0) - 0.9
    groups = np.array([2 if one.endswith("_int8") else 0 for one in forms])
    shown = [min(len(forms), 1 + place * len(forms) // (FRAMES - 6)) for place in range(FRAMES)]
    return [scatter(points[:n], groups[:n], radius=9) for n in shown]


def evidence() -> Frames:
    """One interval a claim: right of the line the effect has the sign that the lecture expects."""
    intervals = []
    for number in range(1, 27):
        path = ASSETS / "claims" / f"C{number}.json"
        effects = json.loads(path.read_text())["effects"] if path.is_file() else []
        known = [one for one in effects if one.get("low") is not None and one["expected"] in ("higher", "lower")]
        if known:
            sign = 1 if known[0]["expected"] == "higher" else -1
            ends = sorted(sign * known[0][name] for name in ("low", "high"))
            scale = max(map(abs, ends)) or 1.0
            intervals.append((ends[0] / scale, sign * known[0]["effect"] / scale, ends[1] / scale))
    return [whiskers(intervals[: 1 + place * len(intervals) // (FRAMES - 5)]) for place in range(FRAMES)]


PICTURES: Mapping[str, Callable[[], Frames]] = {
    one.__name__: one
    for one in (properties, autoencoder, latent, pretraining, transfer, notifications, malware, deployment, evidence)
}


# ---- shipped answers ----


def shipped(study: str) -> bytes:
    """The shipped answer to a study; of two, the one with fewer seeds, which is the page's own default."""
    found = [gzip.decompress(path.read_bytes()) for path in sorted(ASSETS.glob("*/**/*.answer.gz"))]
    own = [one for one in found if wire.header_of(one)["task"]["kind"] == f"study:{study}"]
    return min(own, key=lambda one: wire.header_of(one)["task"]["options"]["seeds"])


def answer(study: str) -> Mapping[str, np.ndarray]:
    return wire.arrays_of(shipped(study))


def header(study: str) -> Mapping[str, dict[str, float]]:
    return wire.header_of(shipped(study))


# ---- drawing ----


def empty() -> Image.Image:
    return Image.new("RGBA", (WIDTH, HEIGHT))


def fade(stages: list[np.ndarray], place: int) -> np.ndarray:
    """Each stage for a while, and a short cross-fade between two."""
    at = place * (len(stages) - 1) / (FRAMES - 4)
    first = min(int(at), len(stages) - 2)
    part = float(np.clip((at - first - 0.5) * 2, 0, 1))
    mixed = (1 - part) * stages[first].astype(float) + part * stages[first + 1].astype(float)
    return np.rint(mixed).astype(np.uint8)


def grey(picture: np.ndarray, side: int) -> Image.Image:
    """One picture, drawn without smoothing."""
    values = picture if picture.dtype == np.uint8 else np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    return Image.fromarray(values).resize((side, side), Image.Resampling.NEAREST)


def row(pictures: np.ndarray, gap: int) -> Image.Image:
    """Pictures beside one another, as large as the frame allows."""
    frame, n = empty(), len(pictures)
    side = min(HEIGHT - 2 * MARGIN, (WIDTH - 2 * MARGIN - (n - 1) * gap) // n)
    left = (WIDTH - n * side - (n - 1) * gap) // 2
    for place, picture in enumerate(pictures):
        frame.paste(grey(picture, side), (left + place * (side + gap), (HEIGHT - side) // 2))
    return frame


def two_rows(upper: np.ndarray, lower: np.ndarray) -> Image.Image:
    frame, side, gap = empty(), 62, 6
    left = (WIDTH - len(upper) * side - (len(upper) - 1) * gap) // 2
    for line, pictures in enumerate((upper, lower)):
        for place, picture in enumerate(pictures):
            frame.paste(grey(picture, side), (left + place * (side + gap), 6 + line * (side + gap)))
    return frame


def scatter(points: np.ndarray, groups: np.ndarray, radius: int = 4) -> Image.Image:
    """Points (n, 2) in -1 … 1, a colour a group."""
    frame = empty()
    pen = ImageDraw.Draw(frame)
    x = WIDTH / 2 + points[:, 0] * (WIDTH / 2 - 2 * MARGIN)
    y = HEIGHT / 2 - points[:, 1] * (HEIGHT / 2 - MARGIN)
    for one, other, group in zip(x, y, groups, strict=True):
        pen.ellipse((one - radius, other - radius, one + radius, other + radius), fill=CLASSES[int(group)])
    return frame


def curves(lines: list[np.ndarray], colours: tuple[str, ...]) -> Iterator[Image.Image]:
    """Curves that share their axes, drawn from left to right."""
    low, high = min(float(one.min()) for one in lines), max(float(one.max()) for one in lines)
    for place in range(FRAMES):
        frame = empty()
        pen = ImageDraw.Draw(frame)
        pen.line((MARGIN, HEIGHT - MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN), fill=GREY, width=2)
        for line, colour in zip(lines, colours, strict=True):
            x = MARGIN + np.arange(len(line)) / (len(line) - 1) * (WIDTH - 2 * MARGIN)
            y = HEIGHT - MARGIN - (line - low) / (high - low) * (HEIGHT - 3 * MARGIN)
            n = max(2, round(len(line) * min(1.0, (place + 1) / (FRAMES - 5))))
            pen.line([*zip(x[:n].tolist(), y[:n].tolist(), strict=True)], fill=colour, width=5, joint="curve")
        yield frame


def whiskers(intervals: list[tuple[float, float, float]]) -> Image.Image:
    """Intervals (low, middle, high) in -1 … 1 above and below a line at zero, from left to right."""
    frame = empty()
    pen = ImageDraw.Draw(frame)
    zero = HEIGHT / 2
    pen.line((MARGIN, zero, WIDTH - MARGIN, zero), fill=GREY, width=2)
    for place, (low, middle, high) in enumerate(intervals):
        x = 2 * MARGIN + place * (WIDTH - 4 * MARGIN) / 25
        ends = [zero - value * (zero - MARGIN) for value in (low, middle, high)]
        colour = TEAL if low > 0 else ORANGE if high < 0 else GREY
        pen.line((x, ends[0], x, ends[2]), fill=colour, width=4)
        pen.ellipse((x - 6, ends[1] - 6, x + 6, ends[1] + 6), fill=colour)
    return frame


if __name__ == "__main__":
    main()
