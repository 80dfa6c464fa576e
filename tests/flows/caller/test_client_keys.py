"""Clients whose keys are at a `jwks_uri`: read from their own host, kept while it is away, and asked for no more often
than is needed, whatever is forged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from authsvc.flows.caller.client_keys import remote_keys
from authsvc.jose.client_jwks import FRESH_SECONDS, PAUSE_SECONDS, STALE_SECONDS, KeySet
from authsvc.jose.jwk import public_jwk
from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.busy import again_when_busy, none_turned_away, prompt
from tests.support.clients import flat_client
from tests.support.login_steps import PARTNER_CALLBACK, Pkce, authorize_parameters
from tests.support.receiver import Receiver, answer, receiver, silence
from tests.support.service import ISSUER, Service, service
from tests.support.signers import FOREIGN, KEYS
from tests.support.signing import signed_by_other

PUBLIC = {alg: dict(public_jwk(key.public_key(), alg)) for alg, key in KEYS.items()}
FAILURES = 3


def published(*algs: str, more: tuple[dict[str, Any], ...] = ()) -> bytes:
    return answer(200, json.dumps({"keys": [*(PUBLIC[alg] for alg in algs), *more]}).encode())


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, client_failures=FAILURES) as running:
        yield running


class Signer:
    """A client of its own for each test, and its host."""

    def __init__(self, house: Service, host: Receiver) -> None:
        self.house, self.host = house, host
        self.id = f"signer-{host.port}"
        self.uri = f"http://127.0.0.1:{host.port}/jwks.json"
        self.http = house.caller(f"198.18.{host.port >> 8}.{host.port & 255}")  # failures of others do not count

    async def register(self, **changed: Any) -> None:
        policy: dict[str, Any] = {
            "kind": "confidential",
            "grant_types": frozenset({"client_credentials", "authorization_code"}),
            "scopes": ("api", "openid"),
            "jwks_uri": self.uri,
            "redirect_uris": (PARTNER_CALLBACK,),
        }
        async with self.house.runtime.db.transaction() as connection:
            assert await clients.add(connection, flat_client(id=self.id, name=self.id, **{**policy, **changed}))

    def sign(self, alg: str = "ES256", *, key: Any = None, kid: str | None = "", **claims: Any) -> str:
        now = int(self.house.runtime.clock.seconds())
        named = PUBLIC[alg]["kid"] if kid == "" else kid
        content = {
            "iss": self.id,
            "sub": self.id,
            "aud": ISSUER,
            "exp": now + 60,
            "jti": self.house.runtime.entropy(8).hex(),
            **claims,
        }
        content = {name: value for name, value in content.items() if value is not ...}
        return signed_by_other(content, key or KEYS[alg], alg, {"kid": named} if named else None)

    async def present(self, text: str) -> httpx2.Response:
        form = {"grant_type": "client_credentials", "scope": "api", "client_assertion": text}
        return await self.http.post("/token", data={**form, "client_assertion_type": ASSERTION_TYPE})

    async def works(self, alg: str = "ES256", **options: Any) -> bool:
        return (await self.present(self.sign(alg, **options))).status_code == 200

    async def refused(self, text: str | None = None) -> str:
        """The description of a refusal."""
        said = await self.present(text or self.sign())
        assert (said.status_code, said.json()["error"]) == (401, "invalid_client"), said.text
        assert "retry-after" not in said.headers
        description: str = said.json()["error_description"]
        return description

    @property
    def memory(self) -> KeySet:
        return remote_keys.of(self.house.runtime).of((self.id, self.uri))

    def later(self, seconds: float) -> None:
        self.memory.fetched_at -= seconds
        self.memory.tried_at -= seconds

    @property
    def asked(self) -> int:
        return len(self.host.requests)


@pytest_asyncio.fixture
async def signer(house: Service) -> AsyncIterator[Signer]:
    async with receiver(published("ES256")) as host:
        one = Signer(house, host)
        await one.register()
        yield one


UNREAD = "The keys at the jwks_uri of this client could not be read."
FAILED = "Client authentication failed."


@pytest.mark.parametrize("alg", KEYS)
async def test_a_client_is_proved_by_the_keys_of_its_host(signer: Signer, alg: str) -> None:
    signer.host.answer = published(*KEYS)
    assert await signer.works(alg)
    head = signer.host.requests[0][1]
    assert head.startswith("GET /jwks.json HTTP/1.1")
    assert "authorization" not in head.lower()
    assert await signer.refused(signer.sign(alg, key=_other(alg))) == FAILED
    assert signer.asked == 1


@pytest.mark.parametrize(("named", "alg"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")])
async def test_a_key_that_is_named_by_one_name_proves_signatures_by_the_other(
    signer: Signer, named: str, alg: str
) -> None:
    """RFC 9864 section 2.2: one algorithm, and libraries change to its newer name before or after their keys do."""
    signer.host.answer = published(named)
    assert await signer.works(alg, key=KEYS[named], kid=PUBLIC[named]["kid"])
    assert await signer.refused(signer.sign(alg, key=_other(alg), kid=PUBLIC[named]["kid"])) == FAILED


def _other(alg: str) -> Any:
    made = ed25519.Ed25519PrivateKey.generate
    return {"ES256": _ec, "EdDSA": made, "Ed25519": made}.get(alg, lambda: FOREIGN)()


def _ec() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


@again_when_busy
async def test_one_request_serves_all_who_wait_and_the_next_ten_minutes(signer: Signer) -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(published("ES256"))
        await writer.drain()

    signer.host.answer = slowly
    answers = await asyncio.gather(*(signer.present(signer.sign("ES256")) for _ in range(20)))
    none_turned_away(answers)
    assert {answer.status_code for answer in answers} == {200}
    signer.later(FRESH_SECONDS - 1)
    assert await signer.works()
    assert signer.asked == 1
    signer.later(1)
    assert await signer.works()
    assert signer.asked == 2


async def test_whoever_gives_up_waiting_does_not_take_the_answer_from_others(signer: Signer) -> None:
    begun = asyncio.Event()

    async def slowly(writer: asyncio.StreamWriter) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        writer.write(published("ES256"))
        await writer.drain()

    signer.host.answer = slowly
    first = asyncio.create_task(signer.works())
    await begun.wait()
    second = asyncio.create_task(signer.works())
    await asyncio.sleep(0.05)
    first.cancel()
    assert await second
    assert signer.asked == 1


async def test_a_key_that_is_new_at_the_host_is_found_after_the_pause(signer: Signer) -> None:
    assert await signer.works("ES256")
    signer.host.answer = published("EdDSA")
    assert await signer.refused(signer.sign("EdDSA")) == FAILED
    assert signer.asked == 1
    signer.later(PAUSE_SECONDS)
    assert await signer.works("EdDSA")
    assert signer.asked == 2
    assert await signer.refused(signer.sign("ES256")) == FAILED  # it is gone from there


@again_when_busy
async def test_forged_kids_make_us_ask_once_and_harm_nobody(signer: Signer, house: Service) -> None:
    assert await signer.works()
    signer.later(PAUSE_SECONDS)
    forger = house.caller("203.0.113.77")
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    forged = [signer.sign(key=_ec(), kid=f"forged-{number}") for number in range(40)]
    answers = await asyncio.gather(*(forger.post("/token", data={**form, "client_assertion": text}) for text in forged))
    none_turned_away(answers)
    assert {answer.status_code for answer in answers} == {401, 429}
    assert signer.asked == 2
    assert await signer.works()


async def test_while_the_host_is_away_its_last_keys_serve_for_a_day(signer: Signer) -> None:
    assert await signer.works()
    signer.host.answer = answer(500)
    for part in range(4):
        signer.later((STALE_SECONDS - 60) / 4)
        assert await signer.works()
        assert signer.asked == 2 + part
    signer.later(60)
    assert await signer.refused() == UNREAD
    assert signer.asked == 6
    signer.host.answer = published("ES256")
    signer.later(PAUSE_SECONDS)
    assert await signer.works()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (answer(404), "status"),
        (answer(302, b"", "text/plain", "Location: http://127.0.0.1:1/"), "status"),
        (answer(200, b"{}"), "keys_refused"),
        (answer(200, b"[]"), "keys_refused"),
        (answer(200, b"{"), "answer_malformed"),
        (answer(200, b'{"keys": []}'), "keys_refused"),
        (answer(200, b'{"keys": []}', "text/html"), "answer_malformed"),
        (answer(200, b'{"keys":["' + b"x" * 70_000 + b'"]}'), "answer_too_large"),
        (published("ES256", more=({"kty": "oct", "k": "c2VjcmV0"},)), "keys_refused"),
        (published("ES256", more=({**PUBLIC["RS256"], "d": "AQAB"},)), "keys_refused"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "answer_malformed"),
    ],
    ids=range(11),
)
async def test_what_is_no_set_of_public_keys_is_not_believed(signer: Signer, said: bytes, reason: str) -> None:
    signer.host.answer = said
    assert await signer.refused() == UNREAD
    assert signer.memory.failure == reason
    assert await signer.refused() == UNREAD
    assert signer.asked == 1  # not again before the pause is over
    signer.host.answer = published("ES256")
    signer.later(PAUSE_SECONDS)
    assert await signer.works()
    # And no good set is lost for it.
    signer.host.answer = said
    signer.later(FRESH_SECONDS)
    assert await signer.works()


@again_when_busy
async def test_a_host_that_never_answers_costs_its_client_three_seconds_and_once(signer: Signer) -> None:
    signer.host.answer = silence
    begun = asyncio.get_running_loop().time()
    assert await asyncio.gather(*(signer.refused() for _ in range(5))) == [UNREAD] * 5
    assert await signer.refused() == UNREAD
    prompt(asyncio.get_running_loop().time() - begun < 6)
    assert (signer.asked, signer.memory.failure) == (1, "timeout")


async def test_its_trouble_is_no_guess_and_blocks_nobody(signer: Signer) -> None:
    signer.host.answer = answer(500)
    for _ in range(FAILURES + 2):
        assert await signer.refused() == UNREAD
    signer.host.answer = published("ES256")
    signer.later(PAUSE_SECONDS)
    assert await signer.works()


async def test_a_private_address_is_never_asked(house: Service, signer: Signer) -> None:
    async with house.runtime.db.transaction() as connection:
        for number, uri in enumerate(("https://10.0.0.1/jwks", "https://169.254.169.254/jwks", "http://example.com/")):
            policy = {"kind": "confidential", "grant_types": frozenset({"client_credentials"}), "jwks_uri": uri}
            await clients.add(connection, flat_client(id=f"{signer.id}-{number}", name="x", **policy))  # type: ignore[arg-type]
    for number, reason in enumerate(("address_refused", "address_refused", "url_refused")):
        client_id = f"{signer.id}-{number}"
        assert await signer.refused(signer.sign(iss=client_id, sub=client_id)) == UNREAD
        found = [known for place, known in remote_keys.of(house.runtime).sets.items() if place[0] == client_id]
        assert [known.failure for known in found] == [reason]


async def test_keys_that_moved_to_another_place_are_asked_for_there_at_once(house: Service, signer: Signer) -> None:
    assert await signer.works()
    async with receiver(published("EdDSA")) as elsewhere:
        client = await clients.by_id(house.runtime.db, signer.id)
        assert client is not None
        moved = f"http://127.0.0.1:{elsewhere.port}/keys"
        await house.sql.execute("UPDATE clients SET jwks_uri = $2 WHERE id = $1", signer.id, moved)
        await asyncio.sleep(1)
        assert await signer.works("EdDSA")
        assert await signer.refused(signer.sign("ES256")) == FAILED
        assert len(elsewhere.requests) == 1


async def test_request_objects_are_proved_by_the_same_keys(signer: Signer) -> None:
    now = int(signer.house.runtime.clock.seconds())
    asked = authorize_parameters(Pkce(), client_id=signer.id, redirect_uri=PARTNER_CALLBACK, scope="openid")

    async def push(**options: Any) -> httpx2.Response:
        text = signer.sign(sub=..., nbf=now, iat=now, **asked, **options)
        form = {"request": text, "client_assertion": signer.sign(), "client_assertion_type": ASSERTION_TYPE}
        return await signer.http.post("/par", data=form)

    assert (await push()).status_code == 201
    said = await push(key=_ec())
    assert (said.status_code, said.json()["error"]) == (400, "invalid_request_object"), said.text
    assert signer.asked == 1


async def test_a_request_object_is_refused_while_its_keys_cannot_be_read(house: Service, signer: Signer) -> None:
    await house.sql.execute(
        "UPDATE clients SET secret_hashes = $2 WHERE id = $1", signer.id, [sha256(b"signer-secret").digest()]
    )
    signer.host.answer = answer(503)
    now = int(house.runtime.clock.seconds())
    asked = authorize_parameters(Pkce(), client_id=signer.id, redirect_uri=PARTNER_CALLBACK, scope="openid")
    text = signer.sign(sub=..., nbf=now, iat=now, **asked)
    said = await signer.http.post("/par", data={"request": text}, auth=(signer.id, "signer-secret"))
    assert said.status_code == 400
    assert said.json() == {"error": "invalid_request_object", "error_description": UNREAD}


async def test_attempts_are_counted_by_outcome(signer: Signer) -> None:
    async def counted(result: str) -> float:
        line = f'authsvc_client_key_fetches_total{{result="{result}"}} '
        page = (await signer.http.get("/metrics")).text
        return float(next(text for text in page.splitlines() if text.startswith(line)).removeprefix(line))

    before = await counted("answered"), await counted("failed")
    assert await signer.works()
    signer.host.answer = answer(500)
    signer.later(FRESH_SECONDS)
    assert await signer.works()
    assert (await counted("answered"), await counted("failed")) == (before[0] + 1, before[1] + 1)
