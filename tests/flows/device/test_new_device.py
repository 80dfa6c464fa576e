"""A person is told of the session that a device got, as of a login on a new device, in one transaction with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio

from authsvc_devkit.servers import Servers
from tests.flows.token.refresh.wire import Wire, service_behind
from tests.support.devices import BARTENDER, ask, browser, decide, poll
from tests.support.letters import letters
from tests.support.login_steps import is_page, submit
from tests.support.service import Service, service

HERE = "198.51.100.20"
"""Where the terminals of `ask` are."""


@pytest_asyncio.fixture
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    mails = {"smtp_url": "smtp://localhost:9", "mail_from": "mail@bar.example"}
    async with service(servers, base_env, **mails) as running:
        yield running


async def told(house: Service) -> list[tuple[str, str]]:
    """Device and address of each notice to the bartender, the oldest first."""
    mails = [one for one in await letters(house.runtime, BARTENDER) if one.template == "notice_new_device"]
    return [(one.values["device"], one.values["address"]) for one in reversed(mails)]


@asynccontextmanager
async def a_full_disk_for(house: Service, table: str) -> AsyncIterator[None]:
    """Nothing can be written to a table for a while."""
    await house.sql.execute(f"""
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk()""")
    yield
    await house.sql.execute(f"DROP TRIGGER full_disk ON {table}; DROP FUNCTION full_disk")


async def test_the_person_is_told_of_the_device_and_not_of_polls(house: Service) -> None:
    asked = await ask(house)
    await poll(house.http, asked["device_code"])
    await decide(await browser(house), asked["user_code"])
    assert await told(house) == [], "nothing has begun yet"
    assert (await poll(house.http, asked["device_code"])).status_code == 200
    ((device, address),) = await told(house)
    assert device.startswith("Terminal")
    assert address == HERE
    await poll(house.http, asked["device_code"])
    assert len(await told(house)) == 1
    row = await house.sql.fetchrow("SELECT * FROM audit_events WHERE event = 'new_device_login'")
    assert row["actor"] == f"user:{row['user_id']}"
    assert json.loads(row["detail"]) == {"device": device, "address": HERE}
    opened = await house.sql.fetchval("SELECT id FROM user_sessions WHERE ip_address = $1", HERE)
    assert row["session_id"] == opened


async def test_a_denied_device_is_not_told(house: Service) -> None:
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"], "deny")
    assert (await poll(house.http, asked["device_code"])).status_code == 400
    assert await told(house) == []


async def test_the_same_device_at_the_same_address_is_told_once_a_day(house: Service) -> None:
    http = await browser(house)
    for _ in range(3):
        asked = await ask(house)
        await decide(http, asked["user_code"])
        assert (await poll(house.http, asked["device_code"])).status_code == 200
    assert len(await told(house)) == 1


async def test_not_me_ends_what_the_device_got(house: Service) -> None:
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"])
    tokens = (await poll(house.http, asked["device_code"])).json()
    http = house.caller()
    (mail,) = await letters(house.runtime, BARTENDER)
    page = await http.get(mail.link)
    assert is_page(page, "/proof")
    assert (await submit(http, page, "/proof")).status_code == 200
    assert not await house.active(tokens["access_token"])
    assert (await house.refresh(tokens["refresh_token"], "terminal")).status_code == 400


async def test_no_session_begins_that_nobody_is_told_of(house: Service) -> None:
    """The code is not used up by it: the device asks again, and has lost nothing."""
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"])
    before = await house.sql.fetchval("SELECT count(*) FROM user_sessions")
    for table in ("audit_events", "mailed_proofs", "mails"):
        async with a_full_disk_for(house, table):
            answer = await poll(house.http, asked["device_code"])
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert await house.sql.fetchval("SELECT count(*) FROM user_sessions") == before
        house.runtime.db._open_until = 0.0
    assert (await poll(house.http, asked["device_code"])).status_code == 200
    assert len(await told(house)) == 1


async def test_a_poll_that_waits_is_one_statement_in_one_round_trip(settings_env: dict[str, str], wire: Wire) -> None:
    async with service_behind(settings_env, wire) as (_, http):
        answer = await http.post("/device_authorization", data={"client_id": "terminal"})
        code = answer.json()["device_code"]
        assert (await poll(http, code)).status_code == 400
        wire.reset()
        for _ in range(5):
            assert (await poll(http, code)).status_code == 400
        assert (wire.statements, wire.round_trips) == (5, 5)
