"""What a passkey costs a worker: nothing before the first, and little after it."""

from __future__ import annotations

import json
import subprocess
import sys

from authsvc.webauthn import is_public_suffix, read_assertion, read_registration, signature_is_right
from tests.support.authenticator import Authenticator, encoded

MEASURE = """
import gc, json, sys
import authsvc.app, authsvc.serving.worker
from authsvc.webauthn import read_assertion, signature_is_right

def kilobytes():
    gc.collect()
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Rss"))

job = json.load(sys.stdin)
before, there = kilobytes(), sorted(name for name in sys.modules if name.startswith("fido2"))
assertion = read_assertion(job["assertion"])
right = signature_is_right(bytes.fromhex(job["key"]), assertion)
print(json.dumps({"there": there, "right": right, "grown": kilobytes() - before}))
"""
OPTIONS = {"challenge": encoded(bytes(32)), "user": {"id": encoded(bytes(16))}, "rp": {"id": "localhost"}}


def test_a_worker_imports_the_library_with_the_first_passkey_and_grows_by_less_than_6_mb() -> None:
    key = Authenticator()
    made = read_registration(key.create(OPTIONS))
    assert made
    job = json.dumps({"assertion": key.get(OPTIONS), "key": made.public_key.hex()})
    done = subprocess.run([sys.executable, "-c", MEASURE], input=job, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["there"] == []
    assert said["right"] is True
    assert said["grown"] < 6 * 1024


def test_a_signature_is_of_its_key_and_its_bytes() -> None:
    key, other = Authenticator(), Authenticator()
    made, made_by_other = read_registration(key.create(OPTIONS)), read_registration(other.create(OPTIONS))
    shown = read_assertion(key.get(OPTIONS))
    assert made and made_by_other and shown
    assert signature_is_right(made.public_key, shown)
    assert not signature_is_right(made_by_other.public_key, shown)
    assert not signature_is_right(b"", shown)
    assert not signature_is_right(b"\xa0", shown)


def test_public_suffixes() -> None:
    assert is_public_suffix("co.uk")
    assert not is_public_suffix("example.com")
    assert not is_public_suffix("localhost")
