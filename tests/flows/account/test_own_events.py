"""A person reads what happened to their own account, and of nobody else's."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from html import unescape
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from authsvc.flows.operator import change_users, manage_users
from authsvc.rules.people.own_events import KINDS, THEFTS
from authsvc.runtime import Runtime
from authsvc.store.account.own_events import _NEWEST, _RECORDED
from tests.support.busy import again_when_busy, prompt
from tests.support.letters import another
from tests.support.login_steps import EMAIL, PASSWORD, press, tokens_for
from tests.support.service import LOGIN

NEW = "a new one, quite long"
CHANGE = {"current_password": PASSWORD, "new_password": NEW, "repeat_password": NEW}
OTHER = "bartender@example.com"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
ITEM = re.compile(r"<li>\s*<p>(.*?)</p>\s*<p class=\"hint\">(.*?)</p>\s*</li>", re.DOTALL)


def bare(markup: str) -> str:
    spaced = re.sub(r"</(dt|dd|p|h2|li)>", " ", markup)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", spaced)).split())


async def events(http: httpx2.AsyncClient, path: str = "/account/events") -> list[tuple[str, str]]:
    """What the page tells, the newest first: what, and where."""
    page = await http.get(path)
    assert page.status_code == 200, page.headers
    return [(bare(what), bare(where)) for what, where in ITEM.findall(page.text)]


async def what(http: httpx2.AsyncClient, path: str = "/account/events") -> list[str]:
    return [one for one, _ in await events(http, path)]


async def json_login(http: httpx2.AsyncClient, **headers: str) -> dict[str, Any]:
    done = await http.post("/api/auth/login", json=LOGIN, headers=headers)
    assert done.status_code == 200
    found: dict[str, Any] = done.json()
    return found


async def reuse(http: httpx2.AsyncClient, tokens: dict[str, Any], client_id: str = "customer") -> None:
    """The owner goes on for two steps; then somebody shows the token that was copied before."""
    form = {"grant_type": "refresh_token", "client_id": client_id}
    current = tokens["refresh_token"]
    for _ in range(4):
        answer = await http.post("/token", data={**form, "refresh_token": current})
        assert answer.status_code == 200
        current = answer.json()["refresh_token"]
    stolen = await http.post("/token", data={**form, "refresh_token": tokens["refresh_token"]})
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")


async def test_a_new_account_has_nothing_to_tell_and_nobody_sees_it_without_login(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/account/events")).headers["location"] == "/login?next=/account"
    await tokens_for(http)
    assert await what(http) == []
    assert "Nothing has happened yet." in (await http.get("/account/events")).text
    assert "Recent activity" not in (await http.get("/account")).text


async def test_a_login_on_a_new_device_is_told_with_device_and_address(
    runtime: Runtime, http: httpx2.AsyncClient
) -> None:
    """No mail server is named: the page tells all the same."""
    assert not runtime.settings.smtp_url
    await tokens_for(http)
    async with another(http) as elsewhere:
        await json_login(elsewhere, **{"user-agent": FIREFOX})
    ((told, where),) = await events(http)
    assert told == "Signed in on a new device"
    assert "UTC · Firefox on Windows · 192.0.2.7" in where
    assert "Signed in on a new device" in (await http.get("/account")).text


async def test_a_program_without_cookies_is_on_record_once_a_day(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    for _ in range(3):
        async with another(http) as elsewhere:
            await json_login(elsewhere)
    assert await what(http) == ["Signed in on a new device"]
    await sql.execute("UPDATE audit_events SET at = at - interval '25 hours'")
    async with another(http) as elsewhere:
        await json_login(elsewhere)
    assert len(await what(http)) == 2


async def test_what_the_person_and_the_operators_do_is_told_with_who_did_it(
    runtime: Runtime, http: httpx2.AsyncClient
) -> None:
    await tokens_for(http)
    async with another(http) as elsewhere:
        await tokens_for(elsewhere)
    await press(http, "/account/sessions/end-others")
    assert (await press(http, "/account/password", **CHANGE)).status_code == 303
    await change_users.rename(runtime, "cli:root", EMAIL, "Somebody Else")
    await change_users.verify(runtime, "cli:root", EMAIL)
    told = await events(http)
    assert [one for one, _ in told] == [
        "E-mail address confirmed (by the people who run this service)",
        "Name changed (by the people who run this service)",
        "Password changed",
        "All other sessions ended",
        "Signed in on a new device",
    ]
    assert "192.0.2.7" in told[2][1]


async def test_a_session_that_was_ended_is_told_by_its_device(runtime: Runtime, http: httpx2.AsyncClient) -> None:
    await tokens_for(http)
    async with another(http) as elsewhere:
        first = await json_login(elsewhere, **{"user-agent": FIREFOX})
    async with another(http) as elsewhere:
        second = await json_login(elsewhere, **{"user-agent": FIREFOX})
    assert (await press(http, "/account/sessions/end", session=first["session_id"])).status_code == 303
    assert await manage_users.end_session(runtime, "cli:root", UUID(second["session_id"]))
    told = await events(http)
    assert [one for one, _ in told[:2]] == [
        "A session ended (by the people who run this service)",
        "A session ended",
    ]
    assert all("Firefox on Windows · 192.0.2.7" in where for _, where in told[:2])


async def test_in_german(http: httpx2.AsyncClient) -> None:
    await tokens_for(http)
    async with another(http) as elsewhere:
        await json_login(elsewhere)
    http.headers["accept-language"] = "de"
    assert await what(http) == ["Anmeldung mit einem neuen Gerät"]


# Theft


@again_when_busy
async def test_a_theft_is_on_the_account_page_within_two_seconds_with_device_and_apps(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    async with another(http) as phone:
        phone.headers["user-agent"] = FIREFOX
        stolen = await tokens_for(phone)
        await tokens_for(phone, "partner")
        await reuse(phone, stolen)
        started = monotonic()
    page = (await http.get("/account")).text
    prompt(monotonic() - started < 2)
    text = bare(page)
    assert "We ended a session of yours" in text
    assert "Device of the session Firefox on Windows" in text
    assert "Signed out of Customer, Partner" in text
    at = await sql.fetchval("SELECT at FROM audit_events WHERE event = 'refresh_token_reuse'")
    assert f"When {at.day} {at:%B %Y, %H:%M} UTC" in text
    told = await events(http)
    assert told[0][0] == "Copied sign-in found, session ended"
    http.headers["accept-language"] = "de"
    assert "Abgemeldet von Customer, Partner" in bare((await http.get("/account")).text)


async def test_a_theft_found_by_many_at_once_is_told_once(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    async with another(http) as phone:
        stolen = await tokens_for(phone)
        await reuse(phone, stolen)
    await sql.execute(
        """INSERT INTO audit_events (event, actor, user_id, client_id, session_id, detail)
           SELECT event, actor, user_id, client_id, session_id, '{}' FROM audit_events
           WHERE event = 'refresh_token_reuse'"""
    )
    page = (await http.get("/account")).text
    assert page.count("We ended a session of yours") == 1
    assert "Signed out of Customer" in bare(page)
    assert (await what(http)).count("Copied sign-in found, session ended") == 1


async def test_a_theft_leaves_the_head_of_the_page_after_two_weeks(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    async with another(http) as phone:
        await reuse(phone, await tokens_for(phone))
    await sql.execute("UPDATE audit_events SET at = now() - interval '15 days'")
    page = (await http.get("/account")).text
    assert "We ended a session of yours" not in page
    assert "Copied sign-in found, session ended" in page


# Attacks


async def test_another_persons_events_are_not_shown(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    """SECURITY.md item 30. Nor by naming one of theirs as the place to go on from."""
    await tokens_for(http)
    async with another(http) as theirs:
        await tokens_for(theirs, email=OTHER)
        await press(theirs, "/account/password", **CHANGE)
        assert await what(theirs) == ["Password changed"]
        event = await sql.fetchval("SELECT max(id) FROM audit_events")
        assert await what(http) == []
        assert await what(http, f"/account/events?before={event}") == []
        assert await what(http, f"/account/events?before={event + 1}") == []
        assert "Password changed" not in (await http.get("/account")).text


async def test_an_event_shows_no_session_of_somebody_else(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    async with another(http) as theirs:
        theirs.headers["user-agent"] = FIREFOX
        await tokens_for(theirs, email=OTHER)
    await tokens_for(http)
    await sql.execute(
        """INSERT INTO audit_events (event, actor, user_id, session_id)
           SELECT 'session_ended', 'cli:root', u.id, s.id FROM users u, user_sessions s JOIN users o ON o.id = s.user_id
           WHERE u.email = $1 AND o.email = $2""",
        EMAIL,
        OTHER,
    )
    ((_, where),) = await events(http)
    assert where.endswith("UTC")


async def test_odd_places_to_go_on_from_are_the_beginning(http: httpx2.AsyncClient) -> None:
    await tokens_for(http)
    await press(http, "/account/password", **CHANGE)
    for odd in ("x", "-1", "", "9" * 30, "١٢", "1e3", "'; DROP TABLE users; --"):
        page = await http.get("/account/events", params={"before": odd})
        assert page.status_code == 200
        assert "Password changed" in page.text


async def test_devices_and_names_of_strangers_are_inert(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    """SECURITY.md item 32."""
    await tokens_for(http)
    bad = "<script>alert(1)</script>\u202egnp"
    async with another(http) as elsewhere:
        info = {**LOGIN, "device_info": bad.replace("\u202e", "")}
        assert (await elsewhere.post("/api/auth/login", json=info)).status_code == 200
    await sql.execute("UPDATE audit_events SET detail = jsonb_set(detail, '{device}', to_jsonb($1::text))", bad)
    await sql.execute("UPDATE clients SET name = $1", bad)
    await sql.execute("UPDATE audit_events SET client_id = 'customer', event = 'refresh_token_reuse'")
    for path in ("/account", "/account/events"):
        page = await http.get(path)
        assert "<script>" not in page.text
        assert "\u202e" not in page.text
        assert "<script>alert(1)</script>gnp" in unescape(page.text)
        assert page.headers["cache-control"] == "no-store"


# Many


async def test_twenty_are_shown_a_page_and_none_twice(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    await sql.execute(
        """INSERT INTO audit_events (event, actor, user_id, at, detail)
           SELECT 'password_set', 'cli:root', u.id, now() - n / 3 * interval '1 day',
                  jsonb_build_object('device', 'device ' || n)
           FROM users u, generate_series(1, 45) n WHERE u.email = $1""",
        EMAIL,
    )
    seen, path = [], "/account/events"
    for expected in (20, 20, 5):
        page = await http.get(path)
        found = re.findall(r"device (\d+)<", page.text)
        assert len(found) == expected
        seen += found
        path = next(iter(re.findall(r'href="(/account/events\?before=\d+)"', page.text)), "")
    assert path == ""
    assert sorted(map(int, seen)) == list(range(1, 46))
    shown = (await http.get("/account")).text
    assert len(re.findall(r"device \d+<", shown)) == 5
    assert 'href="/account/events"' in shown


async def test_they_are_found_by_the_index(sql: asyncpg.Connection) -> None:
    await sql.execute(
        "INSERT INTO audit_events (event, actor, user_id) SELECT 'password_set', 'x', gen_random_uuid() "
        "FROM generate_series(1, 20000)"
    )
    await sql.execute("ANALYZE audit_events")
    user = await sql.fetchval("SELECT id FROM users LIMIT 1")
    kinds, days = list(KINDS), timedelta(days=14)
    for statement, values in ((_RECORDED, (kinds, 0, 21)), (_NEWEST, (kinds, 6, list(THEFTS), days, 20))):
        plan = await sql.fetch(f"EXPLAIN {statement}", user, *values)
        text = "\n".join(line[0] for line in plan)
        assert "audit_events_of_user" in text
        assert "Seq Scan on audit_events" not in text


async def test_parallel_logins_without_cookies_all_get_in(http: httpx2.AsyncClient) -> None:
    await tokens_for(http)
    browsers = [another(http) for _ in range(6)]
    opened = [await one.__aenter__() for one in browsers]
    await asyncio.gather(*(json_login(one) for one in opened))
    for one in browsers:
        await one.__aexit__(None, None, None)
    assert set(await what(http)) == {"Signed in on a new device"}


async def test_who_is_removed_takes_devices_and_addresses_along(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    assert (await press(http, "/account/password", **CHANGE)).status_code == 303
    assert await sql.fetchval("SELECT detail ? 'address' FROM audit_events WHERE event = 'password_set'")
    async with another(http) as theirs:
        await tokens_for(theirs, email=OTHER)
        await press(theirs, "/account/password", **CHANGE)
    await sql.execute("DELETE FROM users WHERE email = $1", EMAIL)
    rows = await sql.fetch("SELECT user_id, detail FROM audit_events WHERE event = 'password_set' ORDER BY id")
    assert rows[0]["user_id"] is not None
    assert "address" not in rows[0]["detail"]
    assert "device" not in rows[0]["detail"]
    assert "sessions" in rows[0]["detail"]
    assert "address" in rows[1]["detail"]
