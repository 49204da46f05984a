"""Models of a click on the 39,948 advertisement records of KDD Cup 2012: processor seconds and AUC, all in one run.

Method: REPLEARN_DATA names the data; five splits by user (30 % never seen), one thread; every model sees the same rows. AUC with
Student's t interval over the splits, and with the bootstrap interval over the users of the first split.
"""

import time

import numpy as np

from replearn_core.applications.notifications import measures, models, tables
from replearn_core.properties.study import difference, interval
from side_by_side import machine, one_thread, table

SPLITS, LIMIT = 5, 60.0  # seconds of the processor for one split with all models


def main() -> None:
    one_thread()
    began = time.process_time()
    log = tables.load("kdd")
    print(
        f"\n### Clicks, {len(log):,} records\n\n{machine()}. One thread, {SPLITS} splits by user; read in {spent(began):.1f} s.\n"
    )
    auc: dict[str, list[float]] = {name: [] for name in models.FAMILIES}
    seconds: dict[str, list[float]] = {name: [] for name in models.FAMILIES}
    first: dict[str, np.ndarray] = {}
    for seed in range(SPLITS):
        parts = tables.split(log, seed)
        train, test, base = log.rows(parts.train), log.rows(parts.test), None
        for name in models.FAMILIES:
            began = time.process_time()
            model = models.fit(name, train, seed, epochs=6, base=base)
            base = model if name == "embedding" else base
            p = model.predict(test)
            seconds[name].append(spent(began))
            auc[name].append(measures.auc(test.clicked, p))
            if seed == 0:
                first[name] = measures.intervals(test.clicked, p, test.user)[0]
    rows = [row(name, auc, seconds, first) for name in models.FAMILIES]
    print(table(["model", "AUC", "95 % over splits", "95 % over users", "less boosting", "seconds"], rows))
    whole = sum(np.mean(one) for one in seconds.values())
    print(f"\nAll models on one split: {whole:.1f} s of the processor; promise: at most {LIMIT:.0f} s.")


def row(name: str, auc: dict[str, list[float]], seconds: dict[str, list[float]], first: dict[str, np.ndarray]) -> list[str]:
    found, apart = interval(auc[name]), difference(auc[name], auc["boosting"])
    return [
        name,
        f"{found.mean:.4f}",
        f"{found.low:.4f}–{found.high:.4f}",
        f"{first[name][0]:.4f}–{first[name][1]:.4f}",
        f"{apart.mean:+.4f} ({apart.low:+.4f} … {apart.high:+.4f})",
        f"{np.mean(seconds[name]):.1f}",
    ]


def spent(began: float) -> float:
    return time.process_time() - began


if __name__ == "__main__":
    main()
