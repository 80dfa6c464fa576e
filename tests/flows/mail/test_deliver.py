"""What is queued is sent: once in the normal case, at least once in every other; a server that is away loses none."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from authsvc.flows.keys import reseal_keys
from authsvc.flows.mail.deliver import PLACES, look
from authsvc.flows.mail.queue import letter
from authsvc.keys.master import with_first, with_new_key, without
from authsvc.rules.mail.templates import TEMPLATES
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from authsvc.store.mail import outbox
from tests.conftest import following
from tests.support.mail import (
    MailServer,
    Sessions,
    breaks_off_in_data,
    mail_server,
    post_office,
    raw_server,
    settings_of,
    until,
)

SECRET = "geheim-4711"
TO = "test@example.com"
VALUES = {"when": "today", "device": "Firefox on Windows", "address": "192.0.2.7"}


async def queue(runtime: Runtime, *, to: str = TO, link: bool = True, user_id: UUID | None = None) -> UUID:
    values = {**VALUES, **({"link": f"{runtime.settings.issuer}/proof?t={SECRET}"} if link else {})}
    mail = letter(runtime, template="notice_new_device", to=to, language="en", values=values, user_id=user_id)
    async with runtime.db.transaction() as connection:
        await outbox.queue(connection, mail)
    return mail.id


async def now(sql: asyncpg.Connection) -> None:
    """Time moves on: what waits is due."""
    await sql.execute("UPDATE mails SET next_at = now() WHERE sent_at IS NULL")


async def reason(sql: asyncpg.Connection) -> tuple[str | None, int | None]:
    row = await sql.fetchrow("SELECT reason, status FROM mails")
    return row["reason"], row["status"]


# The good case


async def test_a_queued_mail_arrives_once_and_leaves_no_words(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime, post_office(runtime):
        mail_id = await queue(runtime)
        await server.until(1)
        await until(sql, "sent_at IS NOT NULL AND sealed IS NULL")
        await asyncio.sleep(1.5)
    [mail] = server.mails
    assert mail["To"] == TO
    assert mail["From"] == "The Bar <mail@bar.example>"
    assert mail["Message-ID"] == f"<{mail_id}@bar.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert server.recipients == [TO]
    assert SECRET in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]


async def test_what_is_rolled_back_was_never_promised(settings_env: dict[str, str], sql: asyncpg.Connection) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime:
        mail = letter(runtime, template="test", to=TO, language="en", values={}, user_id=None)
        with pytest.raises(RuntimeError):
            async with runtime.db.transaction() as connection:
                await outbox.queue(connection, mail)
                raise RuntimeError
        assert await sql.fetchval("SELECT count(*) FROM mails") == 0


async def test_what_waits_is_sealed_and_a_stolen_database_holds_no_link(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime:
        await queue(runtime)
        row = await sql.fetchval("SELECT row_to_json(mails)::text FROM mails")
        assert SECRET not in row
        assert "proof" not in row


@pytest.mark.parametrize("column", ["recipient", "template"])
async def test_a_link_cannot_be_sent_to_somebody_else_by_way_of_the_database(
    settings_env: dict[str, str], sql: asyncpg.Connection, column: str
) -> None:
    other = {"recipient": "thief@example.com", "template": "notice_password_changed"}[column]
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime:
        await queue(runtime)
        await sql.execute(f"UPDATE mails SET {column} = $1", other)
        async with post_office(runtime):
            await until(sql, "reason = 'sealed_under_unknown_key'")
        assert server.mails == []


async def test_mails_go_when_the_person_goes(settings_env: dict[str, str], sql: asyncpg.Connection) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime:
        user_id = await sql.fetchval("SELECT id FROM users WHERE email = $1", TO)
        await queue(runtime, user_id=user_id)
        await sql.execute("DELETE FROM users WHERE id = $1", user_id)
        assert await sql.fetchval("SELECT count(*) FROM mails") == 0


# What the server says


async def test_a_refused_recipient_is_given_up_and_recorded(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime, post_office(runtime):
        server.answers["RCPT"] = ["550 5.1.1 nobody here"]
        mail_id = await queue(runtime)
        await until(sql, "given_up_at IS NOT NULL AND sealed IS NULL")
        assert await reason(sql) == ("recipient_answer", 550)
        event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'mail_given_up'")
        assert str(mail_id) in event["detail"]
        assert event["actor"] == "service"
        assert SECRET not in str(dict(event))
        await queue(runtime, to="other@example.com")
        await server.until(1)
    assert server.recipients == ["other@example.com"]


async def test_greylisting_is_waited_for_and_disturbs_no_other_mail(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime, post_office(runtime):
        server.answers["RCPT"] = ["451 4.7.1 come back in five minutes"]
        first = await queue(runtime)
        await until(sql, "reason = 'recipient_answer' AND status = 451 AND refusals = 1 AND next_at > now()")
        await queue(runtime, to="other@example.com")
        await server.until(1)
        assert server.recipients == ["other@example.com"]
        await now(sql)
        await server.until(2)
        await until(sql, "sent_at IS NOT NULL", 2)
    assert server.mails[1]["Message-ID"] == f"<{first}@bar.example>"


async def test_a_server_that_breaks_off_in_the_middle_gets_the_same_mail_again(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    """It may have the mail: by the Message-ID, and all the other bytes, the next one can be told for a twin."""
    heard: Sessions = []
    async with raw_server(breaks_off_in_data(heard, after=200)) as port, mail_server() as server:
        env = settings_of(settings_env, MailServer(port))
        async with following(env) as runtime, post_office(runtime):
            mail_id = await queue(runtime)
            await until(sql, "reason = 'data_connection'")
        assert await sql.fetchval("SELECT sealed IS NOT NULL AND sent_at IS NULL FROM mails")
        async with following(settings_of(settings_env, server)) as runtime, post_office(runtime):
            await now(sql)
            await server.until(1)
    assert str(mail_id).encode() in heard[0]
    assert heard[0] in server.raw[0]


async def test_a_whole_mail_that_was_not_answered_is_sent_once_more_with_every_byte_the_same(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    heard: Sessions = []
    async with (
        raw_server(breaks_off_in_data(heard, after=None)) as port,
        following(settings_of(settings_env, MailServer(port))) as runtime,
        post_office(runtime),
    ):
        await queue(runtime)
        await until(sql, "refusals = 1")
        await now(sql)
        await until(sql, "refusals = 2")
    assert len(heard) == 2
    assert heard[0] == heard[1]


# A server that is away


async def test_a_server_that_is_away_loses_nothing_and_gets_all_when_it_is_back(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with following(settings_of(settings_env, MailServer(port))) as runtime, post_office(runtime):
        for number in range(12):
            await queue(runtime, to=f"p{number}@example.com")
        await until(sql, "reason = 'connect_connection'")
        assert await sql.fetchval("SELECT max(refusals) FROM mails") == 0  # it is no mail's fault
        async with mail_server(port=port) as server:
            await server.until(12, 30)
            await until(sql, "sent_at IS NOT NULL", 12)
    assert sorted(server.recipients) == sorted(f"p{number}@example.com" for number in range(12))


async def test_a_server_that_is_away_is_asked_by_one_mail_at_a_time(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    connections, open_now, most_later = 0, 0, 0

    async def refuses(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections, open_now, most_later
        connections, open_now = connections + 1, open_now + 1
        if connections > PLACES:  # so many may be under way when it goes away
            most_later = max(most_later, open_now)
        await asyncio.sleep(0.3)
        open_now -= 1
        writer.write(b"554 not now\r\n")
        writer.close()

    async with raw_server(refuses) as port, following(settings_of(settings_env, MailServer(port))) as runtime:
        for number in range(30):
            await queue(runtime, to=f"p{number}@example.com")
        async with post_office(runtime):
            await asyncio.sleep(6)
    assert connections > PLACES
    assert connections <= PLACES + 6
    assert most_later == 1
    assert await sql.fetchval("SELECT count(*) FROM mails WHERE given_up_at IS NULL") == 30


async def test_what_is_too_late_is_given_up_and_keeps_no_link(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime:
        late, plain = await queue(runtime), await queue(runtime, link=False)
        await sql.execute("UPDATE mails SET expires_at = now(), next_at = now()")
        await look(runtime)
        rows = {row["id"]: row for row in await sql.fetch("SELECT * FROM mails")}
        assert rows[late]["given_up_at"] is not None
        assert rows[late]["sealed"] is None
        assert rows[plain]["given_up_at"] is not None
        assert rows[plain]["sealed"] is not None  # an operator may send it after all
        assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'mail_given_up'") == 2
        async with post_office(runtime):
            await asyncio.sleep(1.5)
    assert server.mails == []


# Versions


async def test_a_mail_that_only_a_newer_version_can_write_waits_for_a_replica_of_it(
    settings_env: dict[str, str], sql: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime:
        await queue(runtime)
        with monkeypatch.context() as older:
            older.delitem(TEMPLATES, "notice_new_device")
            async with post_office(runtime):
                await until(sql, "reason = 'template_unknown' AND sealed IS NOT NULL")
        await now(sql)
        async with post_office(runtime):
            await server.until(1)


# The master key


async def test_an_operator_is_told_to_keep_a_master_key_while_mails_that_it_sealed_wait(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime:
        before = await reseal_keys.look(runtime)
        await queue(runtime)
        await sql.execute("UPDATE mails SET created_at = now() - interval '1 minute'")
        waiting = await reseal_keys.look(runtime)
        assert waiting.keep_until - before.keep_until > timedelta(days=2)
        await sql.execute("UPDATE mails SET sent_at = now(), sealed = NULL")
        assert (await reseal_keys.look(runtime)).keep_until < waiting.keep_until


async def test_an_older_master_key_of_the_file_still_opens_what_waits(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async with mail_server() as server:
        env = settings_of(settings_env, server)
        async with following(env) as runtime:
            await queue(runtime)
        text, new = with_new_key(env["AUTHSVC_MASTER_KEY"], lambda size: bytes(range(size)))
        turned = with_first(text, new)
        async with following({**env, "AUTHSVC_MASTER_KEY": turned}) as runtime, post_office(runtime):
            await server.until(1)
            await until(sql, "sent_at IS NOT NULL")


async def test_a_master_key_that_is_gone_loses_no_mail_in_silence(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    """It waits, says why, and goes out when the key is back."""
    async with mail_server() as server:
        env = settings_of(settings_env, server)
        async with following(env) as runtime:
            await queue(runtime)
        text, new = with_new_key(env["AUTHSVC_MASTER_KEY"], lambda size: bytes(range(size)))
        old = int(env["AUTHSVC_MASTER_KEY"].splitlines()[-1].split()[0])
        alone = without(with_first(text, new), old)
        runtime = open_runtime(load({**env, "AUTHSVC_MASTER_KEY": alone}))
        async with post_office(runtime):
            await until(sql, "reason = 'sealed_under_unknown_key' AND sealed IS NOT NULL AND given_up_at IS NULL")
        await runtime.close()
        await now(sql)
        async with following(env) as runtime, post_office(runtime):
            await server.until(1)
