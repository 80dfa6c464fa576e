"""What an operator sees and does of second factors, what an import brings along, and the mails that tell people."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import httpx2
import pytest

from authsvc.rules.factors.totp import code_at, secret_in, step_at
from authsvc.runtime import Runtime
from tests.cli.conftest import Cli, answer, terminal
from tests.support.authenticator import Authenticator
from tests.support.factors import PASSWORD, App, app_of, person, recovery_codes_of
from tests.support.login_steps import Pkce, authorize_url, enter, fields, is_page
from tests.support.passkeys import enrolled, log_in_by, logged_in
from tests.support.service import Service

EMAIL = "lost@example.com"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.fixture
def cli(settings_env: dict[str, str]) -> Cli:
    return terminal(settings_env)


async def run(cli: Cli, *words: str, code: int = 0) -> Any:
    return await asyncio.to_thread(cli, *words, code=code)


async def owner(runtime: Runtime, sql: asyncpg.Connection) -> App:
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    app = await app_of(house, await person(house, EMAIL))
    await recovery_codes_of(house, app.user_id)
    return app


async def json_login(http: httpx2.AsyncClient, email: str, code: str) -> httpx2.Response:
    first = await http.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    second = {"mfa_challenge": first.json()["mfa_challenge"], "way": "otp", "code": code}
    return await http.post("/api/auth/login/second", json=second)


async def test_an_operator_sees_and_removes_a_lost_app_and_what_it_opened_ends(
    cli: Cli, http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    app = await owner(runtime, sql)
    opened = (await json_login(http, EMAIL, app.code())).json()
    shown = (await run(cli, "users", "factors", EMAIL)).stdout
    assert "otp" in shown
    assert "10 recovery codes left." in shown
    assert app.secret.hex() not in shown
    done = answer(await run(cli, "users", "factors", EMAIL, "--remove", "otp", "--yes", "--json"))
    assert (done["removed"], done["sessions_ended"]) == ("otp", 1)
    access = {"Authorization": f"Bearer {opened['access_token']}"}
    assert (await http.get("/api/profile/me", headers=access)).status_code == 401
    assert (await http.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})).status_code == 200
    assert "has no second factor." in (await run(cli, "users", "factors", EMAIL)).stdout
    again = await run(cli, "users", "factors", EMAIL, "--remove", "otp", "--yes", code=1)
    assert "has no authenticator app" in again.stderr
    assert "nobody has the address" in (await run(cli, "users", "factors", "x@example.com", code=1)).stderr
    [event] = await sql.fetch("SELECT actor, detail FROM audit_events WHERE event = 'factor_removed'")
    assert event["actor"].startswith("cli:")
    assert json.loads(event["detail"]) == {"factor": "otp", "sessions": 1}


async def passkey_login(http: httpx2.AsyncClient, key: Authenticator) -> httpx2.AsyncClient:
    browser = httpx2.AsyncClient(transport=http._transport, base_url=http.base_url)
    assert (await log_in_by(browser, key)).status_code == 303
    return browser


async def test_an_operator_sees_and_removes_one_passkey_and_what_it_opened_ends(
    cli: Cli, http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    user_id = await person(house, EMAIL)
    await logged_in(http, EMAIL)
    lost, kept = await enrolled(http, name="Lost one"), await enrolled(http, Authenticator(synced=True), name="Kept")
    by_lost, by_kept = await passkey_login(http, lost), await passkey_login(http, kept)
    shown = answer(await run(cli, "users", "factors", EMAIL, "--json"))["passkeys"]
    assert [(one["name"], one["synced"]) for one in shown] == [("Lost one", False), ("Kept", True)]
    table = (await run(cli, "users", "factors", EMAIL)).stdout
    assert shown[0]["id"] in table
    assert "passkey, synced" in table
    done = answer(await run(cli, "users", "factors", EMAIL, "--remove", shown[0]["id"], "--yes", "--json"))
    assert (done["sessions_ended"], done["logs_in"]) == (1, True)
    assert (await by_lost.get("/account")).status_code == 303
    for browser in (by_kept, http):
        assert (await browser.get("/account")).status_code == 200
    assert (await log_in_by(by_lost, lost)).status_code == 400
    [event] = await sql.fetch("SELECT actor, user_id, detail FROM audit_events WHERE event = 'passkey_removed'")
    assert (event["actor"][:4], event["user_id"]) == ("cli:", user_id)
    assert json.loads(event["detail"]) == {"passkey": shown[0]["id"], "sessions": 1}
    assert (await told(sql))[-1] == "notice_factor_removed"
    again = await run(cli, "users", "factors", EMAIL, "--remove", shown[0]["id"], "--yes", code=1)
    assert "has no such passkey or trusted device" in again.stderr
    others = await run(cli, "users", "factors", "test@example.com", "--remove", shown[1]["id"], "--yes", code=1)
    assert "has no such passkey or trusted device" in others.stderr
    assert "or an id as" in (await run(cli, "users", "factors", EMAIL, "--remove", "all", code=2)).stderr


async def test_an_operator_sees_and_ends_a_trusted_device_and_what_it_opened(
    cli: Cli, http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    app = await owner(runtime, sql)
    await sql.execute("UPDATE clients SET trusted_device_days = 30 WHERE id = 'customer'")
    page = await enter(http, await http.get(authorize_url(Pkce())), EMAIL)
    form = {**fields(page), "way": "otp", "code": app.code(), "trust_device": "1"}
    assert (await http.post("/login/second", data=form)).status_code == 303
    http.cookies.delete("authsvc_session")
    assert (await enter(http, await http.get(authorize_url(Pkce())), EMAIL)).status_code == 303, "no second step"
    (one,) = answer(await run(cli, "users", "factors", EMAIL, "--json"))["trusted_devices"]
    table = (await run(cli, "users", "factors", EMAIL)).stdout
    assert one["id"] in table
    assert "device trusted until" in table
    before = await told(sql)
    others = await run(cli, "users", "factors", "test@example.com", "--remove", one["id"], "--yes", code=1)
    assert "has no such passkey or trusted device" in others.stderr
    done = answer(await run(cli, "users", "factors", EMAIL, "--remove", one["id"], "--yes", "--json"))
    assert (done["what"], done["sessions_ended"], done["logs_in"]) == ("trusted-device", 1, True)
    assert (await http.get("/account")).status_code == 303, "what it opened is over"
    assert is_page(await enter(http, await http.get(authorize_url(Pkce())), EMAIL), "/login/second")
    assert await told(sql) == before, "no factor was removed"
    [event] = await sql.fetch("SELECT actor, detail FROM audit_events WHERE event = 'trusted_device_ended'")
    assert event["actor"].startswith("cli:")
    assert json.loads(event["detail"]) == {"trusted_device": one["id"], "ended_device": one["name"], "sessions": 1}


async def test_an_operator_may_remove_the_only_way_in_and_is_told(
    cli: Cli, http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    await person(house, EMAIL)
    await enrolled(await logged_in(http, EMAIL))
    await sql.execute("UPDATE users SET password_hash = NULL WHERE email = $1", EMAIL)
    (one,) = answer(await run(cli, "users", "factors", EMAIL, "--json"))["passkeys"]
    done = await run(cli, "users", "factors", EMAIL, "--remove", one["id"], "--yes")
    assert "neither password nor passkey" in done.stderr


async def test_an_operator_removes_recovery_codes_and_what_they_opened_ends(
    cli: Cli, http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    app = await owner(runtime, sql)
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    await sql.execute("DELETE FROM recovery_codes WHERE user_id = $1", app.user_id)
    codes = await recovery_codes_of(house, app.user_id)
    by_app = (await json_login(http, EMAIL, app.code())).json()
    first = await http.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
    second = {"mfa_challenge": first.json()["mfa_challenge"], "way": "recovery_code", "code": codes[0]}
    by_code = (await http.post("/api/auth/login/second", json=second)).json()
    done = answer(await run(cli, "users", "factors", EMAIL, "--remove", "recovery-codes", "--yes", "--json"))
    assert done["sessions_ended"] == 1

    async def lives(tokens: dict[str, Any]) -> bool:
        access = {"Authorization": f"Bearer {tokens['access_token']}"}
        return (await http.get("/api/profile/me", headers=access)).status_code == 200

    assert (await lives(by_app), await lives(by_code)) == (True, False)
    shown = answer(await run(cli, "users", "factors", EMAIL, "--json"))
    assert (shown["recovery_codes"], shown["otp_since"] is None) == (0, False)
    [event] = await sql.fetch("SELECT detail FROM audit_events WHERE event = 'factor_removed'")
    assert json.loads(event["detail"]) == {"factor": "recovery_codes", "sessions": 1}
    again = await run(cli, "users", "factors", EMAIL, "--remove", "recovery-codes", "--yes", code=1)
    assert "has no recovery codes" in again.stderr


@pytest.mark.parametrize("given_id", ["", "11111111-1111-4111-8111-111111111111"])
async def test_imported_people_bring_their_apps_along(
    cli: Cli, http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, tmp_path: Path, given_id: str
) -> None:
    hashed = await sql.fetchval("SELECT password_hash FROM users WHERE email = 'test@example.com'")
    rows = [
        {"email": "app@example.com", "password_hash": hashed, "totp_secret": SECRET.lower(), "id": given_id},
        {"email": "none@example.com", "password_hash": hashed},
    ]
    file = tmp_path / "people.json"
    file.write_text(json.dumps(rows))
    await run(cli, "users", "import", str(file), "--dry-run")
    assert await sql.fetchval("SELECT count(*) FROM one_time_codes") == 0
    await run(cli, "users", "import", str(file))
    secret = secret_in(SECRET)
    assert secret is not None
    code = code_at(secret, step_at(runtime.clock.seconds()))
    assert (await json_login(http, "app@example.com", code)).status_code == 200
    plain = await http.post("/api/auth/login", json={"email": "none@example.com", "password": PASSWORD})
    assert plain.status_code == 200
    assert SECRET not in str(await sql.fetch("SELECT * FROM audit_events"))


def test_a_secret_that_is_none_stops_an_import(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,totp_secret\nann@example.com,GEZD\nbob@example.com,not-base32!\n")
    said = cli("users", "import", str(file), code=1).stderr
    assert said.count("the totp_secret is not 80 to 512 bits in base32") == 2
    assert "GEZD" not in said


# Mails


@pytest.fixture
def settings_env(base_env: dict[str, str], database_url: str) -> dict[str, str]:
    mails = {"AUTHSVC_SMTP_URL": "smtp://localhost:9", "AUTHSVC_MAIL_FROM": "bar@bar.example"}
    prefix = {"AUTHSVC_REDIS_PREFIX": f"op{id(database_url)}"}
    return {**base_env, "AUTHSVC_DATABASE_URL": database_url, **prefix, **mails}


async def told(sql: asyncpg.Connection) -> list[str]:
    rows = await sql.fetch("SELECT template FROM mails WHERE recipient = $1 ORDER BY created_at", EMAIL)
    return [row["template"] for row in rows if row["template"] != "notice_new_device"]


async def test_a_person_is_told_of_every_change_of_their_factors(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    user_id = await person(house, EMAIL)
    await enter(http, await http.get("/login"), EMAIL)
    page = await http.get("/account/factors")
    await http.post("/account/factors/otp", data={"csrf": fields(page)["csrf"]})
    page = await http.get("/account/factors")
    secret = secret_in(page.text.partition('class="secret">')[2].partition("<")[0])
    assert secret is not None
    code = code_at(secret, step_at(runtime.clock.seconds()))
    form = {"csrf": fields(page)["csrf"]}
    done = await http.post("/account/factors/otp/confirm", data={**form, "code": code})
    assert done.status_code == 200
    assert await told(sql) == ["notice_factor_added"]
    recovery = done.text.partition("<li><code>")[2].partition("<")[0]
    first = await http.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
    second = {"mfa_challenge": first.json()["mfa_challenge"], "way": "recovery_code", "code": recovery}
    assert (await http.post("/api/auth/login/second", json=second)).status_code == 200
    assert (await http.post("/account/factors/otp/remove", data=form)).status_code == 303
    assert await told(sql) == ["notice_factor_added", "notice_recovery_code_used", "notice_factor_removed"]
    assert await sql.fetchval("SELECT count(*) FROM one_time_codes WHERE user_id = $1", user_id) == 0
