"""What the image adds to the code."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import httpx2
import pytest

import authsvc
from tests.support.replicas import Replicas
from tests.support.service import LOGIN

DOCKERFILE = (Path(__file__).parents[1] / "Dockerfile").read_text()
NEEDED = (2, 35)


def test_its_label_has_this_version() -> None:
    assert re.findall(r"org\.opencontainers\.image\.version=(\S+)", DOCKERFILE) == [authsvc.__version__]


def _glibc() -> tuple[int, ...]:
    name, version = platform.libc_ver()
    return tuple(map(int, version.split("."))) if name == "glibc" else ()


def _resident_mb(pid: int) -> float:
    [found] = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found) / 1024


@pytest.mark.skipif(_glibc() < NEEDED, reason="needs glibc 2.35 or newer, as the image has")
def test_a_worker_gives_the_memory_of_password_hashes_back(replicas: Replicas) -> None:
    [tunables] = re.findall(r"^ENV GLIBC_TUNABLES=(\S+)$", DOCKERFILE, re.MULTILINE)

    def grown(**env: str) -> float:
        [replica] = replicas.start(own_interpreter=True, AUTHSVC_ARGON2_MEMORY_KIB="19456", **env)
        with httpx2.Client(base_url=replica.url) as http:
            for path in ("/readyz", "/login", "/.well-known/jwks.json"):
                http.get(path)
            before = _resident_mb(replica.process.pid)
            for _ in range(4):
                assert http.post("/api/auth/login", json=LOGIN).status_code == 200
        return _resident_mb(replica.process.pid) - before

    assert grown(GLIBC_TUNABLES=tunables) < 10 < 15 < grown()
