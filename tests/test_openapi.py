"""openapi.yaml is valid, speaks of every route and no other, and real answers are what it says."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest_asyncio
from jsonschema import Draft202012Validator
from jwt import decode
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import authsvc
from authsvc.app import ROUTES
from authsvc.flows.operator.registration_token import add_registration_token
from authsvc.web import wellknown
from authsvc_devkit.servers import Servers
from tests.support.factors import app_of, person
from tests.support.letters import letter
from tests.support.passkeys import person_with
from tests.support.service import BACKEND, ISSUER, LOGIN, Service, bearer, service
from tests.support.yaml_file import read_yaml

FILE = Path(__file__).parents[1] / "openapi.yaml"
SPEC: dict[str, Any] = read_yaml(FILE)
REGISTRY: Registry[Any] = Registry().with_resource("urn:spec", Resource(SPEC, DRAFT202012))
SOURCE = "".join(path.read_text() for path in Path(authsvc.__file__).parent.rglob("*.py"))

JSON_PATHS = (
    *("/api/auth/login", "/api/auth/refresh", "/api/auth/logout"),
    *("/api/auth/passkey", "/api/auth/passkey/options"),
    *("/api/auth/signup", "/api/auth/signup/finish"),
    *("/api/auth/reset", "/api/auth/reset/finish", "/api/auth/reset/second"),
)

Pointer = tuple[str, ...]


def find(pointer: Pointer) -> tuple[Pointer, Any]:
    """What stands at `pointer`, and where that really is: `$ref` is followed at every step."""
    node: Any = SPEC
    at: Pointer = ()
    for step in pointer:
        node, at = node[step], (*at, step)
        while isinstance(node, dict) and set(node) == {"$ref"}:
            at, node = find(tuple(node["$ref"].removeprefix("#/").split("/")))
    return at, node


def problems(pointer: Pointer, value: object) -> list[str]:
    """Why `value` is not what the schema at `pointer` says."""
    escaped = "/".join(step.replace("~", "~0").replace("/", "~1") for step in pointer)
    checker = Draft202012Validator.FORMAT_CHECKER
    validator = Draft202012Validator({"$ref": f"urn:spec#/{escaped}"}, registry=REGISTRY, format_checker=checker)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def operations() -> Iterator[tuple[str, str, Pointer, dict[str, Any]]]:
    for path, item in SPEC["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, ("paths", path, method), operation


def contents() -> Iterator[tuple[Pointer, dict[str, Any]]]:
    """Every media type object: of request bodies, and of answers."""
    for _, _, at, operation in operations():
        places = [(*at, "requestBody")] if "requestBody" in operation else []
        places += [(*at, "responses", status) for status in operation["responses"]]
        for place in places:
            where, node = find(place)
            for kind, media in node.get("content", {}).items():
                yield (*where, "content", kind), media


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        yield running


# The document


def test_the_document_is_valid_openapi_3_1() -> None:
    assert SPEC["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(SPEC).validate()


def test_it_speaks_of_every_route_and_of_no_other() -> None:
    routes = {(method, route.path) for route in ROUTES for method in route.handlers}
    assert {(method, path) for method, path, _, _ in operations()} == routes


def test_every_operation_is_described_and_named_once() -> None:
    names = [operation["operationId"] for _, _, _, operation in operations()]
    assert len(set(names)) == len(names)
    known = {tag["name"] for tag in SPEC["tags"]}
    for method, path, _, operation in operations():
        assert operation["summary"], (method, path)
        assert set(operation["tags"]) <= known
        assert "security" in operation, (method, path)


def test_nothing_is_defined_that_nobody_uses() -> None:
    text = FILE.read_text()
    for kind, things in SPEC["components"].items():
        if kind != "securitySchemes":
            for name in things:
                assert f"#/components/{kind}/{name}" in text, f"{kind}/{name}"


def test_every_example_is_what_its_schema_says() -> None:
    seen = 0
    for at, media in contents():
        examples = {"example": media["example"]} if "example" in media else {}
        for name in media.get("examples", {}):
            examples[name] = find((*at, "examples", name))[1]["value"]
        for name, value in examples.items():
            assert problems((*at, "schema"), value) == [], (at, name)
            seen += 1
    assert seen > 30
    for name, header in SPEC["components"]["headers"].items():
        if "example" in header:
            assert problems(("components", "headers", name, "schema"), header["example"]) == []


def test_every_error_that_an_example_shows_is_one_that_the_service_says() -> None:
    for at, media in contents():
        if media["schema"] == {"$ref": "#/components/schemas/Error"}:
            shown = [media["example"]] if "example" in media else []
            shown += [find((*at, "examples", name))[1]["value"] for name in media.get("examples", {})]
            for example in shown:
                text = example["error_description"].replace("role bartender", "role {").partition("{")[0]
                text = re.sub(r"member \w+|parameter token", lambda m: m[0], text)
                assert text in SOURCE, text


def test_every_reason_for_not_being_ready_is_listed() -> None:
    source = inspect.getsource(wellknown.readiness_problems)
    listed = SPEC["components"]["schemas"]["Readiness"]["properties"]["problems"]["items"]["enum"]
    assert re.findall(r'^\s+"(\w+)":', source, re.MULTILINE) == listed


# Real answers


def is_documented(answer: httpx2.Response, path: str | None = None) -> httpx2.Response:
    """The status, its headers, its content type and its content are what the document says of this operation."""
    method = answer.request.method.lower()
    where, said = find(("paths", path or answer.request.url.path, method, "responses", str(answer.status_code)))
    for name in said.get("headers", {}):
        assert name.lower() in answer.headers, f"{name} is missing: {dict(answer.headers)}"
        at, _ = find((*where, "headers", name))
        assert problems((*at, "schema"), answer.headers[name]) == []
    undocumented = {"retry-after", "www-authenticate", "set-cookie", "etag"} & set(answer.headers)
    assert undocumented <= {name.lower() for name in said.get("headers", {})}
    if "content" in said:
        kind = answer.headers["content-type"].partition(";")[0]
        at = (*where, "content", kind)
        assert kind in said["content"], kind
        value = answer.json() if kind == "application/json" else answer.text
        assert problems((*at, "schema"), value) == []
    else:
        assert answer.content == b""
    return answer


async def test_a_persons_life_is_as_documented(house: Service) -> None:
    http = house.caller()
    tokens = is_documented(await http.post("/api/auth/login", json=LOGIN)).json()
    other = is_documented(await http.post("/api/auth/login", json={**LOGIN, "remember_me": True})).json()
    headers = bearer(tokens["access_token"])
    is_documented(await http.get("/api/profile/me", headers=headers))
    is_documented(await http.get("/api/auth/sessions", headers=headers))
    one = f"/api/auth/sessions/{other['session_id']}"
    for status in (204, 204):
        assert is_documented(await http.delete(one, headers=headers), "/api/auth/sessions/{id}").status_code == status
    is_documented(await http.delete("/api/auth/sessions", headers=headers))
    form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": tokens["refresh_token"]}
    renewed = is_documented(await http.post("/token", data=form)).json()
    again = is_documented(await http.post("/api/auth/refresh", json={"refresh_token": renewed["refresh_token"]})).json()
    assert is_documented(await http.post("/api/auth/logout", json={"refresh_token": again["refresh_token"]}))
    third = (await http.post("/api/auth/login", json=LOGIN)).json()
    is_documented(await http.post("/api/auth/logout", headers=bearer(third["access_token"])))


async def test_a_clients_life_is_as_documented(house: Service) -> None:
    tokens = await house.login()
    own = is_documented(await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)).json()
    for token in (own["access_token"], tokens["access_token"], "x"):
        is_documented(await house.http.post("/introspect", data={"token": token}, auth=BACKEND))
    for token in (tokens["access_token"], tokens["refresh_token"], "x"):
        is_documented(await house.http.post("/revoke", data={"client_id": "customer", "token": token}))


async def test_a_registrations_life_is_as_documented(house: Service) -> None:
    token, _ = await add_registration_token(house.runtime, "cli:tests", uses=1, seconds=60, note="")
    members = {"redirect_uris": ["https://shop.example/"], "tos_uri": None, "client_name": "Shop"}
    assert problems(("components", "schemas", "ClientMetadata"), members) == []
    bad = {"redirect_uris": ["http://shop.example/"]}
    path, one = "/register", "/register/{client_id}"
    kind = {"Content-Type": "application/json", **bearer(token)}
    form = {"Content-Type": "application/x-www-form-urlencoded", **bearer(token)}
    assert is_documented(await house.http.post(path, json=bad, headers=bearer(token))).status_code == 400
    assert is_documented(await house.http.post(path, content=b"x" * 65_537, headers=kind)).status_code == 413
    assert is_documented(await house.http.post(path, content=b"x", headers=form)).status_code == 415
    answer = is_documented(await house.http.post(path, json=members, headers=bearer(token)))
    assert answer.status_code == 201
    assert is_documented(await house.http.post(path, json=members, headers=bearer(token))).status_code == 401
    client = answer.json()
    where, own = client["registration_client_uri"].removeprefix(ISSUER), bearer(client["registration_access_token"])
    members["client_id"] = client["client_id"]
    assert is_documented(await house.http.get(where, headers=own), one).status_code == 200
    assert is_documented(await house.http.put(where, json=members, headers=own), one).status_code == 200
    assert is_documented(await house.http.put(where, json=bad, headers=own), one).status_code == 400
    assert is_documented(await house.http.get(where), one).status_code == 401
    assert is_documented(await house.http.delete(where, headers=own), one).status_code == 204
    assert is_documented(await house.http.delete(where, headers=own), one).status_code == 401


async def test_public_documents_are_as_documented(house: Service) -> None:
    well_known = [
        f"/.well-known/{name}" for name in ("jwks.json", "openid-configuration", "oauth-authorization-server")
    ]
    for path in (*well_known, "/openapi.yaml", "/livez", "/readyz", "/metrics"):
        answer = is_documented(await house.http.get(path))
        assert answer.status_code == 200
    jwks = await house.http.get("/.well-known/jwks.json")
    same = await house.http.get("/.well-known/jwks.json", headers={"If-None-Match": jwks.headers["etag"]})
    assert is_documented(same).status_code == 304
    assert (await house.http.get("/openapi.yaml")).content == FILE.read_bytes()


async def test_the_revocation_feed_is_as_documented(house: Service) -> None:
    tokens = await house.login()
    await house.http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
    await house.sql.execute("DELETE FROM clients WHERE id = 'strict'")
    answer = is_documented(await house.http.get("/revocations"))
    assert {entry["kind"] for entry in answer.json()["revocations"]} >= {"session", "client"}
    same = await house.http.get("/revocations", headers={"If-None-Match": answer.headers["etag"]})
    assert is_documented(same).status_code == 304
    one, both = "/revocations/stream", ("/revocations", "/revocations/stream")
    assert is_documented(await house.http.get(one, headers={"Last-Event-ID": "x"})).status_code == 400
    for path in both:
        assert is_documented(await house.http.get(path, headers=bearer("x"))).status_code == 401
    person = bearer((await house.login())["access_token"])
    for path in both:
        assert is_documented(await house.http.get(path, headers=person)).status_code == 403


async def test_a_status_list_is_as_documented(house: Service) -> None:
    at = "/statuslists/{id}"
    await house.sql.execute(
        """INSERT INTO clients (id, name, kind, grant_types, scopes, first_party, status_list)
           VALUES ('listed', 'Listed', 'public', '{refresh_token}', '{openid}', true, true)"""
    )
    token = (await house.login(client_id="listed"))["access_token"]
    path = decode(token, options={"verify_signature": False})["status"]["status_list"]["uri"].removeprefix(ISSUER)
    answer = is_documented(await house.http.get(path), at)
    assert answer.status_code == 200
    same = await house.http.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert is_documented(same, at).status_code == 304
    assert is_documented(await house.http.get("/statuslists/x"), at).status_code == 404
    assert is_documented(await house.http.get(path, params={"time": "1"}), at).status_code == 501


async def test_refusals_are_as_documented(house: Service) -> None:
    http, mine = house.caller(), await house.login()
    headers = bearer(mine["access_token"])
    big = b"x" * 65_537
    form, kind = {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "application/json"}
    wrong = ("backend", "wrong")
    answers = {
        await http.post("/token", data={"grant_type": "password"}): 400,
        await http.post("/token", data={"grant_type": "client_credentials", "scope": "x"}, auth=BACKEND): 400,
        await http.post("/token", data={"grant_type": "client_credentials", "client_id": "customer"}): 400,
        await house.refresh("x"): 400,
        await http.post("/api/auth/refresh", json={"refresh_token": "x"}): 400,
        await http.post("/introspect", data={}, auth=BACKEND): 400,
        await http.post("/introspect", data={"token": "x", "client_id": "customer"}): 403,
        await http.post("/revoke", data={}, auth=BACKEND): 400,
        await http.post("/api/auth/login", json={}): 400,
        await http.post("/api/auth/login", json=LOGIN, auth=BACKEND): 400,
        await http.post("/api/auth/login", json={**LOGIN, "password": "x"}): 401,
        await http.post("/api/auth/login", json={**LOGIN, "client_id": "x"}): 401,
        await http.post("/api/auth/login", json={**LOGIN, "client_id": "bartender"}): 403,
        await http.post("/api/auth/logout", json={"refresh_token": 1}): 400,
        await http.post("/api/auth/logout", json={"refresh_token": "x", "client_id": "x"}): 401,
        await http.post("/api/auth/logout"): 401,
        await http.get("/api/profile/me"): 401,
        await http.get("/api/profile/me", headers=bearer("x")): 401,
        await http.get("/api/auth/sessions"): 401,
        await http.delete("/api/auth/sessions"): 401,
        **{await http.post(path, content=big, headers=form): 413 for path in ("/token", "/introspect", "/revoke")},
        **{
            await http.post(path, data={"grant_type": "client_credentials", "token": "x"}, auth=wrong): 401
            for path in ("/token", "/introspect", "/revoke")
        },
        **{await http.post(path, content=big, headers=kind): 413 for path in JSON_PATHS},
        **{await http.post(path, content=b"{}", headers=form): 415 for path in JSON_PATHS},
    }
    for answer, status in answers.items():
        assert is_documented(answer).status_code == status, answer.request.url
    unknown = is_documented(await http.delete("/api/auth/sessions/x", headers=headers), "/api/auth/sessions/{id}")
    assert unknown.status_code == 404


async def test_a_passkey_of_a_frontend_is_as_documented(house: Service) -> None:
    key, http = await person_with(house), house.caller()
    key.origin = "http://localhost:5173"
    begun = is_documented(await http.post("/api/auth/passkey/options", json={})).json()
    said = {"passkey_challenge": begun["passkey_challenge"], "credential": key.get(begun["options"])}
    for body, status in (({}, 400), ({**said, "credential": {}}, 401), (said, 200), (said, 401)):
        answer = is_documented(await http.post("/api/auth/passkey", json=body))
        assert answer.status_code == status
    partner = {"client_id": "partner", "client_secret": "partner-secret"}
    assert is_documented(await http.post("/api/auth/passkey/options", json=partner)).status_code == 400


async def test_a_reset_through_a_frontend_is_as_documented(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, smtp_url="dev:") as house:
        http, email = house.caller(), "careful@example.com"
        app = await app_of(house, await person(house, email))
        asked = is_documented(await http.post("/api/auth/reset", json={"email": email})).json()
        finish = {"reset_challenge": asked["reset_challenge"], "new_password": "a new one, quite long"}
        for code, password, status in (
            ("1", "a new one, quite long", 401),
            ((await letter(house.runtime, email)).code, "short", 400),
            ((await letter(house.runtime, email)).code, "a new one, quite long", 401),
        ):
            said = {**finish, "code": code, "new_password": password}
            answer = is_documented(await http.post("/api/auth/reset/finish", json=said))
            assert answer.status_code == status
        step = {"mfa_challenge": answer.json()["mfa_challenge"], "way": "otp", "new_password": finish["new_password"]}
        for code, status in (("1", 401), (app.code(), 204), (app.code(), 400)):
            answer = await http.post("/api/auth/reset/second", json={**step, "code": code})
            assert is_documented(answer).status_code == status
        void = {**finish, "reset_challenge": "x"}
        assert is_documented(await http.post("/api/auth/reset/finish", json=void)).status_code == 400
    async with service(servers, base_env) as house:
        answer = await house.caller().post("/api/auth/reset", json={"email": email})
        assert is_documented(answer).status_code == 404


async def test_registering_through_a_frontend_is_as_documented(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, smtp_url="dev:", registration="open") as house:
        http, email = house.caller(), "new@example.com"
        asked = is_documented(await http.post("/api/auth/signup", json={"email": email})).json()
        finish = {"signup_challenge": asked["signup_challenge"], "name": "New", "new_password": "a new one, quite long"}
        code = (await letter(house.runtime, email)).code
        for changed, status in (
            ({"code": "1"}, 401),
            ({"code": code, "new_password": "short"}, 400),
            ({"code": code, "name": "\x00"}, 400),
            ({"code": code, "signup_challenge": "x"}, 400),
            ({"code": code}, 204),
        ):
            answer = is_documented(await http.post("/api/auth/signup/finish", json={**finish, **changed}))
            assert answer.status_code == status, changed
    async with service(servers, base_env) as house:
        assert is_documented(await house.caller().post("/api/auth/signup", json={"email": email})).status_code == 404


async def test_limits_and_outages_are_as_documented(servers: Servers, base_env: dict[str, str]) -> None:
    limits = {"login_account_failures": 1, "client_failures": 1, "metrics": "off"}
    async with service(servers, base_env, **limits) as house:
        tokens = await house.login()
        ways: list[tuple[str, dict[str, Any]]] = [
            ("/token", {"data": {"grant_type": "client_credentials"}, "auth": ("backend", "wrong")}),
            ("/introspect", {"data": {"token": "x"}, "auth": ("backend", "wrong")}),
            ("/revoke", {"data": {"token": "x"}, "auth": ("backend", "wrong")}),
            ("/api/auth/refresh", {"json": {"refresh_token": "x", "client_id": "backend", "client_secret": "wrong"}}),
            ("/api/auth/logout", {"json": {"refresh_token": "x", "client_id": "backend", "client_secret": "wrong"}}),
            ("/api/auth/login", {"json": {**LOGIN, "password": "x"}}),
        ]
        for path, request in ways:
            await house.caller().post(path, **request)
            assert is_documented(await house.caller().post(path, **request)).status_code == 429, path
        assert is_documented(await house.http.get("/metrics")).status_code == 404

        house.runtime.db._open_until = float("inf")  # as after five failures in a row
        house.runtime.redis.route._open_until = float("inf")
        headers = bearer(tokens["access_token"])
        other = house.caller("198.51.100.1")
        for method, path, request in (
            (
                "POST",
                "/token",
                {
                    "data": {
                        "grant_type": "refresh_token",
                        "refresh_token": tokens["refresh_token"],
                        "client_id": "customer",
                    }
                },
            ),
            ("POST", "/introspect", {"data": {"token": tokens["access_token"]}, "auth": BACKEND}),
            ("POST", "/revoke", {"data": {"client_id": "customer", "token": tokens["refresh_token"]}}),
            ("POST", "/api/auth/login", {"json": {**LOGIN, "email": "admin@example.com"}}),
            ("POST", "/api/auth/refresh", {"json": {"refresh_token": tokens["refresh_token"]}}),
            ("POST", "/api/auth/logout", {"json": {"refresh_token": tokens["refresh_token"]}}),
            ("GET", "/api/auth/sessions", {"headers": headers}),
            ("DELETE", "/api/auth/sessions", {"headers": headers}),
            ("GET", "/api/profile/me", {"headers": headers}),
            ("POST", "/register", {"headers": bearer("x" * 43), "json": {}}),
        ):
            assert is_documented(await other.request(method, path, **request)).status_code == 503, path  # type: ignore[arg-type]
        one = await other.delete(f"/api/auth/sessions/{tokens['session_id']}", headers=headers)
        assert is_documented(one, "/api/auth/sessions/{id}").status_code == 503
        house.runtime.following.heard_at = float("-inf")
        assert is_documented(await house.http.get("/readyz")).status_code == 503
        assert is_documented(await house.http.get("/.well-known/jwks.json")).status_code == 200
        house.runtime.db._open_until = house.runtime.redis.route._open_until = 0.0
