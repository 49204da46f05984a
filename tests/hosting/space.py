"""Checks the conditions of a Space without Docker: `python tests/hosting/space.py`. Needs Linux, and root to be another user.

A fresh copy of the tracked files that cannot be written to, another user id, no home folder: the app must start in two minutes,
answer /healthz, show that it would accept runs, and leave no process behind.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USER = 1000
PATIENCE = 120.0  # seconds


def main() -> int:
    if os.name != "posix" or os.getuid() != 0:
        print("only root can be another user here: skipped")
        return 0
    reached = ["test", "-x", sys.executable]
    if subprocess.run(reached, user=USER, group=USER, extra_groups=[], check=False).returncode:
        print(f"user {USER} may not run {sys.executable}: `make clean`, then PYTHON= with one that lies in nobody's home")
        return 1
    folder = Path(tempfile.mkdtemp(prefix="replearn-space-"))
    try:
        copied(folder)
        return started(folder)
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def copied(folder: Path) -> None:
    """The tracked files, as a build would copy them, without the right to write."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    subprocess.run(["chmod", "-R", "a-w,a+rX", str(folder)], check=True)


def started(folder: Path) -> int:
    """Start the app as the other user, ask how it is, and end it. The exit status."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.address=127.0.0.1"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, user=USER, group=USER, extra_groups=[], stdout=log, stderr=log
        )
        try:
            answer = asked(f"http://127.0.0.1:{port}/healthz", process)
        finally:
            process.terminate()
            process.wait(20)
        log.seek(0)
        said = log.read().decode(errors="replace")
    if answer is None or answer.get("engine") != "ready" or not answer.get("warm_workers"):
        print(f"the Space would not work: {answer}\n{said}", file=sys.stderr)
        return 1
    left = children_of(folder)
    for _ in range(20):  # workers leave within seconds
        if not left:
            break
        time.sleep(0.5)
        left = children_of(folder)
    print(f"the Space would work: {answer}; processes left: {len(left)}")
    return 1 if left else 0


def asked(address: str, process: subprocess.Popen) -> dict | None:
    """What /healthz says once a worker is warm, which shows that a run went through; None where it never did."""
    end, answer = time.monotonic() + PATIENCE, None
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            answer = json.loads(urllib.request.urlopen(address, timeout=5).read())
        if answer and answer.get("warm_workers"):
            return answer
        time.sleep(0.5)
    return answer


def children_of(folder: Path) -> list[str]:
    return [line for line in processes() if "replearn_core.engine" in line and str(folder) in line]


def processes() -> list[str]:
    """The command line of every process, with its working folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode() + os.readlink(entry / "cwd"))
        except OSError:
            continue
    return found


if __name__ == "__main__":
    sys.exit(main())
