"""What a core can do without us: RSA signatures (openssl speed) and argon2id hashes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys


def on_core(core: int | None) -> dict[str, object]:
    """Popen arguments that put a child on one core, where one is named and the system can."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return {}
    return {"preexec_fn": lambda: os.sched_setaffinity(0, {core})}


def signatures(core: int, seconds: int = 1) -> float:
    """2048-bit RSA signatures a second by `openssl speed`; by the cryptography library where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl:
        done = subprocess.run(
            [openssl, "speed", "-seconds", str(seconds), "rsa2048"],
            capture_output=True,
            text=True,
            check=True,
            **on_core(core),
        )
        found = re.search(r"rsa\s+2048 bits\s+\S+\s+\S+\s+([\d.]+)", done.stdout)
        if found:
            return float(found[1])
    return _in_child(core, _SIGN, seconds)


def hashes(core: int, seconds: int = 2) -> float:
    """argon2id hashes a second at authsvc's default parameters, one thread."""
    return _in_child(core, _HASH, seconds)


def _in_child(core: int, code: str, seconds: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(code=code, seconds=seconds)],
        capture_output=True,
        text=True,
        check=True,
        **on_core(core),
    )
    return float(done.stdout)


_TIMED = """
import time
{code}
work()
n, started = 0, time.perf_counter()
while time.perf_counter() - started < {seconds}:
    work()
    n += 1
print(n / (time.perf_counter() - started))
"""
_SIGN = """
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
key = rsa.generate_private_key(65537, 2048)
work = lambda: key.sign(b"x" * 300, padding.PKCS1v15(), SHA256())
"""
_HASH = """
from argon2 import PasswordHasher
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
work = lambda: hasher.hash("password")
"""
