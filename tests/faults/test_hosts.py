"""No Host header, of whatever spelling, gets into an address that this service gives out."""

from __future__ import annotations

import json
import re
import socket

import jwt
import pytest

from tests.faults.conftest import serving
from tests.support.calls import LOGIN
from tests.support.replicas import Replica, Replicas

pytestmark = pytest.mark.faults

ISSUER = "http://localhost:8000"
EVIL = "evil.example"
HEADS = {
    "another host": ["Host: evil.example"],
    "a port": ["Host: localhost:1@evil.example"],
    "a port of its own": ["Host: localhost:666"],
    "twice": ["Host: localhost:8000", "Host: evil.example"],
    "twice, spelt differently": ["Host: localhost:8000", "hOST: evil.example"],
    "forwarded": ["Host: localhost:8000", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: gopher"],
    "forwarded, RFC 7239": ["Host: localhost:8000", "Forwarded: host=evil.example;proto=gopher"],
    "a server": ["Host: localhost:8000", "X-Forwarded-Server: evil.example", "X-Original-URL: http://evil.example/"],
    "a path": ["Host: evil.example/..%2f"],
    "a query": ["Host: evil.example?x"],
    "a fragment": ["Host: evil.example#x"],
    "quotes": ['Host: evil.example"><script>'],
    "white space": ["Host: evil.example localhost"],
    "IPv6": ["Host: [evil.example]"],
    "empty": ["Host: "],
    "none": [],
    "folded": ["Host: localhost:8000", " evil.example"],
    "bytes": ["Host: \xff.evil.example"],
}
TARGETS = ("{}", "http://evil.example{}", "//evil.example{}", "{}?x=http://evil.example/", "/evil.example/..{}")
PATHS = (
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/api/profile/me"),
    ("GET", "/nowhere"),
    ("GET", "/openapi.yaml/"),
    ("POST", "/token"),
)


def exchange(replica: Replica, method: str, target: str, headers: list[str], body: bytes = b"") -> tuple[int, bytes]:
    lines = [f"{method} {target} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    if body:
        lines.append("Content-Type: application/json")
    with socket.create_connection(("127.0.0.1", replica.port), timeout=5) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer


def addresses(answer: bytes) -> set[str]:
    found = re.findall(rb"https?://[^\s\"'<>\\,]+", answer)
    return {address.decode("latin-1") for address in found}


def test_no_address_given_out_ever_differs_from_the_issuer(replicas: Replicas) -> None:
    (replica,) = replicas.start()
    asked = served = 0
    for method, path in PATHS:
        for target in TARGETS:
            for name, headers in HEADS.items():
                status, answer = exchange(replica, method, target.format(path), headers)
                asked += 1
                served += status == 200
                assert status < 500, (name, target, answer)
                assert EVIL.encode() not in answer, (name, target, answer)
                assert all(address.startswith(ISSUER) for address in addresses(answer)), (name, target, answer)
    assert served > 20, "nothing was tested"
    status, answer = exchange(replica, "POST", "/api/auth/login", HEADS["another host"], json.dumps(LOGIN).encode())
    assert status == 200
    tokens = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert jwt.decode(tokens["access_token"], options={"verify_signature": False})["iss"] == ISSUER
    assert b"domain=" not in answer.lower().partition(b"\r\n\r\n")[0]


def test_with_allowed_hosts_the_host_of_a_target_counts_and_not_the_header(replicas: Replicas) -> None:
    (replica,) = replicas.start(own_issuer=True, AUTHSVC_ALLOWED_HOSTS="localhost")
    path = "/.well-known/jwks.json"
    for target, host, status in (
        (path, "localhost", 200),
        (path, EVIL, 400),
        (f"http://localhost{path}", EVIL, 200),
        (f"http://{EVIL}{path}", "localhost", 400),
    ):
        assert exchange(replica, "GET", target, [f"Host: {host}"])[0] == status, (target, host)
    assert exchange(replica, "OPTIONS", "*", ["Host: localhost"])[0] == 204
    assert exchange(replica, "OPTIONS", "*", [f"Host: {EVIL}"])[0] == 400


async def test_with_allowed_hosts_a_foreign_host_is_refused_at_every_route(env: dict[str, str]) -> None:
    env["AUTHSVC_ALLOWED_HOSTS"] = "auth.example.com internal.example"
    async with serving(env) as service:
        for host, status in {
            "auth.example.com": 200,
            "AUTH.example.com": 200,
            "auth.example.com:8443": 200,
            "internal.example": 200,
            "evil.example": 400,
            "auth.example.com.evil.example": 400,
            "evil.example:auth.example.com": 400,
            "auth.example.com@evil.example": 400,
            "": 400,
        }.items():
            for path in ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.yaml"):
                answer = await service.http.get(path, headers={"Host": host})
                assert answer.status_code == status, (host, path)
        assert (await service.http.post("/token", headers={"Host": "evil.example"})).status_code == 400
