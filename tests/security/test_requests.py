"""In a request: parameters sent twice, text that comes back, hosts, line ends, sizes. HTTP itself: tests/serving."""

from __future__ import annotations

import gzip
import io
import json
from time import process_time
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from authsvc import logs
from authsvc_devkit.servers import Servers
from tests.support.busy import again_when_busy, prompt
from tests.support.service import BACKEND, ISSUER, LOGIN, Service, bearer, service

FORM = "application/x-www-form-urlencoded"
CANARY = "<script>alert('canary')</script>"


@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
async def test_client_id_twice_is_400(house: Service, path: str) -> None:
    for second in ("backend", "customer", ""):
        pairs = [("grant_type", "client_credentials"), ("token", "x"), ("client_id", "backend"), ("client_id", second)]
        answer = await house.http.post(path, content=urlencode(pairs), headers={"Content-Type": FORM}, auth=BACKEND)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_json_member_twice_is_400(house: Service) -> None:
    body = b'{"email":"nobody@example.com","email":"test@example.com","password":"password"}'
    answer = await house.caller().post("/api/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    spelled = b'{"email":"nobody@example.com","\\u0065mail":"test@example.com","password":"password"}'
    answer = await house.caller().post("/api/auth/login", content=spelled, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_no_answer_repeats_what_was_sent(house: Service) -> None:
    tokens = await house.login()
    names = ["grant_type", "scope", "client_id", "client_secret", "refresh_token", "token", "token_type_hint", CANARY]
    for path in ("/token", "/introspect", "/revoke"):
        for name in names:
            form = {"grant_type": "client_credentials", "client_id": "backend", "client_secret": "backend-secret"}
            answer = await house.http.post(path, data={**form, name: CANARY})
            assert "canary" not in answer.text + str(answer.headers)
    for path in ("/api/auth/login", "/api/auth/refresh", "/api/auth/logout"):
        for name in ("email", "password", "client_id", "refresh_token", "scope", CANARY):
            answer = await house.caller().post(
                path, json={**LOGIN, "password": "x", "refresh_token": "x", name: CANARY}
            )
            assert "canary" not in answer.text + str(answer.headers)
    for path in (f"/{CANARY}", f"/api/auth/sessions/{CANARY}", f"/livez?{CANARY}"):
        answer = await house.http.request("DELETE", path, headers={**bearer(tokens["access_token"]), "X-A": CANARY})
        assert "canary" not in answer.text + str(answer.headers)


HOSTS = [b"attacker.example", b"localhost:8000.attacker.example", b"[::1]", b"", b"\xff", b"a b", b"localhost:99999999"]


async def test_no_host_header_is_ever_believed(house: Service) -> None:
    for host in HOSTS:
        headers = [
            (b"host", host),
            (b"x-forwarded-host", b"attacker.example"),
            (b"forwarded", b"host=attacker.example"),
            (b"x-forwarded-proto", b"gopher"),
        ]
        for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
            answer = await house.http.get(path, headers=headers)
            assert "attacker" not in answer.text
            assert answer.json()["issuer"] == ISSUER
        own = await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND, headers=headers)
        claims = await house.http.post("/introspect", data={"token": own.json()["access_token"]}, auth=BACKEND)
        assert claims.json()["iss"] == ISSUER


async def test_where_hosts_are_listed_others_are_400(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, allowed_hosts="auth.example.com localhost") as house:
        for host, status in (
            (b"auth.example.com", 200),
            (b"AUTH.example.com:443", 200),
            (b"localhost:8000", 200),
            (b"attacker.example", 400),
            (b"auth.example.com.attacker.example", 400),
            (b"", 400),
            (b"xauth.example.com", 400),
            (b"auth.example.com:443:443", 400),
        ):
            for path in ("/livez", "/nothing", "/token"):
                answer = await house.http.get(path, headers=[(b"host", host)])
                assert (answer.status_code == 400) == (status == 400), (host, path)
        twice = await house.http.get("/livez", headers=[(b"host", b"localhost"), (b"host", b"attacker.example")])
        assert twice.status_code == 400
        assert twice.json()["error"] == "invalid_request"


LINES = [
    "\r\nSet-Cookie: a=b",
    "\n\n<html>",
    "\x85\u2028\u2029",
    "\x1b[31m",
    '","level":"error","event":"forged',
    "\u202e",
]


@pytest.mark.parametrize("text", LINES, ids=range(len(LINES)))
async def test_line_ends_split_no_header_and_no_log_line(house: Service, log: io.StringIO, text: str) -> None:
    tokens = await house.login(device_info=f"d{text}")
    answers = [
        await house.caller().post("/api/auth/login", json={"email": f"x{text}@example.com", "password": text or "x"}),
        await house.caller().post("/api/auth/login", json={**LOGIN, "client_id": f"c{text}"}),
        await house.http.post("/token", data={"grant_type": f"g{text}", "client_id": f"c{text}"}),
        await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=(f"c{text}", "x")),
        await house.refresh("x", f"c{text}"),
        await house.http.get(f"/nothing/{quote(text)}"),
        await house.http.request("DELETE", f"/api/auth/sessions/{quote(text)}", headers=bearer(tokens["access_token"])),
    ]
    for answer in answers:
        assert all("\r" not in value and "\n" not in value for value in answer.headers.values())
        assert "set-cookie" not in answer.headers
        assert answer.status_code < 500
    assert logs.flush(5)
    lines = log.getvalue().split("\n")
    assert lines.pop() == ""
    told = [json.loads(line) for line in lines]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [line["request_id"] for line in told if line.get("request_id") in ids] == ids
    assert log.getvalue().isascii()
    assert all(line["event"] != "forged" for line in told)


COSTLY = {
    "1 M fields": (FORM, b"a=1&" * 1_000_000, 413),
    "16,000 fields": (FORM, b"a=1&" * 16_000, 400),
    "60 MB field": (FORM, b"token=" + b"x" * 60_000_000, 413),
    "multipart bomb": ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n" * 1000, 400),
    "gzip bomb": (FORM, gzip.compress(b"x" * 50_000_000), 400),
    "percent signs": (FORM, b"token=" + b"%25" * 21_000, 401),
}
COSTLY_JSON = {
    "100 deep": (b"[" * 100 + b"]" * 100, 400),
    "60,000 deep": (b"[" * 60_000, 400),
    "60,000 deep in a member": (b'{"email":' + b"[" * 60_000, 400),
    "10,000 objects": (b'{"a":' * 10_000, 400),
    "60,000 digits": (b'{"email":' + b"9" * 60_000 + b"}", 400),
    "10,000 members": (b"{" + b",".join(b'"%d":1' % n for n in range(5000)) + b"}", 400),
    "escapes": (b'{"email":"' + b"\\u0041" * 10_000 + b'"}', 400),
}


@again_when_busy
@pytest.mark.parametrize("name", [*COSTLY, *COSTLY_JSON])
async def test_a_bomb_costs_at_most_50_ms(house: Service, name: str) -> None:
    if name in COSTLY:
        path, (kind, body, status) = "/introspect", COSTLY[name]
    else:
        path, kind, (body, status) = "/api/auth/login", "application/json", COSTLY_JSON[name]
    pieces = [body[start : start + 16_384] for start in range(0, min(len(body), 200_000), 16_384)]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"content-type", kind.encode())],
        "client": None,
    }
    started = process_time()
    await house.app(scope, receive, send)
    spent = process_time() - started
    assert sent[0]["status"] == status, sent
    prompt(spent < 0.05, spent)


@again_when_busy
async def test_10000_cookies_and_long_headers_cost_little(house: Service) -> None:
    """The wire refuses heads over 16 KiB (431, tests/serving/test_protocol); the application takes no harm either."""
    cookie = "; ".join(f"c{n}=v" for n in range(10_000))
    started = process_time()
    answer = await house.caller(headers={"Cookie": cookie}).post("/api/auth/login", json={**LOGIN, "password": "x"})
    assert answer.status_code == 401
    prompt(process_time() - started < 0.1)
