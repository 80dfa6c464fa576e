"""TLS, certificates and log-in of a mail server; a slow one, several replicas, and a worker that is killed."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from uuid import UUID

import asyncpg
import httpx2
import pytest

from authsvc.app import App
from authsvc.flows.mail import deliver
from authsvc.flows.mail.queue import letter
from authsvc.outgoing import mail as wire
from authsvc.outgoing.mail import MailFailed, Message, greet, hand_in
from authsvc.runtime import Runtime
from authsvc.settings.mail import Sender
from authsvc.settings.mail import mail_server as server_of
from authsvc.store.mail import outbox
from authsvc_devkit.tls import TlsFiles, make_certificate
from tests.conftest import ISSUER, following
from tests.support.busy import again_when_busy, prompt
from tests.support.mail import (
    NOT_LOCAL,
    MailServer,
    mail_server,
    post_office,
    raw_server,
    settings_of,
    until,
)
from tests.support.replicas import Replicas
from tests.support.service import LOGIN

NOW = datetime(2026, 11, 29, tzinfo=UTC)
MAIL = Message(UUID(int=1), NOW, Sender("", "mail@bar.example"), "ann@example.com", "en", "Hello", "text\n", "<p>html")
LOGIN_OF = ("us@er", "s3cret/4")
IN_URL = "us%40er:s3cret%2F4@"


async def queue(runtime: Runtime, count: int = 1) -> None:
    for number in range(count):
        mail = letter(runtime, template="test", to=f"p{number}@example.com", language="en", values={}, user_id=None)
        await outbox.queue(runtime.db, mail)


# TLS and log-in


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_certificate(tmp_path_factory.mktemp("tls"), [NOT_LOCAL])


@pytest.fixture
def trusted(certificate: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsFiles]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.ca_file))
    wire._tls.cache_clear()
    yield certificate
    wire._tls.cache_clear()


def serving(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert_file, files.key_file)
    return context


async def test_starttls_and_log_in_come_before_the_mail(trusted: TlsFiles) -> None:
    async with mail_server(NOT_LOCAL, tls=serving(trusted), login=LOGIN_OF) as server:
        url = server.url(NOT_LOCAL, login=IN_URL)
        found = await greet(server_of(url), "login.example.com")
        assert found.logged_in
        assert found.tls.startswith("TLSv1.")
        assert "mail.test" in found.name
        assert (await hand_in(server_of(url), MAIL, "login.example.com")).startswith("250 taken")
        assert server.recipients == ["ann@example.com"]


async def test_smtps_is_tls_from_the_start(trusted: TlsFiles) -> None:
    async with mail_server(smtps=serving(trusted)) as server:
        await hand_in(server_of(server.url(scheme="smtps")), MAIL, "login.example.com")
        assert server.recipients == ["ann@example.com"]


async def test_where_starttls_is_not_offered_neither_password_nor_mail_is_sent() -> None:
    async with mail_server(NOT_LOCAL, login=LOGIN_OF) as server:
        with pytest.raises(MailFailed) as caught:
            await hand_in(server_of(server.url(NOT_LOCAL, login=IN_URL)), MAIL, "login.example.com")
        assert (caught.value.stage, caught.value.kind) == ("tls", "starttls_missing")
        assert server.mails == []


async def test_a_wrong_password_is_the_servers_no(trusted: TlsFiles) -> None:
    async with mail_server(NOT_LOCAL, tls=serving(trusted), login=LOGIN_OF) as server:
        with pytest.raises(MailFailed) as caught:
            await greet(server_of(server.url(NOT_LOCAL, login="us%40er:wrong@")), "login.example.com")
        assert (caught.value.stage, caught.value.status) == ("login", 535)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_of_nobody_we_trust_gets_no_mail(certificate: TlsFiles, scheme: str) -> None:
    wire._tls.cache_clear()
    kind = {"smtps": serving(certificate)} if scheme == "smtps" else {"tls": serving(certificate)}
    async with mail_server(NOT_LOCAL, **kind) as server:
        with pytest.raises(MailFailed) as caught:
            await hand_in(server_of(server.url(NOT_LOCAL, scheme=scheme)), MAIL, "login.example.com")
        assert (caught.value.stage, caught.value.kind) == ("tls", "certificate")
        assert server.mails == []


async def test_a_certificate_for_another_name_or_time_gets_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_certificate(tmp_path / "other")
    old = make_certificate(tmp_path / "old", [NOT_LOCAL], now=datetime.now(UTC) - timedelta(days=400))
    for files in (other, old):
        monkeypatch.setenv("SSL_CERT_FILE", str(files.ca_file))
        wire._tls.cache_clear()
        async with mail_server(NOT_LOCAL, tls=serving(files)) as server:
            with pytest.raises(MailFailed) as caught:
                await greet(server_of(server.url(NOT_LOCAL)), "login.example.com")
            assert caught.value.kind == "certificate"
    wire._tls.cache_clear()


async def test_tls_where_the_server_has_none_is_said_so() -> None:
    async with mail_server() as server:
        with pytest.raises(MailFailed) as caught:
            await greet(server_of(server.url(scheme="smtps")), "login.example.com")
        assert caught.value.stage in ("tls", "connect")


async def test_a_server_that_says_nothing_is_left_after_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CONNECT_SECONDS", 0.3)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with raw_server(silent) as port:
        with pytest.raises(MailFailed) as caught:
            await greet(server_of(MailServer(port).url()), "login.example.com")
        assert (caught.value.stage, caught.value.kind) == ("connect", "timeout")


# Slow and dead servers disturb nobody


@again_when_busy
async def test_a_login_waits_for_no_mail_server(settings_env: dict[str, str], sql: asyncpg.Connection) -> None:
    """The same answer in the same time with no server, one that is dead, and one that never answers."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    times = {}
    await sql.execute("UPDATE users SET first_login_at = now()")
    async with raw_server(silent) as port:
        for name, url in (("none", ""), ("dead", "smtp://localhost:9"), ("silent", MailServer(port).url())):
            env = {**settings_env, "AUTHSVC_SMTP_URL": url, "AUTHSVC_MAIL_FROM": "mail@bar.example"}
            async with following(env) as runtime, post_office(runtime):
                transport = httpx2.ASGITransport(app=App(runtime), client=("192.0.2.7", 4711))
                durations = []
                for number in range(outbox.MOST_A_DAY):
                    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
                        began = monotonic()
                        done = await http.post("/api/auth/login", json={**LOGIN, "device_info": f"{name} {number}"})
                        durations.append(monotonic() - began)
                        assert done.status_code == 200
                times[name] = sorted(durations)[outbox.MOST_A_DAY // 2]
            if url:
                assert await sql.fetchval("SELECT count(*) FROM mails WHERE sent_at IS NULL") == outbox.MOST_A_DAY
                await sql.execute("DELETE FROM mails")
    print({name: f"{1000 * seconds:.1f} ms" for name, seconds in times.items()})
    for name in ("dead", "silent"):
        prompt(times[name] < times["none"] + 0.02, times)


async def test_a_slow_server_keeps_each_mail_for_one_worker(
    settings_env: dict[str, str], sql: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It thinks for longer than a mail is held: the hold is renewed meanwhile."""
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 2)
    monkeypatch.setattr(deliver, "HOLD_SECONDS", 0.5)
    async with mail_server() as server:
        server.wait = 4
        env = settings_of(settings_env, server)
        async with following(env) as one, following(env) as other, post_office(one), post_office(other):
            await queue(one, 3)
            await until(sql, "sent_at IS NOT NULL", 3)
            await asyncio.sleep(2.5)
    assert sorted(server.recipients) == [f"p{number}@example.com" for number in range(3)]


# Several replicas, and one that dies


async def test_replicas_share_the_queue_and_send_each_mail_once(
    settings_env: dict[str, str], sql: asyncpg.Connection, replicas: Replicas
) -> None:
    async with mail_server() as server:
        env = settings_of(settings_env, server)
        replicas.env.update(env)
        await asyncio.to_thread(replicas.start, 2)
        async with following(env) as runtime:
            await queue(runtime, 60)
        await until(sql, "sent_at IS NOT NULL", 60, seconds=60)
        await asyncio.sleep(1.5)
    assert sorted(server.recipients) == sorted(f"p{number}@example.com" for number in range(60))


async def test_no_two_claims_get_the_same_mail(settings_env: dict[str, str], sql: asyncpg.Connection) -> None:
    env = {**settings_env, "AUTHSVC_SMTP_URL": "smtp://localhost:9", "AUTHSVC_MAIL_FROM": "mail@bar.example"}
    async with following(env) as one, following(env) as other:
        await queue(one, 300)
        rounds = [outbox.claim(runtime.db, 10) for _ in range(15) for runtime in (one, other)]
        claimed = [mail.id for batch in await asyncio.gather(*rounds) for mail in batch]
        while batch := await outbox.claim(one.db, 100):
            claimed += [mail.id for mail in batch]
    assert len(claimed) == len(set(claimed)) == 300
    assert await sql.fetchval("SELECT max(attempts) FROM mails") == 1


async def test_a_replica_that_is_killed_in_the_middle_loses_nothing(
    settings_env: dict[str, str], sql: asyncpg.Connection, replicas: Replicas
) -> None:
    async with mail_server() as server:
        server.wait = 30
        env = settings_of(settings_env, server)
        replicas.env.update(env)
        [replica] = await asyncio.to_thread(replicas.start, 1)
        async with following(env) as runtime:
            await queue(runtime, 3)
            async with asyncio.timeout(20):
                while server.connections < 3:
                    await asyncio.sleep(0.05)
            replica.process.kill()
            replica.process.wait()
            assert server.mails == []
            server.wait = 0
            await sql.execute("UPDATE mails SET next_at = now()")  # the minute is over
            async with post_office(runtime):
                await until(sql, "sent_at IS NOT NULL", 3)
    assert sorted(server.recipients) == [f"p{number}@example.com" for number in range(3)]


async def test_who_has_lost_a_mail_writes_nothing_of_it(settings_env: dict[str, str], sql: asyncpg.Connection) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime:
        await queue(runtime)
        [first] = await outbox.claim(runtime.db, 10)
        assert await outbox.claim(runtime.db, 10) == []
        await sql.execute("UPDATE mails SET next_at = now()")
        [second] = await outbox.claim(runtime.db, 10)
        await outbox.later(runtime.db, first, 60, reason="late", status=None, refused=True)
        assert not await outbox.give_up(runtime.db, first, reason="late", status=None)
        assert not await outbox.sent(runtime.db, first)
        assert await sql.fetchval("SELECT reason FROM mails") is None
        assert await outbox.sent(runtime.db, second)


async def test_a_taken_mail_is_written_down_though_postgresql_was_away_for_a_moment(
    settings_env: dict[str, str], sql: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime, post_office(runtime):
        server.wait = 2
        await queue(runtime)
        async with asyncio.timeout(10):
            while not server.connections:
                await asyncio.sleep(0.02)
        await sql.execute("BEGIN; LOCK TABLE mails IN EXCLUSIVE MODE")
        await server.until(1)
        await asyncio.sleep(2.5)  # a statement has given up meanwhile
        await sql.execute("ROLLBACK")
        await until(sql, "sent_at IS NOT NULL")
        await asyncio.sleep(1.5)
    assert len(server.mails) == 1


# A worker without mails


def test_without_a_mail_server_nothing_for_mails_is_imported(settings_env: dict[str, str]) -> None:
    script = """
import asyncio, os, sys
from authsvc.app import App, lifespan
from authsvc.runtime import open_runtime
from authsvc.settings import load
async def run():
    runtime = open_runtime(load(os.environ))
    App(runtime)
    async with lifespan(runtime):
        await asyncio.sleep(0.5)
asyncio.run(run())
print(sorted({"aiosmtplib", "email.message", "email.headerregistry"} & set(sys.modules)))
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
    env = {**clean, **settings_env, "AUTHSVC_SMTP_URL": ""}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "aiosmtplib" not in done.stdout.splitlines()[-1]


def test_a_password_in_the_url_is_in_no_error(settings_env: dict[str, str]) -> None:
    server = server_of("smtp://user:s3cret@mail.example.com")
    assert "s3cret" not in repr(server)
    assert "s3cret" not in repr(MailFailed("login", "answer", 535, "no"))


@again_when_busy
async def test_a_theft_is_told_within_two_seconds(settings_env: dict[str, str], sql: asyncpg.Connection) -> None:
    """From the use of the copy to the mail server's hands."""
    async with mail_server() as server, following(settings_of(settings_env, server)) as runtime, post_office(runtime):
        transport = httpx2.ASGITransport(app=App(runtime), client=("192.0.2.7", 4711))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
            done = await http.post("/api/auth/login", json={**LOGIN, "client_id": "strict", "device_info": "My phone"})
            form = {"grant_type": "refresh_token", "client_id": "strict", "refresh_token": done.json()["refresh_token"]}
            assert (await http.post("/token", data=form)).status_code == 200
            began = monotonic()
            assert (await http.post("/token", data=form)).status_code == 400
            await server.until(1)
            seconds = monotonic() - began
    text = server.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "My phone" in text
    assert "192.0.2.7" in text
    prompt(seconds < 2, f"{seconds:.2f} s")
