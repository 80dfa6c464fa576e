"""People who register, recover, and prove who they are: in Chromium, with letters that came over SMTP, seen by a
service that verifies tokens by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR, PHR_ACR
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.browser.accounts import ORDERS, orders_service
from tests.browser.conftest import Apps
from tests.browser.frontend import App
from tests.conftest import copied_database
from tests.support.busy import again_when_busy, prompt
from tests.support.clients import flat_client
from tests.support.faultproxy import FaultProxy
from tests.support.fleet import VERIFIER
from tests.support.mail import mail_server, settings_of
from tests.support.replicas import Replicas

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]  # some 25 s each where nothing else runs


@pytest_asyncio.fixture(scope="module")
async def accounts(browser: str, stage: Path, servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Apps]:
    app = App()
    async with (
        copied_database(servers) as url,
        mail_server() as mails,
        FaultProxy(("127.0.0.1", 0), tcp=True) as proxy,
    ):
        issuer = f"http://localhost:{proxy.port}"
        env = settings_of(
            base_env,
            mails,
            AUTHSVC_DATABASE_URL=url,
            AUTHSVC_REDIS_PREFIX=f"accounts{os.getpid()}",
            AUTHSVC_ISSUER=issuer,
            AUTHSVC_REGISTRATION="open",
            AUTHSVC_ACCOUNT_DELETION="true",
        )
        replicas = Replicas(env)
        sql = await asyncpg.connect(url)
        try:
            await _register(sql, app)
            started = await asyncio.to_thread(replicas.start, 2)
            proxy.upstream = [("127.0.0.1", replica.port) for replica in started]
            async with orders_service(issuer, started, app.url, mails) as api:
                app.serve(issuer, stage, {}, api)
                places = {"browser": browser, "issuer": issuer, "app": app.url, "api": api}
                at = {f"replica{number}": replica.url for number, replica in enumerate(started)}
                yield Apps({**places, **at}, stage, proxy, sql)
        finally:
            app.close()
            await asyncio.to_thread(replicas.stop)
            await sql.close()


async def _register(sql: asyncpg.Connection, app: App) -> None:
    house = flat_client(
        id="house",
        name="House",
        kind="public",
        redirect_uris=app.redirect_uris("house"),
        grant_types=frozenset({"authorization_code", "refresh_token"}),
        scopes=("openid", "profile", "email"),
        audiences=(ORDERS,),
        first_party=True,
    )
    by_mail = replace(house, id="by-mail", name="By mail", login=replace(house.login, mail_code_login=True))
    for client in (house, by_mail, VERIFIER):
        assert await clients.add(sql, client)


@again_when_busy
async def test_a_person_from_registering_to_a_reset(accounts: Apps) -> None:
    said = await accounts.play("accounts.mjs", seconds=120)
    open_everywhere = {"verifiers": [200, 200], "replicas": [True, True]}
    nowhere = {"verifiers": [401, 401], "replicas": [False, False]}

    registered = said["registered"]
    assert (registered["email"], registered["name"]) == ("nora@example.com", "Nora Nightjar")
    assert registered["email_verified"] is True
    assert said["linkAgain"] == "This link is no longer good"
    assert said["firstAcr"] == PASSWORD_ACR
    assert (said["standing"], said["afterLogout"]) == (open_everywhere, "/login")

    assert said["byField"] == said["byButton"] == ["swk", "user", "mfa"]
    assert said["onPhone"] == PHR_ACR
    assert said["poor"] == PASSWORD_ACR
    assert said["answer"] == [201, {"acr": MFA_ACR, "drink": "Negroni"}], "sent again after the step-up, body and all"
    assert said["sameSession"] is True

    assert said["before"] == [open_everywhere, open_everywhere]
    for who in ("phone", "stepped"):
        doors, milliseconds = said[who]
        assert doors == nowhere, who
        prompt(milliseconds < 1000, "verifiers at both replicas hear of it within a second")
    assert said["phoneEnded"] == [None, ["session_over"]]

    assert said["recoveryCodes"] == 10
    assert said["notYet"] == 303, "a new password alone opens nothing"
    assert said["events"] == [
        "Password chosen by mail",
        "Recovery code used",
        "New recovery codes made",
        "Authenticator app added",
        "Passkey removed",
        "Signed in on a new device",
        "Passkey added",
        "Account created",
    ]
    assert said["letters"] == [
        "Create your account",
        "A new way to sign in was added",
        "New sign-in to your account",
        "A way to sign in was removed",
        "A new way to sign in was added",
        "Choose a new password",
        "A recovery code was used",
        "Your password was changed",
    ]
    assert len(said["examined"]) == 22


@again_when_busy
async def test_the_same_without_scripts(accounts: Apps) -> None:
    said = await accounts.play("accounts_without_scripts.mjs", seconds=120)
    assert said["noPasskey"] is True, "no button that would do nothing"
    assert said["kept"] == "Otto", "a refusal keeps what was typed"
    assert (said["first"], said["verified"]) == (["pwd"], True)
    assert said["second"] == ["pwd", "otp", "mfa"]
    assert said["recovered"] == ["pwd", "mfa"]
    assert (said["before"], said["after"]) == ([200, 200], [401, 401])
    prompt(said["within"] < 1000, "verifiers at both replicas hear of it within a second")
    assert said["confirmed"] == "Confirmed"
    former, moved = said["letters"]
    assert former[-1] == "Your account has another e-mail address"
    assert moved[-1] == "Your account was deleted"
    assert len(said["examined"]) == 13


async def test_a_person_logs_in_by_a_mailed_code_without_scripts(accounts: Apps) -> None:
    said = await accounts.play("mailed_codes.mjs", seconds=120)
    assert said["app"] == 1, "the page names the app"
    assert (said["acr"], said["amr"]) == (PASSWORD_ACR, [])
    assert said["elsewhere"] == 0
    assert said["byLink"] == PASSWORD_ACR
    assert said["again"] == "This link is no longer good"
    assert len(said["examined"]) == 6


async def test_a_person_registers_and_logs_in_by_mailed_codes_on_a_page_of_the_house(accounts: Apps) -> None:
    said = await accounts.play("mailed_frontend.mjs", seconds=120)
    assert said["joining"] == ["asked", "invalid_credentials", "password_refused", "done"]
    assert said["nobody"] is None, "nobody is logged in by it"
    assert said["login"] == ["asked", "invalid_credentials"]
    assert said["user"] == ["frank@example.com", "Frank", True]
    assert said["me"] == 200
    assert said["level"] == [PASSWORD_ACR, []]
