"""Secrets with a face go through every flow; then every place where one could have been written is searched."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import asyncpg
import httpx2
import pytest
import redis.asyncio

from authsvc.passwords import Passwords
from authsvc_devkit.servers import Servers
from tests.support.collector import Collector, collecting
from tests.support.replicas import Replicas

pytestmark = pytest.mark.faults

PASSWORD = "canary-Pa55word-7f3a"
WRONG = "canary-wrong-Pa55-19c2"
SECRET = "canary-client-secret-5b1e"
WRONG_SECRET = "canary-wrong-secret-88d0"
SMTP = "canary-smtp-secret-31aa"


def faces(secrets: set[str]) -> set[bytes]:
    """What a secret looks like wherever somebody wrote it down: as it is, in hex, in base64 with its neighbours."""
    shown: set[bytes] = set()
    for secret in secrets:
        raw = secret.encode()
        shown |= {raw, raw.hex().encode(), b64encode(raw).rstrip(b"=")[:-1], urlsafe_b64encode(raw).rstrip(b"=")[:-1]}
    return shown


async def flows(url: str) -> set[str]:
    """Every flow, right and wrong. Returns the secrets that were given out."""
    given: set[str] = set()
    async with httpx2.AsyncClient(base_url=url) as http:
        for password in (WRONG, PASSWORD):
            login = {"email": "canary@example.com", "password": password}
            tokens = (await http.post("/api/auth/login", json=login)).json()
        await http.post("/api/auth/login", json={"email": "nobody@example.com", "password": WRONG})
        await http.post("/api/auth/login", json={**login, "password": [PASSWORD]})
        await http.post("/api/auth/login", content=json.dumps(login)[:-1], headers={"content-type": "application/json"})
        given |= {tokens["access_token"], tokens["refresh_token"]}
        for form in ({}, {}, {"scope": "no such"}, {"refresh_token": tokens["refresh_token"][:-1] + "~"}):
            form = {"refresh_token": tokens["refresh_token"], **form}
            answer = await http.post("/token", data={"grant_type": "refresh_token", "client_id": "customer", **form})
            if answer.status_code == 200:
                renewed = answer.json()
                given |= {renewed["access_token"], renewed["refresh_token"]}
        for secret in (SECRET, WRONG_SECRET):
            auth = ("canary", secret)
            answer = await http.post("/token", data={"grant_type": "client_credentials"}, auth=auth)
            await http.post(
                "/token", data={"grant_type": "client_credentials", "client_id": "canary", "client_secret": secret}
            )
            for token in given:
                await http.post("/introspect", data={"token": token}, auth=auth)
        for token in tokens["access_token"], tokens["access_token"] + "x", renewed["access_token"]:
            bearer = {"Authorization": f"Bearer {token}"}
            for path in ("/api/profile/me", "/api/auth/sessions", f"/nowhere/{token}"[:40]):
                await http.get(path, headers=bearer)
        given |= {cookie.value for cookie in http.cookies.jar if cookie.value}
        await http.post("/revoke", data={"client_id": "customer", "token": renewed["access_token"]})
        await http.post("/api/auth/logout", json={"refresh_token": renewed["refresh_token"]})
        await http.post("/api/auth/refresh", json={"refresh_token": renewed["refresh_token"]})
        given |= {piece for token in given for piece in token.split(".")[2:] or [token]}
    return given


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


async def test_no_secret_is_written_anywhere(
    replicas: Replicas, servers: Servers, sql: asyncpg.Connection, valkey: redis.asyncio.Redis, collector: Collector
) -> None:
    hasher = Passwords(memory_kib=64, time_cost=1, parallelism=1, threads=1, queue=5)
    await sql.execute(
        "INSERT INTO users (email, password_hash) VALUES ('canary@example.com', $1)", await hasher.hash(PASSWORD)
    )
    await sql.execute(
        """INSERT INTO clients (id, name, kind, secret_hashes, grant_types, scopes, introspection)
           VALUES ('canary', 'Canary', 'confidential', ARRAY[$1::bytea], '{client_credentials}', '{api}', true)""",
        sha256(SECRET.encode()).digest(),
    )
    database = await sql.fetchval("SELECT current_database()")
    for setting in ("log_statement = 'all'", "log_min_duration_statement = 0", "log_error_verbosity = 'verbose'"):
        await sql.execute(f"ALTER DATABASE {database} SET {setting}")  # the most talkative operator
    # A mail server that is away: mails of new devices wait, and every attempt fails.
    replicas.env |= {"AUTHSVC_SMTP_URL": f"smtp://user:{SMTP}@localhost:9", "AUTHSVC_MAIL_FROM": "mail@bar.example"}
    replicas.env |= {"AUTHSVC_TRACES": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    started = replicas.start(2, own_interpreter=True)
    given: set[str] = set()
    for replica in started:
        given |= await flows(replica.url)
    # A statement that fails with its parameters at hand.
    await sql.execute("ALTER TABLE grants ADD CONSTRAINT broken CHECK (generation < 0) NOT VALID")
    await _break(started[0].url)
    assert b"mail_put_off" in await _until_put_off(replicas)
    hidden = faces({PASSWORD, WRONG, SECRET, WRONG_SECRET, SMTP} | {text for text in given if len(text) > 16})
    assert len(hidden) > 60
    for place, content in {
        "PostgreSQL's log": (servers.data_dir / "postgres.log").read_bytes(),
        "Valkey's log": (servers.data_dir / "redis.log").read_bytes(),
        "pg_stat_activity": str(await sql.fetch("SELECT query FROM pg_stat_activity")).encode(),
        "the database": await _database(sql),
        "Redis": await _redis(valkey),
        "the command lines": b"".join(Path(f"/proc/{replica.process.pid}/cmdline").read_bytes() for replica in started),
        "the traces": await _traces(collector),
        "the metrics": b"".join(httpx2.get(replica.url + "/metrics").content for replica in started),
        "the service's log": replicas.whole_log().encode(),
    }.items():
        assert len(content) > 100, f"{place} was not read"
        assert not [face for face in hidden if face in content], place
    assert b"UPDATE grants" in (servers.data_dir / "postgres.log").read_bytes(), "statements were logged"


async def _traces(collector: Collector) -> bytes:
    """Neither a secret nor a person is in them. The last request fails."""
    async with asyncio.timeout(20):
        while not {"deliver mail", "hash"} <= {span.name for span in collector.spans} or not any(
            span.attributes.get("http.response.status_code") == 500 for span in collector.spans
        ):
            await asyncio.sleep(0.1)
    assert len(collector.spans) > 100
    for personal in (b"@example.com", b"canary", b"Canary", b"127.0.0.1", b"python-httpx"):
        assert personal not in collector.raw, personal
    return collector.raw


async def _until_put_off(replicas: Replicas) -> bytes:
    async with asyncio.timeout(20):
        while b"mail_put_off" not in (log := replicas.logs().encode()):
            await asyncio.sleep(0.1)
    return log


async def _break(url: str) -> None:
    async with httpx2.AsyncClient(base_url=url) as http:
        login = {"email": "canary@example.com", "password": PASSWORD}
        assert (await http.post("/api/auth/login", json=login)).status_code == 500


async def _database(sql: asyncpg.Connection) -> bytes:
    content = b""
    tables = await sql.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) >= 8
    for table in tables:
        for row in await sql.fetch(f'SELECT t::text AS line FROM "{table["tablename"]}" t'):
            line = row["line"].encode()
            content += (
                line
                + b"\n"
                + b"\n".join(bytes.fromhex(digits.decode()) for digits in re.findall(rb"\\x((?:[0-9a-f]{2})+)", line))
            )
    return content


async def _redis(valkey: redis.asyncio.Redis) -> bytes:
    content = b"-" * 100
    async for key in valkey.scan_iter("*", count=1000):
        content += key.encode() + b"\n"
        kind = await valkey.type(key)
        content += str(await (valkey.zrange(key, 0, -1) if kind == "zset" else valkey.get(key))).encode()
    return content


FORGED = '", "event": "forged", "x": "'
INJECTIONS = [
    'a\n{"event":"forged","level":"info"}\n@example.com',
    "a\r\n\r\nHTTP/1.1 200 OK@example.com",
    f"a{FORGED}@example.com",
    "\u2028\u2029\u202e\x1b[2J\x1b]0;owned\x07@example.com",
    "%n%s%x{0}{jndi:ldap://evil.example}@example.com",
    "a'; DROP TABLE users; --@example.com",
]


async def test_what_people_write_is_one_line_of_json_at_most(replicas: Replicas, sql: asyncpg.Connection) -> None:
    (replica,) = replicas.start()
    async with httpx2.AsyncClient(base_url=replica.url) as http:
        for text in INJECTIONS:
            agent = re.sub(r"[^\x20-\x7e]", "?", text) + " \x80\xff"
            headers = {b"user-agent": agent.encode("latin-1", "replace"), b"x-request-id": agent.encode("latin-1")}
            body = {"email": text, "password": "x", "device_info": text, "client_id": "customer"}
            assert (await http.post("/api/auth/login", json=body, headers=headers)).status_code in (400, 401)
            body = {"email": "test@example.com", "password": "password", "device_info": text}
            assert (await http.post("/api/auth/login", json=body, headers=headers)).status_code == 200
            data = {"grant_type": text, "client_id": text}
            assert (await http.post("/token", data=data, headers=headers)).status_code in (400, 401)
            await http.get("/nowhere/" + text.encode().hex(), headers=headers)
            await http.get(httpx2.URL(replica.url).copy_with(raw_path=b"/%0a%7b%22event%22:%22forged%22%7d"))
    assert await sql.fetchval("SELECT count(*) FROM users") == 3
    replica.stop()  # and everything is written
    lines = replica.log.read_bytes().splitlines()
    assert len(lines) >= 5 * len(INJECTIONS)
    for line in lines:
        assert line.isascii()
        assert json.loads(line)["event"] != "forged"
    shown = await sql.fetch("SELECT device_info, user_agent FROM user_sessions")
    assert all(value is None or value.isprintable() for row in shown for value in row.values())
