"""Keys rotate under load, on two replicas, before verifiers of three houses: no good token is ever refused.

The clock is scaled. Where production says 300 s for the JWKS's max-age, the caches' ages and cool-downs, here they are
1 s (verifiers.py). The replicas carry out a policy of seconds, the shortest that they accept, and the keys alone live
SPEED times as fast: a task moves all times of all keys back, so that a rotation comes each 8 / SPEED seconds. Not a
line of the service knows of it. With KEY_SPEED=1 no row is touched. A thousand rotations take 133 minutes / SPEED:

    ROTATIONS=1000 python -m pytest tests/flows/keys/test_live_rotation.py -n 0 -s --timeout 9000
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic, time
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest

from authsvc.store.keys import signing_keys
from tests.cli.conftest import Cli
from tests.flows.keys.verifiers import JWKS_SECONDS, SCALE, Jose, Kind, Ours, PyJwt
from tests.support.fleet import FOLLOWING, Fleet, balanced
from tests.support.gone import SERVER_GONE
from tests.support.replicas import Replica, Replicas
from tests.support.service import BACKEND, LOGIN

ROTATIONS = int(os.environ.get("ROTATIONS", "8"))
SPEED = float(os.environ.get("KEY_SPEED", "8"))
WITHDRAWALS = max(1, ROTATIONS // 100)
TOKEN_SECONDS = 10
AGAIN_SECONDS = 8.5
"""Each token is shown once more, shortly before it expires: its key has retired by then."""
HEARD_SECONDS = 1.0
"""A withdrawal is on every replica, and at every verifier with the feed, within this."""
LOOK_SECONDS = 0.02

STILL_SECONDS = 0.3

POLICY = """
announce = "56 s"
sign = "8 s"
keep = "6 min 5 s"
backup = "0 s"
"""


@dataclass
class Run:
    """The load, who looks at its tokens, and what came of it. `failures`: (who, why, at which look) -> how many."""

    replicas: list[Replica]
    http: httpx2.AsyncClient
    kinds: list[Kind]
    tokens: int = 0
    put_off: int = 0
    verdicts: int = 0
    kids: list[str] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    waiting: asyncio.Queue[tuple[str, str]] = field(default_factory=asyncio.Queue)
    """(token, look)"""
    suspects: set[str] = field(default_factory=set)
    """Keys of tokens that were refused."""
    turn: Any = field(default_factory=count)

    async def post(self, path: str, **options: Any) -> dict[str, Any]:
        """At the replicas in turn; who is put off comes again, as a client should."""
        while True:
            url = self.replicas[next(self.turn) % len(self.replicas)].url
            with suppress(*SERVER_GONE):  # an idle connection was closed at the moment when it was taken
                answer = await self.http.post(url + path, **options)
                if answer.status_code != 503:
                    break
            self.put_off += 1
            await asyncio.sleep(0.2)
        if answer.status_code != 200:
            self.failures[url, f"{answer.status_code} {answer.text}", path] += 1
            return {}
        found: dict[str, Any] = answer.json()
        self.take(found["access_token"])
        return found

    def take(self, token: str) -> None:
        kid = jwt.get_unverified_header(token)["kid"]
        if kid not in self.kids:
            self.kids.append(kid)
        self.tokens += 1
        self.waiting.put_nowait((token, "first"))
        asyncio.get_running_loop().call_later(AGAIN_SECONDS, self.waiting.put_nowait, (token, "last"))

    async def services(self) -> None:
        while True:
            await self.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
            await asyncio.sleep(0.05)

    async def person(self) -> None:
        said = await self.post("/api/auth/login", json=LOGIN)
        while said:
            form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": said["refresh_token"]}
            said = await self.post("/token", data=form) or said
            await asyncio.sleep(0.15)

    async def looks(self) -> None:
        while True:
            shown = [await self.waiting.get()]
            while not self.waiting.empty():
                shown.append(self.waiting.get_nowait())
            tokens = [token for token, _ in shown]
            said = await asyncio.gather(*(kind.judge(tokens) for kind in self.kinds))
            for kind, words in zip(self.kinds, said, strict=True):
                self.verdicts += len(words)
                for (token, look), word in zip(shown, words, strict=True):
                    if word and self.is_good(token):
                        self.failures[kind.name, word, look] += 1
                        self.suspects.add(jwt.get_unverified_header(token)["kid"])

    def is_good(self, token: str) -> bool:
        """Its key was not withdrawn, and it has not expired while a busy machine let it wait."""
        claims = jwt.decode(token, options={"verify_signature": False})
        return jwt.get_unverified_header(token)["kid"] not in self.withdrawn and claims["exp"] > time()

    @property
    def rotations(self) -> int:
        return len(self.kids) - 1

    async def until(self, rotations: int, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            for number in range(self.rotations + 1, rotations + 1):
                while self.rotations < number:
                    await asyncio.sleep(0.05)
                if number and number % 50 == 0:
                    print(f"{number} rotations, {self.verdicts} verdicts, {self.failures.total()} failed", flush=True)

    @asynccontextmanager
    async def going(self, *more: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        """Load and looks, for the time of a block; whatever goes wrong with them ends it."""
        work = (self.services(), self.person(), self.person(), self.looks(), *more)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
            yield
            for task in tasks:
                task.cancel()


LIVES = """SELECT kid, signs_from - announced_at AS announced, signs_until - signs_from AS signed, withdrawn_at
           FROM signing_keys WHERE kid = ANY($1) ORDER BY signs_from"""
FASTER = """UPDATE signing_keys SET
    announced_at = announced_at - make_interval(secs => $1), signs_from = signs_from - make_interval(secs => $1),
    signs_until = signs_until - make_interval(secs => $1), drop_after = drop_after - make_interval(secs => $1)"""


async def hurry(sql: asyncpg.Connection) -> None:
    """Keys live SPEED times as fast; but when a busy machine stands still, so do they.

    Under the lock: whoever plans the next key must find the times that it read.
    """
    at = monotonic()
    while SPEED > 1:
        await asyncio.sleep(0.1)
        async with sql.transaction():
            await signing_keys.lock(sql)
            at, before = monotonic(), at
            await sql.execute(FASTER, min(at - before, STILL_SECONDS) * (SPEED - 1))


@pytest.fixture
def policy(settings_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    settings_env |= {
        "AUTHSVC_KEY_POLICY_FILE": str(tmp_path / "policy.toml"),
        "AUTHSVC_JWKS_MAX_AGE": str(JWKS_SECONDS),
        "AUTHSVC_ACCESS_TOKEN_SECONDS": str(TOKEN_SECONDS),
        "AUTHSVC_CLOCK_SKEW_SECONDS": "0",
    }


@pytest.fixture
def node(request: pytest.FixtureRequest) -> Path | pytest.skip.Exception:
    """npm's packages, or why there are none: the other verifiers are tried all the same."""
    try:
        found: Path = request.getfixturevalue("npm")
    except pytest.skip.Exception as lacking:
        return lacking
    return found


@pytest.fixture
async def run(
    policy: None,
    replicas: Replicas,
    settings_env: dict[str, str],
    sql: asyncpg.Connection,
    node: Path | pytest.skip.Exception,
) -> AsyncIterator[Run]:
    async with AsyncExitStack() as stack:
        # The token that opens the stream is good for longer than the others, so that it is not opened all the time.
        running, _ = await stack.enter_async_context(balanced(replicas, settings_env, sql, access_token_seconds=300))
        issuer = settings_env["AUTHSVC_ISSUER"]
        following = await stack.enter_async_context(Fleet(2, issuer, **FOLLOWING))
        without = await stack.enter_async_context(Fleet(2, issuer, caching=SCALE))
        kinds: list[Kind] = [Ours("ours with the feed", following), Ours("ours without it", without)]
        kinds += [PyJwt(replica.url, issuer) for replica in running]
        if isinstance(node, Path):
            kinds += [await Jose.start(replica.url, issuer, node) for replica in running]
        for kind in kinds:
            stack.push_async_callback(kind.close)
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=10, trust_env=False))
        yield Run(running, http, kinds)


async def test_nobody_notices_a_rotation(
    run: Run, replicas: Replicas, sql: asyncpg.Connection, cli: Cli, node: Path | pytest.skip.Exception
) -> None:
    started = monotonic()
    async with run.going(hurry(sql)):
        await run.until(ROTATIONS, 60 + ROTATIONS * 20 / SPEED)
        rotations, elapsed = run.rotations, monotonic() - started
        dead = [await withdraw(run, cli) for _ in range(WITHDRAWALS)] if not run.failures else []
    assert run.failures == {}, await sql.fetch(LIVES, list(run.suspects))
    assert "no_signing_key" not in replicas.whole_log()
    print(
        f"\n{rotations} rotations in {elapsed:.0f} s: {run.tokens} tokens, {run.verdicts} verdicts of {len(run.kinds)} "
        f"verifiers, {run.failures.total()} failed; {run.put_off} requests put off; {WITHDRAWALS} withdrawn keys dead "
        + ", ".join(f"at {kind.name} in {max(each[kind.name] for each in dead):.2f} s" for kind in run.kinds)
    )
    if isinstance(node, pytest.skip.Exception):
        raise node  # all the others did as they should


async def withdraw(run: Run, cli: Cli) -> dict[str, float]:
    """Seconds from the operator's success until each kind refuses what the key signed."""
    said = await run.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
    token = said["access_token"]
    assert [await kind.judge([token]) for kind in run.kinds] == [[""]] * len(run.kinds)
    kid = jwt.get_unverified_header(token)["kid"]
    run.withdrawn.add(kid)
    await asyncio.to_thread(cli, "keys", "withdraw", kid, "--yes")
    at = monotonic()
    gone, *dead = await asyncio.gather(gone_everywhere(run, kid, at), *(refused(kind, token, at) for kind in run.kinds))
    found = {kind.name: seconds for kind, seconds in zip(run.kinds, dead, strict=True)}
    assert gone <= HEARD_SECONDS
    assert found["ours with the feed"] <= HEARD_SECONDS
    for seconds in found.values():
        assert seconds <= gone + JWKS_SECONDS + 10 * LOOK_SECONDS, (found, gone)
    await asyncio.sleep(2)  # the next key signs, which was announced like all others
    return found


async def gone_everywhere(run: Run, kid: str, at: float) -> float:
    """Seconds until no replica shows the key."""
    for replica in run.replicas:
        while kid in (await run.http.get(f"{replica.url}/.well-known/jwks.json")).text:
            await asyncio.sleep(LOOK_SECONDS)
    return monotonic() - at


async def refused(kind: Kind, token: str, at: float) -> float:
    while not (await kind.judge([token]))[0]:
        await asyncio.sleep(LOOK_SECONDS)
    return monotonic() - at


TAKE_AWAY = """
CREATE TABLE IF NOT EXISTS spare AS SELECT * FROM signing_keys WHERE false;
ALTER TABLE signing_keys DISABLE TRIGGER keep;
WITH gone AS (
    DELETE FROM signing_keys WHERE kid = (
        SELECT kid FROM signing_keys WHERE signs_from > now() ORDER BY signs_from DESC LIMIT 1) RETURNING *)
INSERT INTO spare SELECT * FROM gone"""
SIGN_AT_ONCE = """
WITH made AS (DELETE FROM spare RETURNING *)
INSERT INTO signing_keys (kid, alg, public_jwk, sealed, announced_at, signs_from, signs_until, drop_after)
SELECT kid, alg, public_jwk, sealed, now(), now(), now() + interval '1 day', now() + interval '2 days' FROM made"""


async def test_a_key_that_signs_at_once_would_be_noticed(run: Run, sql: asyncpg.Connection) -> None:
    """The same run with the promise broken: a key that nobody knows signs. Or who could believe the other?"""
    async with run.going(), asyncio.timeout(60):
        await run.until(0, 10)
        while not run.failures:
            await sql.execute(TAKE_AWAY)
            await asyncio.sleep(2 * JWKS_SECONDS)
            await sql.execute(SIGN_AT_ONCE)
            await asyncio.sleep(1)
    assert {who for who, _, _ in run.failures} <= {kind.name for kind in run.kinds}
