"""Whatever is sent, to every endpoint: the specified error in JSON, never a 500, and the database does not change."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authsvc.app import ROUTES
from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.clients import flat_client
from tests.support.mailed_codes import allow
from tests.support.service import BACKEND, Service, bearer, service
from tests.support.signing import sign_now
from tests.support.until_answered import ComingAgain

pytestmark = pytest.mark.usefixtures("nothing_changes")

KIB64 = 65_536
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

# What each endpoint takes: the parameters of a request that would succeed, and of which type they are.
TOKEN = {"grant_type": "client_credentials", "client_id": "backend", "client_secret": "backend-secret", "scope": "api"}
REFRESH = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": "x" * 72, "scope": "openid"}
ABOUT = {"client_id": "backend", "client_secret": "backend-secret", "token": "x"}
POLL = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "terminal", "device_code": "x" * 67}
PUSH = {
    "client_id": "customer",
    "response_type": "code",
    "redirect_uri": "http://localhost:5173/callback",
    "scope": "openid",
    "code_challenge": "x" * 43,
    "code_challenge_method": "S256",
}
TERMINAL = {"client_id": "terminal", "scope": "openid"}
FORMS: dict[str, list[dict[str, str]]] = {
    "/token": [TOKEN, REFRESH, POLL],
    "/introspect": [ABOUT],
    "/revoke": [ABOUT],
    "/device_authorization": [TERMINAL],
    "/par": [PUSH],
}
LOGIN = {
    "email": "test@example.com",
    "password": "wrong",
    "remember_me": False,
    "client_id": "customer",
    "device_info": "Tablet",
}
AGAIN = {"refresh_token": "x" * 72, "client_id": "customer", "scope": "openid"}
BODIES: dict[str, dict[str, Any]] = {
    "/api/auth/login": LOGIN,
    "/api/auth/passkey/options": {"client_id": "customer"},
    "/api/auth/passkey": {
        "passkey_challenge": 1,
        "remember_me": False,
        "device_info": "Tablet",
        "client_id": "customer",
    },
    "/api/auth/reset": {"email": "nobody", "client_id": "customer"},
    "/api/auth/reset/finish": {"reset_challenge": "x", "code": "1", "new_password": "x", "client_id": "customer"},
    "/api/auth/reset/second": {
        "mfa_challenge": "x",
        "way": "otp",
        "new_password": "x",
        "client_id": "customer",
    },
    "/api/auth/login/mail": {"email": "nobody", "remember_me": False, "client_id": "customer", "device_info": "Tablet"},
    "/api/auth/login/mail/finish": {"mail_challenge": "x", "code": "1", "client_id": "customer"},
    "/api/auth/refresh": AGAIN,
    "/api/auth/logout": {"refresh_token": "x" * 72, "client_id": "customer"},
}
# RFC 7591: with an initial access token, which is made below.
REGISTER: dict[str, Any] = {
    "redirect_uris": ["https://shop.example/"],
    "client_name": 1,
    "application_type": "web",
    "grant_types": ["x"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "scope": "openid",
    "jwks": {"keys": []},
    "jwks_uri": "https://shop.example/jwks",
    "post_logout_redirect_uris": [],
    "backchannel_logout_uri": "http://x/",
    "subject_type": "public",
    "tos_uri": "x",
    "dpop_bound_access_tokens": 1,
    "software_statement": "x",
}
REGISTRATION = "x" * 43
FEED = [("GET", "/revocations"), ("GET", "/revocations/stream")]
PERSONAL = [
    ("GET", "/api/auth/sessions"),
    ("DELETE", "/api/auth/sessions"),
    ("DELETE", "/api/auth/sessions/5e0e0c3e-46c4-4d3c-9f4c-3c5b3f3e1e11"),
    ("GET", "/api/profile/me"),
]
ALL_FORMS = [(path, form) for path, forms in FORMS.items() for form in forms]

SPECIFIED = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 5.2


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    """Limits out of the way: here every request is answered on its merits."""
    limits = {"client_failures": 100_000, "login_account_failures": 1000, "login_network_failures": 100_000}
    async with service(servers, base_env, **limits) as running:
        running.transport = ComingAgain
        await allow(running.runtime, running.sql)
        await running.login()
        digest = sha256(REGISTRATION.encode()).digest()
        await running.sql.execute(
            "INSERT INTO registration_tokens (digest, uses_left, created_by, expires_at) VALUES ($1, 9, 'tests', $2)",
            digest,
            running.runtime.clock.now() + timedelta(hours=1),
        )
        own = {"name": "x", "kind": "public", "registration_hash": digest}
        async with running.runtime.db.transaction() as connection:
            await clients.add(connection, flat_client(id="registered", **own))  # type: ignore[arg-type]
        yield running


@pytest.fixture(scope="module")
def left(house: Service) -> list[dict[str, tuple[int, str]]]:
    """The content as the last test left it, where it went well."""
    return []


@pytest_asyncio.fixture
async def nothing_changes(house: Service, left: list[dict[str, tuple[int, str]]]) -> AsyncIterator[None]:
    """Nor between two tests: what one leaves is what the next one finds."""
    before = left.pop() if left else await house.content()
    yield
    after = await house.content()
    assert after == before
    left.append(after)


def is_error(answer: httpx2.Response, status: int | None = None, code: str | None = None) -> None:
    """A specified error: JSON, the two members, the allowed characters, never cached."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    content = answer.json()
    assert set(content) == {"error", "error_description"}, content
    assert all(isinstance(text, str) and SPECIFIED.fullmatch(text) for text in content.values()), content
    assert "Traceback" not in answer.text
    assert len(answer.content) < 300
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith(("Basic realm=", "Bearer realm="))
    if status is not None:
        assert (answer.status_code, content["error"]) == (status, code or "invalid_request"), content


async def send(house: Service, path: str, body: bytes, kind: str | None, **headers: str) -> httpx2.Response:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    if kind is not None:
        raw.append((b"content-type", kind.encode("latin-1")))
    return await house.caller().post(path, content=body, headers=raw)


# Every POST endpoint


KINDS = [None, "", "text/plain", "multipart/form-data; boundary=x", "text/html; charset=utf-7", "\xff", "x" * 5000]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("kind", [*KINDS, JSON, FORM + "x", FORM + ",text/plain"])
async def test_a_form_of_another_content_type_is_refused(house: Service, path: str, kind: str | None) -> None:
    is_error(await send(house, path, urlencode(FORMS[path][0]).encode(), kind), 400)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("kind", [*KINDS, FORM, JSON + "x", "application/jsonp", "text/json"])
async def test_json_of_another_content_type_is_refused(house: Service, path: str, kind: str | None) -> None:
    is_error(await send(house, path, json.dumps(BODIES[path]).encode(), kind), 415)


def _bad_bytes() -> Iterator[tuple[str, bytes, int]]:
    yield "64 KiB + 1", b"x" * (KIB64 + 1), 413
    yield "a field of 64 KiB + 1", b"token=" + b"x" * (KIB64 - 5), 413
    yield "1 M fields", b"a=1&" * 1_000_000, 413
    yield "not UTF-8", b'token=\xff&{"a":"\xff"}', 400
    yield "a surrogate in UTF-8", b'token=\xed\xa0\x80{"a":"\xed\xa0\x80"}', 400
    yield "gzip", gzip.compress(b"token=x"), 400
    yield "gzip of 30 MB", gzip.compress(b"x" * 30_000_000), 400


@pytest.mark.parametrize(("body", "status"), [pytest.param(b, s, id=name) for name, b, s in _bad_bytes()])
@pytest.mark.parametrize(("path", "kind"), [*((p, FORM) for p in FORMS), *((p, JSON) for p in BODIES)])
async def test_bytes_that_no_body_may_have(house: Service, path: str, kind: str, body: bytes, status: int) -> None:
    headers = {"content-encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
    is_error(await send(house, path, body, kind, **headers), status)


async def test_an_empty_body_is_told_what_is_missing(house: Service) -> None:
    is_error(await send(house, "/token", b"", FORM), 400)
    for path in ("/introspect", "/revoke"):
        is_error(await send(house, path, b"", FORM), 401, "invalid_client")
    for path in ("/api/auth/login", "/api/auth/refresh"):
        is_error(await send(house, path, b"", JSON), 400)
    # A log-out without a body asks for the bearer token instead; that is not there either.
    is_error(await send(house, "/api/auth/logout", b"", None), 401)


# Forms


@pytest.mark.parametrize(("path", "form"), ALL_FORMS)
async def test_every_parameter_twice_is_refused(house: Service, path: str, form: dict[str, str]) -> None:
    for name, value in form.items():
        for second in (value, "other", ""):
            is_error(await send(house, path, urlencode([*form.items(), (name, second)]).encode(), FORM), 400)


MISSING = [
    ("/token", TOKEN, "grant_type", 400, "invalid_request"),
    ("/token", TOKEN, "client_id", 401, "invalid_client"),
    ("/token", TOKEN, "client_secret", 401, "invalid_client"),
    ("/token", REFRESH, "grant_type", 400, "invalid_request"),
    ("/token", REFRESH, "client_id", 401, "invalid_client"),
    ("/token", REFRESH, "refresh_token", 400, "invalid_request"),
    *((path, ABOUT, "token", 400, "invalid_request") for path in ("/introspect", "/revoke")),
    *(
        (path, ABOUT, name, 401, "invalid_client")
        for path in ("/introspect", "/revoke")
        for name in ("client_id", "client_secret")
    ),
]


@pytest.mark.parametrize(("path", "form", "name", "status", "code"), MISSING)
async def test_a_missing_or_empty_parameter_is_named(
    house: Service, path: str, form: dict[str, str], name: str, status: int, code: str
) -> None:
    left = {key: value for key, value in form.items() if key != name}
    for sent in (left, {**left, name: ""}):  # RFC 6749 section 3.2: a parameter without a value is as if omitted
        is_error(await send(house, path, urlencode(sent).encode(), FORM), status, code)


WRONG = ["\0", "a\0b", "\x1b[2J", "\r\nX: y", "é", "😀", '"', "\\", "'--", "../../etc/passwd", "x" * 60_000, "%", "+"]


@pytest.mark.parametrize(("path", "form"), ALL_FORMS)
async def test_every_parameter_with_a_wrong_value(house: Service, path: str, form: dict[str, str]) -> None:
    for name in form:
        if (path, name) == ("/revoke", "token"):
            continue  # RFC 7009 section 2.2: an unknown token is no error
        for value in WRONG:
            answer = await send(house, path, urlencode({**form, name: value}).encode(), FORM)
            if (path, name) == ("/introspect", "token") and "\0" not in value:
                assert answer.json() == {"active": False}
            else:
                is_error(answer)


@pytest.mark.parametrize(("path", "form"), ALL_FORMS)
@pytest.mark.parametrize("extra", ["&a=%00", "&a=%ff", "&a=%ED%A0%80", "&a=%C0%80", "&x=1" * 51])
async def test_an_unknown_parameter_may_not_be_malformed_either(
    house: Service, path: str, form: dict[str, str], extra: str
) -> None:
    is_error(await send(house, path, (urlencode(form) + extra).encode(), FORM), 400)


GRANTS = [
    "password",
    "implicit",
    "Refresh_Token",
    "refresh_token ",
    "\u0440efresh_token",
    "x" * 999,
]


@pytest.mark.parametrize("grant_type", GRANTS)
async def test_an_unknown_grant_type_is_unsupported(house: Service, grant_type: str) -> None:
    answer = await send(house, "/token", urlencode({**TOKEN, "grant_type": grant_type}).encode(), FORM)
    is_error(answer, 400, "unsupported_grant_type")


def _basic(text: str | bytes) -> str:
    return "Basic " + b64encode(text.encode() if isinstance(text, str) else text).decode()


CREDENTIALS = [
    "Basic",
    "Basic ",
    "Basic !!!",
    "Basic =",
    "Basic YQ",
    _basic("a"),
    _basic(":"),
    _basic(":secret"),
    _basic("backend\0:x"),
    _basic("%00:x"),
    _basic("backend:%00"),
    _basic("a%00b:c"),
    _basic(b"\xff\xfe:x"),
    _basic("%ff:%ff"),
    _basic("%ED%A0%80:x"),
    _basic("x" * 9000 + ":x"),
    _basic("backend:" + "x" * 9000),
    _basic("é:é"),
    "Digest x",
    "Bearer x",
    "\xff",
    "Basic \xe9",
    "Negotiate",
    " ",
    "backend:backend-secret",
]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("authorization", CREDENTIALS, ids=range(len(CREDENTIALS)))
async def test_a_malformed_authorization_header_is_401(house: Service, path: str, authorization: str) -> None:
    form = {"grant_type": "client_credentials", "token": "x"}
    raw = [(b"authorization", authorization.encode("latin-1"))]
    is_error(await house.caller().post(path, data=form, headers=raw), 401, "invalid_client")


async def test_a_header_sent_twice_is_refused(house: Service) -> None:
    for name, value in (("Authorization", _basic("backend:backend-secret")), ("Content-Type", FORM)):
        headers = [(name, value), (name, value)]
        if name != "Content-Type":
            headers.append(("Content-Type", FORM))
        is_error(await house.caller().post("/token", content=b"grant_type=client_credentials", headers=headers), 400)
    twice = [("Authorization", "Bearer x"), ("Authorization", "Bearer x")]
    for method, path in PERSONAL:
        is_error(await house.caller().request(method, path, headers=twice), 400)


def _segment(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


HEADER = _segment({"alg": "RS256"})
ASSERTIONS = [
    "x",
    "..",
    "a.b.c",
    "." * 100,
    f"{HEADER}..",
    f"{HEADER}.{_segment([])}.x",
    f"{HEADER}.{_segment(b'{')}.x",
    f"{HEADER}.{_segment({'sub': 1})}.x",
    f"{HEADER}.{_segment({'sub': None})}.x",
    f"{HEADER}.{_segment({'sub': []})}.x",
    f"{HEADER}.{_segment({'sub': 'a' + chr(0)})}.x",
    f"{HEADER}.{_segment({'sub': chr(0xD800)})}.x",
    f"{HEADER}.{_segment({'sub': 'x' * 6000})}.x",
    f"{HEADER}.{_segment({'sub': 'backend'})}.x",
    f"{HEADER}.{_segment(b'[' * 5000)}.x",
    f"{HEADER}.{_segment(b'9' * 5000)}.x",
    f"{HEADER}.{_segment(bytes(99))}.x",
    f"{HEADER}.{_segment({'sub': 'backend'}.__repr__().encode('utf-16'))}.x",
    "é.é.é",
    "x" * 60_000,
]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("assertion", ASSERTIONS, ids=range(len(ASSERTIONS)))
async def test_a_malformed_client_assertion_is_401(house: Service, path: str, assertion: str) -> None:
    form = {"grant_type": "client_credentials", "token": "x", "client_assertion": assertion}
    answer = await house.caller().post(path, data={**form, "client_assertion_type": ASSERTION_TYPE})
    is_error(answer, 401, "invalid_client")
    is_error(await house.caller().post(path, data={**form, "client_assertion_type": "saml"}), 400)
    is_error(await house.caller().post(path, data=form), 400)


# JSON

NOT_OBJECTS = ["[]", "null", "1", "true", '""', '["email"]', '"' + "x" * 60_000 + '"', "[" * 100 + "]" * 100]
BROKEN = [
    "{",
    "}",
    "{}{}",
    "{'a':1}",
    '{"a":}',
    '{"a":1,}',
    "\ufeff{}",
    "NaN",
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":-Infinity}',
    '{"a":1,"a":1}',
    '{"a":{"b":1,"b":2}}',
    '{"a":' + "9" * 60_000 + "}",
    '{"a":"\x01"}',
    '{"a":"\\x"}',
    "undefined",
    "[" * 60_000,
    '{"a":' * 10_000,
    '{"a":' + "[" * 60_000,
    "\0",
    " " * 60_000,
]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("body", [*NOT_OBJECTS, *BROKEN], ids=range(len(NOT_OBJECTS) + len(BROKEN)))
async def test_what_is_no_json_object_is_refused(house: Service, path: str, body: str) -> None:
    is_error(await send(house, path, body.encode(), JSON), 400)


OTHER_TYPES: list[str] = [
    "1",
    "-1",
    "1.5",
    "1e999",
    "9" * 4000,
    "true",
    "[]",
    "{}",
    '["x"]',
    '{"$ne":null}',
    "[" * 100 + "]" * 100,
    '"\\u0000"',
    '"\\ud800"',
    '"a\\udfffb"',
    '"' + "x" * 60_000 + '"',
]


@pytest.mark.parametrize("path", BODIES)
async def test_every_member_of_every_wrong_type(house: Service, path: str) -> None:
    sample = BODIES[path]
    for name, right in sample.items():
        for wrong in OTHER_TYPES:
            if (isinstance(right, bool) and wrong == "true") or (name, wrong) == ("password", '"\\u0000"'):
                continue
            members = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in sample.items() if key != name]
            body = "{" + ",".join([*members, f"{json.dumps(name)}:{wrong}"]) + "}"
            is_error(await send(house, path, body.encode(), JSON), 400)


@pytest.mark.parametrize("path", BODIES)
async def test_every_member_twice_is_refused(house: Service, path: str) -> None:
    for name, value in BODIES[path].items():
        body = json.dumps(BODIES[path])[:-1] + f", {json.dumps(name)}: {json.dumps(value)}}}"
        is_error(await send(house, path, body.encode(), JSON), 400)


@pytest.mark.parametrize(
    ("path", "name"),
    [("/api/auth/login", "email"), ("/api/auth/login", "password"), ("/api/auth/refresh", "refresh_token")],
)
async def test_a_missing_null_or_empty_member_is_named(house: Service, path: str, name: str) -> None:
    left = {key: value for key, value in BODIES[path].items() if key != name}
    for members in (left, {**left, name: None}, {**left, name: ""}):
        answer = await send(house, path, json.dumps(members).encode(), JSON)
        is_error(answer, 400)
        assert name in answer.json()["error_description"]


async def test_unknown_members_are_ignored_like_unknown_parameters(house: Service) -> None:
    """RFC 6749 section 3.2; a deep or odd one is no reason to fail either."""
    body = json.dumps({**LOGIN, "x": None})[:-5] + "[" * 100 + "]" * 100 + "}"
    is_error(await send(house, "/api/auth/login", body.encode(), JSON), 401, "invalid_credentials")


@pytest.mark.parametrize("path", BODIES)
async def test_a_client_that_the_body_cannot_name_is_401(house: Service, path: str) -> None:
    for client_id in ("nobody", "x" * 128, "é", '"', "\x1b[2J"):
        answer = await send(house, path, json.dumps({**BODIES[path], "client_id": client_id}).encode(), JSON)
        is_error(answer, 401, "invalid_client")


# Client metadata (RFC 7591, RFC 7592)

OPENED = bearer(REGISTRATION)
METADATA = [("POST", "/register"), ("PUT", "/register/registered")]


async def tell(house: Service, method: str, path: str, body: str | bytes, kind: str = JSON) -> httpx2.Response:
    content = body.encode() if isinstance(body, str) else body
    return await house.caller().request(method, path, content=content, headers={**OPENED, "Content-Type": kind})


@pytest.mark.parametrize(("method", "path"), METADATA)
async def test_metadata_that_are_no_json_object_are_refused(house: Service, method: str, path: str) -> None:
    for body in [*NOT_OBJECTS, *BROKEN]:
        is_error(await tell(house, method, path, body), 400)
    for _, body, status in _bad_bytes():
        is_error(await tell(house, method, path, body), status)
    for kind in ("text/plain", FORM, "application/jwt", JSON + "x"):
        is_error(await tell(house, method, path, json.dumps(REGISTER), kind), 415)


@pytest.mark.parametrize(("method", "path"), METADATA)
async def test_every_member_of_client_metadata_of_every_wrong_type(house: Service, method: str, path: str) -> None:
    for name in REGISTER:
        for wrong in OTHER_TYPES:
            body = f'{{"client_id":"registered","grant_types":[],{json.dumps(name)}:{wrong}}}'.encode()
            if name == "grant_types":
                body = f'{{"client_id":"registered","grant_types":{wrong}}}'.encode()
            answer = await tell(house, method, path, body)
            is_error(answer, 400, answer.json()["error"])
            assert answer.json()["error"] in (
                "invalid_redirect_uri",
                "invalid_client_metadata",
                "unapproved_software_statement",
            )


async def test_no_token_opens_a_registration_that_is_not_its_own(house: Service) -> None:
    paths = ["/register/nobody", "/register/customer", "/register/" + "x" * 9000, "/register/%00", "/register/%ff"]
    for method in ("GET", "PUT", "DELETE"):
        for path in paths:
            is_error(await tell(house, method, path, json.dumps(REGISTER)), 401, "invalid_token")
    for path, method in (("/register", "POST"), ("/register/registered", "DELETE")):
        for authorization in BEARERS:
            raw = [(b"authorization", authorization.encode("latin-1")), (b"content-type", JSON.encode())]
            answer = await house.caller().request(method, path, content=json.dumps(REGISTER), headers=raw)
            assert answer.status_code == 401
            is_error(answer)


# Bearer tokens

BEARERS = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Bearer ..",
    "Bearer a.b.c",
    "Bearer " + "x" * 8193,
    "Bearer \xff",
    "Token x",
    "Bearer " + "." * 9000,
    f"Bearer {HEADER}.{_segment({})}.x",
    "bearer x y z",
    _basic("test@example.com:password"),
]


@pytest.mark.parametrize("authorization", BEARERS, ids=range(len(BEARERS)))
async def test_a_malformed_access_token_is_401(house: Service, authorization: str) -> None:
    raw = [(b"authorization", authorization.encode("latin-1"))]
    for method, path in [*PERSONAL, *FEED, ("POST", "/api/auth/logout")]:
        answer = await house.caller().request(method, path, headers=raw)
        is_error(answer)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer realm=")


IDS = [
    "x",
    "%00",
    "%ff",
    "%ED%A0%80",
    "..%2f..",
    "'--",
    "1" * 9000,
    "00000000-0000-0000-0000-000000000000",
    "%0d%0aX:y",
    "{id}",
]


@pytest.mark.parametrize("session_id", IDS, ids=range(len(IDS)))
async def test_a_session_id_that_is_none_is_404(house: Service, session_id: str) -> None:
    claims = await house.sql.fetchrow("SELECT id, user_id FROM user_sessions LIMIT 1")
    answer = await house.caller().delete(f"/api/auth/sessions/{session_id}", headers=bearer(_token(house, claims)))
    is_error(answer, 404, "not_found")


def _token(house: Service, row: Any) -> str:
    now = int(house.runtime.clock.seconds())
    claims = {
        "iss": house.runtime.settings.issuer,
        "sub": str(row["user_id"]),
        "aud": house.runtime.settings.issuer,
        "client_id": "customer",
        "scope": "openid",
        "iat": now,
        "exp": now + 60,
        "jti": "bad-input",
        "sid": str(row["id"]),
        "auth_time": now,
    }
    return sign_now(house.runtime.keyring, claims, typ="at+jwt", now=house.runtime.clock.now())


# The revocation feed

EVENT_IDS = ["x", "-1", "+1", "1.5", "1 2", "0x10", "1e3", "9" * 19, "9" * 9000, "\xb2", "\x00", "null", "'--"]


@pytest.mark.parametrize("last", EVENT_IDS, ids=range(len(EVENT_IDS)))
async def test_an_event_id_that_is_no_number_is_refused(house: Service, last: str) -> None:
    headers = [(b"last-event-id", last.encode("latin-1"))]
    is_error(await house.caller().request("GET", "/revocations/stream", headers=headers), 400)
    is_error(await house.caller().request("GET", "/revocations/stream", params={"last_event_id": last}), 400)
    twice = [(b"last-event-id", b"1"), (b"last-event-id", b"1")]
    is_error(await house.caller().request("GET", "/revocations/stream", headers=twice), 400)
    is_error(await house.caller().get("/revocations/stream?last_event_id=1&last_event_id=1"), 400)
    is_error(await house.caller().get("/revocations/stream?last_event_id=%ff"), 400)


@pytest.mark.parametrize("tags", ['"', "W/", '"x', "\xff", "x" * 9000, ",,,", 'W/"1"'])
async def test_an_odd_etag_is_another_one(house: Service, tags: str) -> None:
    headers = [(b"if-none-match", tags.encode("latin-1"))]
    answer = await house.caller().request("GET", "/revocations?a=%ff", headers=headers)
    assert answer.status_code == 200


# Methods and paths


def _routes() -> dict[str, set[str]]:
    return {one.path: {*one.handlers, *(("HEAD",) if "GET" in one.handlers else ())} for one in ROUTES}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "X" * 99])
async def test_a_wrong_method_is_405_and_says_which_ones_are_right(house: Service, method: str) -> None:
    for path, allowed in _routes().items():
        if method in allowed:
            continue
        answer = await house.caller().request(
            method, path.replace("{id}", "1").replace("{client_id}", "1"), content=b"x"
        )
        is_error(answer, 405)
        assert {word.strip() for word in answer.headers["allow"].split(",")} == allowed


PATHS = [
    "/nothing",
    "/token/",
    "/TOKEN",
    "/token;x",
    "/../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/token%00",
    "/%00",
    "/%ff",
    "/.git/config",
    "/.env",
    "/docs",
    "/debug",
    "/admin",
    "/keys",
    "/api",
    "/api/auth",
    "/api/auth/sessions/",
    "/api/auth/sessions/a/b",
    "/.well-known/",
    "/.well-known/jwks.json/",
    "/" + "x" * 9000,
    "/metrics/",
    "/openapi.json",
    "/favicon.ico/",
    "/%0d%0aX:%20y",
    "/<script>alert(1)</script>",
]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
async def test_an_unknown_path_is_404_whatever_the_method(house: Service, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        is_error(await house.caller().request(method, path, content=b"x"), 404, "not_found")


async def test_reading_endpoints_do_not_care_for_query_or_body(house: Service) -> None:
    for path in ("/livez", "/.well-known/jwks.json", "/.well-known/openid-configuration"):
        for query in ("?", "?a=%00", "?a=%ff", "?" + "a=1&" * 2000):
            answer = await house.caller().request("GET", path + query, content=b"\xff" * 100)
            assert answer.status_code == 200


async def test_query_parameters_are_no_form_parameters(house: Service) -> None:
    """RFC 6749 section 2.3.1: credentials must not be in the request URI."""
    is_error(await house.caller().post("/token?" + urlencode(TOKEN), headers={"Content-Type": FORM}), 400)


# Anything else

NAMES = sorted(
    {name for forms in FORMS.values() for form in forms for name in form}
    | {"client_assertion", "client_assertion_type"}
)
MEMBERS = sorted({name for members in BODIES.values() for name in members})
VALUES = st.one_of(
    st.sampled_from([*TOKEN.values(), *REFRESH.values(), ASSERTION_TYPE, *ASSERTIONS[:-1], "password", "\0"]),
    st.text(max_size=40),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=40) | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"authorization", b"cookie", b"x-forwarded-for", b"user-agent", b"host", b"content-encoding"]),
        st.sampled_from([*CREDENTIALS[:-5], *BEARERS, _basic("backend:backend-secret")]).map(
            lambda t: t.encode("latin-1")
        )
        | st.binary(max_size=40).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")),
    ),
    max_size=2,
    unique_by=lambda pair: pair[0],
)
FUZZ = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
ENDPOINTS = [*FORMS, *BODIES]


async def _survives(house: Service, path: str, body: bytes, kind: str, headers: list[tuple[bytes, bytes]]) -> None:
    sent = [(b"content-type", kind.encode()), *headers]
    answer = await house.caller().post(path, content=body, headers=sent)
    assert answer.status_code < 500, (answer.status_code, answer.text)
    if answer.status_code >= 400:
        is_error(answer)


@FUZZ
@given(
    path=st.sampled_from(ENDPOINTS),
    pairs=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6),
    headers=HEADERS,
)
async def test_any_form_at_any_endpoint(
    house: Service, path: str, pairs: list[tuple[str, str]], headers: list[tuple[bytes, bytes]]
) -> None:
    await _survives(house, path, urlencode(pairs, errors="surrogatepass").encode(), FORM, headers)


@FUZZ
@given(
    path=st.sampled_from(ENDPOINTS),
    members=st.dictionaries(st.sampled_from(MEMBERS), JSON_VALUES, max_size=6),
    headers=HEADERS,
)
async def test_any_json_at_any_endpoint(
    house: Service, path: str, members: dict[str, Any], headers: list[tuple[bytes, bytes]]
) -> None:
    if members.get("email") == "test@example.com" and members.get("password") == "password":
        return
    await _survives(house, path, json.dumps(members).encode(), JSON, headers)


@FUZZ
@given(
    path=st.sampled_from(ENDPOINTS), body=st.binary(max_size=200), kind=st.sampled_from([FORM, JSON]), headers=HEADERS
)
async def test_any_bytes_at_any_endpoint(
    house: Service, path: str, body: bytes, kind: str, headers: list[tuple[bytes, bytes]]
) -> None:
    await _survives(house, path, body, kind, headers)


@FUZZ
@given(
    members=st.dictionaries(st.sampled_from(sorted(REGISTER)), JSON_VALUES, max_size=6),
    where=st.sampled_from(METADATA),
)
async def test_any_client_metadata(house: Service, members: dict[str, Any], where: tuple[str, str]) -> None:
    refused = {"client_id": "registered", **members, "subject_type": "nobody"}
    answer = await tell(house, *where, json.dumps(refused))
    is_error(answer, 400, answer.json()["error"])


@FUZZ
@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=st.text(st.characters(codec="utf-8"), max_size=30),
    prefix=st.sampled_from(["/", "/api/auth/sessions/", "/.well-known/", "/register/"]),
    headers=HEADERS,
)
async def test_any_path(
    house: Service, method: str, path: str, prefix: str, headers: list[tuple[bytes, bytes]]
) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[dict[str, Any]] = []

    async def answer(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": prefix + path,
        "headers": headers,
        "client": ("192.0.2.7", 1),
        "root_path": "",
        "query_string": b"",
        "raw_path": b"/",
    }
    await house.app(scope, receive, answer)
    assert sent[0]["status"] < 500


async def test_the_right_request_still_works_after_all_that(house: Service) -> None:
    answer = await house.caller().post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
    assert answer.status_code == 200
