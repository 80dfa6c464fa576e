"""Whoever has more sessions than a statement can end in its time still ends them, and still changes the password."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authsvc import metrics
from authsvc.flows.account import sessions_and_apps
from authsvc.flows.ending import logout
from authsvc.flows.operator import manage_clients, manage_users
from authsvc.flows.upkeep import finish_endings
from authsvc_devkit.servers import Servers
from tests.support import devices
from tests.support.busy import again_when_busy, none_turned_away
from tests.support.login_steps import EMAIL, PASSWORD, enter, press, tokens_for
from tests.support.service import LOGIN, Service, bearer, service

MANY = 20_000
NEW = "a new one, quite long"
CHANGE = {"current_password": PASSWORD, "new_password": NEW, "repeat_password": NEW}


@pytest_asyncio.fixture
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, sessions_per_person=10_000) as running:
        yield running


async def begin_many(house: Service, count: int = MANY, client_id: str = "customer") -> None:
    """So many sessions of one person, each with a grant."""
    await house.sql.execute(
        """WITH s AS (
               INSERT INTO user_sessions (id, user_id, expires_at)
               SELECT gen_random_uuid(), u.id, now() + interval '7 days'
               FROM users u, generate_series(1, $2) WHERE u.email = $1 RETURNING id, expires_at)
           INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at)
           SELECT gen_random_uuid(), s.id, $3, '{}', '{}', '\\x00', s.expires_at FROM s""",
        EMAIL,
        count,
        client_id,
        timeout=120,
    )


async def left(house: Service) -> int:
    found: int = await house.sql.fetchval(
        """SELECT count(*) FROM user_sessions s JOIN users u ON u.id = s.user_id
           WHERE u.email = $1 AND (s.is_active OR EXISTS (SELECT FROM grants g
                                                          WHERE g.session_id = s.id AND NOT g.ended))""",
        EMAIL,
    )
    return found


async def browser_of(house: Service) -> httpx2.AsyncClient:
    """A browser with a recent login."""
    http = house.caller()
    await enter(http, await http.get("/login?next=/account"))
    return http


async def enters(house: Service, password: str) -> int:
    return (await house.caller().post("/api/auth/login", json={**LOGIN, "password": password})).status_code


@again_when_busy
async def test_20000_sessions_of_a_person_end_by_one_request(house: Service) -> None:
    mine = await house.login()
    await begin_many(house)
    answer = await house.http.delete("/api/auth/sessions", headers=bearer(mine["access_token"]))
    none_turned_away([answer])
    assert (answer.status_code, answer.json()) == (200, {"ended": MANY})
    assert await left(house) == 1
    assert await house.sql.fetchval("SELECT count(*) FROM revocations WHERE kind = 'session'") == MANY
    assert await house.active(mine["access_token"])
    assert await house.sql.fetchval("SELECT count(*) FROM endings") == 0


@again_when_busy
async def test_a_person_with_20000_sessions_changes_the_password(house: Service) -> None:
    http = await browser_of(house)
    await begin_many(house)
    answer = await press(http, "/account/password", **CHANGE)
    none_turned_away([answer])
    page = await http.get(answer.headers["location"])
    assert "Your other sessions have ended." in page.text
    assert await left(house) == 1
    assert [await enters(house, PASSWORD), await enters(house, NEW)] == [401, 200]


def counted() -> float:
    return metrics.REGISTRY.get_sample_value("authsvc_revocations_total", {"kind": "session"}) or 0.0


async def test_a_person_with_20000_sessions_is_disabled(house: Service) -> None:
    await begin_many(house)
    before = counted()
    assert await manage_users.disable(house.runtime, "tests", EMAIL) == MANY
    assert counted() - before == MANY
    assert await left(house) == 0
    assert await enters(house, PASSWORD) == 401


async def test_what_ended_before_a_timeout_stays_ended(house: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logout, "REQUEST_SECONDS", 0)
    await begin_many(house, 1200)
    mine = await house.login()
    lefts, statuses = [await left(house)], []
    while not statuses or statuses[-1] != 200:
        answer = await house.http.delete("/api/auth/sessions", headers=bearer(mine["access_token"]))
        statuses.append(answer.status_code)
        assert answer.status_code == 200 or answer.headers["retry-after"]
        lefts.append(await left(house))
    assert statuses == [503, 503, 200]
    assert lefts == [1201, 701, 201, 1]


async def test_a_new_password_counts_though_its_request_ends_too_soon_and_a_replica_ends_the_rest(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authsvc.flows.account.change_password.REQUEST_SECONDS", 0)
    await begin_many(house, 1200)
    http = await browser_of(house)
    answer = await press(http, "/account/password", **CHANGE)
    page = await http.get(answer.headers["location"])
    assert (page.status_code, "are being ended" in page.text) == (200, True)
    assert [await enters(house, PASSWORD), await enters(house, NEW)] == [401, 200]
    assert await left(house) == 702
    assert await finish_endings.finish_once(house.runtime) == 0, "the request may be at it still"
    await house.sql.execute("UPDATE endings SET begun_at = begun_at - interval '61 seconds'")
    await house.sql.execute("UPDATE user_sessions SET created_at = created_at - interval '61 seconds'")
    later = await house.sql.fetchval("SELECT count(*) FROM user_sessions s, endings e WHERE s.created_at > e.begun_at")
    assert later == 1, "who logged in with the new password is not meant"
    assert await finish_endings.finish_once(house.runtime) == 700
    assert await left(house) == 2
    assert (await http.get("/account")).status_code == 200
    assert await house.sql.fetchval("SELECT count(*) FROM endings") == 0


async def test_a_disabled_person_has_no_session_left_whatever_was_promised_before(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logout, "REQUEST_SECONDS", 0)
    await begin_many(house, 1100)
    mine = await house.login()
    await house.http.delete("/api/auth/sessions", headers=bearer(mine["access_token"]))
    await house.login()
    await house.sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", EMAIL)
    await house.sql.execute("UPDATE endings SET begun_at = begun_at - interval '61 seconds'")
    await house.sql.execute("UPDATE user_sessions SET created_at = created_at - interval '61 seconds'")
    await finish_endings.finish_once(house.runtime)
    assert await left(house) == 0


@pytest.mark.parametrize("way", ["json", "page", "device"])
async def test_a_login_beyond_the_ceiling_ends_the_sessions_used_longest_ago(
    servers: Servers, base_env: dict[str, str], way: str
) -> None:
    async with service(servers, base_env, sessions_per_person=3) as house:
        http = house.caller()
        tokens = await tokens_for(http, email="bartender@example.com")  # the browser that allows the device
        others = [await house.login(email="bartender@example.com", client_id="bartender") for _ in range(2)]
        await house.sql.execute(
            "UPDATE user_sessions SET last_activity = now() - interval '1 hour' WHERE id = $1", others[1]["session_id"]
        )
        if way == "json":
            await house.login(email="bartender@example.com", client_id="bartender")
        elif way == "page":
            await tokens_for(house.caller(), email="bartender@example.com")
        else:
            asked = await devices.ask(house)
            await devices.decide(http, asked["user_code"])
            assert (await devices.poll(house.http, asked["device_code"])).status_code == 200
        alive = [await house.active(one["access_token"]) for one in (tokens, *others)]
        assert alive == [True, True, False]
        reasons = await house.sql.fetch("SELECT end_reason FROM user_sessions WHERE NOT is_active")
        assert [row["end_reason"] for row in reasons] == ["too_many_sessions"]


async def test_the_ceiling_is_reached_from_far_above_and_the_list_names_every_session(
    servers: Servers, base_env: dict[str, str]
) -> None:
    async with service(servers, base_env, sessions_per_person=1200) as house:
        await begin_many(house, 1800)
        counts = []
        for _ in range(3):
            tokens = await house.login()
            answer = await house.http.get("/api/auth/sessions", headers=bearer(tokens["access_token"]))
            counts.append(len(answer.json()["sessions"]))
        assert counts == [1301, 1200, 1200]


async def grants_of(house: Service, client_id: str) -> int:
    found: int = await house.sql.fetchval("SELECT count(*) FROM grants WHERE client_id = $1 AND NOT ended", client_id)
    return found


@again_when_busy
async def test_a_consent_with_20000_sessions_is_taken_back(house: Service) -> None:
    http = house.caller()
    await tokens_for(http, "partner")
    await begin_many(house, client_id="partner")
    answer = await press(http, "/account/apps/revoke", client_id="partner")
    none_turned_away([answer])
    assert answer.status_code == 303, answer.text
    assert await grants_of(house, "partner") == 0
    assert await house.sql.fetchval("SELECT count(*) FROM consents") == 0
    assert await left(house) == MANY + 1


async def test_a_consent_stands_until_the_last_of_its_grants_has_ended(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the page would not show it any more, and nobody could finish."""
    monkeypatch.setattr(sessions_and_apps, "REQUEST_SECONDS", 0)
    await begin_many(house, 500, client_id="partner")
    http = house.caller()
    await tokens_for(http, "partner")
    done: list[Any] = []
    for _ in range(3):
        answer = await press(http, "/account/apps/revoke", client_id="partner")
        consents = await house.sql.fetchval("SELECT count(*) FROM consents")
        done.append((answer.status_code, await grants_of(house, "partner"), consents))
    assert done == [(503, 301, 1), (503, 101, 1), (303, 0, 0)]


async def test_a_client_with_20000_grants_is_removed_within_the_deadlines_of_a_request(house: Service) -> None:
    await begin_many(house, client_id="partner")
    assert await manage_clients.remove(house.runtime, "tests", "partner", seconds=60) is None
    assert await house.sql.fetchval("SELECT count(*) FROM grants WHERE client_id = 'partner'") == 0
    assert await house.sql.fetchval("SELECT count(*) FROM clients WHERE id = 'partner'") == 0
