"""The embedded cluster in one process: a scheduler and the nannies of its workers. Started by `cluster.Embedded`, by command.

`python -m replearn_core.engine.hub --parent PID --workers N` prints one line of JSON with its address and ends with its parent.
"""

import argparse
import asyncio
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import dask
import distributed.utils
from distributed import Nanny, Scheduler

from replearn_core.engine.preload import end_with

log = logging.getLogger(__name__)

SETTINGS = {
    "distributed.scheduler.allowed-failures": 2,  # so the third worker that a run kills is its last
    "distributed.admin.low-level-log-length": 200,  # bounds the scheduler's memory of our messages: 200 × 56 kB
    "distributed.admin.log-length": 200,
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.tick.limit": "60s",
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,  # results are small; never spill them to disk
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.comm.compression": None,
    "distributed.scheduler.http.routes": [],  # no dashboard and no other page
    "distributed.worker.http.routes": [],
}


async def serve(workers: int, folder: str) -> None:
    """Run until SIGTERM or SIGINT."""
    ending = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # on Windows the process is simply ended
            asyncio.get_running_loop().add_signal_handler(name, ending.set)
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0") as scheduler:
        sys.stdout.write(json.dumps({"address": scheduler.address}) + "\n")
        sys.stdout.flush()
        kept = [
            asyncio.create_task(keep(partial(_nanny, scheduler.address, number, workers, folder))) for number in range(workers)
        ]
        await ending.wait()
        for one in kept:
            one.cancel()
        await asyncio.wait(kept, timeout=5)


async def keep(begun: Callable[[], Nanny], pause: float = 1.0) -> None:
    """One worker's nanny after another, until cancelled. begun: makes the next one.

    Dask gives a worker up for good that did not start, the first or one after a death, and there would be none for as long as
    the server runs.
    """
    while True:
        nanny = begun()
        try:
            await nanny
            await nanny.finished()
        except Exception as error:
            log.warning("a worker did not start, and is started again: %s", type(error).__name__)
        finally:
            await nanny.close(timeout=1)
        await asyncio.sleep(pause)


def _nanny(address: str, number: int, workers: int, folder: str) -> Nanny:
    return Nanny(
        address,
        host="127.0.0.1",
        nthreads=1,
        name=f"worker-{number}",
        memory_limit=1 / workers * 0.8 if workers else "auto",
        local_directory=folder,
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.WARNING,
        preload=["replearn_core.engine.preload"],
        death_timeout=None,  # a start took above 30 s at a load of 15; of one given up, Dask leaves a process with its name
    )


def step_back() -> None:
    """Let this session's processes wait for pages.

    Linux shares a busy processor among sessions first, so a worker's own niceness, which counts within a session, would not be
    felt by the server in another one: sched(7), "The autogroup feature".
    """
    with suppress(OSError), open("/proc/self/autogroup", "w") as share:
        share.write("10")


def share_imports() -> None:
    """Let workers be forked from one process that has imported what they need: less memory, and the next one is there at once.

    On Linux only: elsewhere the system's own libraries may not survive a fork.
    """
    if sys.platform != "linux":
        return
    from multiprocessing import forkserver  # not on Windows

    forkserver.set_forkserver_preload(["replearn_core.engine.origin"])
    try:
        forkserver.ensure_running()
    except OSError as error:  # it listens in the folder for temporary files, whose path may be too long for a socket's name
        log.warning("every worker imports what it needs for itself: %s", error)
        return
    distributed.utils._forkserver_preload_set = True  # Dask's own list has pandas, and imports it here too
    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--folder", required=True)
    asked = parser.parse_args()
    if os.getppid() != asked.parent:
        return
    end_with(asked.parent, lambda: shutil.rmtree(asked.folder, ignore_errors=True))
    if os.name == "posix" and os.getsid(0) == os.getpid():  # never the session of somebody's shell
        step_back()
    dask.config.set(SETTINGS)
    share_imports()
    logging.getLogger("distributed").setLevel(logging.WARNING)
    logging.getLogger("distributed.nanny").setLevel(logging.ERROR)  # a worker that trains is killed at the end, as it should be
    asyncio.run(serve(asked.workers, asked.folder))


if __name__ == "__main__":
    main()
