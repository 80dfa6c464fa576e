"""No process that may hold secrets leaves a core dump, whatever its shell allows (SECURITY.md item 51)."""

from __future__ import annotations

import json
import multiprocessing
import re
import resource
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from authsvc.serving.supervisor import run_worker
from tests.cli.conftest import children, clean_environment
from tests.support.replicas import Replicas

LIMITS = """
import ctypes, json, resource, sys
_, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
from authsvc.cli import main
try:
    main()
except SystemExit:
    pass
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else 0
print(json.dumps([*resource.getrlimit(resource.RLIMIT_CORE), dumpable]))
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize(
    "words", [["serve"], ["keys", "generate-master", "--out", "-"], ["keys", "list"], ["users", "list"], ["doctor"]]
)
def test_a_command_leaves_no_core_dump(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITS, *words], capture_output=True, text=True, env=clean_environment(), check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [0, 0, 0]


def worker(told: Connection) -> None:
    """As a new interpreter, which inherits no PR_SET_DUMPABLE."""
    import ctypes

    from authsvc.serving import worker as module

    def ends(*_: object) -> None:
        told.send((*resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)))

    module.serve_here = ends  # type: ignore[assignment]
    from authsvc.settings import load

    given = {
        "ISSUER": "https://x.example",
        "DATABASE_URL": "postgresql://x",
        "REDIS_URL": "redis://x",
        "MASTER_KEY": "x",
    }
    run_worker(load({f"AUTHSVC_{name}": value for name, value in given.items()}), [], None, told)


@linux
def test_a_worker_leaves_no_core_dump() -> None:
    heard, told = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=worker, args=(told,))
    process.start()
    assert heard.poll(60)
    assert heard.recv() == (0, 0, 0)
    process.join()


@linux
def test_what_is_measured_from_outside_can_be_read_all_the_same(replicas: Replicas) -> None:
    """Memory and CPU of a replica, by those who run it: bench and monitoring read them."""
    [replica] = replicas.start(workers=2)
    for pid in (replica.process.pid, *children(replica.process.pid)):
        proc = Path(f"/proc/{pid}")
        assert re.search(r"Max core file size +0 +0 ", (proc / "limits").read_text())
        assert "VmRSS" in (proc / "status").read_text()
        assert (proc / "cmdline").read_bytes()
        assert (proc / "stat").read_text()
        assert all(task.read_text() for task in (proc / "task").glob("*/schedstat"))
