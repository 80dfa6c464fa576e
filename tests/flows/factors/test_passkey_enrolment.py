"""A person adds a passkey, renames one, removes one: theirs, lately logged in, and never more than twenty
(SECURITY.md item 79)."""

from __future__ import annotations

import asyncio
import json
from html import unescape
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from authsvc.rules.factors.passkeys import MOST
from authsvc.runtime import Runtime
from tests.support.authenticator import Authenticator, decoded, encoded
from tests.support.login_steps import enter, fields
from tests.support.passkeys import NEW, begin, begun_on, challenged, enrolled, finish, log_in_by, logged_in
from tests.support.replicas import Replicas
from tests.support.service import Service

PERSON, OTHER = "test@example.com", "bartender@example.com"
POSTS = ["/account/passkeys/add", "/account/passkeys/rename", "/account/passkeys/remove"]


async def passkeys_of(house: Service, email: str = PERSON) -> list[asyncpg.Record]:
    sql = "SELECT p.* FROM passkeys p JOIN users u ON u.id = p.user_id WHERE u.email = $1 ORDER BY p.created_at"
    found: list[asyncpg.Record] = await house.sql.fetch(sql, email)
    return found


async def fresh(house: Service, email: str = PERSON) -> httpx2.AsyncClient:
    """A browser that has just logged in a person without passkeys."""
    await house.sql.execute("DELETE FROM passkeys USING users u WHERE u.id = user_id AND u.email = $1", email)
    return await logged_in(house.caller(), email)


async def press(http: httpx2.AsyncClient, path: str, **filled: str) -> httpx2.Response:
    page = await http.get("/account")
    return await http.post(path, data={"csrf": fields(page)["csrf"], **filled})


async def notice(http: httpx2.AsyncClient, answer: httpx2.Response) -> httpx2.Response:
    assert answer.status_code == 303, (answer.status_code, answer.text)
    return await http.get(answer.headers["location"])


# Adding


async def test_the_options_ask_for_what_we_promise(house: Service) -> None:
    http = await fresh(house)
    options = (await begin(http))["options"]
    assert options["rp"] == {"id": "localhost", "name": "authsvc"}
    assert options["attestation"] == "none"
    assert options["excludeCredentials"] == []
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert [one["alg"] for one in options["pubKeyCredParams"]] == [-8, -7, -257]
    user_id = await house.sql.fetchval("SELECT id FROM users WHERE email = $1", PERSON)
    assert decoded(options["user"]["id"]) == user_id.bytes
    assert options["user"]["name"] == PERSON


async def test_one_that_is_there_is_excluded_from_the_next(house: Service) -> None:
    http = await fresh(house)
    key = await enrolled(http)
    [excluded] = (await begin(http))["options"]["excludeCredentials"]
    assert decoded(excluded["id"]) == key.credential_id
    assert excluded["transports"] == ["hybrid", "internal"]


async def test_the_page_lists_it_by_its_name_or_its_providers(house: Service) -> None:
    http = await fresh(house)
    google = bytes.fromhex("ea9b8d664d011d213ce4b6b48cb575d4")
    await enrolled(http, Authenticator(synced=True, aaguid=google))
    page = await http.get("/account")
    assert "<bdi>Google Password Manager</bdi>" in page.text
    assert "Synced" in page.text
    await enrolled(http, Authenticator(aaguid=google), name="The <b>big</b> phone\u202e")
    page = await http.get("/account")
    assert "<bdi>The &lt;b&gt;big&lt;/b&gt; phone</bdi>" in page.text
    assert "On one device" in page.text
    assert [row["name"] for row in await passkeys_of(house)] == ["", "The <b>big</b> phone"]
    events = await house.sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'passkey_added'")
    assert events >= 2


async def test_what_is_wrong_with_a_new_one_is_refused(house: Service) -> None:
    http = await fresh(house)
    changes = {
        "rpId": Authenticator(rp_id="evil.example"),
        "origin": Authenticator(origin="https://evil.example"),
        "verified": Authenticator(verified=False),
        "present": Authenticator(present=False),
        "frame": Authenticator(client_data={"crossOrigin": True}),
        "type": Authenticator(client_data={"type": "webauthn.get"}),
        "challenge": Authenticator(client_data={"challenge": encoded(bytes(32))}),
        "algorithm": Authenticator(algorithm=-35),
    }
    for name, key in changes.items():
        begun = await begin(http)
        answer = await finish(http, begun, key.create(begun["options"]))
        assert answer.status_code == 400, name
        assert "The passkey was not added." in answer.text, name
        assert begun_on(answer)["options"]["challenge"] != begun["options"]["challenge"], name
    assert await passkeys_of(house) == []


@pytest.mark.parametrize("number", [0, 2**2047 + 1])
async def test_a_key_that_is_none_is_refused(house: Service, number: int) -> None:
    """Also one that would cost us much to verify with: who names a key chooses what its signatures cost."""
    http, begun = await fresh(house), {}
    begun = await begin(http)
    key = Authenticator(algorithm=-257) if number else Authenticator()
    wrong = (
        {1: 3, 3: -257, -1: bytes(8191), -2: bytes(8)} if number else {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)}
    )
    key.public_key = lambda: wrong  # type: ignore[method-assign]
    assert (await finish(http, begun, key.create(begun["options"]))).status_code == 400
    assert await passkeys_of(house) == []


@pytest.mark.parametrize(
    "sent", ["", "x", "[]", "{}", '{"type": "public-key", "id": "AA", "rawId": "AA", "response": {}}']
)
async def test_what_is_no_registration_is_refused(house: Service, sent: str) -> None:
    http = await fresh(house)
    assert (await finish(http, await begin(http), sent)).status_code == 400
    assert await passkeys_of(house) == []


async def test_a_registration_is_good_once(house: Service) -> None:
    http, key = await fresh(house), Authenticator()
    begun = await begin(http)
    sent = key.create(begun["options"])
    assert (await finish(http, begun, sent)).status_code == 303
    await house.sql.execute("DELETE FROM passkeys")
    assert (await finish(http, begun, sent)).status_code == 400
    assert await passkeys_of(house) == []


async def test_a_challenge_is_for_its_session_and_its_browser(house: Service) -> None:
    """A page of another person, and one that somebody carried into another browser of this one."""
    http, other, second = await fresh(house), await fresh(house, OTHER), await logged_in(house.caller())
    begun = await begin(http)
    for browser in (other, second):
        own = await begin(browser)
        key = Authenticator()
        answer = await finish(browser, {**own, "challenge": begun["challenge"]}, key.create(begun["options"]))
        assert answer.status_code == 400
        assert "This page had expired" in answer.text
    assert await passkeys_of(house) == await passkeys_of(house, OTHER) == []


async def test_a_challenge_of_a_login_adds_nothing(house: Service) -> None:
    http = await fresh(house)
    begun, login = await begin(http), await challenged(house.caller())
    options = {**begun["options"], "challenge": login["options"]["challenge"]}
    answer = await finish(http, {**begun, "challenge": login["challenge"]}, Authenticator().create(options))
    assert answer.status_code == 400
    assert await passkeys_of(house) == []


async def test_a_page_that_was_open_for_too_long_is_drawn_anew(runtime: Runtime, http: httpx2.AsyncClient) -> None:
    await logged_in(http)
    begun = await begin(http)
    runtime.clock._base += 301
    answer = await finish(http, begun, Authenticator().create(begun["options"]), name="Mine")
    assert answer.status_code == 400
    assert "This page had expired" in answer.text
    again = begun_on(answer)
    assert again["name"] == "Mine"
    assert (await finish(http, again, Authenticator().create(again["options"]))).status_code == 303


async def test_a_credential_that_somebody_has_is_nobody_elses(house: Service) -> None:
    http, other = await fresh(house), await fresh(house, OTHER)
    key = await enrolled(http)
    begun = await begin(other)
    answer = await finish(other, begun, Authenticator(credential_id=key.credential_id).create(begun["options"]))
    assert answer.status_code == 400
    assert "already has a passkey" in answer.text
    assert await passkeys_of(house, OTHER) == []


async def test_the_21st_is_refused_at_the_end_of_its_enrolment(house: Service) -> None:
    http = await fresh(house)
    begun = [await begin(http) for _ in range(MOST + 5)]
    answers = await asyncio.gather(*(finish(http, one, Authenticator().create(one["options"])) for one in begun))
    assert {answer.status_code for answer in answers} <= {303, 400, 503}
    for one in [begun[place] for place, answer in enumerate(answers) if answer.status_code == 503]:
        await finish(http, one, Authenticator().create(one["options"]))
    assert len(await passkeys_of(house)) == MOST
    page = await http.get(NEW)
    assert page.status_code == 400
    assert "as many passkeys as an account can have" in page.text


async def test_twenty_at_most_also_over_two_replicas(replicas: Replicas, sql: asyncpg.Connection) -> None:
    one, two = replicas.start(2)
    async with (
        httpx2.AsyncClient(base_url=one.url, timeout=60) as http,
        httpx2.AsyncClient(base_url=two.url, timeout=60) as second,
    ):
        await logged_in(http)
        second.cookies.update({name: http.cookies[name] for name in ("authsvc_session", "authsvc_browser")})
        begun = [await begin(http) for _ in range(MOST + 20)]
        for _ in range(3):  # 503 is "come back"
            sent = [
                finish((http, second)[place % 2], each, Authenticator().create(each["options"]))
                for place, each in enumerate(begun)
            ]
            answers = await asyncio.gather(*sent)
            begun = [each for each, answer in zip(begun, answers, strict=True) if answer.status_code == 503]
    assert await sql.fetchval("SELECT count(*) FROM passkeys") == MOST


async def test_who_logged_out_meanwhile_adds_nothing(house: Service) -> None:
    http = await fresh(house)
    begun = await begin(http)
    sent = Authenticator().create(begun["options"])
    await house.sql.execute("UPDATE user_sessions SET is_active = false WHERE is_active")
    answer = await finish(http, begun, sent)
    assert answer.headers["location"].startswith("/login")
    assert await passkeys_of(house) == []


# Fresh logins, forms of others, passkeys of others


async def test_adding_renaming_and_removing_need_a_login_of_the_last_15_minutes(house: Service) -> None:
    http = await fresh(house)
    await enrolled(http)
    [row] = await passkeys_of(house)
    begun = await begin(http)
    sent = Authenticator().create(begun["options"])
    await house.sql.execute("UPDATE user_sessions SET auth_time = now() - interval '16 minutes'")
    answers = [
        await http.get(NEW),
        await finish(http, begun, sent),
        await press(http, "/account/passkeys/rename", passkey=str(row["id"]), name="x"),
        await press(http, "/account/passkeys/remove", passkey=str(row["id"])),
    ]
    assert all(answer.headers["location"].startswith("/login?request=") for answer in answers)
    assert await passkeys_of(house) == [row]
    page = await http.get(answers[0].headers["location"])
    assert (await enter(http, page)).headers["location"] == NEW


async def test_nobody_logged_in_gets_no_further_than_the_login(house: Service) -> None:
    http = house.caller()
    page = await http.get((await http.get(NEW)).headers["location"])
    assert (await enter(http, page)).headers["location"] == NEW
    for path in POSTS:
        csrf = fields(await house.caller().get("/login"))["csrf"]
        assert (await house.caller().post(path, data={"csrf": csrf})).status_code in (303, 403)


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_of_another_site_does_nothing(house: Service, path: str) -> None:
    http = await fresh(house)
    await enrolled(http)
    [row] = await passkeys_of(house)
    begun = await begin(http)
    form = {
        "csrf": begun["csrf"],
        "challenge": begun["challenge"],
        "credential": Authenticator().create(begun["options"]),
        "passkey": str(row["id"]),
        "name": "x",
    }
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert (await http.post(path, data=form, headers=headers)).status_code == 403
    assert (await http.post(path, data={**form, "csrf": "x"})).status_code == 403
    assert await passkeys_of(house) == [row]


async def test_a_foreign_passkey_is_neither_renamed_nor_removed_nor_told_from_none(house: Service) -> None:
    http, other = await fresh(house), await fresh(house, OTHER)
    key = await enrolled(other)
    [row] = await passkeys_of(house, OTHER)
    said = set()
    for named in (str(row["id"]), str(uuid4()), "x", "", encoded(key.credential_id)):
        for path in POSTS[1:]:
            answer = await press(http, path, passkey=named, name="mine now")
            assert answer.status_code == 404
            said.add(answer.text.partition('class="reference"')[0])
    assert len(said) == 1
    assert await passkeys_of(house, OTHER) == [row]


# Renaming and removing


async def test_a_name_is_the_persons_to_give_and_to_take_back(house: Service) -> None:
    http = await fresh(house)
    await enrolled(http)
    [row] = await passkeys_of(house)
    page = await notice(http, await press(http, "/account/passkeys/rename", passkey=str(row["id"]), name=" My\tphone "))
    assert "The passkey has its new name." in page.text
    assert "<bdi>Myphone</bdi>" in page.text
    method, about = json.loads(unescape(page.text.partition('data-signal="')[2].partition('"')[0]))
    assert (method, about["rpId"], about["name"]) == ("signalCurrentUserDetails", "localhost", PERSON)
    await press(http, "/account/passkeys/rename", passkey=str(row["id"]), name="x" * 500)
    assert [len(one["name"]) for one in await passkeys_of(house)] == [64]
    await press(http, "/account/passkeys/rename", passkey=str(row["id"]), name="")
    assert [one["name"] for one in await passkeys_of(house)] == [""]


async def test_what_is_removed_opens_nothing_and_the_browser_is_told_what_is_left(house: Service) -> None:
    http = await fresh(house)
    gone, left = await enrolled(http), await enrolled(http)
    [row, _] = await passkeys_of(house)
    page = await notice(http, await press(http, "/account/passkeys/remove", passkey=str(row["id"])))
    assert "The passkey is removed" in page.text
    method, about = json.loads(unescape(page.text.partition('data-signal="')[2].partition('"')[0]))
    assert method == "signalAllAcceptedCredentials"
    assert about["allAcceptedCredentialIds"] == [encoded(left.credential_id)]
    assert (await log_in_by(house.caller(), gone)).status_code == 400
    assert (await log_in_by(house.caller(), left)).status_code == 303


async def test_the_only_way_to_log_in_is_not_removed(house: Service) -> None:
    http = await fresh(house, OTHER)
    await enrolled(http)
    [row] = await passkeys_of(house, OTHER)
    hashed = await house.sql.fetchval("SELECT password_hash FROM users WHERE email = $1", OTHER)
    await house.sql.execute("UPDATE users SET password_hash = NULL WHERE email = $1", OTHER)
    answer = await press(http, "/account/passkeys/remove", passkey=str(row["id"]))
    assert answer.status_code == 400
    assert "the only way in which you can sign in" in answer.text
    assert await passkeys_of(house, OTHER) == [row]
    await house.sql.execute("UPDATE users SET password_hash = $2 WHERE email = $1", OTHER, hashed)
    assert (await press(http, "/account/passkeys/remove", passkey=str(row["id"]))).status_code == 303


async def test_who_is_removed_takes_their_passkeys_along(house: Service) -> None:
    http = await fresh(house, "admin@example.com")
    await enrolled(http)
    await house.sql.execute("DELETE FROM users WHERE email = 'admin@example.com'")
    assert await passkeys_of(house, "admin@example.com") == []
