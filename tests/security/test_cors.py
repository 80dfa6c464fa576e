"""Which pages elsewhere may read what (the Fetch standard's CORS): exact registered origins, and never with cookies."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from authsvc.flows.operator.registration_token import add_registration_token
from authsvc.rules.refused import Refused
from tests.security.conftest import statements
from tests.support.service import BACKEND, LOGIN, Service, bearer

FRONTEND = "http://localhost:5173"
"""Of customer, bartender and admin."""
PARTNER = "https://partner.example"
STRANGERS = (
    "null",
    "*",
    "",
    "https://attacker.example",
    "https://localhost:5173",
    "http://localhost",
    "http://localhost:5174",
    "http://localhost:5173/",
    "http://localhost:5173.attacker.example",
    "http://LOCALHOST:5173",
    "http://localhost:8000.attacker.example",
    f"{FRONTEND} {PARTNER}",
    f"{FRONTEND}, {PARTNER}",
    "http://localhost:5173\xe9".encode(),
)

OWN, ANY_CLIENT, NOBODY = {FRONTEND}, {FRONTEND, PARTNER}, set[str]()
JSON: dict[str, Any] = {"client_id": "customer", "refresh_token": "x"}
FORM = {"client_id": "customer", "token": "x"}
ANSWERS: list[tuple[str, str, dict[str, Any], int, set[str]]] = [
    # Where the client says who it is: its own pages.
    ("POST", "/token", {"data": {**FORM, "grant_type": "refresh_token", "refresh_token": "x"}}, 400, OWN),
    ("POST", "/token", {"data": {"grant_type": "client_credentials"}, "auth": BACKEND}, 200, NOBODY),
    ("POST", "/revoke", {"data": FORM}, 200, OWN),
    ("POST", "/par", {"data": {"client_id": "customer"}}, 400, OWN),
    ("POST", "/device_authorization", {"data": {"client_id": "customer"}}, 400, OWN),
    ("POST", "/device_authorization", {"data": {"client_id": "terminal"}}, 200, NOBODY),  # it has no redirect URI
    ("POST", "/api/auth/login", {"json": {**LOGIN, "client_id": "customer"}}, 200, OWN),
    ("POST", "/api/auth/login", {"json": {"email": "test@example.com"}}, 400, OWN),
    ("POST", "/api/auth/passkey/options", {"json": {"client_id": "customer"}}, 200, OWN),
    ("POST", "/api/auth/passkey", {"json": {"client_id": "customer"}}, 400, OWN),
    ("POST", "/api/auth/reset", {"json": {"client_id": "customer"}}, 400, OWN),
    ("POST", "/api/auth/reset/finish", {"json": {"client_id": "customer"}}, 400, OWN),
    ("POST", "/api/auth/reset/second", {"json": {"client_id": "customer"}}, 400, OWN),
    ("POST", "/api/auth/signup", {"json": {"client_id": "customer"}}, 400, OWN),
    ("POST", "/api/auth/signup/finish", {"json": {"client_id": "customer"}}, 400, OWN),
    ("POST", "/api/auth/refresh", {"json": JSON}, 400, OWN),
    ("POST", "/api/auth/logout", {"json": JSON}, 204, OWN),
    # Where a token does: pages of any client, and also where the token is worth nothing any more.
    *(
        (method, path, {"headers": headers}, status, ANY_CLIENT)
        for method, path, good in (
            ("GET", "/userinfo", 200),
            ("POST", "/userinfo", 200),
            ("GET", "/api/profile/me", 200),
            ("GET", "/api/auth/sessions", 200),
            ("DELETE", "/api/auth/sessions", 200),
            ("DELETE", "/api/auth/sessions/x", 404),
        )
        for headers, status in (({"Authorization": "Bearer {token}"}, good), (bearer("expired"), 401), ({}, 401))
    ),
    # What no page has business with.
    ("POST", "/introspect", {"data": {"token": "x"}, "auth": BACKEND}, 200, NOBODY),
    ("GET", "/revocations", {"headers": bearer("expired")}, 401, NOBODY),
    ("POST", "/register", {"json": {}}, 401, NOBODY),
    ("GET", "/login", {}, 200, NOBODY),
    ("GET", "/account", {}, 303, NOBODY),
    ("GET", "/livez", {}, 200, NOBODY),
    ("GET", "/nothing", {}, 404, NOBODY),
]
PREFLIGHTS = [
    *((path, "POST", ANY_CLIENT) for path in ("/token", "/revoke", "/device_authorization", "/par")),
    *(
        (f"/api/auth/{name}", "GET, POST, DELETE", ANY_CLIENT)
        for name in ("login", "passkey", "reset", "signup", "refresh", "logout", "sessions")
    ),
    *((path, "GET, POST, DELETE", ANY_CLIENT) for path in ("/userinfo", "/api/auth/sessions/x", "/api/profile/me")),
    *((path, "", NOBODY) for path in ("/introspect", "/revocations")),
    ("/register", "POST", NOBODY),
    ("/register/x", "GET, PUT, DELETE", ANY_CLIENT),
    *((path, "", NOBODY) for path in ("/login", "/account", "/authorize", "/logout", "/livez")),
]
PUBLIC = (
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/statuslists/1795500000-0123456789abcdef-0",
    "/static/authsvc.js",
    "/openapi.yaml",
)
"""What any page may read."""
INSTRUMENTED = "baggage,content-type,sentry-trace,traceparent,x-request-id"


def readable_by(answer: httpx2.Response) -> str | None:
    """The origin that may read it. Whoever may, may see what the module needs; nobody may send cookies along."""
    assert "access-control-allow-credentials" not in answer.headers
    origin: str | None = answer.headers.get("access-control-allow-origin")
    return origin


@pytest.mark.parametrize("origin", [FRONTEND, PARTNER, *STRANGERS])
async def test_an_answer_is_read_by_pages_of_the_client_alone(house: Service, origin: str) -> None:
    token = (await house.login())["access_token"]
    for method, path, options, status, readers in ANSWERS:
        headers = {name: value.format(token=token) for name, value in options.get("headers", {}).items()}
        headers["Origin"] = origin
        answer = await house.caller().request(method, path, **{**options, "headers": headers})  # type: ignore[arg-type]
        assert answer.status_code == status, (method, path, answer.text)
        assert readable_by(answer) == (origin if origin in readers else None), (method, path)
        if origin in readers:
            exposed = answer.headers["access-control-expose-headers"].split(", ")
            assert exposed == ["www-authenticate", "dpop-nonce", "retry-after", "date"]
        if readers and origin in ANY_CLIENT:
            assert answer.headers["vary"] == "origin", (method, path)


@pytest.mark.parametrize("origin", [FRONTEND, PARTNER, *STRANGERS])
async def test_a_preflight_says_yes_to_pages_of_clients_alone(house: Service, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "dpop"}
    for path, methods, callers in PREFLIGHTS:
        answer = await house.http.request("OPTIONS", path, headers=asked)
        assert answer.status_code == (204 if methods else 405), path
        assert readable_by(answer) == (origin if origin in callers else None), path
        said = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
        if origin in callers:
            assert said == {
                "access-control-allow-origin": origin,
                "access-control-allow-methods": methods,
                "access-control-allow-headers": "dpop",
                "access-control-max-age": "7200",
            }, path
        else:
            assert said == {}, path


async def allowed_headers(house: Service, path: str, *asked: str, origin: str = FRONTEND) -> str | None:
    headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")]
    headers += [("Access-Control-Request-Headers", line) for line in asked]
    answer = await house.http.request("OPTIONS", path, headers=headers)
    assert answer.status_code == 204, path
    assert answer.headers["vary"] == "origin, access-control-request-headers"
    said: str | None = answer.headers.get("access-control-allow-headers")
    return said


async def test_a_page_that_may_call_may_add_the_headers_that_it_asks_for(house: Service) -> None:
    """Sentry, OpenTelemetry and others add theirs to every request of a page; a list of ours kept such pages out."""
    for path, methods, callers in PREFLIGHTS:
        if methods and callers:
            assert await allowed_headers(house, path, INSTRUMENTED) == INSTRUMENTED
            assert await allowed_headers(house, path, "dpop , a", "b") == "dpop , a, b"
            assert await allowed_headers(house, path, INSTRUMENTED, origin="https://attacker.example") is None
    usual = "authorization, content-type, dpop"
    for odd in ("", "a b", "a,,b", "a:b", "x" * 1001, "a\xe4".encode("latin-1"), "dpop\u00a0".encode("latin-1")):
        assert await allowed_headers(house, "/token", odd) == usual  # type: ignore[arg-type]
    assert await allowed_headers(house, "/token") == usual


@pytest.mark.parametrize("origin", [FRONTEND, "http://localhost:6274", "https://attacker.example", "null"])
async def test_a_page_that_adds_a_header_may_read_what_is_public(house: Service, origin: str) -> None:
    """MCP Inspector asks for the metadata with a header of its own, instrumented pages with headers of their own."""
    asked = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "if-none-match,mcp-protocol-version",
    }
    for path in PUBLIC:
        answer = await house.http.request("OPTIONS", path, headers={"Origin": origin, **asked})
        assert answer.status_code == 204, path
        assert readable_by(answer) == "*", path
        assert answer.headers["access-control-allow-headers"] == asked["Access-Control-Request-Headers"]
        assert answer.headers["access-control-allow-methods"] == "GET"
        if not path.startswith("/statuslists"):
            assert readable_by(await house.http.get(path, headers={"Origin": origin})) == "*", path
    style = await house.http.request("OPTIONS", "/static/authsvc.css", headers={"Origin": origin, **asked})
    assert (style.status_code, readable_by(style)) == (204, None)


async def test_a_preflight_asks_no_store(house: Service) -> None:
    asked = {"Origin": FRONTEND, "Access-Control-Request-Method": "GET"}
    await house.http.request("OPTIONS", "/token", headers=asked)
    with statements(house.runtime) as made:
        for path in (*PUBLIC, *(path for path, _, _ in PREFLIGHTS)):
            await house.http.request("OPTIONS", path, headers=asked)
    assert made == []


async def test_a_client_that_was_added_is_let_in_and_one_that_was_removed_is_not(house: Service) -> None:
    """Without a restart: the worker hears of it as of any change of a client."""
    asked = {"Origin": "https://new.example", "Access-Control-Request-Method": "POST"}

    async def seen() -> str | None:
        await house.clients_known()
        return readable_by(await house.http.request("OPTIONS", "/token", headers=asked))

    assert await seen() is None
    await house.sql.execute(
        "INSERT INTO clients (id, name, kind, redirect_uris) VALUES ('new', 'New', 'public', '{https://new.example/cb}')"
    )
    assert await seen() == "https://new.example"
    await house.sql.execute("DELETE FROM clients WHERE id = 'new'")
    assert await seen() is None


async def test_a_page_whose_origin_is_no_redirect_uris_reads_answers_where_it_was_registered(house: Service) -> None:
    """An app in a browser engine has no redirect at its origin, and a page that uses the device grant none at all."""
    app = "capacitor://localhost"
    asked = {"Origin": app, "Access-Control-Request-Method": "POST"}
    form = {"grant_type": "refresh_token", "refresh_token": "x"}

    async def seen(client_id: str) -> tuple[str | None, str | None]:
        await house.clients_known()
        before = await house.http.request("OPTIONS", "/token", headers=asked)
        answer = await house.http.post("/token", data={**form, "client_id": client_id}, headers={"Origin": app})
        return readable_by(before), readable_by(answer)

    assert await seen("customer") == (None, None)
    await house.sql.execute("UPDATE clients SET origins = $1 WHERE id = 'customer'", [app])
    assert await seen("customer") == (app, app)
    assert await seen("strict") == (app, None)
    await house.sql.execute("UPDATE clients SET origins = '{}' WHERE id = 'customer'")
    assert await seen("customer") == (None, None)


async def test_a_page_registers_a_client_where_an_initial_access_token_names_its_origin(house: Service) -> None:
    inspector = "http://localhost:6274"
    asked = {"Origin": inspector, "Access-Control-Request-Method": "POST"}

    async def preflight(path: str = "/register") -> str | None:
        await house.clients_known()
        return readable_by(await house.http.request("OPTIONS", path, headers=asked))

    async def token(*origins: str) -> dict[str, str]:
        made = await add_registration_token(house.runtime, "tests", uses=1, seconds=60, note="", origins=origins)
        assert not isinstance(made, Refused)
        return {**bearer(made[0]), "Origin": inspector}

    members = {"redirect_uris": [f"{inspector}/callback"], "application_type": "native"}
    of_no_page = await token()
    assert await preflight() is None
    answer = await house.http.post("/register", json=members, headers=of_no_page)
    assert (answer.status_code, readable_by(answer)) == (201, None)
    assert await house.sql.execute("DELETE FROM clients WHERE registration_hash IS NOT NULL") == "DELETE 1"

    named = await token(inspector)
    assert await preflight() == inspector
    answer = await house.http.post("/register", json=members, headers=named)
    assert (answer.status_code, readable_by(answer)) == (201, inspector), answer.text
    client = answer.json()
    used_up = await house.http.post("/register", json=members, headers=named)
    assert (used_up.status_code, readable_by(used_up)) == (401, inspector)
    one = f"/register/{client['client_id']}"
    assert await preflight(one) == inspector
    own = {**bearer(client["registration_access_token"]), "Origin": inspector}
    assert readable_by(await house.http.get(one, headers=own)) == inspector
    assert readable_by(await house.http.get(one, headers={**own, "Origin": PARTNER})) is None
    await house.sql.execute("DELETE FROM registration_tokens")
    await house.http.delete(one, headers=own)
    assert await preflight() is None
