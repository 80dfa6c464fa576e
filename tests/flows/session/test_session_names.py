"""Pairwise clients know a session (`sid`) by a name of their sector: two of them cannot tell by it that they serve one
person, and whoever ends the session voids the tokens under each name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import asyncpg
import httpx2
import jwt
import pytest
import pytest_asyncio

from authsvc.flows.caller.check_revoked import asked_postgres
from authsvc.flows.session.end_all import resume_ending
from authsvc.flows.session.publish_revocation import publish_revocation
from authsvc.rules.client_record import Client
from authsvc.rules.device.codes import GRANT_TYPE as DEVICE_CODE
from authsvc.rules.token.exchange import ACCESS_TOKEN
from authsvc.rules.token.exchange import GRANT_TYPE as TOKEN_EXCHANGE
from authsvc.rules.token.session_name import session_name, session_named
from authsvc.rules.token.subject import subject_of
from authsvc.store.caller import clients
from authsvc.store.factors import held
from authsvc.store.session import endings, sessions
from authsvc_devkit.servers import Servers
from tests.support import devices
from tests.support.clients import flat_client
from tests.support.login_steps import CALLBACK, Pkce, code_for, press, redeem, tokens_for
from tests.support.logouts import courier, wants_to_know
from tests.support.receiver import receiver
from tests.support.seconds import second_begins
from tests.support.service import Service, bearer, service

STOCK = "https://stock.example"
SALT = b"s" * 32
DESK = ("desk", "desk-secret")


def _client(name: str, sector: str, *, first_party: bool = True, **policy: Any) -> Client:
    return flat_client(
        id=name,
        name=name.title(),
        redirect_uris=(CALLBACK,),
        grant_types=frozenset({"authorization_code", "refresh_token", DEVICE_CODE}),
        scopes=("openid", "email", "offline_access"),
        first_party=first_party,
        subject_type="pairwise",
        sector=sector,
        post_logout_redirect_uris=(CALLBACK,),
        **{"kind": "public", **policy},
    )


CLIENTS = (
    _client("one", "a.example"),
    _client("two", "b.example"),
    _client("three", "a.example"),
    _client("guest", "c.example", first_party=False),
    _client(
        "desk",
        "",
        kind="confidential",
        secret_hashes=(sha256(b"desk-secret").digest(),),
        introspection=True,
        audiences=("https://desk.example",),
    ),
    flat_client(
        id="orders",
        name="Orders",
        kind="confidential",
        secret_hashes=(sha256(b"orders-secret").digest(),),
        grant_types=frozenset({TOKEN_EXCHANGE}),
        scopes=("openid", "email"),
        exchange_audiences=(STOCK,),
        exchange_subjects=("http://localhost:8000",),
    ),
)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        async with running.runtime.db.transaction() as connection:
            for client in CLIENTS:
                await clients.add(connection, client)
        yield running


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def sid_of(tokens: dict[str, Any], kind: str = "access_token") -> str:
    return str(claims_of(tokens[kind])["sid"])


async def login(http: httpx2.AsyncClient, client_id: str) -> dict[str, Any]:
    return await tokens_for(http, client_id, scope="openid email" + " offline_access" * (client_id == "guest"))


async def all_in_one(house: Service) -> tuple[httpx2.AsyncClient, dict[str, dict[str, Any]], UUID]:
    """A browser in which one person is logged in at every client, what each of them got, and the session."""
    http = house.caller()
    tokens = {name: await login(http, name) for name in ("customer", "one", "two", "three", "guest")}
    return http, tokens, UUID(sid_of(tokens["customer"]))


async def alive(house: Service, tokens: dict[str, dict[str, Any]]) -> set[str]:
    """Whose access tokens are good."""
    return {name for name, one in tokens.items() if await house.active(one["access_token"])}


# What the tokens say


async def test_a_login_within_the_second_in_which_a_name_was_revoked_gets_tokens_that_live(house: Service) -> None:
    """As after the 65th access token that a client revokes: one entry by the name that its tokens say."""
    http = house.caller()
    before = await tokens_for(http, "one", scope="openid")
    sid = jwt.decode(before["access_token"], options={"verify_signature": False})["sid"]
    await second_begins(house)
    await house.sql.execute(
        """INSERT INTO revocations (kind, subject, expires_at, reason)
           VALUES ('grant', $1, now() + interval '1 hour', 'revoked')""",
        f"{sid}:one",
    )
    fresh = await tokens_for(http, "one", scope="openid")
    await asyncio.sleep(1.1)  # every worker has heard of it
    assert await house.active(fresh["access_token"])
    assert not await house.active(before["access_token"])


async def test_clients_of_two_sectors_are_told_two_names_of_one_session(house: Service) -> None:
    _, tokens, session = await all_in_one(house)
    names = {name: sid_of(one, "id_token") for name, one in tokens.items()}
    assert names == {name: sid_of(one) for name, one in tokens.items()}, "in ID tokens and access tokens alike"
    assert names["one"] == names["three"]
    assert len({names[name] for name in ("one", "two", "guest", "customer")}) == 4
    assert names["customer"] == str(session), "to a client with public subjects the id, as ever"
    refreshed = (await house.refresh(tokens["one"]["refresh_token"], "one")).json()
    assert sid_of(refreshed) == names["one"]


async def test_another_session_has_another_name(house: Service) -> None:
    assert sid_of(await login(house.caller(), "one")) != sid_of(await login(house.caller(), "one"))


async def test_introspection_says_the_name_of_access_and_refresh_tokens(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce, "desk", scope="openid email")
    tokens = (await redeem(http, code, pkce, "desk", client_secret=DESK[1])).json()
    for kind in ("access_token", "refresh_token"):
        shown = await house.http.post("/introspect", data={"token": tokens[kind]}, auth=DESK)
        assert shown.json()["sid"] == sid_of(tokens), kind
        assert len(sid_of(tokens)) == 43


async def test_a_device_and_a_login_by_password_are_told_names_too(house: Service) -> None:
    asked = await devices.ask(house, "one")
    http = await devices.browser(house)
    await devices.decide(http, asked["user_code"])
    by_device = (await devices.poll(house.http, asked["device_code"], "one")).json()
    by_password = await house.login(client_id="one")
    for tokens in (by_device, by_password):
        session = await house.sql.fetchval("SELECT session_id FROM grants WHERE session_name = $1", sid_of(tokens))
        assert sid_of(tokens) == session_name(CLIENTS[0], session, house.runtime.following.subject_salt)
        assert await house.me(tokens["access_token"]) == 200
        await house.sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", session)
        assert await dead(house, tokens)


async def test_our_own_endpoints_find_the_session_by_its_name(house: Service) -> None:
    _, tokens, session = await all_in_one(house)
    mine = tokens["one"]["access_token"]
    assert (await house.http.get("/userinfo", headers=bearer(mine))).json()["email"] == "test@example.com"
    listed = (await house.http.get("/api/auth/sessions", headers=bearer(mine))).json()["sessions"]
    assert [one["id"] for one in listed if one["current"]] == [str(session)]
    answer = await house.http.delete("/api/auth/sessions/" + sid_of(tokens["two"]), headers=bearer(mine))
    assert answer.status_code == 404, "another sector's name says nothing here"
    assert await alive(house, tokens) == tokens.keys()
    answer = await house.http.delete("/api/auth/sessions/" + sid_of(tokens["one"]), headers=bearer(mine))
    assert answer.status_code == 204
    assert await alive(house, tokens) == set()


# Every way to end a session ends it under each name


async def _logout(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any], session: UUID) -> None:
    hint = {"id_token_hint": tokens["two"]["id_token"], "post_logout_redirect_uri": CALLBACK}
    answer = await http.get("/logout?" + urlencode(hint))
    assert answer.headers["location"] == CALLBACK, "a hint that names this very session: nobody is asked"


async def _logout_by_bearer(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any], session: UUID) -> None:
    await house.http.post("/api/auth/logout", headers=bearer(tokens["one"]["access_token"]))


async def _reuse(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any], session: UUID) -> None:
    await house.sql.execute("UPDATE clients SET refresh_grace_seconds = 0 WHERE id = 'two'")
    await asyncio.sleep(0.6)  # each worker's memory of clients
    for _ in range(2):
        await house.refresh(tokens["two"]["refresh_token"], "two")
    await house.sql.execute("UPDATE clients SET refresh_grace_seconds = NULL WHERE id = 'two'")


async def _end_others(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any], session: UUID) -> None:
    other = await house.login()
    answer = await house.http.delete("/api/auth/sessions", headers=bearer(other["access_token"]))
    assert answer.json()["ended"] >= 1


def _by_hand(statement: str) -> Callable[..., Awaitable[None]]:
    async def end(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any], session: UUID) -> None:
        await house.sql.execute(statement, session)

    return end


async def _disabled(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any], session: UUID) -> None:
    await house.sql.execute("UPDATE users SET disabled_at = now() WHERE email = 'test@example.com'")
    await house.sql.execute("UPDATE users SET disabled_at = NULL WHERE email = 'test@example.com'")


ACKNOWLEDGED = {"logout": _logout, "by_bearer": _logout_by_bearer, "reuse": _reuse, "end_others": _end_others}
BY_SQL = {
    "update": _by_hand("UPDATE user_sessions SET is_active = false WHERE id = $1"),
    "delete": _by_hand("DELETE FROM user_sessions WHERE id = $1"),
    "batch": _by_hand("SELECT end_sessions(ARRAY[$1::uuid], 'operator')"),
    "disabled": _disabled,
}


async def dead(house: Service, *tokens: dict[str, Any], seconds: float = 1.0) -> bool:
    """Whether all are refused within a second."""
    for _ in range(int(seconds / 0.1)):
        if not any([await house.active(one["access_token"]) for one in tokens]):
            return True
        await asyncio.sleep(0.1)
    return False


async def named(house: Service, names: set[str]) -> set[str]:
    """Which of these sessions the snapshot of the feed says have ended."""
    found = (await house.http.get("/revocations")).json()["revocations"]
    return {one["subject"] for one in found if one["kind"] == "session"} & names


@pytest.mark.parametrize("way", [*ACKNOWLEDGED, *BY_SQL])
async def test_whoever_ends_the_session_voids_the_tokens_of_every_client(house: Service, way: str) -> None:
    http, tokens, session = await all_in_one(house)
    names = {sid_of(one) for one in tokens.values()}
    assert await alive(house, tokens) == tokens.keys()
    assert await named(house, names) == set()
    await (ACKNOWLEDGED | BY_SQL)[way](house, http, tokens, session)
    if way in ACKNOWLEDGED:
        assert await alive(house, tokens) == set(), "Redis is told of each name before the answer"
    assert await dead(house, *tokens.values())
    assert await named(house, names) == names
    await forget_redis(house)
    assert await alive(house, tokens) == set(), "by PostgreSQL, as Redis knows nothing"
    await filled_anew(house)
    for name in names:
        assert await house.redis_keys(f"{{rev}}:session:{name}")
    assert await alive(house, tokens) == set()


async def forget_redis(house: Service) -> None:
    """And what PostgreSQL said of living tokens while Redis did not answer, which is remembered for half a second."""
    asked_postgres.of(house.runtime).live_until.clear()
    keys = await house.redis_keys("*")
    await house.runtime.redis.command("DEL", *keys)


async def filled_anew(house: Service) -> None:
    """Wait for the set in Redis: the worker's own task may be at it."""
    async with asyncio.timeout(10):
        while not await house.redis_keys("{rev}:epoch"):
            await asyncio.sleep(0.05)


async def test_many_sessions_that_end_at_once_are_published_under_each_name(house: Service) -> None:
    people = [await login(house.caller(), "one") for _ in range(3)]
    user_id = await house.sql.fetchval("SELECT id FROM users WHERE email = 'test@example.com'")
    async with house.runtime.db.transaction() as connection:
        await endings.promise(connection, user_id, "user_disabled", keep=None)
    assert await resume_ending(house.runtime, user_id) >= 3
    assert not any([await house.active(one["access_token"]) for one in people])


@pytest.mark.parametrize("goes_on", [True, False])
async def test_what_a_removed_factor_ends_is_published_under_each_name(house: Service, goes_on: bool) -> None:
    _, tokens, session = await all_in_one(house)
    user_id = await house.sql.fetchval(
        "UPDATE user_sessions SET credentials = '{otp:one}' WHERE id = $1 RETURNING user_id", session
    )
    async with house.runtime.db.transaction() as connection:
        if goes_on:
            ended = await held.lower(connection, session, ["pwd"], ["otp:one"], "factor_removed")
        else:
            ended = await held.end_opened(connection, user_id, ["otp:one"], "factor_removed", keep=None)
    await publish_revocation(house.runtime, ended)
    assert await alive(house, tokens) == set()
    await forget_redis(house)
    assert await alive(house, tokens) == set(), "by PostgreSQL"


async def test_what_was_exchanged_for_a_named_session_ends_with_it(house: Service) -> None:
    tokens = await login(house.caller(), "one")
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": tokens["access_token"],
        "subject_token_type": ACCESS_TOKEN,
        "audience": STOCK,
    }
    exchanged = (await house.http.post("/token", data=form, auth=("orders", "orders-secret"))).json()
    assert sid_of(exchanged) == sid_of(tokens)
    assert await house.active(exchanged["access_token"])
    await house.http.post("/api/auth/logout", headers=bearer(tokens["access_token"]))
    assert not await house.active(exchanged["access_token"])


# What ends at one client alone


async def _hint_without_a_browser(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any]) -> None:
    await house.caller().get("/logout?" + urlencode({"id_token_hint": tokens["guest"]["id_token"]}))


async def _app_taken_back(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any]) -> None:
    assert (await press(http, "/account/apps/revoke", client_id="guest")).status_code == 303


async def _refresh_token_revoked(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any]) -> None:
    form = {"token": tokens["guest"]["refresh_token"], "client_id": "guest"}
    assert (await house.http.post("/revoke", data=form)).status_code == 200


async def _access_token_revoked(house: Service, http: httpx2.AsyncClient, tokens: dict[str, Any]) -> None:
    form = {"token": tokens["guest"]["access_token"], "client_id": "guest"}
    assert (await house.http.post("/revoke", data=form)).status_code == 200


@pytest.mark.parametrize(
    "way", [_hint_without_a_browser, _app_taken_back, _refresh_token_revoked, _access_token_revoked]
)
async def test_what_one_client_loses_the_others_keep(
    house: Service, way: Callable[[Service, httpx2.AsyncClient, dict[str, Any]], Awaitable[None]]
) -> None:
    http, tokens, session = await all_in_one(house)
    await house.sql.execute("UPDATE clients SET backchannel_logout_uri = 'http://127.0.0.1:9/x' WHERE id = 'guest'")
    await way(house, http, tokens)
    others = tokens.keys() - {"guest"}
    assert await alive(house, tokens) == others
    told = await house.sql.fetch("DELETE FROM outbox WHERE session_id = $1 RETURNING client_id, session_name", session)
    if way in (_hint_without_a_browser, _app_taken_back):
        assert [tuple(row) for row in told] == [("guest", sid_of(tokens["guest"]))]
    await house.sql.execute("UPDATE clients SET backchannel_logout_uri = NULL")
    await forget_redis(house)
    assert await alive(house, tokens) == others
    await filled_anew(house)
    assert await alive(house, tokens) == others


# Logout tokens


async def test_each_client_is_told_of_the_end_by_its_own_name(house: Service) -> None:
    async with receiver() as one, courier(house.runtime):
        for name in ("one", "two", "customer"):
            await wants_to_know(house.sql, name, one.url)
        try:
            http, tokens, session = await all_in_one(house)
            await _logout(house, http, tokens, session)
            await one.until(3)
            told = {claims_of(token)["aud"]: claims_of(token) for token in one.tokens}
            for name in ("one", "two", "customer"):
                hint = claims_of(tokens[name]["id_token"])
                assert (told[name]["sid"], told[name]["sub"]) == (hint["sid"], hint["sub"])
        finally:
            await house.sql.execute("UPDATE clients SET backchannel_logout_uri = NULL")


@pytest.mark.parametrize("way", ["update", "delete", "batch"])
async def test_a_client_that_knows_two_names_is_told_of_both(house: Service, way: str) -> None:
    http = house.caller()
    _, after, session = await upgraded(house, http)
    await house.sql.execute("UPDATE clients SET backchannel_logout_uri = 'http://127.0.0.1:9/x' WHERE id = 'one'")
    try:
        await BY_SQL[way](house, http, {}, session)
        rows = await house.sql.fetch("DELETE FROM outbox WHERE session_id = $1 RETURNING session_name", session)
        assert {row["session_name"] for row in rows} == {None, sid_of(after)}
    finally:
        await house.sql.execute("UPDATE clients SET backchannel_logout_uri = NULL")


# Grants of the version before


async def upgraded(house: Service, http: httpx2.AsyncClient) -> tuple[dict[str, Any], dict[str, Any], UUID]:
    """What a client has of a login that the previous version made, and of one in the same browser since."""
    old = await login(http, "one")
    session = session_named(sid_of(old), house.runtime.following.subject_salt)
    await house.sql.execute("UPDATE grants SET session_name = NULL WHERE session_id = $1", session)
    old = (await house.refresh(old["refresh_token"], "one")).json()
    return old, await login(http, "one"), session


async def test_a_grant_keeps_the_name_that_its_tokens_bear(house: Service) -> None:
    old, new, session = await upgraded(house, house.caller())
    assert sid_of(old) == str(session)
    assert len(sid_of(new)) == 43
    assert sid_of((await house.refresh(old["refresh_token"], "one")).json()) == str(session)
    for tokens in (old, new):
        assert (await house.http.get("/userinfo", headers=bearer(tokens["access_token"]))).status_code == 200
    await house.http.post("/api/auth/logout", headers=bearer(old["access_token"]))
    assert not any([await house.active(tokens["access_token"]) for tokens in (old, new)])


async def test_the_version_before_revokes_under_each_name_too(house: Service) -> None:
    """Its statements call `revoke` with the session's id."""
    _, tokens, session = await all_in_one(house)
    await house.sql.execute("SELECT revoke('grant', $1, 'revoked')", f"{session}:guest")
    assert await dead(house, tokens["guest"])
    assert await alive(house, tokens) == tokens.keys() - {"guest"}


# Races


async def test_a_grant_that_was_being_made_is_published_by_its_name(house: Service) -> None:
    """Whoever ends the session waits for it, and then knows its name, though the statement began before."""
    tokens = await login(house.caller(), "one")
    session = session_named(sid_of(tokens), house.runtime.following.subject_salt)
    other = await asyncpg.connect(house.env["AUTHSVC_DATABASE_URL"])
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT FROM user_sessions WHERE id = $1 FOR SHARE", session)
    await other.execute(
        """INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, session_name)
           VALUES ($1, $2, 'two', '{openid}', '{x}', 'x', now() + interval '1 day', 'made-meanwhile')""",
        uuid4(),
        session,
    )
    ending = asyncio.create_task(sessions.end(house.runtime.db, session, "logout"))
    await asyncio.sleep(0.3)
    assert not ending.done()
    await transaction.commit()
    await other.close()
    ended = await ending
    assert ended is not None
    assert set(ended.names) == {sid_of(tokens), "made-meanwhile"}
    await publish_revocation(house.runtime, ended)
    found = await house.sql.fetch("SELECT subject FROM revocations WHERE subject = ANY ($1)", list(ended.names))
    assert len(found) == 2


async def test_a_session_ended_twice_at_once_is_told_once_by_each_name(house: Service) -> None:
    _, tokens, session = await all_in_one(house)
    await asyncio.gather(*(sessions.end(house.runtime.db, session, "logout") for _ in range(4)))
    counted = await house.sql.fetch(
        "SELECT subject, count(*) AS n FROM revocations GROUP BY subject HAVING count(*) > 1"
    )
    assert not {row["subject"] for row in counted} & {sid_of(one) for one in tokens.values()}


# Rules


def test_a_name_is_read_by_whoever_has_the_salt_alone() -> None:
    session = uuid4()
    name = session_name(CLIENTS[0], session, SALT)
    assert name is not None
    assert len(name) == 43
    assert session_named(name, SALT) == session
    assert session_named(name, b"t" * 32) != session


def test_a_name_is_of_the_sector_and_of_the_session() -> None:
    one, two, three, guest, desk, orders = CLIENTS
    session = uuid4()
    name = session_name(one, session, SALT)
    assert name == session_name(three, session, SALT) == session_name(one, session, SALT)
    others = [session_name(two, session, SALT), session_name(one, uuid4(), SALT), session_name(one, session, b"t" * 32)]
    assert name not in others
    assert all(one is not None for one in others)
    # Neither half is the other sector's.
    assert str(name)[:21] != str(others[0])[:21]
    assert str(name)[22:] != str(others[0])[22:]
    assert session_name(desk, session, SALT) != session_name(guest, session, SALT)
    assert session_name(orders, session, SALT) is None, "a client with public subjects says the id"
    assert name != subject_of(one, session, SALT)


@pytest.mark.parametrize("text", ["", "x" * 42, "é" * 43, "A" * 42 + "=", "A" * 42 + "B", " " * 43])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        session_named(text, SALT)
