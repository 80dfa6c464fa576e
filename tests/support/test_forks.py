"""A fork is a process as a start of one's own would make it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from authsvc import __version__
from authsvc.keys.master import MasterKeys
from authsvc_devkit.processes import is_alive, wait_until
from tests.support.forks import ROOT, Fork
from tests.support.replicas import free_port


def serving() -> dict[str, str]:
    """Stores that are away keep nobody from serving."""
    return {
        "AUTHSVC_ISSUER": "http://localhost:8000",
        "AUTHSVC_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
        "AUTHSVC_REDIS_URL": "redis://127.0.0.1:9",
        "AUTHSVC_MASTER_KEY": MasterKeys.generate(os.urandom),
        "AUTHSVC_DEV_MODE": "true",
    }


def test_it_has_output_environment_and_end_of_its_own(tmp_path: Path) -> None:
    for name, words, env, code, said in (
        ("a", ["--version"], {}, 0, f"authsvc {__version__}"),
        ("b", ["settings"], {"AUTHSVC_ISSUER": "nonsense"}, 2, "AUTHSVC_ISSUER"),
    ):
        with (tmp_path / name).open("wb") as output:
            fork = Fork(words, env, output)
        assert fork.wait(20) == fork.returncode == fork.poll() == code
        assert said in (tmp_path / name).read_text()
        assert not is_alive(fork.pid)
    assert "AUTHSVC_ISSUER" not in os.environ


def test_it_is_signalled_and_waited_for(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as output:
        fork = Fork(["serve", "--port", str(free_port())], serving(), output)
    assert fork.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        fork.wait(0.1)
    fork.kill()
    assert fork.wait(10) == -signal.SIGKILL
    fork.kill()  # nobody any more


ASKER = """
import os, sys
from pathlib import Path
from tests.support.forks import Fork
from tests.support.test_forks import serving
from tests.support.replicas import free_port
with Path(os.devnull).open("wb") as output:
    print(Fork(["serve", "--port", str(free_port())], serving(), output).pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_it_dies_with_who_asked_for_it() -> None:
    asked = subprocess.run([sys.executable, "-c", ASKER], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert asked.returncode == -signal.SIGKILL, asked.stderr
    assert wait_until(lambda: not is_alive(int(asked.stdout)), 10)
