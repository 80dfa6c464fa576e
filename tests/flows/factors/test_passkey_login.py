"""Log in by a passkey alone, and every way in which that must fail (SECURITY.md item 78)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx2
import pytest

from authsvc.keys.seal import seal_value
from authsvc.runtime import Runtime
from authsvc_devkit.servers import Servers
from tests.support.authenticator import Authenticator, decoded, encoded
from tests.support.login_steps import Pkce, authorize_url, enter, fields, is_page, redeem, redirected
from tests.support.passkeys import challenged, enrolled, log_in_by, logged_in, person_with, show
from tests.support.replicas import Replicas
from tests.support.service import Service, service

PERSON, OTHER = "test@example.com", "bartender@example.com"
Change = Callable[[Authenticator], object]


async def is_logged_in(http: httpx2.AsyncClient) -> bool:
    return (await http.get("/account")).status_code == 200


async def refused(house: Service, answer: httpx2.Response, http: httpx2.AsyncClient) -> str:
    """The page again, whose words are the same whatever was wrong; the words."""
    assert answer.status_code == 400, (answer.status_code, answer.text)
    assert is_page(answer, "/login")
    assert "That passkey was not accepted." in answer.text
    assert not await is_logged_in(http)
    return answer.text.partition('<div class="alert"')[2].partition("</div>")[0]


# What it is for


@pytest.mark.parametrize("algorithm", [-7, -8, -257])
async def test_a_passkey_logs_its_person_in_who_need_not_say_who_they_are(house: Service, algorithm: int) -> None:
    key = await person_with(house, Authenticator(algorithm=algorithm))
    http = house.caller()
    answer = await log_in_by(http, key)
    assert answer.headers["location"] == "/account", answer.text
    assert PERSON in (await http.get("/account")).text


@pytest.mark.parametrize(("synced", "method"), [(False, "hwk"), (True, "swk")])
async def test_tokens_say_how(house: Service, synced: bool, method: str) -> None:
    key = await person_with(house, Authenticator(synced=synced))
    http, pkce = house.caller(), Pkce()
    begun = {**await challenged(http), **fields(await http.get(authorize_url(pkce)))}
    answer = await show(http, begun, key.get(begun["options"]))
    tokens = (await redeem(http, redirected(answer)["code"], pkce)).json()
    form = {"token": tokens["access_token"]}
    told = (await house.http.post("/introspect", data=form, auth=("backend", "backend-secret"))).json()
    assert told["amr"] == [method, "user", "mfa"]


async def test_the_challenge_asks_for_whoever_is_there_and_for_their_verification(house: Service) -> None:
    options = (await challenged(house.caller()))["options"]
    assert options["rpId"] == "localhost"
    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"
    assert len(decoded(options["challenge"])) == 32


async def test_a_login_again_keeps_the_session_under_a_new_cookie(house: Service) -> None:
    http = await logged_in(house.caller())
    key = await enrolled(http)
    before = await house.sql.fetchrow("SELECT id, auth_time FROM user_sessions ORDER BY created_at DESC LIMIT 1")
    cookie = http.cookies["authsvc_session"]
    page = await http.get(authorize_url(Pkce(), prompt="login"))
    begun = {**await challenged(http), **fields(page)}
    assert "code" in redirected(await show(http, begun, key.get(begun["options"])))
    after = await house.sql.fetchrow("SELECT id, auth_time, amr FROM user_sessions ORDER BY created_at DESC LIMIT 1")
    assert after["id"] == before["id"]
    assert after["auth_time"] > before["auth_time"]
    assert after["amr"] == ["hwk", "user", "mfa"]
    assert http.cookies["authsvc_session"] != cookie


async def test_another_persons_session_in_this_browser_ends(house: Service) -> None:
    key = await person_with(house)
    http = await logged_in(house.caller(), OTHER)
    theirs = await house.sql.fetchval("SELECT id FROM user_sessions ORDER BY created_at DESC LIMIT 1")
    begun = {**await challenged(http), **fields(await http.get(authorize_url(Pkce(), prompt="login")))}
    await show(http, begun, key.get(begun["options"]))
    assert PERSON in (await http.get("/account")).text
    assert not await house.sql.fetchval("SELECT is_active FROM user_sessions WHERE id = $1", theirs)


async def test_remember_me_holds_for_passkeys_too(house: Service) -> None:
    key, http = await person_with(house), house.caller()
    answer = await log_in_by(http, key, remember_me="1")
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("authsvc_session="))
    assert "Max-Age=" in cookie


async def test_what_was_used_is_noted(house: Service) -> None:
    key = await person_with(house, Authenticator(synced=True, counter=4))
    key.backed_up = False
    await log_in_by(house.caller(), key)
    row = await house.sql.fetchrow("SELECT * FROM passkeys WHERE credential_id = $1", key.credential_id)
    assert (row["sign_count"], row["backed_up"], row["last_used_at"] is not None) == (5, False, True)


# What is signed must be right

WRONG: dict[str, Change] = {
    "another rpId": lambda key: setattr(key, "rp_id", "evil.example"),
    "another origin": lambda key: setattr(key, "origin", "https://evil.example"),
    "another port": lambda key: setattr(key, "origin", "http://localhost:9999"),
    "another user handle": lambda key: setattr(key, "user_handle", bytes(16)),
    "no user handle": lambda key: setattr(key, "user_handle", None),
    "nobody verified": lambda key: setattr(key, "verified", False),
    "nobody present": lambda key: setattr(key, "present", False),
    "in a frame of another site": lambda key: key.client_data.update(crossOrigin=True),
    "crossOrigin that is no boolean": lambda key: key.client_data.update(crossOrigin="false"),
    "a registration": lambda key: key.client_data.update(type="webauthn.create"),
    "another challenge": lambda key: key.client_data.update(challenge=encoded(bytes(32))),
    "another credential": lambda key: setattr(key, "credential_id", b"nobody's credential"),
    "another key": lambda key: setattr(key, "private", Authenticator().private),
    "eligible for backup all at once": lambda key: setattr(key, "backup_eligible", True),
    "backed up but not eligible": lambda key: setattr(key, "backed_up", True),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=list(WRONG))
async def test_a_passkey_is_refused_with(house: Service, change: Change) -> None:
    key, http = await person_with(house), house.caller()
    change(key)
    await refused(house, await log_in_by(http, key), http)


async def test_the_right_one_next_to_them_is_taken(house: Service) -> None:
    """Or the test above would be about something else."""
    key, http = await person_with(house), house.caller()
    assert (await log_in_by(http, key)).status_code == 303


async def test_whatever_is_wrong_is_answered_alike(house: Service) -> None:
    """Known or unknown, disabled or not, in words and in what the browser is given."""
    said = set()
    key = await person_with(house, email=OTHER)
    await house.sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", OTHER)
    stranger = Authenticator(user_handle=bytes(16), rp_id="localhost")
    unverified = await person_with(house)
    unverified.verified = False
    for one in (key, stranger, unverified):
        http = house.caller()
        answer = await log_in_by(http, one)
        said.add((await refused(house, answer, http), tuple(answer.headers.get_list("set-cookie"))))
    await house.sql.execute("UPDATE users SET disabled_at = NULL WHERE email = $1", OTHER)
    assert len(said) == 1


@pytest.mark.parametrize(
    "sent",
    [
        "x",
        "[]",
        "{}",
        '{"type": "public-key", "id": "AA", "rawId": "AA"}',
        '{"type": "public-key", "id": "AA", "rawId": "AA", "response": {"clientDataJSON": 1}}',
        "[" * 5000,
        "x" * 40_000,
    ],
)
async def test_what_is_no_assertion_is_refused(house: Service, sent: str) -> None:
    http = house.caller()
    await refused(house, await show(http, await challenged(http), sent), http)


@pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
@pytest.mark.parametrize("value", ["", "A", "!", "AAAA", 1, None, "A" * 12_000])
async def test_a_broken_member_is_refused_and_is_no_fault_of_ours(house: Service, member: str, value: Any) -> None:
    http = house.caller()
    key = await person_with(house)
    begun = await challenged(http)
    sent = json.loads(key.get(begun["options"]))
    sent["response"][member] = value
    await refused(house, await show(http, begun, json.dumps(sent)), http)


@pytest.mark.parametrize("place", range(0, 37, 3))
async def test_a_changed_bit_of_what_was_signed_is_refused(house: Service, place: int) -> None:
    http = house.caller()
    key = await person_with(house)
    begun = await challenged(http)
    sent = json.loads(key.get(begun["options"]))
    data = bytearray(decoded(sent["response"]["authenticatorData"]))
    data[place] ^= 1 if place != 32 else 2
    sent["response"]["authenticatorData"] = encoded(bytes(data))
    await refused(house, await show(http, begun, json.dumps(sent)), http)


# Once, soon, here


async def test_an_answer_is_good_once(house: Service) -> None:
    key, http = await person_with(house), house.caller()
    begun = await challenged(http)
    passkey = key.get(begun["options"])
    assert (await show(http, begun, passkey)).status_code == 303
    http.cookies.delete("authsvc_session")
    await refused(house, await show(http, begun, passkey), http)


async def test_a_challenge_is_good_once_also_for_another_answer(house: Service) -> None:
    key, http = await person_with(house), house.caller()
    begun = await challenged(http)
    assert (await show(http, begun, key.get(begun["options"]))).status_code == 303
    http.cookies.delete("authsvc_session")
    await refused(house, await show(http, begun, key.get(begun["options"])), http)


async def test_a_wrong_answer_does_not_spend_the_challenge(house: Service) -> None:
    """Or a stranger's page could use up what a person is about to answer."""
    key, http = await person_with(house), house.caller()
    begun = await challenged(http)
    key.verified = False
    await refused(house, await show(http, begun, key.get(begun["options"])), http)
    key.verified = True
    assert (await show(http, begun, key.get(begun["options"]))).status_code == 303


async def test_who_has_no_passkey_leaves_no_row_behind(house: Service) -> None:
    before = await house.content()
    http = house.caller()
    await refused(house, await log_in_by(http, Authenticator(user_handle=bytes(16), rp_id="localhost")), http)
    assert await house.content() == before


async def test_a_challenge_of_another_browser_is_refused(house: Service) -> None:
    """Cross-browser: a thief has a person answer the challenge of his own page."""
    key, thief, victim = await person_with(house), house.caller(), house.caller()
    stolen, own = await challenged(thief), await challenged(victim)
    passkey = key.get(stolen["options"])
    await refused(house, await show(victim, {**own, "challenge": stolen["challenge"]}, passkey), victim)
    victims = key.get(own["options"])
    await refused(house, await show(thief, {**stolen, "challenge": own["challenge"]}, victims), thief)


async def test_a_challenge_is_good_for_five_minutes(runtime: Runtime, http: httpx2.AsyncClient) -> None:
    key = await enrolled(await logged_in(http))
    http.cookies.delete("authsvc_session")
    begun = await challenged(http)
    runtime.clock._base += 299
    assert (await show(http, begun, key.get(begun["options"]))).status_code == 303
    http.cookies.delete("authsvc_session")
    begun = await challenged(http)
    runtime.clock._base += 301
    assert (await show(http, begun, key.get(begun["options"]))).status_code == 400


async def test_a_sealed_value_of_another_purpose_is_no_challenge(house: Service) -> None:
    key, http = await person_with(house), house.caller()
    begun = await challenged(http)
    runtime = house.runtime
    payload = json.dumps([begun["options"]["challenge"], "", runtime.clock.seconds()]).encode()
    for purpose in ("passkey enrolment", "authorization interaction"):
        begun["challenge"] = seal_value(runtime.master, purpose, payload, runtime.entropy)
        await refused(house, await show(http, begun, key.get(begun["options"])), http)


async def test_200_parallel_uses_of_a_challenge_over_two_replicas_give_one_session(
    replicas: Replicas, sql: asyncpg.Connection
) -> None:
    one, two = replicas.start(2)
    async with httpx2.AsyncClient(base_url=one.url, timeout=60) as http:
        key = await enrolled(await logged_in(http))
        http.cookies.delete("authsvc_session")
        begun = await challenged(http)
        passkey = key.get(begun["options"])
        form = {"csrf": begun["csrf"], "request": begun["request"]}
        form |= {"passkey": passkey, "passkey_challenge": begun["challenge"]}
        cookies = {"authsvc_browser": http.cookies["authsvc_browser"]}
    async with (
        httpx2.AsyncClient(base_url=one.url, cookies=cookies, timeout=60) as first,
        httpx2.AsyncClient(base_url=two.url, cookies=cookies, timeout=60) as second,
    ):
        answers = await asyncio.gather(*((first, second)[turn % 2].post("/login", data=form) for turn in range(200)))
    assert sorted(answer.status_code for answer in answers).count(303) == 1
    assert {answer.status_code for answer in answers} <= {303, 400, 503}
    assert await sql.fetchval("SELECT count(*) FROM user_sessions WHERE 'hwk' = ANY (amr)") == 1


# Forms, people, counters


async def test_a_form_of_another_site_logs_nobody_in(house: Service) -> None:
    key, http = await person_with(house), house.caller()
    begun = await challenged(http)
    form = {"passkey": key.get(begun["options"]), "passkey_challenge": begun["challenge"], "csrf": begun["csrf"]}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert (await http.post("/login", data=form, headers=headers)).status_code == 403
    assert (await http.post("/login", data={**form, "csrf": "x"})).status_code == 403
    assert (await http.post("/login", data={**form, "csrf": ""})).status_code == 403
    assert not await is_logged_in(http)


async def test_another_site_gets_no_challenge_and_changes_no_cookie(house: Service) -> None:
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://a.example"}):
        answer = await house.caller().post("/login/passkey", headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_a_challenge_is_kept_by_no_cache_and_read_by_no_other_origin(house: Service) -> None:
    answer = await house.caller().post("/login/passkey")
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers


async def test_a_network_gets_so_many_challenges_and_its_people_log_in_by_password(
    servers: Servers, base_env: dict[str, str]
) -> None:
    """Parallel ones are counted, too; what a network already has stays good, and another network is none the wiser."""
    async with service(servers, base_env, passkey_network_requests=5) as house:
        key = await enrolled(await logged_in(house.caller()))
        here, there = house.caller("198.51.100.30"), house.caller("203.0.113.8")
        begun = await challenged(here)
        answers = await asyncio.gather(*(house.caller("198.51.100.30").post("/login/passkey") for _ in range(40)))
        assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429] * 36
        late = await here.post("/login/passkey")
        assert (late.status_code, late.json()["error"]) == (429, "too_many_attempts")
        assert 0 < int(late.headers["retry-after"]) <= 900
        assert (await log_in_by(there, key)).status_code == 303
        assert (await logged_in(house.caller("198.51.100.30"))).cookies
        assert (await show(here, begun, key.get(begun["options"]))).status_code == 303


async def test_a_disabled_person_is_refused(house: Service) -> None:
    key, http = await person_with(house, email=OTHER), house.caller()
    await house.sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", OTHER)
    await refused(house, await log_in_by(http, key), http)
    await house.sql.execute("UPDATE users SET disabled_at = NULL WHERE email = $1", OTHER)
    assert (await log_in_by(http, key)).status_code == 303


@pytest.mark.parametrize(("synced", "signals"), [(False, 1), (True, 0)])
async def test_a_counter_that_goes_back_is_a_signal_where_the_key_cannot_be_copied(
    house: Service, synced: bool, signals: int
) -> None:
    key = await person_with(house, Authenticator(synced=synced, counter=50))
    count = "SELECT count(*) FROM audit_events WHERE event = 'passkey_counter_back' AND detail->>'had' = '51'"
    assert (await log_in_by(house.caller(), key)).status_code == 303
    key.counter = 7
    assert (await log_in_by(house.caller(), key)).status_code == 303
    assert await house.sql.fetchval(count) == signals
    kept = await house.sql.fetchval("SELECT sign_count FROM passkeys WHERE credential_id = $1", key.credential_id)
    assert kept == 51
    await house.sql.execute("DELETE FROM audit_events WHERE event = 'passkey_counter_back'")


async def test_a_counter_that_is_always_nought_is_no_signal(house: Service) -> None:
    key = await person_with(house, Authenticator(step=0))
    for _ in range(2):
        assert (await log_in_by(house.caller(), key)).status_code == 303
    assert not await house.sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'passkey_counter_back'")


async def test_the_password_way_stays(house: Service) -> None:
    await person_with(house)
    http = house.caller()
    page = await http.get("/login?next=/account")
    assert 'autocomplete="username webauthn"' in page.text
    assert '<button id="passkey" type="button" hidden>' in page.text
    assert (await enter(http, page)).headers["location"] == "/account"
