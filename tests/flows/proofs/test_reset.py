"""A forgotten password is replaced by whoever reads the mail of the address, and by nobody else."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable

import asyncpg
import httpx2
import pytest

from authsvc.flows.proofs.issue_proof import issue_proof, new_proof
from authsvc.flows.proofs.join import Joining, accept_invitation
from authsvc.flows.proofs.own_address import change_address, verify_address
from authsvc.flows.proofs.reset_password import Chooser, reset_password
from authsvc.flows.proofs.spend_proof import show_proof
from authsvc.flows.proofs.tell_person import Place
from authsvc.rules.errors import Rejected
from authsvc.rules.proofs.proof import STANDING, Purpose
from authsvc.runtime import Runtime
from tests.conftest import ISSUER
from tests.support.calls import alive, login
from tests.support.letters import another, ask, letter, letters, post
from tests.support.login_steps import EMAIL, PASSWORD, Pkce, authorize_url, enter, fields, is_page, submit
from tests.support.mail import mail_server, settings_of
from tests.support.replicas import Replicas

NEW = "a new one, quite long"
BARTENDER = "bartender@example.com"


def chosen(new: str = NEW, repeat: str | None = None) -> dict[str, str]:
    return {"new_password": new, "repeat_password": new if repeat is None else repeat}


async def reset(http: httpx2.AsyncClient, link: str, **form: str) -> httpx2.Response:
    """Open the link and choose a password."""
    page = await http.get(link)
    assert is_page(page, "/proof"), page.text
    return await submit(http, page, "/proof", **chosen(), **form)


async def logs_in(http: httpx2.AsyncClient, password: str, email: str = EMAIL) -> bool:
    answer = await http.post("/api/auth/login", json={"email": email, "password": password})
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


def said(answer: httpx2.Response, *private: str) -> tuple[object, ...]:
    """An answer without what differs each time, and without the address that was typed."""
    text = answer.text
    for name, value in fields(answer).items():
        if name in ("csrf", "sealed"):
            text = text.replace(value, "x")
    for one in private:
        text = text.replace(one, "y")
    sent = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "content-length")}
    return answer.status_code, text, sent


# The way of an honest person


async def test_a_password_is_chosen_by_the_link_and_everything_ends(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    tokens = await login(http)
    page = await http.get("/login")
    assert 'href="/reset"' in page.text.replace("&amp;", "&")
    sent = await ask(http)
    assert "Look at your mail" in sent.text
    mail = await letter(runtime)
    assert (mail.template, mail.language) == ("reset", "en")
    async with another(http) as phone:  # the mail is opened elsewhere
        done = await reset(phone, mail.link)
    assert "Your password is changed" in done.text
    assert not await alive(http, tokens)
    assert not await logs_in(http, PASSWORD)
    assert await logs_in(http, NEW)
    assert await sql.fetchval("SELECT email_verified FROM users WHERE email = $1", EMAIL)
    event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'password_reset'")
    assert json.loads(event["detail"])["sessions"] == 1
    left = {row["purpose"] for row in await sql.fetch("SELECT purpose FROM mailed_proofs")}
    assert left == {"not_me"}
    assert "notice_password_changed" in [one.template for one in await letters(runtime)]
    assert (await http.get(mail.link)).status_code == 403


async def test_a_password_is_chosen_by_the_code(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    sent = await ask(http)
    mail = await letter(runtime)
    page = await submit(http, sent, "/proof/code", code=f" {mail.code.replace(' ', '-')} ")
    assert is_page(page, "/proof")
    again = await submit(http, sent, "/proof/code", code=mail.code)
    assert fields(again)["key"] == fields(page)["key"], "who loads the page again has lost nothing"
    assert (await http.get(mail.link)).status_code == 403, "the link went with the code"
    assert "Your password is changed" in (await submit(http, page, "/proof", **chosen())).text
    worn = await submit(http, sent, "/proof/code", code=mail.code)
    assert "This code is not right" in worn.text, "and it is good for one use"
    assert await logs_in(http, NEW)


async def test_the_request_of_a_client_goes_on_afterwards(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    page = await http.get(authorize_url(Pkce()))
    where = page.text.partition('href="/reset?')[2].partition('"')[0]
    form = await http.get(f"/reset?{where}")
    assert form.headers["cross-origin-opener-policy"] == "unsafe-none"
    sent = await submit(http, form, "/reset", username=EMAIL)
    page = await submit(http, sent, "/proof/code", code=(await letter(runtime)).code)
    done = await submit(http, page, "/proof", **chosen())
    again = await submit(http, done, "/login", decision="another")
    answer = await enter(http, again, password=NEW)
    assert answer.headers["location"].startswith("http://localhost:5173/callback?code=")


@pytest.mark.parametrize(
    ("new", "repeat", "text"),
    [
        ("short", None, "needs at least 8 characters"),
        (NEW, "another", "The new passwords differ"),
        ("password1", None, "known to attackers"),
        (EMAIL, None, "known to attackers"),
        ("", None, "Please fill in every field"),
    ],
)
async def test_a_bad_choice_spends_nothing(
    http: httpx2.AsyncClient, runtime: Runtime, new: str, repeat: str | None, text: str
) -> None:
    await ask(http)
    mail = await letter(runtime)
    page = await http.get(mail.link)
    wrong = await submit(http, page, "/proof", **chosen(new, repeat))
    assert wrong.status_code == 400
    assert text in wrong.text
    assert "Your password is changed" in (await submit(http, wrong, "/proof", **chosen())).text


async def test_the_letter_is_in_the_language_of_the_page(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    http.headers["accept-language"] = "de"
    assert "Sehen Sie in Ihr Postfach" in (await ask(http)).text
    assert (await letter(runtime)).language == "de"


async def test_another_letter_is_a_press_away_for_the_same_request(http: httpx2.AsyncClient) -> None:
    page = await http.get(authorize_url(Pkce()))
    where = page.text.partition('href="/reset?')[2].partition('"')[0]
    sent = await submit(http, await http.get(f"/reset?{where}"), "/reset", username=EMAIL)
    again = sent.text.partition('<a href="')[2].partition('"')[0]
    assert again == f"/reset?{where}"
    assert fields(await http.get(again))["request"] == where.partition("=")[2]


async def test_the_whole_way_in_a_real_process_and_no_line_of_its_log_has_the_secret(replicas: Replicas) -> None:
    """To a mail server, which gets the mail without anybody's help; its link works."""
    async with mail_server() as server:
        [replica] = replicas.start(1, **settings_of({}, server))
        async with httpx2.AsyncClient(base_url=replica.url, timeout=30) as browser:
            await ask(browser)
            await server.until(1)
            words = server.mails[0].get_body(("plain",))
            assert words is not None
            (key,) = re.findall(r"/proof\?key=([\w-]{43})", words.get_content())
            assert "Your password is changed" in (await reset(browser, f"/proof?key={key}")).text
            assert await logs_in(browser, NEW)
    log = replicas.whole_log()
    assert '"path":"/proof"' in log
    assert key not in log


# What gets nobody in


async def test_scanners_change_nothing(http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection) -> None:
    """Mail scanners follow links, with GET and HEAD, more than once."""
    await ask(http)
    mail = await letter(runtime)
    before = await sql.fetch("SELECT * FROM mailed_proofs")
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        async with another(http) as scanner:
            answer = await scanner.request(method, mail.link)
            assert answer.headers.get("referrer-policy", "no-referrer") == "no-referrer"
    assert await sql.fetch("SELECT * FROM mailed_proofs") == before
    assert "Your password is changed" in (await reset(http, mail.link)).text


async def test_forms_of_other_pages_do_nothing(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """CSRF on each form: without our token, from another site, with the token of another browser."""
    sent = await ask(http)
    mail = await letter(runtime)
    page = await http.get(mail.link)
    async with another(http) as stranger:
        theirs = fields(await stranger.get("/reset"))["csrf"]
    before = await sql.fetch("SELECT * FROM mailed_proofs")
    forms = {
        "/reset": {"username": EMAIL},
        "/proof": {**fields(page), **chosen()},
        "/proof/code": {**fields(sent), "code": mail.code},
    }
    for path, form in forms.items():
        for token in ("", theirs):
            answer = await http.post(path, data={**form, "csrf": token})
            assert answer.status_code == 403, path
        for header in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            own = {**form, "csrf": fields(page)["csrf"]}
            assert (await http.post(path, data=own, headers=header)).status_code == 403, path
    assert await sql.fetch("SELECT * FROM mailed_proofs") == before
    assert await logs_in(http, PASSWORD)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"x-forwarded-host": "evil.example", "x-forwarded-proto": "gopher"},
        {"forwarded": "host=evil.example;proto=http"},
        {"x-original-url": "https://evil.example/"},
    ],
)
async def test_an_odd_host_gets_into_no_link(
    http: httpx2.AsyncClient, runtime: Runtime, headers: dict[str, str]
) -> None:
    page = await http.get("/reset")
    await submit(http, page, "/reset", username=EMAIL, headers=headers)
    mail = await letter(runtime)
    assert mail.link.startswith(f"{ISSUER}/proof?key=")
    assert "evil" not in str(mail.values)


async def test_no_parameter_leads_elsewhere(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    """Open redirects: what is not our own sealed request is left away."""
    evil = "https://evil.example/"
    for query in (f"next={evil}", f"request={evil}", f"redirect_uri={evil}", f"return_to=//{evil}"):
        page = await http.get(f"/reset?{query}")
        sent = await submit(http, page, "/reset", username=BARTENDER, request=evil, next=evil)
        mail = await letter(runtime, BARTENDER)
        page = await http.get(f"{mail.link}&{query}")
        for answer in (page, sent):
            assert "evil.example" not in answer.text
        break
    done = await submit(http, page, "/proof", **chosen(), request=evil, next=evil)
    assert "Your password is changed" in done.text
    assert "evil.example" not in done.text


async def test_a_proof_is_of_its_person_its_address_and_its_time(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await ask(http)
    mail = await letter(runtime)
    page = await http.get(mail.link)
    changes = {
        "another address": "UPDATE users SET email = 'new@example.com' WHERE email = $1",
        "disabled": "UPDATE users SET disabled_at = now() WHERE email = $1",
        "another password": "UPDATE users SET password_hash = 'x' WHERE email = $1",
        "another proof": "UPDATE mailed_proofs SET digest = 'x' WHERE email = $1",
        "expired": "UPDATE mailed_proofs SET expires_at = now() WHERE email = $1",
        "the letter went elsewhere": "UPDATE mailed_proofs SET email = 'old@example.com' WHERE email = $1",
    }
    for name, change in changes.items():
        kept = await sql.fetchrow("SELECT * FROM mailed_proofs WHERE user_id IS NOT NULL")
        assert kept is not None, name
        person = await sql.fetchrow("SELECT * FROM users WHERE id = $1", kept["user_id"])
        await sql.execute(change, EMAIL)
        answer = await submit(http, page, "/proof", **chosen())
        assert answer.status_code == 403, name
        assert "no longer good" in answer.text, name
        await sql.execute(
            "UPDATE users SET email = $2, disabled_at = NULL, password_hash = $3 WHERE id = $1",
            person["id"],
            person["email"],
            person["password_hash"],
        )
        await sql.execute("DELETE FROM mailed_proofs")
        columns = ", ".join(kept.keys())
        places = ", ".join(f"${number}" for number in range(1, len(kept) + 1))
        await sql.execute(f"INSERT INTO mailed_proofs ({columns}) VALUES ({places})", *kept.values())
    assert await logs_in(http, PASSWORD)
    assert "Your password is changed" in (await submit(http, page, "/proof", **chosen())).text


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.RESET])
async def test_a_proof_of_any_other_purpose_resets_nothing(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, purpose: Purpose
) -> None:
    """The flows themselves, whatever a page would call: the purpose is in the statement that spends."""
    user_id = await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL)
    async with runtime.db.transaction() as connection:
        proof = new_proof(runtime, purpose, EMAIL, user_id, {"language": "en"})
        link = (await issue_proof(runtime, connection, proof)).link
    shown = await show_proof(runtime, link.partition("key=")[2])
    assert shown is not None
    place = Place("Firefox", "192.0.2.7")
    spends: list[Awaitable[object]] = [reset_password(runtime, shown, NEW, Chooser("192.0.2.7", place))]
    if purpose is not Purpose.VERIFY:
        spends.append(verify_address(runtime, shown, place))
    if purpose is not Purpose.ADDRESS_CHANGE:
        spends.append(change_address(runtime, shown, place))
    if purpose is not Purpose.INVITATION:
        object.__setattr__(runtime.settings, "registration", "open")
        spends.append(accept_invitation(runtime, shown, Joining("Ann", NEW, "192.0.2.7", place)))
    for spending in spends:
        with pytest.raises(Rejected, match="proof_void"):
            await spending
    assert await logs_in(http, PASSWORD)
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs WHERE purpose = $1", purpose) == 1


async def test_a_reset_is_on_record_with_device_and_network(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await ask(http)
    link = (await letter(runtime)).link
    async with another(http) as elsewhere:
        elsewhere.headers["user-agent"] = "Mozilla/5.0 (Windows NT 10.0; rv:133.0) Gecko/20100101 Firefox/133.0"
        assert "Your password is changed" in (await reset(elsewhere, link)).text
    detail = json.loads(await sql.fetchval("SELECT detail FROM audit_events WHERE event = 'password_reset'"))
    assert (detail["device"], detail["address"]) == ("Firefox on Windows", "192.0.2.7")
    await enter(http, await http.get("/login"), EMAIL, NEW)
    assert "<bdi>Firefox on Windows</bdi>" in (await http.get("/account/events")).text


async def test_a_later_letter_takes_the_place_of_an_earlier_one(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    await ask(http)
    first = await letter(runtime)
    await ask(http)
    second = await letter(runtime)
    assert first.link != second.link
    assert (await http.get(first.link)).status_code == 403
    assert "Your password is changed" in (await reset(http, second.link)).text


async def test_a_code_is_tried_five_times_from_wherever(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """Many networks do not help: tries are counted by the proof, in parallel too; another browser has no form."""
    sent = await ask(http)
    mail = await letter(runtime)
    right = mail.code.replace(" ", "")
    wrong = [f"{(int(right) + number) % 10**8:08}" for number in range(1, 41)]
    form = fields(sent)
    async with another(http) as stranger:
        await stranger.get("/reset")
        own = fields(await stranger.get("/reset"))["csrf"]
        stolen = await stranger.post("/proof/code", data={**form, "csrf": own, "code": right})
        assert stolen.status_code == 400
        assert "expired" in stolen.text
    assert await sql.fetchval("SELECT code_tries FROM mailed_proofs") == 0
    app = http._transport.app  # type: ignore[attr-defined]
    networks = [
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, client=(f"198.51.100.{number}", 4711)),
            base_url=ISSUER,
            cookies=http.cookies,
        )
        for number in range(40)
    ]
    tries = (one.post("/proof/code", data={**form, "code": code}) for one, code in zip(networks, wrong, strict=True))
    answers = await asyncio.gather(*tries)
    assert {answer.status_code for answer in answers} <= {400, 503}
    assert await sql.fetchval("SELECT code_tries FROM mailed_proofs") == 5
    assert "This code is not right" in (await submit(http, sent, "/proof/code", code=right)).text
    assert "Your password is changed" in (await reset(http, mail.link)).text, "the link is none the worse"


@pytest.mark.parametrize("typed", ["1234567", "123456789", "abcdefgh", "१२३४५६७८x", "0" * 200, "--------"])
async def test_what_is_no_code_is_no_try(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, typed: str
) -> None:
    sent = await ask(http)
    await post(runtime)
    assert (await submit(http, sent, "/proof/code", code=typed)).status_code == 400
    assert await sql.fetchval("SELECT code_tries FROM mailed_proofs") == 0


async def test_two_hundred_spends_at_two_replicas_are_one(
    replicas: Replicas, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await sql.execute("UPDATE users SET email_verified = true")
    running = replicas.start(2, AUTHSVC_HASH_QUEUE="500")
    clients = [httpx2.AsyncClient(base_url=replica.url, timeout=60) for replica in running]
    user_id = await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL)
    async with runtime.db.transaction() as connection:
        proof = new_proof(runtime, Purpose.RESET, EMAIL, user_id, {})
        link = (await issue_proof(runtime, connection, proof)).link
    pages = [await client.get(link.removeprefix(ISSUER)) for client in clients]
    answers = await asyncio.gather(
        *(submit(clients[n % 2], pages[n % 2], "/proof", **chosen(f"{NEW} {n}")) for n in range(200))
    )
    for client in clients:
        await client.aclose()
    done = [answer for answer in answers if "Your password is changed" in answer.text]
    assert len(done) == 1, [answer.status_code for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 403, 503}
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'password_reset'") == 1


async def test_a_letter_that_cannot_be_written_holds_up_no_other(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await ask(http)
    await sql.execute("""UPDATE mailed_proofs SET detail = '{"language": "xx"}'""")
    await ask(http, email=BARTENDER)
    assert (await letter(runtime, BARTENDER)).template == "reset"
    assert await letters(runtime) == []
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs WHERE email = $1", EMAIL) == 0


# Who is told what


async def test_known_unknown_and_disabled_people_look_alike(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """One body, one set of headers and cookies, whatever is typed as the code afterwards; and mail for one of them."""
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", BARTENDER)
    await sql.execute("UPDATE users SET password_hash = NULL WHERE email = 'admin@example.com'")
    seen = []
    for email in (EMAIL, "nobody@example.com", BARTENDER, "admin@example.com"):
        async with another(http) as browser:
            page = await browser.get("/reset")
            sent = await submit(browser, page, "/reset", username=email)
            early = await submit(browser, sent, "/proof/code", code="12345678")
            await post(runtime)
            late = [await submit(browser, sent, "/proof/code", code="12345678") for _ in range(7)]
            tries = await sql.fetchval("SELECT code_tries FROM mailed_proofs WHERE email = $1", email)
            seen.append((*(said(answer, email) for answer in (sent, early, *late)), tries))
    assert seen[0][-1] == 5
    assert all(one == seen[0] for one in seen)
    recipients = [row["recipient"] for row in await sql.fetch("SELECT recipient FROM mails")]
    assert recipients == [EMAIL]


async def test_who_has_no_password_and_no_verified_address_waits_for_an_invitation(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await sql.execute("UPDATE users SET password_hash = NULL WHERE email = $1", EMAIL)
    await ask(http)
    assert await letters(runtime) == []
    await sql.execute("UPDATE users SET email_verified = true WHERE email = $1", EMAIL)
    await ask(http)
    assert (await letter(runtime)).template == "reset"


async def test_letters_are_limited_by_address_and_by_network(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    for email in (EMAIL, "nobody@example.com"):
        page = await http.get("/reset")
        spellings = (email, email.upper(), f" {email} ", email)
        answers = [await submit(http, page, "/reset", username=one) for one in spellings]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert int(answers[-1].headers["retry-after"]) > 800
    object.__setattr__(runtime.settings, "mail_network_requests", 7)
    page = await http.get("/reset")
    answers = [await submit(http, page, "/reset", username=f"x{number}@example.com") for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert len(await letters(runtime)) == 3


@pytest.mark.parametrize("typed", ["", "   ", "x", "a@b@c", "a b@example.com", "x" * 400 + "@example.com"])
async def test_what_is_no_address_is_told_at_once(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, typed: str
) -> None:
    page = await http.get("/reset")
    assert (await submit(http, page, "/reset", username=typed)).status_code == 400
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs") == 0


async def test_without_a_mail_server_nothing_is_offered(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    object.__setattr__(runtime.settings, "smtp_url", "")
    assert "/reset" not in (await http.get("/login")).text
    page = await http.get("/reset")
    assert page.status_code == 404
    assert "mail_off" in page.text


# What void means in the database


async def test_standing_purposes_are_those_of_the_trigger(sql: asyncpg.Connection) -> None:
    source = await sql.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'users_void_proofs'")
    assert all(f"'{purpose}'" in source for purpose in STANDING)
    user = await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL)
    purposes = ("reset", "verify", "address_change", "undo_address", "invitation", "not_me")
    for purpose in purposes:
        await sql.execute(
            """INSERT INTO mailed_proofs (id, purpose, email, user_id, subject, digest, expires_at)
               VALUES (gen_random_uuid(), $1, $2, $3::uuid, ($3::uuid)::text, $1::text::bytea,
                       now() + interval '1 hour')""",
            purpose,
            EMAIL,
            user,
        )
    await sql.execute("UPDATE users SET name = 'x', roles = '{}', device_generation = 7 WHERE id = $1", user)
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs") == len(purposes)
    await sql.execute("UPDATE users SET password_hash = 'x' WHERE id = $1", user)
    left = {row["purpose"] for row in await sql.fetch("SELECT purpose FROM mailed_proofs")}
    assert left == STANDING
    await sql.execute("UPDATE users SET disabled_at = now() WHERE id = $1", user)
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs") == 0


async def test_no_secret_of_a_letter_is_stored_or_logged(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    sent = await ask(http)
    mail = await letter(runtime)
    await http.get(mail.link)
    await submit(http, sent, "/proof/code", code="00000000")
    rows = [*await sql.fetch("SELECT * FROM mailed_proofs"), *await sql.fetch("SELECT * FROM mails")]
    rows += await sql.fetch("SELECT * FROM audit_events")
    stored = "".join(str(dict(row)) for row in rows)
    out, err = capfd.readouterr()
    for secret in (mail.key, mail.code, mail.code.replace(" ", "")):
        assert secret not in stored
        assert secret not in out + err
