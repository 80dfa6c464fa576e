"""Known and unknown addresses at a real replica: one answer, one set of headers and cookies, one duration, also while
the queue of passwords is full. `scripts/one-time` takes a thousand of each; the suite some.

A known and an unknown address are asked for one after the other, in an order that is drawn, so that what else the
machine does falls on both. A difference must come again with other addresses before it is believed: of a hundred honest
samples one has p below 0.01.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from authsvc.runtime import open_runtime
from authsvc.settings import load
from tests.support.login_steps import Pkce, authorize_url, fields
from tests.support.mail import mail_server, settings_of
from tests.support.replicas import Replicas
from tests.support.two_samples import kolmogorov_smirnov, mann_whitney, signed_ranks

pytestmark = pytest.mark.faults

PAIRS = int(os.environ.get("AUTHSVC_TEST_PAIRS", "20"))
SEED = int(os.environ.get("AUTHSVC_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
LEAST = 0.01
FILLERS = 8
ENV = {
    "AUTHSVC_TRUSTED_PROXIES": "127.0.0.1",
    "AUTHSVC_LOGIN_ACCOUNT_FAILURES": "1000",
    "AUTHSVC_LOGIN_NETWORK_FAILURES": "100000",
    "AUTHSVC_MAIL_ADDRESS_REQUESTS": "1000",
    "AUTHSVC_MAIL_NETWORK_REQUESTS": "100000",
    "AUTHSVC_ARGON2_MEMORY_KIB": "4096",
    "AUTHSVC_HASH_THREADS": "1",
    "AUTHSVC_HASH_QUEUE": "8",
}
WRONG = "not the password"


@dataclass
class Sample:
    """What was heard of one kind of address, in the order of the pairs."""

    seconds: list[float] = field(default_factory=list)
    bytes: list[float] = field(default_factory=list)
    said: Counter[tuple[object, ...]] = field(default_factory=Counter)


class Attacker:
    """A browser at a replica, and an address of its own for each request."""

    def __init__(self, http: httpx2.AsyncClient, dice: random.Random) -> None:
        self.http, self.dice = http, dice
        self.pages: dict[str, dict[str, str]] = {}

    async def open_pages(self) -> None:
        for path in ("/reset", "/signup", authorize_url(Pkce())):
            page = await self.http.get(path)
            assert page.status_code == 200, (path, page.status_code)
            self.pages[path.partition("?")[0]] = fields(page)

    async def post(self, path: str, **body: object) -> httpx2.Response:
        network = "198.18." + ".".join(str(self.dice.randrange(256)) for _ in range(2))
        return await self.http.post(path, headers={"X-Forwarded-For": network}, **body)  # type: ignore[arg-type]

    async def login(self, email: str) -> httpx2.Response:
        return await self.post("/api/auth/login", json={"email": email, "password": WRONG})

    async def login_page(self, email: str) -> httpx2.Response:
        return await self.post("/login", data={**self.pages["/authorize"], "username": email, "password": WRONG})

    async def registration(self, email: str) -> httpx2.Response:
        return await self.post("/signup", data={**self.pages["/signup"], "username": email})

    async def reset(self, email: str) -> httpx2.Response:
        return await self.post("/reset", data={**self.pages["/reset"], "username": email})

    async def resend(self, email: str) -> httpx2.Response:
        """Once more for an address for which a letter was asked before."""
        return await self.reset(email)

    async def fill_queue(self, emails: list[str]) -> None:
        while True:
            if (await self.login(self.dice.choice(emails))).status_code == 503:
                await asyncio.sleep(0.02)


WAYS: dict[str, Callable[[Attacker, str], Awaitable[httpx2.Response]]] = {
    "login": Attacker.login,
    "login page": Attacker.login_page,
    "registration": Attacker.registration,
    "reset": Attacker.reset,
    "resend": Attacker.resend,
}
ANSWERS = {"login": {401, 503}, "login page": {400, 401, 503}}


def heard(answer: httpx2.Response, email: str) -> tuple[object, ...]:
    """An answer without what is new in each: ids, sealed values and form tokens."""

    def plain(text: str) -> str:
        text = text.replace(email, "ADDRESS").replace(email.replace("@", "&#64;"), "ADDRESS")
        return re.sub(r"[\w-]{20,}", "<>", text)

    passing = ("x-request-id", "retry-after", "date", "content-length")
    headers = tuple(sorted((name, plain(value)) for name, value in answer.headers.items() if name not in passing))
    return answer.status_code, plain(answer.text), headers


async def sample(attacker: Attacker, way: str, known: list[str], unknown: list[str]) -> tuple[Sample, Sample]:
    samples = Sample(), Sample()
    for pair in zip(known, unknown, strict=True):
        asked = list(enumerate(pair))
        attacker.dice.shuffle(asked)
        for kind, email in asked:
            started = perf_counter()
            answer = await WAYS[way](attacker, email)
            samples[kind].seconds.append(perf_counter() - started)
            assert answer.status_code in ANSWERS.get(way, {200}), (way, answer.status_code, answer.text)
            samples[kind].bytes.append(len(answer.content))
            samples[kind].said[heard(answer, email)] += 1
    return samples


def judged(way: str, queue: str, known: Sample, unknown: Sample) -> float:
    """Print a row of the table; the least p-value. Raises AssertionError for an answer that only one kind gets."""
    assert known.said.keys() == unknown.said.keys() or one_sided(known, unknown) is None, one_sided(known, unknown)
    pair = known.seconds, unknown.seconds
    values = (
        kolmogorov_smirnov(*pair),
        mann_whitney(*pair),
        signed_ranks(*pair),
        mann_whitney(known.bytes, unknown.bytes),
    )
    medians = "  ".join(f"{median(times) * 1000:8.3f}" for times in pair)
    busy = sum(count for said, count in known.said.items() if said[0] == 503)
    also = sum(count for said, count in unknown.said.items() if said[0] == 503)
    shown = "  ".join(f"{value:6.3f}" for value in values)
    print(f"{way:13} {queue:6} {len(pair[0]):5} {medians}  {shown}   {busy:4} {also:4}   {os.getloadavg()[0]:5.1f}")
    return min(values)


def one_sided(known: Sample, unknown: Sample) -> object:
    """An answer that one kind of address got often, and the other never; None: there is none."""
    for one, other in ((known, unknown), (unknown, known)):
        for said, count in one.said.items():
            if said not in other.said and (said[0] != 503 or count > 10):
                return said
    return None


@asynccontextmanager
async def filled(attacker: Attacker, emails: list[str], queue: str) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(attacker.fill_queue(emails)) for _ in range(FILLERS if queue == "full" else 0)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def people(sql: asyncpg.Connection, password_hash: str, count: int) -> tuple[list[str], list[str]]:
    """New known addresses and as many unknown ones, which look alike."""
    known, unknown = ([f"{uuid4().hex[:12]}@example.com" for _ in range(count)] for _ in range(2))
    await sql.execute(
        """INSERT INTO users (id, email, name, roles, password_hash)
           SELECT gen_random_uuid(), address, 'Somebody', '{customer}', $2 FROM unnest($1::text[]) AS address""",
        known,
        password_hash,
    )
    return known, unknown


@pytest.mark.parametrize("queue", ["quiet", "full"])
async def test_known_and_unknown_addresses_are_one_at_a_replica(
    replicas: Replicas, env: dict[str, str], sql: asyncpg.Connection, queue: str
) -> None:
    runtime = open_runtime(load({**env, **ENV}))
    password_hash = await runtime.passwords.hash("password")
    await runtime.close()
    async with mail_server() as post:
        (replica,) = replicas.start(1, **settings_of({**ENV, "AUTHSVC_REGISTRATION": "open"}, post))
        await measure(replica.url, sql, password_hash, queue)


async def measure(url: str, sql: asyncpg.Connection, password_hash: str, queue: str) -> None:
    """Raises AssertionError for what differs three times in a row."""
    print(f"\nseed {SEED}, {PAIRS} pairs; medians in ms, p of Kolmogorov-Smirnov, Mann-Whitney, signed ranks, bytes")
    print("way           queue      n    known   unknown      KS      MW      SR   bytes    503: k   u    load")
    limits = httpx2.Limits(max_connections=FILLERS + 2)
    async with httpx2.AsyncClient(base_url=url, timeout=60, limits=limits) as http:
        attacker = Attacker(http, random.Random(SEED))
        others = [email for kind in await people(sql, password_hash, 50) for email in kind]
        differing = list(WAYS)
        for _ in range(3):
            known, unknown = await people(sql, password_hash, PAIRS)
            await attacker.open_pages()
            async with filled(attacker, others, queue):
                for email in others[:20]:  # warm
                    await attacker.login(email)
                if "resend" in differing and "reset" not in differing:
                    await sample(attacker, "reset", known, unknown)
                found = {way: judged(way, queue, *await sample(attacker, way, known, unknown)) for way in differing}
            differing = [way for way, value in found.items() if value <= LEAST]
            if not differing:
                return
    raise AssertionError(f"three times in a row: {found}")
