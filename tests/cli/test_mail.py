"""`authsvc mail`, and what the doctor says of it."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from authsvc.flows.mail.queue import letter
from authsvc.store.mail import outbox
from tests.cli.conftest import Cli, answer, terminal
from tests.conftest import ISSUER, following
from tests.support.mail import mail_server, settings_of

SECRET = "geheim-4711"
OFF = {"AUTHSVC_SMTP_URL": "", "AUTHSVC_MAIL_FROM": ""}
DEAD = {"AUTHSVC_SMTP_URL": "smtp://user:s3cret@localhost:9", "AUTHSVC_MAIL_FROM": "mail@bar.example"}
FACTS = {"when": "today", "device": "Firefox", "address": "192.0.2.7"}


async def queued(env: dict[str, str], *, link: bool) -> UUID:
    values = {**FACTS, **({"link": f"{ISSUER}/proof?key={SECRET}"} if link else {})}
    async with following(env) as runtime:
        mail = letter(runtime, template="notice_theft", to="t@example.com", language="en", values=values, user_id=None)
        await outbox.queue(runtime.db, mail)
    return mail.id


async def run(env: dict[str, str], *words: str, code: int = 0) -> tuple[str, str]:
    result = await asyncio.to_thread(terminal(env), *words, code=code)
    return result.stdout, result.stderr


async def test_a_test_mail_is_sent_at_once_and_the_servers_words_are_told(settings_env: dict[str, str]) -> None:
    async with mail_server() as server:
        env = settings_of(settings_env, server)
        out, _ = await run(env, "mail", "test", "you@example.com", "--language", "de")
        assert out == "The mail server took it: 250 taken\n"
        assert server.recipients == ["you@example.com"]
        assert server.mails[0]["Subject"] == "Testmail von authsvc"
        found = answer(await asyncio.to_thread(terminal(env), "mail", "test", "you@example.com", "--json"))
        assert found["to"] == "you@example.com"
        assert found["said"] == "250 taken"


async def test_what_the_server_refuses_is_told_with_its_words_and_is_1(settings_env: dict[str, str]) -> None:
    async with mail_server() as server:
        server.answers["RCPT"] = ["550 5.1.1 nobody \x1b[2Jhere"]
        _, said = await run(settings_of(settings_env, server), "mail", "test", "you@example.com", code=1)
        assert said.startswith("authsvc: the mail was not sent: it refused the recipient: 550 5.1.1 nobody")
        assert "\x1b" not in said
    _, said = await run({**settings_env, **DEAD}, "mail", "test", "you@example.com", code=1)
    assert "no connection" in said
    assert "s3cret" not in said
    assert said.count("\n") == 1


async def test_without_a_mail_server_or_an_address_it_says_what_to_do(settings_env: dict[str, str]) -> None:
    _, said = await run({**settings_env, **OFF}, "mail", "test", "you@example.com", code=1)
    assert "set AUTHSVC_SMTP_URL" in said
    _, said = await run({**settings_env, **DEAD}, "mail", "test", "nobody", code=2)
    assert "not an e-mail address" in said


async def test_what_waits_and_what_was_given_up_is_listed_without_its_words(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    env = {**settings_env, **DEAD}
    out, _ = await run(env, "mail", "list")
    assert out == "No mail waits, and none was given up.\n"
    waits, over = await queued(env, link=True), await queued(env, link=True)
    await sql.execute("UPDATE mails SET given_up_at = now(), sealed = NULL, reason = 'expired' WHERE id = $1", over)
    out, _ = await run(env, "mail", "list")
    assert str(waits) in out
    assert "next try now" in out
    assert "given up" in out
    out, _ = await run(env, "mail", "list", "--json")
    assert SECRET not in out
    assert "sealed" not in out


async def test_what_waits_is_tried_now_and_what_is_under_way_is_left_alone(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    env = {**settings_env, **DEAD}
    waits, under_way = await queued(env, link=True), await queued(env, link=True)
    later = "next_at = now() + interval '1 hour', attempts = 1"
    await sql.execute(f"UPDATE mails SET {later}, reason = 'connect_timeout' WHERE id = $1", waits)
    await sql.execute(f"UPDATE mails SET {later} WHERE id = $1", under_way)
    out, _ = await run(env, "mail", "retry", "--all")
    assert out == "1 mail will be tried within seconds.\n"
    assert await sql.fetchval("SELECT next_at <= now() FROM mails WHERE id = $1", waits)
    assert await sql.fetchval("SELECT next_at > now() FROM mails WHERE id = $1", under_way)
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'mails_retried'") == 1


async def test_a_mail_that_was_given_up_goes_out_after_all_unless_its_link_is_gone(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    env = {**settings_env, **DEAD}
    plain, secret = await queued(env, link=False), await queued(env, link=True)
    await sql.execute("""UPDATE mails SET given_up_at = now(), expires_at = now(), reason = 'data_answer',
                                          sealed = CASE WHEN holds_secret THEN NULL ELSE sealed END""")
    out, _ = await run(env, "mail", "retry", str(plain))
    assert out.startswith("1 mail will")
    assert await sql.fetchval("SELECT given_up_at IS NULL AND expires_at > now() FROM mails WHERE id = $1", plain)
    for mail_id in (secret, uuid4()):
        _, said = await run(env, "mail", "retry", str(mail_id), code=1)
        assert "asks for a new one" in said
    await run(env, "mail", "retry", code=2)


# The doctor


async def test_the_doctor_greets_the_mail_server(cli: Cli, settings_env: dict[str, str]) -> None:
    await asyncio.to_thread(cli, "keys", "generate")
    async with mail_server() as server:
        env = settings_of(settings_env, server)
        found = answer(await asyncio.to_thread(terminal(env), "doctor", "--json"))
        [mail] = [one for one in found if one["check"] == "mail"]
        assert mail["state"] == "ok"
        assert "no TLS, on this machine" in mail["found"]
        assert [one["state"] for one in found if one["check"] == "mail queue"] == ["ok"]
        assert server.mails == []
    dead = terminal({**settings_env, **DEAD})
    found = answer(await asyncio.to_thread(dead, "doctor", "--json", code=1))
    [mail] = [one for one in found if one["check"] == "mail"]
    assert (mail["state"], "AUTHSVC_SMTP_URL" in mail["do"]) == ("FAIL", True)
    off = terminal({**settings_env, **OFF})
    [mail] = [one for one in answer(await asyncio.to_thread(off, "doctor", "--json")) if one["check"] == "mail"]
    assert mail["state"] == "ok"


async def test_the_doctor_says_where_people_wait_for_codes_that_nobody_mails(
    cli: Cli, settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    await asyncio.to_thread(cli, "keys", "generate")
    off = terminal({**settings_env, **OFF})
    quiet = answer(await asyncio.to_thread(off, "doctor", "--json"))
    assert [one for one in quiet if one["check"] == "mailed codes"] == []
    await sql.execute("UPDATE clients SET mail_code_login = true WHERE id = 'customer'")
    found = answer(await asyncio.to_thread(off, "doctor", "--json"))
    [codes] = [one for one in found if one["check"] == "mailed codes"]
    assert (codes["state"], "at customer" in codes["found"]) == ("warn", True)


async def test_the_doctor_sees_mails_that_wait_for_long(
    cli: Cli, settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    await asyncio.to_thread(cli, "keys", "generate")
    async with mail_server() as server:
        env = settings_of(settings_env, server)
        await queued(env, link=False)
        await sql.execute("UPDATE mails SET created_at = now() - interval '2 hours'")
        found = answer(await asyncio.to_thread(terminal(env), "doctor", "--json"))
        [waiting] = [one for one in found if one["check"] == "mail queue"]
        assert (waiting["state"], "2 h" in waiting["found"]) == ("warn", True)


@pytest.mark.parametrize("words", [("mail",), ("mail", "test"), ("mail", "list"), ("mail", "retry")])
def test_help_is_there(cli: Cli, words: tuple[str, ...]) -> None:
    assert "Examples:" in cli(*words, "--help").stdout
