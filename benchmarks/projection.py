"""What a map costs: UMAP as this app calls it beside umap-learn's default call on the same codes, and one frame of a film.

Method: codes of 16 units of the digits (all 1,797) and of 5,000 sprites, from a short run each; one core, everything compiled and
warm before it is timed; see side_by_side.py for the turns. Promises are held against processor time, since a neighbour on the
machine costs wall-clock time. Trustworthiness is scikit-learn's, of 15 neighbours, in the same run.
"""

import time
import warnings
from collections.abc import Callable
from statistics import median

import numpy as np

from replearn_core import datasets, projection, revisit, unfolding
from replearn_core.experiment import Experiment
from replearn_core.latent import Subject
from side_by_side import Speed, Watch, machine, one_thread, ratios, spread, table, take_turns, verdict, walls

ROUNDS = 3
SETS = {"digits": (1_797, 0.8), "sprites": (5_000, 2.0)}
FASTER, LOWER, FRAME = 3.0, 0.01, 10.0


def main() -> None:
    import numba

    one_thread()
    numba.set_num_threads(1)  # for umap-learn's default call too: a worker has one core
    warming = time.process_time()
    projection.warm_up()
    warming = time.process_time() - warming
    calls: list[list[str]] = []
    promises: list[list[str]] = []
    for name, (count, limit) in SETS.items():
        found = compare(codes_of(name, count), limit)
        calls += found[0]
        promises += found[1]
    print(f"\n### Maps\n\n{machine()}. One core, {ROUNDS} rounds; warming up took {warming:.1f} s of processor time.\n")
    print(table(["codes", "call", "seconds", "processor seconds", "trustworthiness"], calls) + "\n")
    print(table(["codes", "what", "measured", "promise"], promises))


def compare(codes: np.ndarray, limit: float) -> tuple[list[list[str]], list[list[str]]]:
    """(a row for each call, a row for each promise): this app's fresh map, umap-learn's, and a frame that starts from a map."""
    maps: dict[str, np.ndarray] = {}
    default = _umap_learn()
    start = projection.project(codes, "umap")
    near = unfolding.carry_on(codes, start)[1]
    measured = take_turns(
        {
            "ours": timed(lambda: projection.project(codes, "umap"), maps, "ours"),
            "umap-learn": timed(lambda: default(codes), maps, "umap-learn"),
            "frame": timed(lambda: unfolding.carry_on(codes, start, near)[0], maps, "frame"),
        },
        ROUNDS,
    )
    trust = {name: _trust(codes, placed) for name, placed in maps.items()}
    busy = {name: [1 / speed.processor for speed in speeds] for name, speeds in measured.items()}
    shape = f"{len(codes):,} × {codes.shape[1]}"
    calls = [
        [shape, name, spread([1 / speed for speed in walls(measured[name])]), spread(busy[name]), f"{trust[name]:.4f}"]
        for name in ("ours", "umap-learn", "frame")
    ]
    faster = ratios(measured["ours"], measured["umap-learn"], "processor")
    lower = trust["ours"] - trust["umap-learn"]
    frames = {name: ratios(measured["frame"], measured[name], "processor") for name in ("umap-learn", "ours")}
    promises = [
        ["a fresh map, processor seconds", spread(busy["ours"]), verdict(median(busy["ours"]), "below", limit)],
        ["… times as fast as umap-learn's default call", spread(faster, 1), verdict(median(faster), "at least", FASTER)],
        ["… its trustworthiness less umap-learn's", f"{lower:+.4f}", verdict(lower, "at least", -LOWER)],
        *[
            [f"a film's frame, times as fast as {whose} fresh map", spread(frames[name], 1), _frame(frames[name])]
            for name, whose in (("umap-learn", "umap-learn's"), ("ours", "our own"))
        ],
    ]
    return calls, [[shape, *row] for row in promises]


def _frame(times: list[float]) -> str:
    return verdict(median(times), "at least", FRAME)


def codes_of(name: str, count: int) -> np.ndarray:
    """Codes (count, 16) of held-out and training samples after a short run."""
    experiment = Experiment(dataset=name, hidden=(64,), code_size=16, code="linear", epochs=3)
    data = datasets.load(name)
    subject = Subject(experiment, data, "run", revisit.last_state([(experiment, 3)], None), 3)
    return subject.encode(subject.chosen(count, "all").x)


def timed(call: Callable[[], np.ndarray], maps: dict[str, np.ndarray], name: str) -> Callable[[], Speed]:
    def take() -> Speed:
        watch = Watch()
        maps[name] = call()
        return watch.speed(1)

    return take


def _umap_learn() -> Callable[[np.ndarray], np.ndarray]:
    import umap

    def fit(codes: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return umap.UMAP().fit_transform(codes)

    return fit


def _trust(codes: np.ndarray, placed: np.ndarray) -> float:
    from sklearn.manifold import trustworthiness

    return float(trustworthiness(codes, placed, n_neighbors=15))


if __name__ == "__main__":
    main()
