"""The virtual caches do what their originals do, call by call: PyJWT's client, npm's jose, and our own verifier."""

from __future__ import annotations

import inspect
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from types import SimpleNamespace
from typing import Any

import httpx2
import jwt
import pytest

from authsvc import runtime
from authsvc.jose.algorithms import signing
from authsvc.keys.policy import PROPAGATION, Surroundings
from authsvc.keys.simulation import records, scene, world
from authsvc.keys.simulation.chance import Chance
from authsvc.keys.simulation.records import SECOND, Served
from authsvc.keys.simulation.scene import START
from authsvc.keys.simulation.verifiers import (
    ACCEPTED,
    DAY,
    ISSUER_UNREACHABLE,
    UNKNOWN,
    Jose,
    Kind,
    Ours,
    OursFollowing,
    PyJwt,
)
from authsvc.settings import Settings
from authsvc.store.caller.clients import MEMORY_SECONDS
from authsvc.web.wellknown import SILENCE_SECONDS
from authsvc_verifier import InvalidToken, Unavailable, Verifier, keys
from authsvc_verifier.claims import Claims
from authsvc_verifier.feed import HEARTBEAT_SECONDS
from authsvc_verifier.state import Clock
from tests.support.jose import API, ISSUER, NOW, b64, claims, private, public

ALG = "EdDSA"
NUMBERS = range(6)
KIDS = [public(number, ALG)["kid"] for number in NUMBERS]
MAX_AGE = 300 * SECOND
PAUSES = [
    0,
    0.25,
    1,
    2,
    10,
    29,
    29.75,
    30,
    30.25,
    60,
    239.75,
    240,
    270,
    299.75,
    300,
    300.25,
    570,
    600,
    601,
    3600,
    86_400,
]
"""Seconds; in binary exact, so that clocks of floats agree with ours to the instant."""


@dataclass(frozen=True, slots=True)
class Step:
    """After `pause` seconds a token of `kid` comes by. `published`: what the issuer answers; None: it is away."""

    pause: float
    published: tuple[str, ...] | None
    kid: str


def played(seed: int, length: int = 150) -> list[Step]:
    dice = Random(seed)
    published: tuple[str, ...] = (KIDS[0],)
    away = False
    steps = []
    for _ in range(length):
        if dice.random() < 0.25:
            published = tuple(dice.sample(KIDS, dice.randint(1, 4)))
        if dice.random() < 0.15:
            away = not away
        steps.append(Step(dice.choice(PAUSES), None if away else published, dice.choice(KIDS)))
    return steps


class Issuer:
    """As a verifier sees it."""

    def __init__(self) -> None:
        self.withdrawn: dict[str, datetime] = {}
        self.published: tuple[str, ...] | None = None

    def fetch(self) -> Served | None:
        return None if self.published is None else Served(frozenset(self.published), "the issuer", True)

    def takes(self) -> timedelta:
        return timedelta()

    def stream(self) -> None:
        return None

    def introspect(self, kid: str) -> None:
        return None

    def later(self, *_: object) -> None:
        pass


def by_the_model(kind: Kind, steps: list[Step]) -> list[str]:
    issuer = Issuer()
    verifier = kind(1, issuer, Surroundings(MAX_AGE, longest_token=timedelta(), skew=timedelta()), Chance(0))
    now, said = START, []
    for step in steps:
        now += step.pause * SECOND
        issuer.published = step.published
        said.append(verifier.find(step.kid, now))
    return said


def jwks(kids: tuple[str, ...]) -> dict[str, Any]:
    return {"keys": [public(KIDS.index(kid), ALG) for kid in kids]}


SEEDS = pytest.mark.parametrize("seed", range(12))


# PyJWT


@pytest.fixture(scope="module")
def answering() -> Iterator[SimpleNamespace]:
    """A real server, whose answer the test sets: a document, or None for 503."""
    state = SimpleNamespace(document=None, url="")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if state.document is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(state.document or {}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@SEEDS
def test_pyjwts_client(seed: int, answering: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    for module in (jwt.jwks_client, jwt.jwk_set_cache, jwt.api_jwk):
        monkeypatch.setattr(module, "time", clock)
    client = jwt.PyJWKClient(answering.url)
    steps, said = played(seed, 80), []
    for step in steps:
        clock.now += step.pause
        answering.document = None if step.published is None else jwks(step.published)
        try:
            client.get_signing_key(step.kid)
            said.append(ACCEPTED)
        except jwt.PyJWKClientConnectionError:
            said.append(ISSUER_UNREACHABLE)
        except jwt.PyJWKClientError:
            said.append(UNKNOWN)
    assert said == by_the_model(PyJwt, steps)
    assert set(said) == {ACCEPTED, ISSUER_UNREACHABLE, UNKNOWN}


# jose

JOSE = """
import { readFileSync } from "node:fs";
import { createRemoteJWKSet, customFetch } from "jose";
const plays = JSON.parse(readFileSync(0, "utf8"));
let now = 1_000_000_000_000, answer = null;
Date.now = () => now;
const said = [];
for (const steps of plays) {
  const keys = createRemoteJWKSet(new URL("https://issuer.example/jwks.json"), { [customFetch]: async () => {
    if (answer === null) throw new TypeError("away");
    return new Response(JSON.stringify(answer), { status: 200 });
  } });
  const verdicts = [];
  for (const [pause, document, kid] of steps) {
    now += pause * 1000;
    answer = document;
    try {
      await keys({ alg: "EdDSA", kid });
      verdicts.push("accepted");
    } catch (error) {
      verdicts.push(error.code === "ERR_JWKS_NO_MATCHING_KEY" ? "unknown_kid" : "issuer_away");
    }
  }
  said.push(verdicts);
}
console.log(JSON.stringify(said));
"""


def test_npms_jose(npm: Path) -> None:
    (npm / "caches.js").write_text(JOSE)
    plays = [played(seed) for seed in range(12)]
    asked = [[(step.pause, step.published and jwks(step.published), step.kid) for step in steps] for steps in plays]
    done = subprocess.run(
        ["node", "caches.js"], cwd=npm, input=json.dumps(asked), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said == [by_the_model(Jose, steps) for steps in plays]
    assert said != [by_the_model(PyJwt, steps) for steps in plays]


# Ours


def signed(kid: str) -> str:
    head = b64(json.dumps({"alg": ALG, "kid": kid, "typ": "at+jwt"}).encode())
    given = f"{head}.{b64(json.dumps(claims()).encode())}"
    return f"{given}.{b64(signing(private(KIDS.index(kid), ALG), ALG)(given.encode()))}"


TOKENS = {kid: signed(kid) for kid in KIDS}


async def by_our_verifier(steps: list[Step]) -> list[str]:
    """`Verifier` and its `KeyCache`; the background task's part is played as it would: asking when it is due."""
    now, answer = 0.0, None

    def reply(_request: httpx2.Request) -> httpx2.Response:
        if answer is None:
            return httpx2.Response(503)
        return httpx2.Response(200, json=answer, headers={"cache-control": "public, max-age=300"})

    verifier = Verifier(
        ISSUER,
        API,
        jwks_uri=f"{ISSUER}/jwks.json",
        http=lambda: httpx2.AsyncClient(transport=httpx2.MockTransport(reply)),
        clock=Clock(NOW.timestamp, lambda: now),
    )
    said = []
    for step in steps:
        now += step.pause
        answer = None if step.published is None else jwks(step.published)
        if verifier.state.cache.due(now) <= 0:
            await verifier._fetch_keys()
        verdict = await verifier.resolve(verifier.state.decide(TOKENS[step.kid]), TOKENS[step.kid], None, None, None)
        match verdict:
            case Claims():
                said.append(ACCEPTED)
            case Unavailable():
                said.append(ISSUER_UNREACHABLE)
            case InvalidToken(reason="unknown_kid"):
                said.append(UNKNOWN)
            case _:
                raise AssertionError(verdict)
    await verifier.close()
    return said


@SEEDS
async def test_our_verifier(seed: int) -> None:
    steps = played(seed)
    assert await by_our_verifier(steps) == by_the_model(Ours, steps)


# What the world takes for given


def test_the_numbers_are_those_of_the_originals() -> None:
    given = inspect.signature(jwt.PyJWKClient).parameters
    assert (PyJwt.lifespan, PyJwt.cooldown) == (
        given["lifespan"].default * SECOND,
        given["cooldown_duration"].default * SECOND,
    )
    assert (Ours.unknown, DAY) == (keys.UNKNOWN_KID_SECONDS * SECOND, keys.USABLE_SECONDS * SECOND)
    assert OursFollowing.late == 3 * HEARTBEAT_SECONDS * SECOND
    assert scene.UNREADY_AFTER == SILENCE_SECONDS * SECOND
    assert scene.CUT_OFF_LEASE == MEMORY_SECONDS * SECOND
    assert world.REDIS_LEASE == runtime.LEASE_SECONDS * SECOND
    assert (
        Settings(issuer="https://a.example", database_url="", redis_url="", master_key="").sync_interval_seconds
        * SECOND
        == scene.POLL_INTERVAL
    )


def test_the_propagation_is_the_sum_of_all_that_hides_a_new_key() -> None:
    """The transaction that announces it, silence, the balancer's next look, a slow answer, and clocks."""
    assert (
        scene.LONGEST_TRANSACTION
        + scene.UNREADY_AFTER
        + scene.READINESS_INTERVAL
        + world.SLOW_ANSWER
        + 2 * records.CLOCKS_APART
        < PROPAGATION
    )
