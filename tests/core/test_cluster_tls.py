"""A cluster whose parts prove who they are: certificates as docs/deploy.md makes them, and nobody else is let in."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = (ROOT / "docs" / "deploy.md").read_text("utf-8")
SERVER = """
import sys, time
from replearn_core.engine import cluster
from replearn_core.engine.engine import Engine
from replearn_core.experiment import Experiment
from replearn_core.store import Store

engine = Engine(Store(sys.argv[1], shipped=None), cluster.chosen())
run_id = engine.submit(Experiment(dataset="digits", train_size=300, code_size=8, epochs=2), owner="a")
end = time.monotonic() + 120
while engine.watch(run_id).live and engine.problem is None and time.monotonic() < end:
    time.sleep(0.05)
print(engine.problem.key if engine.problem else engine.watch(run_id).state)
engine.close()
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates with"),
]


def certificates(folder: Path) -> Path:
    """ca.pem, cert.pem and key.pem of an authority of one's own, by the commands of docs/deploy.md."""
    folder.mkdir()
    commands = re.findall(r"^openssl (?:.*\\\n)*.*", DEPLOY, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        subprocess.run(command, shell=True, check=True, cwd=folder, capture_output=True)
    return folder


def settings(folder: Path) -> dict[str, str]:
    """What docs/deploy.md has exported on every machine, with the files in this folder."""
    block = re.search(r"^export DASK_.*?^done$", DEPLOY, re.MULTILINE | re.DOTALL)
    script = block[0].replace("/etc/replearn", str(folder)) + "\nenv"
    told = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    return dict(line.split("=", 1) for line in told.stdout.splitlines() if line.startswith("DASK_"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Path:
    return certificates(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def address(ours, clusters, tmp_path_factory):
    with clusters(tmp_path_factory.mktemp("cluster"), 1, protocol="tls", environment=settings(ours)) as found:
        yield found


def trained(address: str, store: Path, **environment: str) -> str:
    """How a run ends on a server that has these settings, or why it accepts none."""
    more = {"REPLEARN_SCHEDULER": address, "PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-c", SERVER, str(store)]
    ran = subprocess.run(command, env=os.environ | more, capture_output=True, text=True, timeout=240)
    return ran.stdout.strip()


def answered(address: str, authority: Path, certificate: Path | None) -> bytes:
    """What the scheduler says first to somebody who comes with this certificate, or with none."""
    context = ssl.create_default_context(cafile=str(authority / "ca.pem"))
    context.check_hostname = False
    if certificate is not None:
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    host, port = address.removeprefix("tls://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as plain, context.wrap_socket(plain) as secret:
        return secret.recv(100)


def test_a_server_with_its_certificate_trains_on_the_cluster(address, ours, tmp_path):
    assert address.startswith("tls://")
    assert trained(address, tmp_path / "runs", **settings(ours)) == "finished"


def test_a_server_without_tls_is_refused_and_says_that_it_cannot_compute(address, tmp_path):
    assert trained(address.replace("tls://", "tcp://"), tmp_path / "runs") == "problem.engine_lost"


def test_nobody_without_a_certificate_of_this_authority_is_let_in(address, ours, tmp_path):
    other = certificates(tmp_path / "other")
    assert answered(address, ours, ours), "the test's own way in"
    with pytest.raises(ssl.SSLError, match="required"):
        answered(address, ours, None)
    with pytest.raises(ssl.SSLError):
        answered(address, ours, other)
    with pytest.raises(ssl.SSLError, match="verify failed"):
        answered(address, other, ours)  # nor does a server trust a stranger's scheduler
