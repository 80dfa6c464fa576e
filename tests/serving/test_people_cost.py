"""What the features for people cost a worker: nothing to import for one that nobody asks for them, and little to one
whose people log in by passkeys. Figures of a real worker: `pytest -s tests/serving/test_people_cost.py`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx2
import pytest

from tests.support.authenticator import Authenticator
from tests.support.login_steps import enter
from tests.support.passkeys import enrolled, log_in_by, logged_in
from tests.support.replicas import Replica, Replicas

FOR_PEOPLE = ("fido2", "segno", "aiosmtplib", "email.headerregistry")
"""What is imported when somebody shows a passkey, sets up an app, or is written to."""
FOR_DEVICES = ("ua_parser",)
"""What is imported when the first person comes."""
FOR_PAGES = ("jinja2", "authsvc.web.pages.rendering")
"""What is imported when the first page is shown."""
FOR_TRACES = ("opentelemetry",)
"""What is imported where traces are sent, or, if one let it, by redis-py."""
LOGINS = int(os.environ.get("AUTHSVC_TEST_LOGINS", "60"))
MOST_KIB = 6 * 1024

WORKER = """
import asyncio, json, os, sys
import httpx2
import authsvc.serving.worker
from authsvc.app import App, lifespan
from authsvc.runtime import open_runtime
from authsvc.settings import load

async def run():
    runtime = open_runtime(load(os.environ))
    async with lifespan(runtime):
        transport = httpx2.ASGITransport(app=App(runtime), client=("192.0.2.7", 4711))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
            if sys.argv[1:] == ["machines"]:
                form = {"grant_type": "client_credentials"}
                answer = await http.post("/token", data=form, auth=("backend", "backend-secret"))
                form = {"token": answer.json()["access_token"]}
                answer = await http.post("/introspect", data=form, auth=("backend", "backend-secret"))
                assert answer.json()["active"], answer
                return
            login = {"email": "test@example.com", "password": "password"}
            tokens = (await http.post("/api/auth/login", json=login)).json()
            form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": tokens["refresh_token"]}
            answers = [await http.post("/token", data=form)]
            answers.append(await http.post("/introspect", data={"token": tokens["access_token"]},
                                           auth=("backend", "backend-secret")))
            paths = ("/.well-known/jwks.json", *([] if sys.argv[1:] == ["json"] else ["/login?next=/account"]))
            answers += [await http.get(path) for path in paths]
            assert {answer.status_code for answer in answers} == {200}, answers
asyncio.run(run())
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.fixture
def without_people(settings_env: dict[str, str]) -> dict[str, str]:
    """The environment of a worker, and whatever runs Python needs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
    return {**clean, **settings_env, "AUTHSVC_SMTP_URL": ""}


def imported_by(worker: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *words], env=worker, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1]


def test_a_worker_imports_nothing_for_what_nobody_asked_of_it(without_people: dict[str, str]) -> None:
    """After a login by password on the page's and the JSON's way, a refresh and an introspection."""
    imported = imported_by(without_people)
    assert '"authsvc.webauthn"' in imported
    assert [name for name in (*FOR_DEVICES, *FOR_PAGES) if f'"{name}' not in imported] == []
    assert [name for name in (*FOR_PEOPLE, *FOR_TRACES) if f'"{name}' in imported] == []


def test_a_worker_that_only_machines_ask_imported_nothing_for_people(without_people: dict[str, str]) -> None:
    imported = imported_by(without_people, "machines")
    assert '"authsvc.web.login"' in imported
    assert [name for name in (*FOR_PEOPLE, *FOR_DEVICES, *FOR_PAGES, *FOR_TRACES) if f'"{name}' in imported] == []


def test_a_worker_whose_pages_are_the_frontends_own_imported_nothing_for_pages(without_people: dict[str, str]) -> None:
    imported = imported_by(without_people, "json")
    assert [name for name in FOR_DEVICES if f'"{name}' not in imported] == []
    assert [name for name in (*FOR_PEOPLE, *FOR_PAGES, *FOR_TRACES) if f'"{name}' in imported] == []


def kib(replica: Replica) -> tuple[int, int]:
    """RSS and PSS of the worker, in KiB."""
    text = Path(f"/proc/{replica.process.pid}/smaps_rollup").read_text()
    rss, pss = (re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE) for name in ("Rss", "Pss"))
    assert rss and pss
    return int(rss[1]), int(pss[1])


@asynccontextmanager
async def browser(replica: Replica) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=replica.url, timeout=60) as http:
        yield http


async def by_password(replica: Replica) -> None:
    async with browser(replica) as http:
        answer = await enter(http, await http.get("/login?next=/account"))
        assert answer.status_code == 303, answer.text


async def by_passkey(replica: Replica, key: Authenticator) -> None:
    async with browser(replica) as http:
        assert (await log_in_by(http, key)).status_code == 303


async def test_a_worker_grows_by_6_mb_at_most_with_its_passkeys(replicas: Replicas, sql: asyncpg.Connection) -> None:
    """Beside what as many logins by password cost it."""
    (other,) = replicas.start()
    async with browser(other) as http:
        key = await enrolled(await logged_in(http))
    (fresh,) = replicas.start(own_interpreter=True)
    began = kib(fresh)
    for _ in range(LOGINS):
        await by_password(fresh)
    passwords = kib(fresh)
    for _ in range(LOGINS):
        await by_passkey(fresh, key)
    passkeys = kib(fresh)
    assert await sql.fetchval("SELECT count(*) FROM user_sessions WHERE 'hwk' = ANY (amr)") == LOGINS
    for when, (rss, pss) in (("fresh", began), ("by password", passwords), ("by passkey", passkeys)):
        print(f"{when:12} {LOGINS:4} logins: RSS {rss / 1024:6.1f} MB, PSS {pss / 1024:6.1f} MB")
    assert passkeys[1] - passwords[1] <= MOST_KIB
