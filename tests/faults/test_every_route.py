"""With a store gone no route blames the caller: the table of endpoints, and every route there is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx2
import pytest

from authsvc.app import ROUTES
from authsvc.flows.caller.check_revoked import asked_postgres
from authsvc.flows.factors.passkey_assertion import begin_assertion
from authsvc.flows.login import json_passkey, json_reset, reset_factor
from authsvc.flows.login.second_step import begin_second_step
from authsvc.flows.proofs.ask_for_letter import Asked, seal_asked
from authsvc.rules.person_record import User
from authsvc.rules.proofs.proof import Purpose
from authsvc.web.pages.cookies_and_forms import _mark, _token
from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, active, honest, serving, settled
from tests.support.authenticator import Authenticator
from tests.support.calls import LOGIN, bearer, login
from tests.support.login_steps import Pkce, authorize_parameters, fields, is_page
from tests.support.mailed_codes import allow

pytestmark = pytest.mark.faults

PUBLIC = ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
PUSH = {
    "client_id": "customer",
    "response_type": "code",
    "redirect_uri": "http://localhost:5173/callback",
    "code_challenge": "x" * 43,
    "code_challenge_method": "S256",
}
BASIC = ("backend", "backend-secret")
REGISTRATION = {"Authorization": f"Bearer {'x' * 43}"}
"""A token of the right form: one of another form is refused without a store."""


def request_for(method: str, path: str, tokens: dict[str, Any]) -> dict[str, Any]:
    """A request with valid credentials. `tokens["fields"]`: what a login page of ours holds."""
    form = {"token": tokens["access_token"], "client_id": "customer"}
    if path == "/authorize":
        return {"params" if method == "GET" else "data": authorize_parameters(Pkce())}
    if method == "POST" and path in ("/login", "/login/mail", "/consent"):
        filled = {"username": LOGIN["email"], "password": LOGIN["password"], "decision": "allow"}
        return {"data": {**tokens["fields"], **filled}}
    if method == "POST" and path == "/login/second":
        return {"data": {**tokens["fields"], "challenge": tokens["challenge"], "way": "otp", "code": "123456"}}
    if method == "POST" and path.startswith("/account"):
        words = {"current_password": "password", "new_password": "another one", "repeat_password": "another one"}
        filled = {**words, "session": tokens["session_id"], "client_id": "customer", "new_address": "x@example.org"}
        return {"data": {"csrf": tokens.get("csrf", ""), **filled}}
    if method == "POST" and path == "/proof/code":  # a form that never was of a page of ours
        return {"data": {"csrf": tokens.get("csrf", "")}}
    if method == "POST" and path == "/logout":
        return {"data": {"client_id": "customer"}}
    bodies: dict[str, dict[str, Any]] = {
        "/token": {
            "data": {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": tokens["refresh_token"]}
        },
        "/introspect": {"data": {"token": tokens["access_token"]}, "auth": BASIC},
        "/revoke": {"data": form},
        "/device_authorization": {"data": {"client_id": "terminal"}},
        "/par": {"data": PUSH},
        "/reset": {"data": {"username": LOGIN["email"], "csrf": tokens.get("csrf", "")}},
        "/signup": {"data": {"username": LOGIN["email"], "csrf": tokens.get("csrf", "")}},
        "/proof": {
            "params" if method == "GET" else "data": {"key": "x" * 43, "csrf": tokens.get("csrf", "")},
        },
        "/proof/second": {"data": {"key": "x" * 43, "csrf": tokens.get("csrf", "")}},
        "/register": {"json": {"redirect_uris": ["https://shop.example/"]}, "headers": REGISTRATION},
        "/device": {"data": {"user_code": "BCDF-GHJK", "csrf": tokens.get("csrf", "")}},
        "/api/auth/login": {"json": LOGIN},
        "/api/auth/login/second": {
            "json": {"mfa_challenge": tokens.get("json_challenge"), "way": "otp", "code": "123456"},
        },
        "/api/auth/login/mail": {"json": {"email": "admin@example.com"}},
        "/api/auth/login/mail/finish": {"json": {"mail_challenge": tokens.get("mail_challenge"), "code": "12345678"}},
        "/api/auth/passkey/options": {"json": {}},
        "/api/auth/passkey": {"json": tokens.get("passkey", {})},
        "/api/auth/reset": {"json": {"email": "bartender@example.com"}},
        "/api/auth/reset/finish": {"json": {"reset_challenge": tokens.get("reset"), "new_password": "a long one"}},
        "/api/auth/reset/second": {
            "json": {"mfa_challenge": tokens.get("second_of_reset"), "way": "otp", "new_password": "a long one"},
        },
        "/api/auth/signup": {"json": {"email": "bartender@example.com"}},
        "/api/auth/signup/finish": {
            "json": {"signup_challenge": tokens.get("signup"), "code": "12345678", "new_password": "a long one"},
        },
        "/api/auth/refresh": {"json": {"refresh_token": tokens["refresh_token"]}},
        "/api/auth/logout": {"json": {"refresh_token": tokens["refresh_token"]}},
        "/revocations": {},  # in dev mode nobody need say who he is
        "/revocations/stream": {},
    }
    return bodies.get(path, {"headers": REGISTRATION if path.startswith("/register/") else bearer(tokens)})


def honest_page(answer: httpx2.Response) -> None:
    """As `honest`, for people."""
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert "set-cookie" not in answer.headers


# endpoint -> what it says with PostgreSQL, Redis, or both gone
TABLE = {
    "refresh": ("POST", "/token", 503, 200, 503),
    "refresh, json": ("POST", "/api/auth/refresh", 503, 200, 503),
    "login": ("POST", "/api/auth/login", 503, 200, 503),
    "introspect": ("POST", "/introspect", 200, 200, 503),
    "sessions": ("GET", "/api/auth/sessions", 503, 200, 503),
    "profile": ("GET", "/api/profile/me", 503, 200, 503),
    "kill a session": ("DELETE", "/api/auth/sessions", 503, 200, 503),
    "revoke": ("POST", "/revoke", 503, 200, 503),
    "logout": ("POST", "/api/auth/logout", 503, 204, 503),
    "push": ("POST", "/par", 503, 201, 503),
    "device": ("POST", "/device_authorization", 503, 200, 503),
    "revocations": ("GET", "/revocations", 503, 200, 503),
    "jwks": ("GET", "/.well-known/jwks.json", 200, 200, 200),
    "discovery": ("GET", "/.well-known/openid-configuration", 200, 200, 200),
    "live": ("GET", "/livez", 200, 200, 200),
}


@pytest.mark.parametrize("gone", ["postgresql", "redis", "both"])
async def test_each_endpoint_says_what_the_table_says(service: Service, servers: Servers, gone: str) -> None:
    await settled(service)
    tokens = await login(service.http)
    assert await active(service.http, tokens) is True
    service_credentials = {"data": {"grant_type": "client_credentials"}, "auth": BASIC}
    if gone != "redis":
        servers.postgres.kill()
    if gone != "postgresql":
        servers.redis.kill()
    column = ("postgresql", "redis", "both").index(gone)
    if gone == "both":  # what was read just before may be repeated for half a second
        asked_postgres.of(service.runtime).live_until.clear()
    for name, (method, path, *expected) in TABLE.items():
        answer = await service.http.request(method, path, **request_for(method, path, tokens))
        assert answer.status_code == expected[column], (name, answer.text)
        if answer.status_code == 503:
            honest(answer)
    # Stateless, from the memory of clients.
    assert (await service.http.post("/token", **service_credentials)).status_code == 200


def a_browser(service: Service) -> dict[str, str]:
    """Cookies of a browser that is logged in, and the `csrf` field of its forms."""
    service.http.cookies.set("authsvc_session", "x")
    service.http.cookies.set("authsvc_browser", "x" * 22)
    asking: Any = SimpleNamespace(runtime=service.runtime)
    return {"csrf": _token(asking, service.runtime.master.current_id, "x" * 22)}


async def waiting(service: Service, ending: str) -> str:
    """What waits for the second factor of a login in that browser."""
    user = User(UUID(int=1), LOGIN["email"], "", ())
    holder = _mark("x" * 22) + ending
    step = await begin_second_step(service.runtime, user, (), client_id="customer", holder=holder, proof="hash")
    return step.sealed


def mail_challenge(service: Service) -> str:
    """A code that somebody asked for in that browser, through a frontend."""
    holder = f"customer {_mark('x' * 22)} "
    return seal_asked(service.runtime, Asked(UUID(int=1), Purpose.LOGIN, LOGIN["email"], holder))


def passkey_answer(service: Service) -> dict[str, str]:
    """What an authenticator answered to a challenge of that browser, on the customer's page."""
    holder = f"customer {_mark('x' * 22)}"
    options, challenge = begin_assertion(service.runtime, json_passkey.PURPOSE, holder)
    key = Authenticator(origin="http://localhost:5173", rp_id="localhost", user_handle=bytes(16))
    return {"passkey_challenge": challenge, "credential": key.get(options)}


def joining(service: Service) -> str:
    """A registration whose code is still to come, in that browser."""
    holder = f"customer {_mark('x' * 22)}"
    return seal_asked(service.runtime, Asked(UUID(int=1), Purpose.REGISTRATION, "new@example.com", holder))


def resets(service: Service) -> dict[str, str]:
    """A reset whose code was right, and one that waits for a second factor, in that browser."""
    holder = f"customer {_mark('x' * 22)}"
    return {
        "reset": service.runtime.seal_dated(json_reset._RIGHT_CODE, "x" * 43, holder),
        "second_of_reset": service.runtime.seal_dated(reset_factor._WAITS, "x" * 43, "x"),
    }


async def test_no_route_blames_the_caller_with_both_stores_gone(service: Service, servers: Servers) -> None:
    await allow(service.runtime, service.runtime.db)
    tokens = await login(service.http)
    tokens |= {"mail_challenge": mail_challenge(service), "signup": joining(service), **resets(service)}
    tokens |= {**a_browser(service), "passkey": passkey_answer(service)}
    tokens |= {name: await waiting(service, ending) for name, ending in (("challenge", ""), ("json_challenge", " "))}
    await service.http.post("/device_authorization", data={"client_id": "terminal"})  # the client is remembered
    await active(service.http, tokens)
    asked_postgres.of(service.runtime).live_until.clear()
    tokens["fields"] = fields(await service.http.get("/authorize", params=authorize_parameters(Pkce())))
    servers.postgres.kill()
    servers.redis.kill()
    walked = 0
    for route in ROUTES:
        for method in sorted(route.handlers):
            path = route.path.replace("{id}", tokens["session_id"])
            answer = await service.http.request(method, path, **request_for(method, path, tokens))
            expected = (
                (400,)
                if (method, path) in (("GET", "/consent"), ("POST", "/proof/code"))
                else (200, 204, 303, 404, 503)
            )
            assert answer.status_code in expected, (method, path, answer.status_code, answer.text)
            assert "max-age=0" not in answer.headers.get("set-cookie", "").lower(), path
            assert "www-authenticate" not in answer.headers, path
            if path not in (*PUBLIC, "/livez", "/metrics", "/openapi.yaml", "/readyz") and answer.status_code == 503:
                honest_page(answer) if is_page(answer) else honest(answer)
            assert "invalid_" not in answer.text or path in ("/openapi.yaml", "/metrics"), path
            walked += 1
    assert walked >= 17


async def test_redis_alone_answers_for_its_lease_and_no_longer(service: Service, servers: Servers) -> None:
    tokens = await login(service.http)
    assert await active(service.http, tokens) is True
    servers.postgres.kill()
    assert await active(service.http, tokens) is True
    service.runtime.following.heard_at -= 31
    asked_postgres.of(service.runtime).live_until.clear()
    assert await active(service.http, tokens) is None


async def test_clients_are_remembered_for_a_minute_and_no_longer(service: Service, servers: Servers) -> None:
    form = {"data": {"grant_type": "client_credentials"}, "auth": BASIC}
    await settled(service)
    assert (await service.http.post("/token", **form)).status_code == 200
    servers.postgres.kill()
    assert (await service.http.post("/token", **form)).status_code == 200
    service.runtime.clients._confirmed_at -= 61
    honest(await service.http.post("/token", **form))


async def test_a_right_password_is_right_again_after_all_of_it(env: dict[str, str], servers: Servers) -> None:
    async with serving(env) as service:
        for server in (servers.postgres, servers.redis):
            server.kill()
        for _ in range(12):
            honest(await service.http.post("/api/auth/login", json=LOGIN))
        for server in (servers.postgres, servers.redis):
            server.start()
        await asyncio.sleep(0.6)  # the breaker's pause
        await login(service.http)
