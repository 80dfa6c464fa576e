"""One session that voids tokens without end fills neither the feed nor anybody's memory, and loses what it voids."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from authsvc.rules.revocation.token_entries import MOST_TOKEN_ENTRIES
from authsvc.store.revocation import revocations
from authsvc.store.revocation.revocations import Bearer
from authsvc_devkit.servers import Servers
from tests.support.service import BACKEND, Service, service


@pytest_asyncio.fixture
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        yield running


async def access_tokens(house: Service, tokens: dict[str, Any], count: int) -> list[str]:
    """The same refresh again and again: each answer has an access token of its own."""
    found = []
    for _ in range(count):
        answer = await house.refresh(tokens["refresh_token"])
        assert answer.status_code == 200
        found.append(answer.json()["access_token"])
    return found


async def revoke(house: Service, token: str, client_id: str = "customer") -> None:
    answer = await house.http.post("/revoke", data={"client_id": client_id, "token": token})
    assert (answer.status_code, answer.json()) == (200, {})


async def entries(house: Service) -> Counter[str]:
    return Counter(row["kind"] for row in await house.sql.fetch("SELECT kind FROM revocations"))


async def test_a_session_that_voids_its_tokens_one_by_one_leaves_so_many_entries_and_one_for_the_rest(
    house: Service,
) -> None:
    mine, bystander = await house.login(), await house.login()
    tokens = await access_tokens(house, mine, MOST_TOKEN_ENTRIES + 20)
    for token in tokens[:MOST_TOKEN_ENTRIES]:
        await revoke(house, token)
    assert await entries(house) == {"token": MOST_TOKEN_ENTRIES}
    assert await house.active(tokens[-1])
    await revoke(house, tokens[MOST_TOKEN_ENTRIES])
    assert await entries(house) == {"token": MOST_TOKEN_ENTRIES, "grant": 1}
    for token in tokens:
        assert not await house.active(token)
        await revoke(house, token)
    assert await entries(house) == {"token": MOST_TOKEN_ENTRIES, "grant": 1}
    assert await house.active(bystander["access_token"])
    await revoke(house, bystander["access_token"])
    assert await entries(house) == {"token": MOST_TOKEN_ENTRIES + 1, "grant": 1}


async def test_the_session_goes_on_with_tokens_of_the_next_second(house: Service) -> None:
    mine = await house.login()
    tokens = await access_tokens(house, mine, MOST_TOKEN_ENTRIES + 1)
    for token in tokens:
        await revoke(house, token)
    async with asyncio.timeout(5):
        while not await house.active((await access_tokens(house, mine, 1))[0]):
            await asyncio.sleep(0.1)


async def test_ending_a_grant_again_and_again_within_a_second_is_told_once(house: Service) -> None:
    """As an app does that is allowed, redeems its code and revokes its refresh token, in a loop."""
    subject = f"{uuid4()}:partner"
    async with house.sql.transaction():  # now() stands still in it
        for _ in range(5):
            await house.sql.execute("SELECT revoke('grant', $1, 'revoked')", subject)
    assert await entries(house) == {"grant": 1}
    await house.sql.execute("UPDATE revocations SET not_before = not_before - interval '2 seconds'")
    await house.sql.execute("SELECT revoke('grant', $1, 'revoked')", subject)
    assert await entries(house) == {"grant": 2}


async def test_tokens_of_no_session_are_voided_one_by_one(house: Service) -> None:
    for _ in range(MOST_TOKEN_ENTRIES + 2):
        answer = await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
        token = answer.json()["access_token"]
        assert (await house.http.post("/revoke", data={"token": token}, auth=BACKEND)).status_code == 200
        assert not await house.active(token)
    assert await entries(house) == {"token": MOST_TOKEN_ENTRIES + 2}


@pytest.mark.parametrize("ahead", [-5, 0, 5])
async def test_the_entry_for_all_voids_the_token_that_was_shown_whatever_its_clock_said(
    house: Service, ahead: int
) -> None:
    session, now = str(uuid4()), int(house.runtime.clock.seconds())
    for number in range(MOST_TOKEN_ENTRIES):
        await revocations.revoke_token(house.runtime.db, Bearer(f"t{number}", "customer", now, session, None), 600)
    last = Bearer("last", "customer", now + ahead, session, None)
    entry, _ = await revocations.revoke_token(house.runtime.db, last, 600)
    assert (entry.kind, entry.subject) == ("grant", f"{session}:customer")
    assert entry.not_before >= last.issued_at
    assert entry.keep_seconds > 1800
    assert await revocations.is_revoked(house.runtime.db, last)
    again, _ = await revocations.revoke_token(house.runtime.db, last, 600)
    assert (again.kind, again.subject, again.not_before) == (entry.kind, entry.subject, entry.not_before)
    assert not await revocations.is_revoked(house.runtime.db, Bearer("x", "partner", now, session, None))
