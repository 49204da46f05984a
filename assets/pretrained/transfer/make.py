"""What the transfer page ships: source networks of five seeds for each embedded source task, and its studies at their defaults.

`make assets` calls it. The networks' recipe is `Recipe()` of replearn_core/comparisons/sources.py. About three minutes; with
`--networks` only those, in some seconds.
"""

import gzip
import sys

from replearn_core import claims, tasks
from replearn_core.comparisons import sources

STUDIES = ("race", "quadrant", "layers")


def main() -> None:
    for source in sources.SHIPPED:
        print(sources.ship(source))
    if "--networks" in sys.argv[1:]:
        return
    made = set()
    for name in STUDIES:
        task = tasks.Task.from_values({"kind": f"study:{name}"})
        target = sources.FOLDER / f"{task.id}.answer.gz"
        target.write_bytes(gzip.compress(claims._answer(task), mtime=0))
        made.add(target)
        print(target)
    for old in set(sources.FOLDER.glob("*.answer.gz")) - made:
        old.unlink()


if __name__ == "__main__":
    main()
