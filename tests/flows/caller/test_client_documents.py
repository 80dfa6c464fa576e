"""Clients that are what the document at their client_id says: read from their own host within limits, asked about every
time, and as they were for a week while their host is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt
import pytest
import pytest_asyncio

from authsvc.flows.caller.client_documents import readings
from authsvc.flows.operator import manage_clients
from authsvc.outgoing import Outgoing
from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.rules.clients.client_document import LAST_KNOWN_SECONDS, MAX_BYTES
from authsvc.runtime import Runtime
from authsvc.settings import load
from authsvc.store.upkeep import sweep
from authsvc_devkit.servers import Servers
from tests.support.login_steps import (
    Pkce,
    authorize_parameters,
    authorize_url,
    enter,
    is_page,
    log_in,
    redirected,
    submit,
)
from tests.support.receiver import Answer, Receiver, answer, receiver, silence
from tests.support.service import ISSUER, Service, bearer, service
from tests.support.signers import KEYS, PUBLIC
from tests.support.signing import signed_by_other

MCP = "https://mcp.example.com"
POLICY = {
    "client_id_metadata_documents": "on",
    "client_id_metadata_network_fetches": 5,
    "client_id_metadata_host_fetches": 8,
    "client_id_metadata_blocked_hosts": "blocked.example .evil.example",
    "stranger_audiences": MCP,
    "stranger_scopes": "notes.read notes.write",
    "stranger_refresh_tokens": "on",
    "client_failures": 1000,
}


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, **POLICY) as running:
        yield running


class Agent:
    """A client with a document on a host of its own, and a person's browser."""

    def __init__(self, house: Service, host: Receiver) -> None:
        self.house, self.host = house, host
        self.id = f"http://127.0.0.1:{host.port}/client.json"
        self.callback = f"http://127.0.0.1:{host.port}/callback"
        self.address = f"198.19.{host.port >> 8}.{host.port & 255}"  # what others asked for does not count
        self.http = house.caller(self.address)
        self.pkce = Pkce()
        self.say()

    def document(self, **members: Any) -> dict[str, Any]:
        least = {
            "client_id": self.id,
            "client_name": "Agent",
            "redirect_uris": [self.callback],
            "grant_types": ["authorization_code", "refresh_token"],
        }
        return {name: value for name, value in {**least, **members}.items() if value is not ...}

    def say(self, *headers: str, **members: Any) -> None:
        self.host.answer = answer(200, json.dumps(self.document(**members)).encode(), "application/json", *headers)

    def gone(self, said: Answer | None = None) -> None:
        self.host.answer = said or answer(404)

    def forget(self) -> None:
        """As time would: the document is fresh no more, and a failure may be tried again."""
        reading = readings.of(self.house.runtime).found[self.id]
        reading.fresh_until = reading.tried_at = float("-inf")

    def url(self, **changed: str | None) -> str:
        asked: dict[str, str | None] = {"client_id": self.id, "redirect_uri": self.callback, "scope": "notes.read"}
        return authorize_url(self.pkce, **{**asked, "nonce": None, "resource": f"{MCP}/", **changed})

    async def begin(self, **changed: str | None) -> httpx2.Response:
        return await self.http.get(self.url(**changed))

    async def consent_page(self, **changed: str | None) -> httpx2.Response:
        page = await self.begin(**changed)
        if is_page(page, "/login"):
            page = await enter(self.http, page)
        assert is_page(page, "/consent"), page.text
        return page

    async def code(self, **changed: str | None) -> str:
        page = await self.consent_page(**changed)
        got = redirected(await submit(self.http, page, "/consent", decision="allow"), self.callback)
        return got["code"]

    async def token(self, **form: str) -> httpx2.Response:
        return await self.http.post("/token", data={"client_id": self.id, **form})

    async def tokens(self, **changed: str | None) -> dict[str, Any]:
        form = {"code": await self.code(**changed), "redirect_uri": self.callback, "code_verifier": self.pkce.verifier}
        got = await self.token(grant_type="authorization_code", **form)
        assert got.status_code == 200, got.text
        found: dict[str, Any] = got.json()
        return found

    async def refresh(self, tokens: dict[str, Any]) -> httpx2.Response:
        return await self.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    async def refused(self, reason: str, status: int = 400) -> None:
        """A page for the person says so; nothing is sent anywhere."""
        page = await self.begin()
        assert (page.status_code, "location" in page.headers) == (status, False), page.text
        assert reason in page.text

    async def row(self) -> Any:
        return await self.house.sql.fetchrow("SELECT * FROM clients WHERE id = $1", self.id)


@pytest_asyncio.fixture
async def agent(house: Service) -> AsyncIterator[Agent]:
    async with receiver() as host:
        yield Agent(house, host)


# What works


async def test_a_client_that_nobody_registered_gets_tokens(house: Service, agent: Agent) -> None:
    page = await agent.consent_page()
    assert f"Agent (127.0.0.1:{agent.host.port})" in page.text
    assert await agent.row() is None, "until a person gives it something, nothing is written down"
    tokens = await agent.tokens()
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["client_id"], claims["scope"]) == (MCP, agent.id, "notes.read")
    assert len(agent.host.requests) == 1, "the document was fresh"
    assert (await agent.refresh(tokens)).status_code == 200
    account = await agent.http.get("/account")
    assert f"Agent (127.0.0.1:{agent.host.port})" in account.text


async def test_discovery_says_that_documents_are_read(house: Service, http: httpx2.AsyncClient) -> None:
    name = "client_id_metadata_document_supported"
    for path in ("oauth-authorization-server", "openid-configuration"):
        assert (await house.http.get(f"/.well-known/{path}")).json()[name] is True
        assert name not in (await http.get(f"/.well-known/{path}")).json(), "off by default"


async def test_nothing_is_asked_where_it_is_off(http: httpx2.AsyncClient) -> None:
    async with receiver(answer(200, b"{}")) as host:
        client_id = f"http://127.0.0.1:{host.port}/client.json"
        page = await http.get(authorize_url(Pkce(), client_id=client_id))
        assert page.status_code == 400
        assert "client_unknown" in page.text
        form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client_id}
        assert (await http.post("/token", data=form)).status_code == 401
        assert host.requests == []


async def test_consent_is_asked_for_every_time(agent: Agent) -> None:
    await agent.tokens()
    await agent.consent_page()
    silent = redirected(await agent.begin(prompt="none"), agent.callback)
    assert silent["error"] == "consent_required"


async def test_a_client_with_keys_proves_itself(house: Service, agent: Agent) -> None:
    agent.say(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [PUBLIC["ES256"]]})
    form = {"code": await agent.code(), "redirect_uri": agent.callback, "code_verifier": agent.pkce.verifier}
    bare = await agent.token(grant_type="authorization_code", **form)
    assert (bare.status_code, bare.json()["error"]) == (401, "invalid_client")
    now = int(house.runtime.clock.seconds())
    claims = {"iss": agent.id, "sub": agent.id, "aud": ISSUER, "exp": now + 60, "jti": house.runtime.entropy(8).hex()}
    proof = {
        "client_assertion": signed_by_other(claims, KEYS["ES256"], "ES256"),
        "client_assertion_type": ASSERTION_TYPE,
    }
    got = await agent.token(grant_type="authorization_code", **form, **proof)
    assert got.status_code == 200, got.text


async def test_a_request_may_be_pushed(house: Service, agent: Agent) -> None:
    asked = authorize_parameters(agent.pkce, client_id=agent.id, redirect_uri=agent.callback, scope="notes.read")
    pushed = await agent.http.post("/par", data=asked)
    assert pushed.status_code == 201, pushed.text
    url = authorize_url(agent.pkce, client_id=agent.id, request_uri=pushed.json()["request_uri"])
    assert "code" in await log_in(agent.http, url)


async def test_whoever_ends_it_ends_it(house: Service, agent: Agent) -> None:
    """Revocation by the client, and by the person on the account page."""
    tokens = await agent.tokens()
    assert (await agent.http.post("/revoke", data={"client_id": agent.id, "token": tokens["refresh_token"]})).is_success
    assert (await agent.refresh(tokens)).json()["error"] == "invalid_grant"
    again = await agent.tokens()
    page = await agent.http.get("/account")
    ended = await submit(agent.http, page, "/account/apps/revoke", client_id=agent.id)
    assert ended.status_code == 303
    assert (await agent.refresh(again)).json()["error"] == "invalid_grant"
    assert await house.sql.fetchval("SELECT count(*) FROM consents WHERE client_id = $1", agent.id) == 0


async def test_an_operator_removes_it_for_everybody(house: Service, agent: Agent) -> None:
    """`authsvc clients remove`; whoever allows it something afterwards begins anew."""
    tokens = await agent.tokens()
    assert await manage_clients.remove(house.runtime, "cli:tests", agent.id, seconds=10) is None
    assert await agent.row() is None
    assert (await agent.refresh(tokens)).json()["error"] == "invalid_grant"
    userinfo = await agent.http.get("/userinfo", headers=bearer(tokens["access_token"]))
    assert userinfo.status_code == 401
    assert agent.id.encode() not in (await agent.http.get("/account")).content
    await agent.tokens()


# Hostile hosts and documents


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"client_id": "https://agent.example/client.json"}, "client_document_other_id"),
        ({"client_secret": "secret"}, "client_document_client_secret"),
        ({"redirect_uris": ["https://evil.example/callback"]}, "client_document_redirect_elsewhere"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "client_document_auth_method"),
        ({"client_name": "Раrtner"}, "client_name_scripts"),
        ({"client_name": "Partner"}, "client_name_taken"),
        ({"client_name": "Agent (claude.ai)"}, "client_document_name"),
    ],
)
async def test_a_hostile_document_makes_no_client(agent: Agent, members: dict[str, Any], reason: str) -> None:
    agent.say(**members)
    before = await agent.house.content()
    await agent.refused(reason)
    assert await agent.house.content() == before


async def endless(writer: Any) -> None:
    """A gigabyte, as long as somebody listens."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


async def drops(writer: Any) -> None:
    """A byte now and then: each of them is an answer, and none is the last."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.2)


ELSEWHERE = answer(302, b"", "application/json", "Location: http://127.0.0.1:1/client.json")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (ELSEWHERE, "client_document_status"),
        (answer(404), "client_document_status"),
        (answer(200, b"{}", "text/html"), "client_document_answer_malformed"),
        (answer(200, b"{", "application/json"), "client_document_answer_malformed"),
        (answer(200, b" " * (MAX_BYTES + 1) + b"{}"), "client_document_answer_too_large"),
        (endless, "client_document_answer_too_large"),
        (drops, "client_document_timeout"),
        (silence, "client_document_timeout"),
        (b"SSH-2.0-x\r\n", "client_document_answer_malformed"),
    ],
    ids=["redirect", "gone", "page", "no-json", "large", "gigabyte", "slow", "silent", "no-http"],
)
async def test_a_hostile_host_makes_no_client(agent: Agent, said: Answer, reason: str) -> None:
    agent.gone(said)
    await agent.refused(reason)
    assert len(agent.host.requests) == 1, "and is not followed anywhere"


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "100.64.0.1"]
)
async def test_no_document_is_read_inside(runtime: Runtime, address: str) -> None:
    """A public name with an address behind our walls (SSRF): in production nothing connects there."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["192.0.2.1", address] if len(asked) == 1 else [address]

    outgoing = Outgoing(resolve=resolve)
    with pytest.raises(Exception, match="address_refused"):
        await outgoing.get_document("https://agent.example/client.json", limit=MAX_BYTES)
    assert asked == ["agent.example"], "the name is resolved once: a second answer (rebinding) is never asked for"
    outgoing.close()


@pytest.mark.parametrize(
    "client_id",
    [
        "https://10.0.0.1/c",
        "https://agent/c",
        "https://agent.example/c?x=1",
        "https://agent.example/../c",
        "https://x",
    ],
)
async def test_an_address_of_no_client_is_never_asked(house: Service, client_id: str) -> None:
    page = await house.http.get(authorize_url(Pkce(), client_id=client_id))
    assert (page.status_code, "client_document_url" in page.text) == (400, True)


@pytest.mark.parametrize("client_id", ["https://blocked.example/c", "https://very.evil.example/c"])
async def test_a_blocked_host_is_never_asked(house: Service, client_id: str) -> None:
    page = await house.http.get(authorize_url(Pkce(), client_id=client_id))
    assert (page.status_code, "client_document_host" in page.text) == (400, True)


async def test_a_network_can_have_only_so_many_documents_read(house: Service) -> None:
    async with receiver(answer(404)) as host:
        http = house.caller("203.0.113.77")
        pages = [
            await http.get(authorize_url(Pkce(), client_id=f"http://127.0.0.1:{host.port}/{number}"))
            for number in range(7)
        ]
        assert [page.status_code for page in pages] == [400] * 5 + [429] * 2
        assert len(host.requests) == 5
        assert int(pages[-1].headers["retry-after"]) > 0


async def test_a_host_is_asked_only_so_often_whoever_asks(house: Service) -> None:
    async with receiver(answer(404)) as host:
        statuses = [
            (
                await house.caller(f"203.0.113.{number + 100}").get(
                    authorize_url(Pkce(), client_id=f"http://127.0.0.1:{host.port}/{number}")
                )
            ).status_code
            for number in range(10)
        ]
        assert statuses == [400] * 8 + [429] * 2
        assert len(host.requests) == 8


async def test_nobody_shuts_a_known_client_out_by_asking_for_its_hosts_other_addresses(
    house: Service, agent: Agent
) -> None:
    await agent.tokens()
    del readings.of(house.runtime).found[agent.id]  # as in a worker that has not read it
    document, agent.host.answer = agent.host.answer, answer(404)
    for number in range(10):
        url = authorize_url(Pkce(), client_id=f"http://127.0.0.1:{agent.host.port}/{number}")
        last = await house.caller(f"203.0.113.{number + 200}").get(url)
    assert last.status_code == 429
    agent.host.answer = document
    await agent.consent_page()


async def test_a_failure_is_not_tried_again_at_once(agent: Agent) -> None:
    agent.gone()
    for _ in range(3):
        await agent.refused("client_document_status")
    assert len(agent.host.requests) == 1
    agent.say()
    agent.forget()
    await agent.consent_page()


async def test_many_at_once_are_one_request(agent: Agent) -> None:
    callers = [agent.house.caller(agent.address) for _ in range(20)]
    pages = await asyncio.gather(*(caller.get(agent.url()) for caller in callers))
    assert {page.status_code for page in pages} == {200}
    assert len(agent.host.requests) == 1


async def test_ten_people_allow_it_at_once(house: Service, agent: Agent) -> None:
    """One row, and a code for each; also where a worker has to read the document for the button."""

    async def page() -> tuple[httpx2.AsyncClient, httpx2.Response]:
        http = house.caller(agent.address)
        return http, await enter(http, await http.get(agent.url()))

    shown = [await page() for _ in range(10)]
    del readings.of(house.runtime).found[agent.id]
    answers = await asyncio.gather(*(submit(http, one, "/consent", decision="allow") for http, one in shown))
    assert len({redirected(one, agent.callback)["code"] for one in answers}) == 10
    assert len(agent.host.requests) == 2
    sql = "SELECT count(*) FROM audit_events WHERE client_id = $1 AND event = 'client_document_kept'"
    assert await house.sql.fetchval(sql, agent.id) == 1


# Changes


async def test_a_changed_list_of_redirect_uris_is_obeyed_at_the_next_step(agent: Agent) -> None:
    """Between the page and the button: what a person allows is sent nowhere that the document no longer names."""
    page = await agent.consent_page()
    agent.say(redirect_uris=[agent.callback + "/new"])
    agent.forget()
    answered = await submit(agent.http, page, "/consent", decision="allow")
    assert (answered.status_code, "location" in answered.headers) == (400, False)
    assert "redirect_uri_not_registered" in answered.text


async def test_a_document_that_is_gone_under_way_ends_the_authorization(agent: Agent) -> None:
    page = await agent.consent_page()
    agent.gone()
    agent.forget()
    answered = await submit(agent.http, page, "/consent", decision="allow")
    assert (answered.status_code, "client_document_status" in answered.text) == (400, True)


async def test_a_refresh_outlives_the_document_for_a_week(house: Service, agent: Agent) -> None:
    tokens = await agent.tokens()
    agent.gone()
    agent.forget()
    refreshed = await agent.refresh(tokens)
    assert refreshed.status_code == 200, refreshed.text
    agent.forget()
    await agent.refused("client_document_status")
    sql = "UPDATE stranger_clients SET read_at = now() - $2::int * interval '1 second' WHERE client_id = $1"
    await house.sql.execute(sql, agent.id, LAST_KNOWN_SECONDS + 1)
    agent.forget()
    late = await agent.refresh(refreshed.json())
    assert (late.status_code, late.json()["error"]) == (401, "invalid_client")
    agent.say()
    agent.forget()
    assert (await agent.refresh(refreshed.json())).status_code == 200, "it is there again"


async def test_a_change_is_obeyed_by_refreshes(house: Service, agent: Agent) -> None:
    """A client that has keys from now on proves itself from now on, at every replica."""
    tokens = await agent.tokens()
    agent.say(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [PUBLIC["ES256"]]}, client_name="New Agent")
    agent.forget()
    assert (await agent.refresh(tokens)).status_code == 401
    row = await agent.row()
    assert (row["kind"], row["name"]) == ("confidential", f"New Agent (127.0.0.1:{agent.host.port})")
    event = await house.sql.fetchval(
        "SELECT count(*) FROM audit_events WHERE client_id = $1 AND event = 'client_document_changed'", agent.id
    )
    assert event == 1


async def test_an_operator_who_turns_it_off_turns_it_off(house: Service, agent: Agent) -> None:
    """Also for what people have given: nothing is refreshed, and all of it is there when it is on again."""
    tokens = await agent.tokens()
    settings = house.runtime.settings
    house.runtime.settings = load({**house.env, "AUTHSVC_CLIENT_ID_METADATA_BLOCKED_HOSTS": "127.0.0.1"})
    try:
        assert (await agent.refresh(tokens)).status_code == 401
        await agent.refused("client_document_host")
    finally:
        house.runtime.settings = settings
    assert (await agent.refresh(tokens)).status_code == 200


async def test_what_nobody_uses_any_more_is_swept(house: Service, agent: Agent) -> None:
    tokens = await agent.tokens()
    await house.sql.execute("UPDATE stranger_clients SET read_at = now() - interval '2 days'")
    async for _ in sweep.sweep(house.runtime.db, rest=0):
        pass
    assert await agent.row() is not None, "a person has given it something"
    await house.sql.execute("DELETE FROM consents WHERE client_id = $1", agent.id)
    await house.sql.execute("DELETE FROM grants WHERE client_id = $1", agent.id)
    async for _ in sweep.sweep(house.runtime.db, rest=0):
        pass
    assert await agent.row() is None
    assert (await agent.refresh(tokens)).json()["error"] == "invalid_grant"


async def test_nobody_manages_it_as_a_registration(house: Service, agent: Agent) -> None:
    await agent.tokens()
    quoted = agent.id.replace("/", "%2F").replace(":", "%3A")
    answered = await house.http.get(f"/register/{quoted}", headers=bearer("A" * 43))
    assert answered.status_code in (401, 404)
