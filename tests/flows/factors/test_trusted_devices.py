"""A device that its person trusts: where the second step is passed over, what the tokens then say, and all that ends
the trust. Pages alone are used: none of it needs a script."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from jwt import decode

from authsvc.flows.operator import manage_factors, manage_users
from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR
from authsvc.rules.login.trusted_device import MOST
from authsvc.runtime import Runtime
from authsvc.store.upkeep.sweep import sweep
from authsvc_devkit.servers import Servers
from tests.support.factors import PASSWORD, App, app_of, person, recovery_codes_of
from tests.support.login_steps import Pkce, authorize_url, enter, fields, is_page, redeem, redirected
from tests.support.replicas import Replicas
from tests.support.service import Service, service

COOKIE = "authsvc_trusted"
TICKED = {"trust_device": "1"}
NEW = "a new one, quite long"


@pytest_asyncio.fixture(autouse=True)
async def policy(house: Service) -> None:
    """`customer` lets people trust a device for 30 days, all others do not."""
    await allow(house, "customer", 30)


async def allow(house: Service, client_id: str, days: int) -> None:
    await house.sql.execute("UPDATE clients SET trusted_device_days = $2 WHERE id = $1", client_id, days)
    while (client := await house.runtime.clients.get(client_id)) and client.login.trusted_device_days != days:
        await asyncio.sleep(0.05)


async def password_at(http: httpx2.AsyncClient, email: str, url: str = "", password: str = PASSWORD) -> httpx2.Response:
    return await enter(http, await http.get(url or authorize_url(Pkce())), email, password)


async def code_at(http: httpx2.AsyncClient, page: httpx2.Response, app: App, **more: str) -> httpx2.Response:
    """The second step; a code may be used again by it, for tests are quicker than the codes change."""
    assert is_page(page, "/login/second"), (page.status_code, page.text)
    await app.service.sql.execute("UPDATE one_time_codes SET last_step = -1 WHERE id = $1", app.id)
    return await http.post("/login/second", data={**fields(page), "way": "otp", "code": app.code(), **more})


async def trusted(house: Service, email: str, app: App, **options: Any) -> httpx2.AsyncClient:
    """A browser that was trusted in a login of before, which is over."""
    http = house.caller(**options)
    done = await code_at(http, await password_at(http, email), app, **TICKED)
    assert done.status_code == 303, done.text
    assert COOKIE in http.cookies
    http.cookies.delete("authsvc_session")
    return http


def passed_over(answer: httpx2.Response) -> bool:
    assert answer.status_code == 303 or is_page(answer, "/login/second"), answer.text
    return answer.status_code == 303


async def rows(house: Service, app: App) -> int:
    count: int = await house.sql.fetchval("SELECT count(*) FROM trusted_devices WHERE user_id = $1", app.user_id)
    return count


# What it is for


async def test_a_device_is_trusted_and_its_next_login_needs_no_second_step(
    house: Service, email: str, app: App
) -> None:
    http = house.caller()
    page = await password_at(http, email)
    assert "Trust this device for 30 days" in page.text
    await code_at(http, page, app, **TICKED)
    http.cookies.delete("authsvc_session")
    pkce = Pkce()
    done = await password_at(http, email, authorize_url(pkce))
    assert passed_over(done)
    tokens = (await redeem(http, redirected(done)["code"], pkce)).json()
    for name in ("id_token", "access_token"):
        claims = decode(tokens[name], options={"verify_signature": False})
        assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, ["pwd"]), "what was proved now, and no more"


async def test_a_device_that_was_not_ticked_is_asked_again(house: Service, email: str, app: App) -> None:
    http = house.caller()
    assert (await code_at(http, await password_at(http, email), app)).status_code == 303
    assert COOKIE not in http.cookies
    http.cookies.delete("authsvc_session")
    assert not passed_over(await password_at(http, email))


async def test_the_cookie_is_random_shown_to_no_script_and_stored_as_its_digest(
    house: Service, email: str, app: App
) -> None:
    http = house.caller()
    done = await code_at(http, await password_at(http, email), app, **TICKED)
    (line,) = [one for one in done.headers.get_list("set-cookie") if one.startswith(COOKIE)]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={30 * 86_400}"} <= set(line.split("; "))
    assert "Domain" not in line
    value = http.cookies[COOKIE]
    assert len(value) == 43
    assert value not in str(await house.sql.fetch("SELECT * FROM trusted_devices"))
    assert value not in str(await house.sql.fetch("SELECT * FROM audit_events"))


async def test_over_https_the_cookie_is_host_only_and_secure(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, issuer="https://auth.example.com", dev_mode="false") as house:
        await allow(house, "customer", 30)
        app = await app_of(house, await person(house, "tls@example.com"))
        http = house.caller()
        done = await code_at(http, await password_at(http, "tls@example.com"), app, **TICKED)
        (line,) = [one for one in done.headers.get_list("set-cookie") if COOKIE in one]
        assert line.startswith(f"__Host-{COOKIE}=")
        assert line.endswith("; Secure")


async def test_a_wrong_code_keeps_the_tick_and_trusts_nothing(house: Service, email: str, app: App) -> None:
    http = house.caller()
    page = await password_at(http, email)
    wrong = await http.post("/login/second", data={**fields(page), "way": "otp", "code": "000000", **TICKED})
    assert wrong.status_code == 400
    assert (
        'name="trust_device" type="checkbox" value="1" aria-describedby="trust_device_otp_hint" checked' in wrong.text
    )
    assert COOKIE not in http.cookies
    assert await rows(house, app) == 0
    assert (await code_at(http, wrong, app, **TICKED)).status_code == 303
    assert await rows(house, app) == 1


# Where it counts for nothing


@pytest.mark.parametrize("client", ["strict", "bartender"])
async def test_a_client_without_the_policy_neither_offers_nor_believes_it(
    house: Service, email: str, app: App, client: str
) -> None:
    http = await trusted(house, email, app)
    page = await password_at(http, email, authorize_url(Pkce(), client_id=client))
    assert not passed_over(page)
    assert "trust_device" not in page.text
    before = await rows(house, app)
    await code_at(http, page, app, **TICKED)  # a form that was made up
    assert await rows(house, app) == before


async def test_our_own_pages_ask_for_the_factor_and_offer_nothing(house: Service, email: str, app: App) -> None:
    http = await trusted(house, email, app)
    page = await password_at(http, email, "/login?next=/account")
    assert not passed_over(page)
    assert "trust_device" not in page.text
    page = await password_at(http, email, "/login?next=/device")
    assert not passed_over(page)


@pytest.mark.parametrize(
    "asked",
    [
        {"max_age": "300"},
        {"prompt": "login"},
        {"acr_values": MFA_ACR},
        {"claims": json.dumps({"id_token": {"acr": {"essential": True, "values": [MFA_ACR]}}})},
    ],
)
async def test_a_request_that_wants_a_proof_of_now_gets_it(
    house: Service, email: str, app: App, asked: dict[str, str]
) -> None:
    http, pkce = await trusted(house, email, app), Pkce()
    page = await password_at(http, email, authorize_url(pkce, **asked))
    assert not passed_over(page)
    done = await code_at(http, page, app)
    tokens = (await redeem(http, redirected(done)["code"], pkce)).json()
    assert decode(tokens["id_token"], options={"verify_signature": False})["acr"] == MFA_ACR


async def test_a_role_that_demands_a_second_factor_gets_it(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, mfa_roles="customer") as house:
        await allow(house, "customer", 30)
        app = await app_of(house, await person(house, "role@example.com"))
        http = house.caller()
        page = await password_at(http, "role@example.com")
        assert "trust_device" not in page.text
        await code_at(http, page, app, **TICKED)
        assert await rows(house, app) == 0


async def test_what_it_opened_changes_no_factor(house: Service, email: str, app: App) -> None:
    http = await trusted(house, email, app)
    assert passed_over(await password_at(http, email))
    page = await http.get("/account/factors")
    assert page.status_code == 200
    for path in ("otp/remove", "recovery-codes"):
        done = await http.post(f"/account/factors/{path}", data={"csrf": fields(page)["csrf"]})
        assert done.headers["location"].startswith("/login?request=")
    assert await house.sql.fetchval("SELECT count(*) FROM one_time_codes WHERE user_id = $1", app.user_id) == 1


async def test_a_session_that_it_opened_is_stepped_up_where_that_is_asked_for(
    house: Service, email: str, app: App
) -> None:
    http = await trusted(house, email, app)
    assert passed_over(await password_at(http, email))
    pkce = Pkce()
    page = await http.get(authorize_url(pkce, acr_values=MFA_ACR))
    if page.status_code == 303:
        page = await http.get(page.headers["location"])
    assert is_page(page, "/login/second")
    assert "trust_device" not in page.text
    done = await code_at(http, page, app)
    tokens = (await redeem(http, redirected(done)["code"], pkce)).json()
    assert decode(tokens["access_token"], options={"verify_signature": False})["acr"] == MFA_ACR


async def test_a_recovery_code_makes_no_device_trusted(house: Service, email: str, app: App) -> None:
    codes = await recovery_codes_of(house, app.user_id)
    http = house.caller()
    page = await password_at(http, email)
    form = {**fields(page), "way": "recovery_code", "code": codes[0], **TICKED}
    assert (await http.post("/login/second", data=form)).status_code == 303
    assert COOKIE not in http.cookies
    assert await rows(house, app) == 0


async def test_the_json_login_asks_for_the_factor_whatever_cookie_comes_along(
    house: Service, email: str, app: App
) -> None:
    http = await trusted(house, email, app)
    answer = await http.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.json()["error"] == "mfa_required"


# Thieves


async def test_a_stolen_cookie_is_worth_nothing_for_another_person(house: Service, email: str, app: App) -> None:
    http = await trusted(house, email, app)
    other = "other-" + email
    await app_of(house, await person(house, other))
    thief = house.caller()
    thief.cookies.set(COOKIE, http.cookies[COOKIE])
    assert not passed_over(await password_at(thief, other))


async def test_a_stolen_cookie_alone_is_no_login(house: Service, email: str, app: App) -> None:
    http = await trusted(house, email, app)
    thief = house.caller()
    thief.cookies.set(COOKIE, http.cookies[COOKIE])
    assert (await password_at(thief, email, password="wrong")).status_code == 400
    assert (await thief.get("/account")).headers["location"].startswith("/login")


@pytest.mark.parametrize("value", ["", "x", "A" * 43, "A" * 44, "é" * 43, "a" * 5000])
async def test_a_cookie_that_we_did_not_make_is_none(house: Service, email: str, app: App, value: str) -> None:
    await trusted(house, email, app)
    thief = house.caller()
    page = await thief.get(authorize_url(Pkce()))
    jar = "; ".join(f"{name}={one}" for name, one in thief.cookies.items())
    headers = {"cookie": f"{jar}; {COOKIE}={value}".encode()}
    form = {**fields(page), "username": email, "password": PASSWORD}
    assert not passed_over(await thief.post("/login", data=form, headers=headers))  # type: ignore[arg-type]


# Its end


async def test_it_ends_by_itself_and_is_swept(house: Service, email: str, app: App) -> None:
    http = await trusted(house, email, app)
    await house.sql.execute("UPDATE trusted_devices SET expires_at = now() WHERE user_id = $1", app.user_id)
    assert not passed_over(await password_at(http, email))
    swept = {table async for table, _ in sweep(house.runtime.db)}
    assert "trusted_devices" in swept
    assert await rows(house, app) == 0


async def test_a_shorter_policy_counts_at_once(house: Service, email: str, app: App) -> None:
    http = await trusted(house, email, app)
    await house.sql.execute(
        "UPDATE trusted_devices SET created_at = now() - interval '8 days' WHERE user_id = $1", app.user_id
    )
    await allow(house, "customer", 7)
    assert not passed_over(await password_at(http, email))
    await allow(house, "customer", 30)
    assert passed_over(await password_at(http, email))


async def change_password(house: Service, email: str, app: App) -> None:
    assert isinstance(await manage_users.set_password(house.runtime, "cli:root", email, NEW), int)


async def remove_factor(house: Service, email: str, app: App) -> None:
    await house.sql.execute(
        """INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, backup_eligible, backed_up, aaguid,
                                 rp_id) VALUES ($1, $2, $3, '', 0, false, false, $1, 'localhost')""",
        UUID(int=app.user_id.int ^ 1),
        app.user_id,
        app.user_id.bytes,
    )
    gone = await manage_factors.remove_factor(house.runtime, "cli:root", email, UUID(int=app.user_id.int ^ 1))
    assert isinstance(gone, manage_factors.Removed)


async def disable(house: Service, email: str, app: App) -> None:
    await manage_users.disable(house.runtime, "cli:root", email)
    await manage_users.enable(house.runtime, "cli:root", email)


async def plain_sql(house: Service, email: str, app: App) -> None:
    await house.sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", email)
    await house.sql.execute("UPDATE users SET disabled_at = NULL WHERE email = $1", email)


@pytest.mark.parametrize("end", [change_password, remove_factor, disable, plain_sql])
async def test_what_makes_every_device_a_strangers_ends_it(house: Service, email: str, app: App, end: Any) -> None:
    http = await trusted(house, email, app)
    assert passed_over(await password_at(http, email))
    http.cookies.delete("authsvc_session")
    await end(house, email, app)
    assert await rows(house, app) == 0
    assert not passed_over(await password_at(http, email, password=NEW if end is change_password else PASSWORD))


async def test_another_address_and_the_end_of_all_other_sessions_end_it(house: Service, email: str, app: App) -> None:
    http = await trusted(house, email, app)
    page = await password_at(http, email, "/login?next=/account")
    await code_at(http, page, app)
    account = await http.get("/account")
    await http.post("/account/sessions/end-others", data={"csrf": fields(account)["csrf"]})
    assert await rows(house, app) == 0
    await trusted(house, email, app)
    await house.sql.execute("UPDATE users SET email = 'x' || email WHERE email = $1", email)
    assert await rows(house, app) == 0


async def test_it_goes_with_the_person(house: Service, email: str, app: App) -> None:
    await trusted(house, email, app)
    await house.sql.execute("DELETE FROM users WHERE id = $1", app.user_id)
    assert await rows(house, app) == 0


async def test_a_login_that_began_before_the_change_makes_no_device_trusted(
    house: Service, email: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the session and the trust the person's factors change: the session is judged by itself, the device is a
    stranger's."""
    from authsvc.flows.login import browser_login

    enter_first = browser_login.enter

    async def and_then_changed(*args: Any, **named: Any) -> Any:
        done = await enter_first(*args, **named)
        await house.sql.execute("UPDATE users SET factor_generation = factor_generation + 1 WHERE id = $1", app.user_id)
        return done

    monkeypatch.setattr(browser_login, "enter", and_then_changed)
    http = house.caller()
    assert (await code_at(http, await password_at(http, email), app, **TICKED)).status_code == 303
    assert COOKIE not in http.cookies
    assert await rows(house, app) == 0


# On the account page


async def test_the_account_page_lists_it_and_ends_it_with_what_it_opened(house: Service, email: str, app: App) -> None:
    firefox = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"}
    device, pkce = await trusted(house, email, app, headers=firefox), Pkce()
    done = await password_at(device, email, authorize_url(pkce))
    tokens = (await redeem(device, redirected(done)["code"], pkce)).json()
    owner = house.caller()
    await code_at(owner, await password_at(owner, email, "/login?next=/account"), app)
    page = await owner.get("/account")
    assert "Trusted devices" in page.text
    listed = page.text.partition('id="trusted-list"')[2].partition("</section>")[0]
    assert "Firefox on Windows" in listed
    row = await house.sql.fetchrow("SELECT * FROM trusted_devices WHERE user_id = $1", app.user_id)
    assert str(row["id"]) in listed
    assert row["last_used_at"] is not None
    end = {"csrf": fields(page)["csrf"], "device": str(row["id"])}
    answer = await owner.post("/account/trusted-devices/end", data=end)
    assert "trusted no more" in (await owner.get(answer.headers["location"])).text
    assert not await house.active(tokens["access_token"])
    assert (await owner.get("/account")).status_code == 200
    device.cookies.delete("authsvc_session")
    assert not passed_over(await password_at(device, email))
    events = await house.sql.fetch(
        "SELECT event, detail FROM audit_events WHERE user_id = $1 AND event LIKE '%trusted%' ORDER BY id", app.user_id
    )
    assert [one["event"] for one in events] == ["device_trusted", "trusted_device_ended"]
    assert json.loads(events[1]["detail"])["sessions"] == 1
    told = (await owner.get("/account/events")).text
    assert "Device trusted: no second step on it" in told
    assert (await owner.post("/account/trusted-devices/end", data=end)).status_code == 404, "once"


async def test_nobody_ends_somebody_elses_or_by_a_form_of_another_site(house: Service, email: str, app: App) -> None:
    await trusted(house, email, app)
    device = await house.sql.fetchval("SELECT id FROM trusted_devices WHERE user_id = $1", app.user_id)
    other = "other-" + email
    others_app = await app_of(house, await person(house, other))
    thief = house.caller()
    await code_at(thief, await password_at(thief, other, "/login?next=/account"), others_app)
    form = {"csrf": fields(await thief.get("/account"))["csrf"], "device": str(device)}
    assert (await thief.post("/account/trusted-devices/end", data=form)).status_code == 404
    assert (await thief.post("/account/trusted-devices/end", data={**form, "device": "x"})).status_code == 404
    foreign = {"sec-fetch-site": "cross-site"}
    assert (await thief.post("/account/trusted-devices/end", data=form, headers=foreign)).status_code == 403
    assert await rows(house, app) == 1


async def test_a_session_that_it_opened_does_not_end_it(house: Service, email: str, app: App) -> None:
    """Neither does a screen that was left open: it needs a login of now, with the factor."""
    http = await trusted(house, email, app)
    assert passed_over(await password_at(http, email))
    page = await http.get("/account")
    device = await house.sql.fetchval("SELECT id FROM trusted_devices WHERE user_id = $1", app.user_id)
    form = {"csrf": fields(page)["csrf"], "device": str(device)}
    assert (
        (await http.post("/account/trusted-devices/end", data=form)).headers["location"].startswith("/login?request=")
    )
    assert await rows(house, app) == 1


async def test_a_person_has_so_many_at_most(house: Service, email: str, app: App) -> None:
    await house.sql.execute(
        """INSERT INTO trusted_devices (id, user_id, digest, device_info, created_at, expires_at)
           SELECT gen_random_uuid(), $1::uuid, sha256(($1::text || n)::bytea), n::text, now() - n * interval '1 hour',
                  now() + interval '1 day' FROM generate_series(1, $2::int) n""",
        app.user_id,
        MOST,
    )
    await trusted(house, email, app)
    assert await rows(house, app) == MOST
    left = await house.sql.fetch("SELECT device_info FROM trusted_devices WHERE user_id = $1", app.user_id)
    assert str(MOST) not in {row["device_info"] for row in left}


async def test_trusting_again_leaves_one_row_of_this_browser(house: Service, email: str, app: App) -> None:
    http = await trusted(house, email, app)
    first = http.cookies[COOKIE]
    page = await password_at(http, email, authorize_url(Pkce(), max_age="0"))
    await code_at(http, page, app, **TICKED)
    assert http.cookies[COOKIE] != first
    assert await rows(house, app) == 1


# Races


async def test_logins_that_race_with_its_end_leave_no_session_behind(house: Service, email: str, app: App) -> None:
    owner = house.caller()
    await code_at(owner, await password_at(owner, email, "/login?next=/account"), app)
    for _ in range(5):
        device = await trusted(house, email, app)
        row = await house.sql.fetchval("SELECT id FROM trusted_devices WHERE user_id = $1", app.user_id)
        cookie = device.cookies[COOKIE]
        browsers = [house.caller(f"198.51.100.{number}") for number in range(1, 9)]
        pages = [await one.get(authorize_url(Pkce())) for one in browsers]
        for one in browsers:
            one.cookies.set(COOKIE, cookie)
        form = {"csrf": fields(await owner.get("/account"))["csrf"], "device": str(row)}
        await asyncio.gather(
            *(enter(one, page, email, PASSWORD) for one, page in zip(browsers, pages, strict=True)),
            owner.post("/account/trusted-devices/end", data=form),
        )
        assert await rows(house, app) == 0
        left = await house.sql.fetchval(
            "SELECT count(*) FROM user_sessions WHERE is_active AND credentials && ARRAY[$1]", f"trusted_device:{row}"
        )
        assert left == 0


async def test_trusted_at_one_replica_it_is_so_at_another_until_it_ends_for_both(
    replicas: Replicas, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    house, email = cast(Service, SimpleNamespace(runtime=runtime, sql=sql)), "two@example.com"
    await sql.execute("UPDATE clients SET trusted_device_days = 30 WHERE id = 'customer'")
    app = await app_of(house, await person(house, email))
    one, two = (running.url for running in replicas.start(2))
    async with httpx2.AsyncClient(base_url=one) as http:
        await code_at(http, await password_at(http, email), app, **TICKED)
        http.cookies.delete("authsvc_session")
        http.base_url = two  # type: ignore[assignment]
        assert passed_over(await password_at(http, email))
        http.cookies.delete("authsvc_session")
        assert isinstance(await manage_users.set_password(runtime, "cli:root", email, NEW), int)
        for url in (one, two):
            http.base_url = url  # type: ignore[assignment]
            assert not passed_over(await password_at(http, email, password=NEW))
