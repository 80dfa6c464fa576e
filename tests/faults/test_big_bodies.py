"""Bodies made to cost: refused early, by a real server whose memory does not grow with them."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest

from tests.support.calls import LOGIN
from tests.support.replicas import Replica, Replicas

pytestmark = pytest.mark.faults

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def resident(replica: Replica) -> int:
    """Kilobytes."""
    status = Path(f"/proc/{replica.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def post(replica: Replica, path: str, body: bytes, content_type: str, *, chunked: bool = False) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", replica.port, timeout=10)
    try:
        pieces = (body[at : at + 4096] for at in range(0, len(body), 4096)) if chunked else body
        connection.request("POST", path, pieces, {"Content-Type": content_type}, encode_chunked=chunked)  # type: ignore[arg-type]
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has answered without hearing us out
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def forms() -> dict[str, bytes]:
    """Made where they are sent: not by every process that collects tests."""
    return {
        "64 KiB and one": b"grant_type=" + b"x" * (65_537 - 11),
        "a million fields": b"&".join(b"a%d=" % n for n in range(1_000_000)),
        "a million empty fields": b"&" * 1_000_000,
        "fifty-one fields": b"&".join(b"a%d=1" % n for n in range(51)),
        "ten thousand fields": b"a=&" * 10_000,
        "percents": b"grant_type=" + b"%41" * 21_000,
    }


DOCUMENTS = {
    "10 MB": b'{"email": "' + b"x" * 10_000_000 + b'"}',
    "deep arrays": b'{"a":' + b"[" * 32_000 + b"]" * 32_000 + b"}",
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "open for ever": b"[" * 60_000,
    "a great number": b'{"a":' + b"9" * 60_000 + b"}",
    "sixty thousand members": b"{" + b",".join(b'"%d":1' % n for n in range(7_000)) + b"}",
}


def test_bodies_made_to_cost_are_refused_and_memory_stays_flat(replicas: Replicas) -> None:
    (replica,) = replicas.start()
    assert post(replica, "/api/auth/login", json.dumps(LOGIN).encode(), JSON) == 200
    refused, sent = [], forms()

    def attack() -> None:
        for chunked in (False, True):
            for name, body in sent.items():
                refused.append((name, post(replica, "/token", body, FORM, chunked=chunked)))
            for name, body in DOCUMENTS.items():
                refused.append((name, post(replica, "/api/auth/login", body, JSON, chunked=chunked)))

    attack()
    before = resident(replica)
    for _ in range(6):
        attack()
    after = resident(replica)
    assert {status for _, status in refused} <= {400, 413}, refused
    assert after - before < 8_000, f"{before} kB, then {after} kB"
    assert post(replica, "/api/auth/login", json.dumps(LOGIN).encode(), JSON) == 200


def test_fifty_fields_and_a_body_of_64_kib_are_still_read(replicas: Replicas) -> None:
    (replica,) = replicas.start()
    fields = b"&".join(b"a%d=1" % n for n in range(49)) + b"&grant_type=client_credentials"
    assert post(replica, "/token", fields, FORM) == 401, "it was read, and no client was named"
    padded = json.dumps(LOGIN).encode()[:-1] + b" " * (65_536 - len(json.dumps(LOGIN))) + b"}"
    assert len(padded) == 65_536
    assert post(replica, "/api/auth/login", padded, JSON) == 200
