"""Token exchange (RFC 8693): a service goes on to the next one for a person, with less, for no longer, and visibly."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from hashlib import sha256
from json import loads
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authsvc.flows.caller.check_revoked import asked_postgres
from authsvc.rules.client_record import Client
from authsvc.rules.confirmation import UNBOUND
from authsvc.rules.refused import Refused
from authsvc.rules.token.exchange import (
    ACCESS_TOKEN,
    GRANT_TYPE,
    Exchange,
    ExchangeRequest,
    judge_exchange,
    read_request,
)
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.security.conftest import statements
from tests.support.clients import flat_client
from tests.support.proofs import Holder
from tests.support.service import BACKEND, ISSUER, Service, bearer, service
from tests.support.spoilt import spoilt

STOCK, MAIL, SHIP = (f"https://{name}.example.com" for name in ("stock", "mail", "ship"))


def _service(name: str, **policy: Any) -> Client:
    policy = {"scopes": ("openid", "profile", "stock"), "grant_types": frozenset({GRANT_TYPE}), **policy}
    return flat_client(
        id=name, name=name.title(), kind="confidential", secret_hashes=(sha256(name.encode()).digest(),), **policy
    )


ORDERS = _service("orders", exchange_audiences=(STOCK, MAIL), exchange_subjects=(ISSUER,))
SERVICES = [
    ORDERS,
    _service("stock", exchange_audiences=(MAIL,), exchange_subjects=(STOCK,), access_token_seconds=60),
    _service("mail", exchange_audiences=(SHIP,), exchange_subjects=(MAIL,)),
    _service("loop", exchange_audiences=(MAIL,), exchange_subjects=(MAIL, ISSUER)),
    _service("narrow", exchange_audiences=(STOCK,), exchange_subjects=(ISSUER,), scopes=("profile",)),
    _service("foreign", exchange_audiences=(STOCK,), scopes=("api",)),
    _service("climber", exchange_audiences=(ISSUER, STOCK), exchange_subjects=(STOCK, ISSUER)),
    _service("bound", exchange_audiences=(STOCK,), exchange_subjects=(ISSUER,), dpop_bound_access_tokens=True),
    _service("idle", exchange_audiences=(STOCK,), grant_types=frozenset({"client_credentials"})),
    _service("nowhere", exchange_subjects=(ISSUER,)),
    flat_client(
        id="front",
        name="Front",
        kind="public",
        grant_types=frozenset({GRANT_TYPE}),
        scopes=("openid",),
        exchange_audiences=(STOCK,),
        exchange_subjects=(ISSUER,),
    ),
]


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        async with running.runtime.db.transaction() as connection:
            for client in SERVICES:
                await clients.add(connection, client)
            # It is asked about tokens for everybody.
            await connection.execute("UPDATE clients SET introspection_all = true WHERE id = 'backend'")
        yield running


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def form(token: str, **more: Any) -> dict[str, Any]:
    asked = {
        "grant_type": GRANT_TYPE,
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN,
        "audience": STOCK,
        **more,
    }
    return {name: value for name, value in asked.items() if value is not None}


async def exchange(house: Service, by: str, token: str, **more: Any) -> httpx2.Response:
    return await house.http.post("/token", data=form(token, **more), auth=(by, by))


async def given(house: Service, by: str, token: str, **more: Any) -> dict[str, Any]:
    answer = await exchange(house, by, token, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def error(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("error", "")


# What is given


async def test_a_service_goes_on_in_the_persons_name_and_says_that_it_acts(house: Service) -> None:
    token = (await house.login())["access_token"]
    answer = await given(house, "orders", token, scope="profile")
    assert set(answer) == {"access_token", "token_type", "expires_in", "issued_token_type", "scope"}
    assert (answer["issued_token_type"], answer["token_type"], answer["scope"]) == (ACCESS_TOKEN, "Bearer", "profile")
    old, new = claims(token), claims(answer["access_token"])
    assert (new["aud"], new["client_id"], new["scope"]) == (STOCK, "orders", "profile")
    assert new["act"] == {"sub": "orders"}
    assert new["exchanged_from"] == [{name: old[name] for name in ("jti", "client_id", "iat")}]
    for name in ("iss", "sub", "sid", "auth_time", "acr", "amr", "roles"):
        assert new[name] == old[name], name
    assert new["jti"] != old["jti"]
    assert new["exp"] <= old["exp"]
    assert await house.active(answer["access_token"])


async def test_roles_that_came_by_the_scope_go_with_it(house: Service) -> None:
    """Of a client that is not first-party; the person consented to it alone."""
    found = {}
    for held, asked in (("openid", ""), ("openid roles", "openid"), ("openid roles", "openid roles")):
        subject = {"scope": held, "aud": STOCK, "client_id": "partner", "iat": 1, "jti": "j", "roles": ["admin"]}
        client = _service("x", scopes=("openid", "roles"), exchange_audiences=(MAIL,), exchange_subjects=(STOCK,))
        request = ExchangeRequest("t", (), tuple(asked.split()))
        given = judge_exchange(request, subject, client, issuer=ISSUER, confirmation=UNBOUND)
        assert isinstance(given, Exchange)
        found[held, asked] = given.claims.get("roles")
    assert list(found.values()) == [["admin"], None, ["admin"]]


@pytest.mark.parametrize(
    ("aud", "target", "given"),
    [
        (STOCK, f"{ISSUER}/userinfo", False),
        (f"{ISSUER}/userinfo", f"{ISSUER}/userinfo", True),
        (ISSUER, f"{ISSUER}/userinfo", True),
        (f"{ISSUER}/userinfo", ISSUER, False),
        (f"{ISSUER}/userinfo", STOCK, True),
    ],
)
def test_our_own_endpoints_come_in_reach_of_nobody_else(aud: str, target: str, given: bool) -> None:
    ours = (ISSUER, f"{ISSUER}/userinfo")
    client = _service("x", exchange_audiences=(*ours, STOCK), exchange_subjects=(*ours, STOCK))
    subject = {"scope": "openid", "aud": aud, "client_id": "partner", "iat": 1, "jti": "j"}
    found = judge_exchange(ExchangeRequest("t", (target,), ()), subject, client, issuer=ISSUER, confirmation=UNBOUND)
    assert isinstance(found, Exchange) == given


@pytest.mark.parametrize(
    ("known_as", "given"), [(STOCK, True), (f"{STOCK}:443/", True), (f"{STOCK}/x", False), (MAIL, False)]
)
def test_a_service_is_known_by_its_name_in_any_spelling_of_the_uri(known_as: str, given: bool) -> None:
    client = _service("x", exchange_audiences=(MAIL,), exchange_subjects=(known_as,))
    subject = {"scope": "openid", "aud": [STOCK], "client_id": "partner", "iat": 1, "jti": "j"}
    found = judge_exchange(ExchangeRequest("t", (), ()), subject, client, issuer=ISSUER, confirmation=UNBOUND)
    assert isinstance(found, Exchange) == given


async def test_a_chain_of_services_is_written_down_from_the_last_to_the_first(house: Service) -> None:
    token = (await house.login())["access_token"]
    first = (await given(house, "orders", token))["access_token"]
    second = await given(house, "stock", first, audience=None)  # its only audience needs no naming
    new = claims(second["access_token"])
    assert new["act"] == {"sub": "stock", "act": {"sub": "orders"}}
    assert [source["client_id"] for source in new["exchanged_from"]] == ["orders", "customer"]
    assert second["expires_in"] <= 60
    assert new["aud"] == MAIL


async def test_a_resource_is_an_audience_and_several_may_be_asked_for(house: Service) -> None:
    token = (await house.login())["access_token"]
    both = await given(house, "orders", token, audience=None, resource=[STOCK, MAIL])
    assert claims(both["access_token"])["aud"] == [STOCK, MAIL]
    mixed = await given(house, "orders", token, audience=STOCK, resource=[MAIL, STOCK])
    assert claims(mixed["access_token"])["aud"] == [STOCK, MAIL]


async def test_an_audience_is_compared_as_a_uri_and_named_as_it_is_registered(house: Service) -> None:
    token = (await house.login())["access_token"]
    for asked in ({"audience": STOCK + "/"}, {"audience": None, "resource": STOCK.replace("https", "HTTPS") + ":443/"}):
        assert claims((await given(house, "orders", token, **asked))["access_token"])["aud"] == STOCK


async def test_a_services_own_token_is_exchanged_without_a_person(house: Service) -> None:
    async with house.runtime.db.transaction() as connection:
        await clients.add(
            connection,
            _service("own", grant_types=frozenset({GRANT_TYPE, "client_credentials"}), exchange_audiences=(STOCK,)),
        )
    own = await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=("own", "own"))
    new = claims((await given(house, "own", own.json()["access_token"]))["access_token"])
    assert (new["sub"], new["act"], new["aud"]) == ("own", {"sub": "own"}, STOCK)
    assert "sid" not in new
    assert "roles" not in new


async def test_what_expires_soon_gives_nothing_that_lives_longer(house: Service) -> None:
    await house.sql.execute("UPDATE clients SET access_token_seconds = 10 WHERE id = 'strict'")
    await asyncio.sleep(1.1)
    token = (await house.login(client_id="strict"))["access_token"]
    for _ in range(3):
        answer = await given(house, "orders", token)
        assert claims(answer["access_token"])["exp"] <= claims(token)["exp"]
        assert 1 <= answer["expires_in"] <= 10
        await asyncio.sleep(0.35)


# What ends


async def test_a_session_that_ends_ends_what_was_exchanged(house: Service) -> None:
    mine = await house.login()
    first = (await given(house, "orders", mine["access_token"]))["access_token"]
    second = (await given(house, "stock", first, audience=MAIL))["access_token"]
    assert [await house.active(token) for token in (first, second)] == [True, True]
    await house.http.delete(f"/api/auth/sessions/{mine['session_id']}", headers=bearer(mine["access_token"]))
    assert [await house.active(token) for token in (first, second)] == [False, False]
    assert error(await exchange(house, "stock", first, audience=MAIL)) == (400, "invalid_request")


async def test_an_operators_update_ends_what_was_exchanged(house: Service) -> None:
    mine = await house.login()
    first = (await given(house, "orders", mine["access_token"]))["access_token"]
    await house.sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", mine["session_id"])
    await asyncio.sleep(1)
    assert not await house.active(first)


@pytest.mark.parametrize("place", [0, 1])
async def test_a_revoked_token_ends_what_came_of_it_and_not_what_was_before(house: Service, place: int) -> None:
    tokens = [(await house.login())["access_token"]]
    tokens.append((await given(house, "orders", tokens[0]))["access_token"])
    tokens.append((await given(house, "stock", tokens[1], audience=MAIL))["access_token"])
    revoked = {"token": tokens[place], "client_id": "customer"} if place == 0 else {"token": tokens[place]}
    await house.http.post("/revoke", data=revoked, auth=None if place == 0 else ("orders", "orders"))
    assert (
        [await house.active(token) for token in tokens] == [False, False, False] if place == 0 else [True, False, False]
    )
    last = await exchange(house, "mail", tokens[2], audience=SHIP)
    assert error(last) == (400, "invalid_request")


async def test_a_client_that_is_removed_ends_what_came_of_its_tokens(house: Service) -> None:
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, _service("brief", exchange_audiences=(STOCK,), exchange_subjects=(ISSUER,)))
    first = (await given(house, "brief", (await house.login())["access_token"]))["access_token"]
    second = (await given(house, "stock", first, audience=MAIL))["access_token"]
    await house.sql.execute("DELETE FROM clients WHERE id = 'brief'")
    await asyncio.sleep(1)
    assert [await house.active(token) for token in (first, second)] == [False, False]


async def test_the_truth_is_known_without_redis_too(house: Service) -> None:
    mine = await house.login()
    first = (await given(house, "orders", mine["access_token"]))["access_token"]
    await house.http.post("/revoke", data={"token": mine["access_token"], "client_id": "customer"})
    house.runtime.redis.route._open_until = float("inf")
    try:
        assert not await house.active(first)
    finally:
        house.runtime.redis.route._open_until = 0.0


async def test_exchange_and_end_of_session_at_once_leave_nothing_active(house: Service) -> None:
    for _ in range(10):
        mine = await house.login()
        answer, _ = await asyncio.gather(
            exchange(house, "orders", mine["access_token"]),
            house.http.delete(f"/api/auth/sessions/{mine['session_id']}", headers=bearer(mine["access_token"])),
        )
        if answer.status_code == 200:
            assert not await house.active(answer.json()["access_token"])


@pytest.mark.parametrize(("kind", "subject"), [("user", "{sub}"), ("grant", "{sid}:customer"), ("client", "customer")])
@pytest.mark.parametrize("redis", [True, False])
async def test_what_ends_a_token_ends_what_is_made_of_it_a_moment_later(
    house: Service, kind: str, subject: str, redis: bool
) -> None:
    token = (await house.login())["access_token"]
    await asyncio.sleep(1.1)
    later = (await given(house, "orders", token))["access_token"]
    old = claims(token)
    assert claims(later)["iat"] > old["iat"]
    await house.sql.execute(
        """INSERT INTO revocations (kind, subject, not_before, expires_at, reason)
           VALUES ($1, $2, to_timestamp($3::bigint), now() + interval '1 hour', 'test')""",
        kind,
        subject.format(**old),
        old["iat"],
    )
    await asyncio.sleep(1)
    house.runtime.redis.route._open_until = 0.0 if redis else float("inf")
    try:
        assert [await house.active(it) for it in (token, later)] == [False, False]
    finally:
        house.runtime.redis.route._open_until = 0.0
    assert await house.active((await house.login())["access_token"])


# What is refused


@pytest.mark.parametrize("by", ["idle", "nowhere", "front"])
async def test_who_has_no_policy_for_it_may_not_exchange(house: Service, by: str) -> None:
    token = (await house.login())["access_token"]
    if by == "front":
        answer = await house.http.post("/token", data=form(token, client_id="front"))
    else:
        answer = await exchange(house, by, token)
    assert error(answer) == (400, "unauthorized_client")


async def test_an_unproved_client_may_not_exchange(house: Service) -> None:
    token = (await house.login())["access_token"]
    assert error(await house.http.post("/token", data=form(token), auth=("orders", "x"))) == (401, "invalid_client")
    assert error(await house.http.post("/token", data=form(token, client_id="orders"))) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": ACCESS_TOKEN.replace("access", "refresh")}, "invalid_request"),
        ({"subject_token_type": ACCESS_TOKEN.replace("access", "id")}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request"),
        ({"requested_token_type": ACCESS_TOKEN.replace("access", "refresh")}, "invalid_request"),
        ({"requested_token_type": "x"}, "invalid_request"),
        ({"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"scope": "email"}, "invalid_scope"),  # the person's token has it, the service may not
        ({"scope": "stock"}, "invalid_scope"),  # the service may have it, the person's token has not
        ({"scope": "profile stock"}, "invalid_scope"),
        ({"audience": None}, "invalid_target"),
        ({"audience": ISSUER}, "invalid_target"),
        ({"audience": [STOCK, ISSUER]}, "invalid_target"),
        ({"audience": STOCK + "/v1"}, "invalid_target"),
        ({"audience": STOCK + "/?"}, "invalid_target"),
        ({"audience": STOCK.replace("https", "http")}, "invalid_target"),
        ({"resource": "https://other.example.com"}, "invalid_target"),
        ({"audience": "orders"}, "invalid_target"),
    ],
)
async def test_nothing_is_widened(house: Service, more: dict[str, Any], code: str) -> None:
    token = (await house.login())["access_token"]
    assert error(await exchange(house, "orders", token, **more)) == (400, code)


async def test_a_token_for_somebody_else_cannot_be_exchanged(house: Service) -> None:
    """SECURITY.md item 3: a service that got hold of another's token gains nothing by it."""
    token = (await house.login())["access_token"]
    assert error(await exchange(house, "foreign", token)) == (400, "invalid_request")
    first = (await given(house, "orders", token))["access_token"]
    assert error(await exchange(house, "mail", first, audience=SHIP)) == (400, "invalid_request")


async def test_another_kind_of_token_is_no_subject(house: Service) -> None:
    mine = await house.login()
    answer = await house.http.post(
        "/introspect",
        data={"token": mine["access_token"]},
        auth=BACKEND,
        headers={"Accept": "application/token-introspection+jwt"},
    )
    for token in (mine["refresh_token"], answer.text, "x", "a.b.c", "x" * 9000, spoilt(mine["access_token"])):
        with statements(house.runtime) as asked:
            assert error(await exchange(house, "orders", token)) == (400, "invalid_request")
        assert asked == []


async def test_an_expired_token_is_no_subject(house: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    token, later = (await house.login())["access_token"], house.runtime.clock.seconds() + 1800
    monkeypatch.setattr(house.runtime.clock, "seconds", lambda: later)
    assert error(await exchange(house, "orders", token)) == (400, "invalid_request")


async def test_nobody_climbs_from_a_service_to_our_own_endpoints(house: Service) -> None:
    token = (await house.login())["access_token"]
    first = (await given(house, "orders", token))["access_token"]
    assert error(await exchange(house, "climber", first, audience=ISSUER)) == (400, "invalid_target")
    allowed = await given(house, "climber", token, audience=ISSUER)  # the subject token reached them already
    seen = [await house.http.get("/userinfo", headers=bearer(it)) for it in (allowed["access_token"], first)]
    assert [answer.status_code for answer in seen] == [200, 401]
    assert seen[0].json()["sub"] == claims(token)["sub"]
    assert await house.me(allowed["access_token"]) == 403  # its client is not of the house


async def test_a_chain_has_an_end(house: Service) -> None:
    token = (await given(house, "loop", (await house.login())["access_token"], audience=MAIL))["access_token"]
    for _ in range(3):
        token = (await given(house, "loop", token, audience=MAIL))["access_token"]
    assert error(await exchange(house, "loop", token, audience=MAIL)) == (400, "invalid_request")


async def test_roles_and_scope_of_the_service_are_not_lent(house: Service) -> None:
    token = (await house.login())["access_token"]
    answer = await given(house, "narrow", token)
    assert answer["scope"] == "profile"
    assert claims(answer["access_token"])["roles"] == ["customer"]


async def test_a_bound_token_needs_the_proof_of_its_key(house: Service) -> None:
    key, other = Holder(house), Holder(house)
    token = (await key.login())["access_token"]
    assert error(await exchange(house, "orders", token)) == (400, "invalid_request")
    assert error(await other.post("/token", data=form(token), auth=("orders", "orders"))) == (400, "invalid_request")
    answer = (await key.post("/token", data=form(token), auth=("orders", "orders"))).json()
    assert answer["token_type"] == "DPoP"
    assert claims(answer["access_token"])["cnf"] == {"jkt": key.jkt}


async def test_what_a_service_asks_for_with_a_proof_is_bound_to_its_key(house: Service) -> None:
    key, token = Holder(house), (await house.login())["access_token"]
    assert error(await exchange(house, "bound", token)) == (400, "invalid_dpop_proof")
    answer = (await key.post("/token", data=form(token), auth=("bound", "bound"))).json()
    assert claims(answer["access_token"])["cnf"] == {"jkt": key.jkt}


async def test_with_no_store_it_is_later_and_never_invalid(house: Service) -> None:
    token = (await house.login())["access_token"]
    await exchange(house, "orders", token)
    asked_postgres.of(house.runtime).live_until.clear()
    house.runtime.db._open_until = house.runtime.redis.route._open_until = float("inf")
    try:
        answer = await exchange(house, "orders", token)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    finally:
        house.runtime.db._open_until = house.runtime.redis.route._open_until = 0.0


# The rule


SUBJECT = {
    "jti": "j",
    "client_id": "customer",
    "iat": 1,
    "sub": "p",
    "aud": [ISSUER, "https://a.example"],
    "scope": "openid stock profile",
}
ASKED = ExchangeRequest("t", (STOCK,), ())


@pytest.mark.parametrize(
    ("asked", "subject", "outcome"),
    [
        (ASKED, SUBJECT, ("openid", "stock", "profile")),
        (ASKED, {**SUBJECT, "aud": "orders"}, ("openid", "stock", "profile")),
        (ASKED, {**SUBJECT, "aud": "x", "client_id": "orders"}, ("openid", "stock", "profile")),
        (ASKED, {**SUBJECT, "aud": "x"}, "subject_token_for_another"),
        (ASKED, {name: value for name, value in SUBJECT.items() if name != "aud"}, "subject_token_for_another"),
        (ASKED, {**SUBJECT, "cnf": {"jkt": "k"}}, "subject_token_bound"),
        (ASKED, {**SUBJECT, "scope": "email"}, "scope_empty"),
        (ASKED, {name: value for name, value in SUBJECT.items() if name != "scope"}, "scope_empty"),
        (ExchangeRequest("t", (STOCK,), ("email",)), {**SUBJECT, "scope": "email"}, "scope_wider_than_subject"),
        (ExchangeRequest("t", (), ()), SUBJECT, "audience_missing"),
        (ExchangeRequest("t", (ISSUER,), ()), SUBJECT, "audience_not_allowed"),
        (ASKED, {**SUBJECT, "act": {"sub": "a", "act": {"sub": "b", "act": {"sub": "c"}}}}, 4),
        (
            ASKED,
            {**SUBJECT, "act": {"sub": "a", "act": {"sub": "b", "act": {"sub": "c", "act": {"sub": "d"}}}}},
            "exchange_too_deep",
        ),
    ],
)
def test_the_rule(asked: ExchangeRequest, subject: dict[str, Any], outcome: Any) -> None:
    found = judge_exchange(asked, subject, ORDERS, issuer=ISSUER, confirmation=UNBOUND)
    if isinstance(found, Refused):
        assert found.reason == outcome
    else:
        assert isinstance(found, Exchange)
        assert found.scope == outcome or str(found.act).count("sub") == outcome


def test_a_request_is_read_once_and_in_order() -> None:
    sent = {"subject_token": "t", "subject_token_type": ACCESS_TOKEN, "audience": f"{MAIL} {STOCK}", "resource": MAIL}
    assert read_request(sent) == ExchangeRequest("t", (MAIL, STOCK), ())
