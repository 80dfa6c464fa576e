"""The device grant (RFC 8628, RFC 10027): a terminal shows a code, a person types it elsewhere and decides."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from time import monotonic
from uuid import UUID

import httpx2
import jwt
import pytest
import pytest_asyncio

from authsvc.flows.authorize.pending_request import Destination, open_destination, seal_destination
from authsvc.flows.operator import manage_users
from authsvc.rules.device import codes
from authsvc.rules.device.codes import GRANT_TYPE
from authsvc.rules.mac_token import Code
from authsvc.runtime import Runtime
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.security.conftest import statements
from tests.support import login_steps
from tests.support.clients import flat_client
from tests.support.devices import BARTENDER, ask, browser, decide, enter, fields, poll, session_cookie
from tests.support.proofs import Holder
from tests.support.replicas import Replicas
from tests.support.service import Service, bearer, service
from tests.support.spoilt import spoilt
from tests.support.until_answered import until_answered

CONFIDENTIAL = flat_client(
    id="till",
    name="<b>Till</b>",
    kind="confidential",
    secret_hashes=(sha256(b"till-secret").digest(),),
    grant_types=frozenset({GRANT_TYPE}),
    scopes=("openid", "offline_access", "api"),
    audiences=("https://api.example.com", "https://pos.example.com"),
)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, device_network_requests=100_000) as running:
        async with running.runtime.db.transaction() as connection:
            await clients.add(connection, CONFIDENTIAL)
        yield running


def error(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("error", "")


def claims(token: str) -> dict[str, object]:
    found: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return found


# The codes


def test_a_device_code_is_read_back_and_every_other_byte_is_refused() -> None:
    code = Code(1, UUID(int=7), b"s" * 16)
    key = b"k" * 32
    text = codes.encode(code, lambda _: key, "terminal")
    assert len(text) == codes.LENGTH
    assert codes.decode(text, lambda _: key, "terminal") == code
    assert codes.decode(text, lambda _: key, "another") is None
    assert codes.decode(text, lambda _: None, "terminal") is None
    assert codes.decode(text, lambda _: b"x" * 32, "terminal") is None
    for place in range(len(text)):
        other = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        found = codes.decode(other, lambda _: key, "terminal")
        assert found is None or place == len(text) - 1
    for bad in ("", text[:-1], text + "A", "é" * 67, "=" * 67, " " + text[1:]):
        assert codes.decode(bad, lambda _: key, "terminal") is None


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("BCDF-GHJK", "BCDFGHJK"),
        ("bcdfghjk", "BCDFGHJK"),
        ("  bcdf ghjk\t", "BCDFGHJK"),
        ("b-c-d-f-g-h-j-k", "BCDFGHJK"),
        ("BCDF–GHJK", "BCDFGHJK"),
        ("BCDF_GHJK.", "BCDFGHJK"),
        ("ＢＣＤＦ　ＧＨＪＫ", "BCDFGHJK"),
        ("", None),
        ("BCDF", None),
        ("BCDF-GHJKL", None),
        ("ABCD-EFGH", None),
        ("BCDF-GHJ0", None),
        ("BCDFGHJ\0", None),
        ("'--", None),
        ("B" * 200, None),
        ("ВСDFGHJK", None),
        ("-" * 99, None),
    ],
)
def test_what_is_typed_is_read_kindly_and_exactly(typed: str, normal: str | None) -> None:
    assert codes.normal_user_code(typed) == normal


def test_user_codes_are_evenly_spread_and_have_no_vowels() -> None:
    made = [codes.user_code(number.to_bytes(16) * 1) for number in range(0, 2**128, 2**128 // 4000)]
    assert all(re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{8}", code) for code in made)
    assert len(codes.ALPHABET) == len(set(codes.ALPHABET)) == 20
    assert not set("AEIOUY01") & set(codes.ALPHABET)
    assert codes.shown_user_code("BCDFGHJK") == "BCDF-GHJK"


# The whole way


async def test_a_terminal_is_allowed_and_gets_a_session_of_its_own(house: Service) -> None:
    asked = await ask(house, scope="openid")
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", asked["user_code"])
    assert asked["verification_uri"] == "http://localhost:8000/device"
    assert asked["verification_uri_complete"] == f"http://localhost:8000/device?user_code={asked['user_code']}"
    assert (asked["expires_in"], asked["interval"]) == (600, 5)
    assert error(await poll(house.http, asked["device_code"])) == (400, "authorization_pending")

    http = await browser(house)
    page = await enter(http, asked["user_code"].lower().replace("-", " "))
    assert "Terminal" in page.text
    assert asked["user_code"] in page.text
    assert "198.51.100.20" in page.text
    assert BARTENDER in page.text
    assert "no-store" in page.headers["cache-control"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    done = await http.post("/device", data={**fields(page), "decision": "allow"})
    assert "connected" in done.text

    answer = await poll(house.http, asked["device_code"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    said = claims(tokens["access_token"])
    assert claims(tokens["id_token"])["sid"] == said["sid"]
    assert (said["client_id"], said["scope"], said["roles"]) == ("terminal", "openid", ["bartender"])
    assert await house.active(tokens["access_token"])
    listed = (await house.http.get("/api/auth/sessions", headers=bearer(tokens["access_token"]))).json()["sessions"]
    mine = next(one for one in listed if one["id"] == said["sid"])
    assert mine["device_info"].startswith("Terminal")
    again = await house.refresh(tokens["refresh_token"], "terminal")
    assert again.status_code == 200


async def test_a_session_that_a_device_got_ends_like_any_other(house: Service) -> None:
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"])
    tokens = (await poll(house.http, asked["device_code"])).json()
    sid = claims(tokens["access_token"])["sid"]
    mine = await house.login(email=BARTENDER, client_id="bartender")
    ended = await house.http.delete(f"/api/auth/sessions/{sid}", headers=bearer(mine["access_token"]))
    assert ended.status_code == 204
    assert not await house.active(tokens["access_token"])
    assert error(await house.refresh(tokens["refresh_token"], "terminal")) == (400, "invalid_grant")


async def test_ending_the_browsers_session_leaves_the_device_that_it_allowed(house: Service) -> None:
    asked = await ask(house)
    http = await browser(house)
    await decide(http, asked["user_code"])
    tokens = (await poll(house.http, asked["device_code"])).json()
    await house.sql.execute(
        "UPDATE user_sessions SET is_active = false WHERE id = (SELECT allowed_in FROM device_requests "
        "WHERE state = 'redeemed' ORDER BY created_at DESC LIMIT 1)"
    )
    assert await house.active(tokens["access_token"])


async def test_a_denied_device_is_told_so_for_good(house: Service) -> None:
    asked = await ask(house)
    http = await browser(house)
    assert "not connected" in (await decide(http, asked["user_code"], "deny")).text
    for _ in range(2):
        assert error(await poll(house.http, asked["device_code"])) == (400, "access_denied")
    assert (await enter(http, asked["user_code"])).status_code == 400


async def test_a_confidential_device_must_prove_itself_at_both_ends(house: Service) -> None:
    form = {"client_id": "till"}
    assert error(await house.http.post("/device_authorization", data=form)) == (401, "invalid_client")
    secret = ("till", "till-secret")
    asked = (await house.http.post("/device_authorization", data={"scope": "api"}, auth=secret)).json()
    page = await decide(await browser(house, "test@example.com"), asked["user_code"])
    assert page.status_code == 200
    assert error(await poll(house.http, asked["device_code"], "till")) == (401, "invalid_client")
    body = {"grant_type": GRANT_TYPE, "device_code": asked["device_code"]}
    tokens = (await house.http.post("/token", data=body, auth=secret)).json()
    assert tokens["scope"] == "api"
    assert claims(tokens["access_token"])["aud"] == ["https://api.example.com", "https://pos.example.com"]
    assert "refresh_token" not in tokens  # neither first-party nor asked for offline_access


async def test_a_resource_narrows_the_audience_and_never_widens_it(house: Service) -> None:
    secret = ("till", "till-secret")
    form = {"scope": "api", "resource": "https://pos.example.com"}
    asked = (await house.http.post("/device_authorization", data=form, auth=secret)).json()
    await decide(await browser(house, "test@example.com"), asked["user_code"])
    body = {"grant_type": GRANT_TYPE, "device_code": asked["device_code"]}
    tokens = (await house.http.post("/token", data=body, auth=secret)).json()
    assert claims(tokens["access_token"])["aud"] == "https://pos.example.com"
    slash = {**form, "resource": "HTTPS://pos.example.com/"}
    asked = (await house.http.post("/device_authorization", data=slash, auth=secret)).json()
    await decide(await browser(house, "test@example.com"), asked["user_code"])
    tokens = (await house.http.post("/token", data={**body, "device_code": asked["device_code"]}, auth=secret)).json()
    assert claims(tokens["access_token"])["aud"] == "https://pos.example.com"
    other = {"resource": "https://other.example.com"}
    assert error(await house.http.post("/device_authorization", data=other, auth=secret)) == (400, "invalid_target")


async def test_tokens_of_a_device_are_bound_to_the_key_that_it_proves(house: Service) -> None:
    key, other = Holder(house), Holder(house)
    asked = (await key.post("/device_authorization", data={"client_id": "terminal"})).json()
    await decide(await browser(house), asked["user_code"])
    form = {"grant_type": GRANT_TYPE, "client_id": "terminal", "device_code": asked["device_code"]}
    assert error(await house.http.post("/token", data=form)) == (400, "invalid_grant")
    assert error(await other.post("/token", data=form)) == (400, "invalid_grant")
    tokens = (await key.post("/token", data=form)).json()
    assert tokens["token_type"] == "DPoP"
    assert claims(tokens["access_token"])["cnf"] == {"jkt": key.jkt}
    assert (await house.refresh(tokens["refresh_token"], "terminal")).status_code == 400
    assert (await other.refresh(tokens["refresh_token"], client_id="terminal")).status_code == 400
    assert (await key.refresh(tokens["refresh_token"], client_id="terminal")).status_code == 200


# What is refused


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"client_id": "customer"}, "unauthorized_client"),
        ({"client_id": "terminal", "scope": "api"}, "invalid_scope"),
        ({"client_id": "terminal", "scope": 'a"b'}, "invalid_scope"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"scope": "openid"}, "invalid_client"),
    ],
)
async def test_a_request_that_must_not_be_made(house: Service, form: dict[str, str], code: str) -> None:
    assert (await house.http.post("/device_authorization", data=form)).json()["error"] == code


async def test_a_scope_that_a_device_may_not_have_is_left_out(house: Service) -> None:
    asked = await ask(house, scope="api openid groups")
    await decide(await browser(house), asked["user_code"])
    answer = await poll(house.http, asked["device_code"])
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == "openid"


async def test_a_forged_or_foreign_device_code_costs_no_database(house: Service) -> None:
    asked = await ask(house)
    genuine = asked["device_code"]
    secret = ("till", "till-secret")
    await poll(house.http, "x")
    await house.http.post("/token", data={"grant_type": GRANT_TYPE, "device_code": "x"}, auth=secret)
    with statements(house.runtime) as asked_of_stores:
        for forged in ("x", spoilt(genuine), genuine[1:] + "A", "A" * 67, genuine.swapcase()):
            assert error(await poll(house.http, forged)) == (400, "invalid_grant")
        body = {"grant_type": GRANT_TYPE, "device_code": genuine}
        assert error(await house.http.post("/token", data=body, auth=secret)) == (400, "invalid_grant")
    assert asked_of_stores == []
    assert error(await poll(house.http, genuine)) == (400, "authorization_pending")


async def test_a_client_without_the_grant_may_not_poll(house: Service) -> None:
    assert error(await poll(house.http, "x", "customer")) == (400, "unauthorized_client")
    form = {"grant_type": GRANT_TYPE, "client_id": "terminal"}
    assert error(await house.http.post("/token", data=form)) == (400, "invalid_request")


async def test_a_code_that_has_expired_is_refused_on_both_sides(house: Service) -> None:
    asked, http = await ask(house), await browser(house)
    page = await enter(http, asked["user_code"])
    await house.sql.execute("UPDATE device_requests SET expires_at = now() WHERE state = 'pending'")
    assert error(await poll(house.http, asked["device_code"])) == (400, "expired_token")
    late = await http.post("/device", data={**fields(page), "decision": "allow"})
    assert late.status_code == 400
    assert (await enter(http, asked["user_code"])).status_code == 400
    allowed = await ask(house)
    await decide(http, allowed["user_code"])
    await house.sql.execute("UPDATE device_requests SET expires_at = now() WHERE state = 'allowed'")
    assert error(await poll(house.http, allowed["device_code"])) == (400, "expired_token")
    await house.sql.execute("DELETE FROM device_requests")
    assert error(await poll(house.http, allowed["device_code"])) == (400, "expired_token")


async def test_who_asks_too_soon_is_told_to_slow_down_and_it_is_remembered(house: Service) -> None:
    asked = await ask(house)
    code = asked["device_code"]
    found = [error(await poll(house.http, code))[1] for _ in range(3)]
    assert found == ["authorization_pending", "slow_down", "slow_down"]
    row = "SELECT interval_seconds FROM device_requests ORDER BY created_at DESC LIMIT 1"
    assert await house.sql.fetchval(row) == 15
    back = "UPDATE device_requests SET polled_at = now() - $1::interval WHERE state = 'pending'"
    await house.sql.execute(back, timedelta(seconds=10))
    assert error(await poll(house.http, code))[1] == "slow_down"
    await house.sql.execute(back, timedelta(seconds=20))
    assert error(await poll(house.http, code))[1] == "authorization_pending"
    for _ in range(20):
        await poll(house.http, code)
    assert await house.sql.fetchval(row) == 60  # an end, so that one bad minute does not make the device useless
    await decide(await browser(house), asked["user_code"])
    assert (await poll(house.http, code)).status_code == 200  # allowed: nothing is gained by another wait


async def test_a_code_is_used_once_by_a_hundred_parallel_polls(house: Service) -> None:
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"])
    before = await house.sql.fetchval("SELECT count(*) FROM user_sessions")
    answers = await asyncio.gather(*(poll(house.caller(), asked["device_code"]) for _ in range(100)))
    found = Counter(answer.status_code for answer in answers)
    assert found[200] == 1
    assert found[200] + found[400] + found[503] == 100  # 503: its turn did not come in time
    assert {answer.json()["error"] for answer in answers if answer.status_code == 400} == {"invalid_grant"}
    assert await house.sql.fetchval("SELECT count(*) FROM user_sessions") == before + 1
    winner = next(answer for answer in answers if answer.status_code == 200).json()
    assert await house.active(winner["access_token"])


async def test_allow_and_deny_at_once_end_in_one_of_the_two(house: Service) -> None:
    for _ in range(10):
        asked = await ask(house)
        one, two = await browser(house), await browser(house)
        pages = [await enter(http, asked["user_code"]) for http in (one, two)]
        await asyncio.gather(
            one.post("/device", data={**fields(pages[0]), "decision": "allow"}),
            two.post("/device", data={**fields(pages[1]), "decision": "deny"}),
        )
        answers = [await poll(house.http, asked["device_code"]) for _ in range(2)]
        assert [answer.status_code for answer in answers] in ([200, 400], [400, 400])
        state = await house.sql.fetchval("SELECT state FROM device_requests ORDER BY created_at DESC LIMIT 1")
        assert state == ("redeemed" if answers[0].status_code == 200 else "denied")


async def test_two_replicas_share_the_pace_and_the_single_use(
    replicas: Replicas, runtime: Runtime, settings_env: dict[str, str]
) -> None:
    urls = [replica.url for replica in replicas.start(2)]
    async with httpx2.AsyncClient(base_url=urls[0]) as one, httpx2.AsyncClient(base_url=urls[1]) as two:
        asked = (await one.post("/device_authorization", data={"client_id": "terminal"})).json()
        code = asked["device_code"]
        assert error(await poll(one, code))[1] == "authorization_pending"
        assert error(await poll(two, code))[1] == "slow_down"
        assert error(await poll(one, code))[1] == "slow_down"
        one.cookies.set("authsvc_session", await session_cookie(runtime))
        two.cookies.set("authsvc_session", one.cookies["authsvc_session"])
        page = await enter(two, asked["user_code"])
        one.cookies.set("authsvc_browser", two.cookies["authsvc_browser"])
        assert (await one.post("/device", data={**fields(page), "decision": "allow"})).status_code == 200
        answers = await asyncio.gather(*(poll(http, code) for http in (one, two) for _ in range(25)))
        found = Counter(answer.status_code for answer in answers)
        assert found[200] == 1, found
        assert set(found) <= {200, 400, 503}


# The person


async def test_who_is_not_logged_in_logs_in_first_and_comes_back_with_the_code(house: Service) -> None:
    asked = await ask(house)
    for location in ("/device?user_code=" + asked["user_code"].lower(), asked["verification_uri_complete"]):
        http = await browser(house, None)
        answer = await http.get(location)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?request=")
        assert asked["user_code"] not in answer.headers["location"]
        back = await login_steps.enter(http, await http.get(answer.headers["location"]), BARTENDER)
        assert back.status_code == 303
        assert back.headers["location"] == f"/device?user_code={asked['user_code']}"
        page = await http.get(back.headers["location"])
        assert fields(page)["user_code"] == asked["user_code"]
    question = await http.post("/device", data=fields(page))
    done = await http.post("/device", data={**fields(question), "decision": "allow"})
    assert "The device is connected" in done.text
    assert (await poll(house.http, asked["device_code"])).status_code == 200


@pytest.mark.parametrize("typed", ["", "x", "//evil.example", "https://evil.example/", "A\r\nB: x", "é" * 99])
async def test_the_way_back_is_the_page_itself_whatever_is_sent(house: Service, typed: str) -> None:
    http = await browser(house, None)
    answer = await http.get("/device", params={"user_code": typed, "next": "https://evil.example/"})
    assert answer.status_code == 303
    box = answer.headers["location"].removeprefix("/login?request=")
    assert open_destination(house.runtime, box) == Destination("/device")


async def test_a_complete_link_fills_the_form_and_allows_nothing(house: Service) -> None:
    """RFC 8628 section 3.3.1: also with the link the person is asked."""
    asked, http = await ask(house), await browser(house)
    page = await http.get(asked["verification_uri_complete"])
    assert page.status_code == 200
    assert fields(page)["user_code"] == asked["user_code"]
    assert 'value="allow"' not in page.text
    for more in ("&decision=allow", "&decision=allow&confirm=1&csrf=x"):
        await http.get(asked["verification_uri_complete"] + more)
    assert error(await poll(house.http, asked["device_code"])) == (400, "authorization_pending")
    direct = await http.post("/device", data={**fields(page), "decision": "allow"})  # no question was answered
    assert direct.status_code == 400
    assert error(await poll(house.http, asked["device_code"]))[1] == "slow_down"


async def test_a_person_without_the_role_cannot_allow_the_device(house: Service) -> None:
    asked = await ask(house)
    stranger = await browser(house, "test@example.com")
    turned_away = await enter(stranger, asked["user_code"])
    assert turned_away.status_code == 403
    assert "<h1>No access with this account</h1>" in turned_away.text  # it is the account, not the form
    bartender = await browser(house)
    page = await enter(bartender, asked["user_code"])
    theirs = {**fields(page), "csrf": fields(await stranger.get("/device"))["csrf"], "decision": "allow"}
    assert (await stranger.post("/device", data=theirs)).status_code == 400  # another session's question
    assert error(await poll(house.http, asked["device_code"])) == (400, "authorization_pending")


async def test_a_role_lost_between_allow_and_poll_gives_nothing(house: Service) -> None:
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"])
    await house.sql.execute("UPDATE users SET roles = '{customer}' WHERE email = $1", BARTENDER)
    try:
        assert error(await poll(house.http, asked["device_code"])) == (400, "access_denied")
    finally:
        await house.sql.execute("UPDATE users SET roles = '{bartender}' WHERE email = $1", BARTENDER)
    assert error(await poll(house.http, asked["device_code"])) == (400, "invalid_grant")


async def test_a_changed_password_ends_what_was_allowed_and_not_yet_fetched(house: Service) -> None:
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"])
    known = await house.sql.fetchval("SELECT password_hash FROM users WHERE email = $1", BARTENDER)
    await manage_users.set_password(house.runtime, "tests", BARTENDER, "another long one")
    assert error(await poll(house.http, asked["device_code"])) == (400, "access_denied")
    await house.sql.execute("UPDATE users SET password_hash = $1 WHERE email = $2", known, BARTENDER)


async def test_polls_that_race_with_end_all_leave_no_session_behind(house: Service) -> None:
    """SECURITY.md items 17, 18: whatever the order, nothing lives after the 2xx."""
    started = monotonic()
    await house.runtime.passwords.hash("password")
    hashing = monotonic() - started

    async def poll_after(seconds: float, device_code: str) -> httpx2.Response:
        await asyncio.sleep(seconds)
        return await poll(house.caller(), device_code)

    known = await house.sql.fetchval("SELECT password_hash FROM users WHERE email = $1", BARTENDER)
    for turn in range(15):  # set_password hashes first: polls come before, during and after its transaction
        asked = await ask(house)
        await decide(await browser(house), asked["user_code"])
        answer, _ = await asyncio.gather(
            poll_after(hashing * turn / 8, asked["device_code"]),
            manage_users.set_password(house.runtime, "tests", BARTENDER, "another long one"),
        )
        await house.sql.execute("UPDATE users SET password_hash = $1 WHERE email = $2", known, BARTENDER)
        assert answer.status_code in (200, 400)
        if answer.status_code == 200:
            assert not await house.active(answer.json()["access_token"])
            assert (await house.refresh(answer.json()["refresh_token"], "terminal")).status_code == 400
    live = "SELECT count(*) FROM user_sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1 AND s.is_active"
    assert await house.sql.fetchval(live, BARTENDER) == 0


async def test_a_disabled_person_gives_no_device_anything(house: Service) -> None:
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"])
    await manage_users.disable(house.runtime, "tests", BARTENDER)
    try:
        assert error(await poll(house.http, asked["device_code"])) == (400, "access_denied")
    finally:
        await manage_users.enable(house.runtime, "tests", BARTENDER)


async def test_a_form_from_another_site_decides_nothing(house: Service) -> None:
    asked, http = await ask(house), await browser(house)
    page = await enter(http, asked["user_code"])
    form = {**fields(page), "decision": "allow"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await http.post("/device", data=form, headers=headers)).status_code == 403
    for csrf in ("", "x", spoilt(form["csrf"])):
        assert (await http.post("/device", data={**form, "csrf": csrf})).status_code == 403
        assert (await http.post("/device", data={"user_code": asked["user_code"], "csrf": csrf})).status_code == 403
    assert error(await poll(house.http, asked["device_code"])) == (400, "authorization_pending")


async def test_a_forged_or_foreign_question_decides_nothing(house: Service) -> None:
    asked, http = await ask(house), await browser(house)
    page = await enter(http, asked["user_code"])
    form = {**fields(page), "decision": "allow"}
    way_back = seal_destination(house.runtime, Destination("/device"))
    for box in ("", "x", spoilt(form["request"]), way_back):
        assert (await http.post("/device", data={**form, "request": box})).status_code == 400
    http.cookies.set("authsvc_session", await session_cookie(house.runtime))  # logged in anew: asked anew
    assert (await http.post("/device", data=form)).status_code == 400
    assert error(await poll(house.http, asked["device_code"])) == (400, "authorization_pending")


async def test_an_answer_that_is_sent_twice_is_answered_twice(house: Service) -> None:
    asked, http = await ask(house), await browser(house)
    form = {**fields(await enter(http, asked["user_code"])), "decision": "allow"}
    for decision in ("allow", "allow", "deny"):
        answer = await http.post("/device", data={**form, "decision": decision})
        assert "The device is connected" in answer.text
    assert (await poll(house.http, asked["device_code"])).status_code == 200
    assert "The device is connected" in (await http.post("/device", data=form)).text


async def test_what_is_shown_of_a_device_is_inert(house: Service) -> None:
    """SECURITY.md item 32."""
    agent = "<script>alert(1)</script>\u202e\x1b[31m"
    asked = (
        await house.caller("2001:db8::7").post(
            "/device_authorization",
            auth=("till", "till-secret"),
            data={"scope": "api", "device_info": "<img src=x>"},
            headers={"User-Agent": agent.encode()},
        )
    ).json()
    page = await enter(await browser(house, "test@example.com"), asked["user_code"])
    assert "<script>" not in page.text
    assert "<b>Till</b>" not in page.text
    assert "&lt;b&gt;Till" in page.text
    assert "<img src=x" not in page.text
    assert "2001:db8::7" in page.text


async def test_wrong_codes_are_limited_a_person_and_a_network(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, user_code_failures=3) as house:
        http = await browser(house)
        for _ in range(3):
            assert (await enter(http, "BCDF-GHJK")).status_code == 400
        limited = await enter(http, "BCDF-GHJK")
        assert limited.status_code == 429
        assert int(limited.headers["retry-after"]) > 0
        asked = await ask(house)
        elsewhere = await browser(house, BARTENDER, "203.0.113.9")  # another session, another network, the same person
        assert (await enter(elsewhere, asked["user_code"])).status_code == 429
        assert (await enter(await browser(house, "admin@example.com"), "BCDF-GHJK")).status_code == 400
        right = await browser(house, "test@example.com", "203.0.113.9")
        for _ in range(10):  # right codes are no guesses
            assert (await enter(right, asked["user_code"])).status_code == 403
        for number in range(40):
            await house.sql.execute(
                "INSERT INTO users (email, name, roles, password_hash) SELECT $1, 'x', '{}', password_hash FROM users "
                "WHERE email = 'test@example.com'",
                f"guest{number}@example.com",
            )
        statuses = []
        for number in range(14):
            guest = await browser(house, f"guest{number}@example.com")
            statuses += [(await enter(guest, "BCDF-GHJK")).status_code for _ in range(2)]
        assert statuses.count(400) <= 30
        assert statuses[-1] == 429


async def test_parallel_guesses_are_no_more_than_the_limit(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, user_code_failures=10) as house:
        http = await browser(house)
        form = fields(await http.get("/device"))
        with statements(house.runtime):
            answers = await until_answered(lambda: http.post("/device", data={**form, "user_code": "BCDF-GHJK"}), 60)
        assert Counter(answer.status_code for answer in answers)[400] == 10


async def test_requests_are_limited_a_network(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, device_network_requests=3) as house:
        for _ in range(3):
            await ask(house)
        answer = await house.caller("198.51.100.20").post("/device_authorization", data={"client_id": "terminal"})
        assert answer.status_code == 429
        assert answer.headers["retry-after"]
        assert (await house.http.post("/device_authorization", data={"client_id": "terminal"})).status_code == 200


async def test_nothing_that_is_stored_opens_anything(house: Service) -> None:
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"])
    rows = str(await house.sql.fetch("SELECT t::text FROM device_requests t"))
    for secret in (asked["device_code"], asked["user_code"], asked["user_code"].replace("-", "")):
        assert secret not in rows


async def test_trouble_in_the_store_is_no_wrong_code(house: Service) -> None:
    asked, http = await ask(house), await browser(house)
    form = fields(await enter(http, asked["user_code"]))
    house.runtime.db._open_until = float("inf")
    try:
        for answer in (
            await http.get("/device"),
            await http.post("/device", data=form),
            await poll(house.http, asked["device_code"]),
            await house.http.post("/device_authorization", data={"client_id": "terminal"}),
        ):
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
    finally:
        house.runtime.db._open_until = 0.0
    assert error(await poll(house.http, asked["device_code"])) == (400, "authorization_pending")


async def test_who_decided_stands_in_the_audit(house: Service) -> None:
    asked = await ask(house)
    await decide(await browser(house), asked["user_code"])
    row = await house.sql.fetchrow("SELECT * FROM audit_events ORDER BY id DESC LIMIT 1")
    assert (row["event"], row["client_id"]) == ("device_allowed", "terminal")
    assert row["actor"] == f"user:{row['user_id']}"
    assert asked["user_code"] not in str(dict(row))


async def test_discovery_says_so(house: Service) -> None:
    said = (await house.http.get("/.well-known/oauth-authorization-server")).json()
    assert said["device_authorization_endpoint"] == "http://localhost:8000/device_authorization"
    assert GRANT_TYPE in said["grant_types_supported"]
