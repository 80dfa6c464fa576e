"""Services that verify tokens themselves refuse those of a person who has deleted their account, within a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import httpx2
import pytest

from authsvc_devkit import demo
from authsvc_devkit.servers import Servers
from authsvc_verifier import InvalidToken, Verifier
from tests.support.busy import again_when_busy, prompt
from tests.support.fleet import FOLLOWING
from tests.support.login_steps import fields, tokens_for
from tests.verifiers.conftest import House, open_house


@pytest.fixture
async def deleting(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[House]:
    async with open_house(servers, {**base_env, "AUTHSVC_ACCOUNT_DELETION": "on"}) as opened:
        yield opened


@again_when_busy
async def test_the_tokens_of_a_deleted_account_are_dead_at_a_verifier_within_a_second(deleting: House) -> None:
    async with (
        httpx2.AsyncClient(base_url=deleting.issuer, trust_env=False) as http,
        httpx2.AsyncClient(base_url=deleting.issuer, trust_env=False) as phone,
        Verifier(deleting.issuer, audience=demo.ORDERS, **FOLLOWING) as verifier,
    ):
        tokens = [(await tokens_for(one))["access_token"] for one in (http, phone)]
        for token in tokens:
            await verifier.verify(token)
        csrf = fields(await http.get("/account/delete"))["csrf"]
        assert (await http.post("/account/delete", data={"csrf": csrf})).status_code == 200
        started = monotonic()
        for token in tokens:
            while True:
                try:
                    await verifier.verify(token)
                except InvalidToken as error:
                    assert error.reason == "revoked_session"
                    break
                assert monotonic() - started < 5
                await asyncio.sleep(0.02)
        prompt(monotonic() - started < 1)
