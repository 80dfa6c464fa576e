"""`sector_identifier_uri` (OpenID Connect Core section 8.1): clients of several hosts know a person by one subject, as
one host lists their redirect URIs; and nobody else gets that subject, whatever a host says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
import pytest_asyncio

from authsvc.flows.operator import manage_clients
from authsvc.rules.client_record import Client
from authsvc.rules.clients.sector import MAX_BYTES
from authsvc.rules.refused import Refused
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.busy import again_when_busy, prompt
from tests.support.clients import flat_client
from tests.support.receiver import Receiver, answer, receiver, silence
from tests.support.registration import CALLBACK, at, initial, is_error, register, registered, same, tokens_of
from tests.support.service import Service, service

OTHER = "https://other.example/callback"
PAIRWISE = {"subject_type": "pairwise"}


def listing(*uris: str) -> bytes:
    return answer(200, json.dumps(uris).encode())


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        yield running


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Receiver]:
    async with receiver(listing(CALLBACK, OTHER)) as one:
        yield one


def named(host: Receiver) -> dict[str, Any]:
    return {**PAIRWISE, "sector_identifier_uri": f"http://127.0.0.1:{host.port}/sector.json"}


async def stored(house: Service, client_id: str) -> Client:
    client = await clients.by_id(house.runtime.db, client_id)
    assert client is not None
    return client


async def subject(house: Service, client: dict[str, Any]) -> Any:
    tokens = await tokens_of(house, client, scope="openid")
    return jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]


async def test_clients_of_two_hosts_that_one_document_lists_know_a_person_by_one_subject(
    house: Service, host: Receiver
) -> None:
    shop = await registered(house, **named(host))
    both = await registered(house, **named(host), redirect_uris=[OTHER, CALLBACK])
    assert shop["sector_identifier_uri"] == both["sector_identifier_uri"] == named(host)["sector_identifier_uri"]
    alone = await registered(house, **PAIRWISE)
    subjects = [await subject(house, client) for client in (shop, both, alone)]
    assert subjects[0] == subjects[1] != subjects[2]


async def test_a_client_that_the_document_does_not_list_is_refused_and_no_token_is_spent(
    house: Service, host: Receiver
) -> None:
    token = await initial(house, uses=1)
    for uris in ([CALLBACK, "https://thief.example/callback"], ["https://thief.example/callback"], [CALLBACK + "/"]):
        refused = await register(house, token, **named(host), redirect_uris=uris)
        is_error(refused, 400, "invalid_client_metadata")
        assert "redirect_uris" in refused.json()["error_description"]
    assert (await register(house, token, **named(host))).status_code == 201


@pytest.mark.parametrize(
    "said",
    [
        answer(200, b"{}"),
        answer(200, b"[1]"),
        answer(200, b"["),
        answer(200, b"[" * 60_000),
        answer(200, b"\xff\xfe"),
        answer(200, json.dumps([CALLBACK]).encode(), "text/html"),
        answer(200, json.dumps([CALLBACK]).encode() + b" " * MAX_BYTES),
        answer(404, json.dumps([CALLBACK]).encode()),
        answer(302, b"", "text/plain", "Location: /other.json"),
        b"HTTP/1.1 200 OK\r\n\r",
        b"",
    ],
    ids=range(11),
)
async def test_a_hostile_document_makes_nobody_of_its_sector(house: Service, host: Receiver, said: bytes) -> None:
    host.answer = said
    is_error(await register(house, **named(host)), 400, "invalid_client_metadata")
    assert len(host.requests) == 1


@again_when_busy
async def test_a_host_that_never_answers_costs_its_client_three_seconds_and_nobody_else(
    house: Service, host: Receiver
) -> None:
    host.answer = silence
    begun = asyncio.get_running_loop().time()
    waiting = asyncio.create_task(register(house, **named(host)))
    await host.until(1)
    await registered(house, **PAIRWISE)
    prompt(not waiting.done())
    is_error(await waiting, 400, "invalid_client_metadata")
    prompt(asyncio.get_running_loop().time() - begun < 6)


async def test_a_change_is_judged_by_the_document_as_it_is_then(house: Service, host: Receiver) -> None:
    client = await registered(house, **named(host))
    uri, headers = at(client)
    host.answer = listing()
    renamed = await house.http.put(uri, headers=headers, json=same(client, client_name="Renamed"))
    assert renamed.status_code == 200, "neither the document nor what it lists is new"
    refused = await house.http.put(uri, headers=headers, json=same(client, redirect_uris=[OTHER]))
    is_error(refused, 400, "invalid_client_metadata")
    moved = same(client, sector_identifier_uri=named(host)["sector_identifier_uri"] + "?2")
    is_error(await house.http.put(uri, headers=headers, json=moved), 400, "invalid_client_metadata")
    kept = await stored(house, client["client_id"])
    assert (kept.name, kept.login.redirect_uris, kept.login.sector) == ("Renamed", (CALLBACK,), "127.0.0.1")
    host.answer = listing(OTHER)
    assert (await house.http.put(uri, headers=headers, json=same(client, redirect_uris=[OTHER]))).status_code == 200
    left = await house.http.put(uri, headers=headers, json=same(client, sector_identifier_uri=...))
    assert "sector_identifier_uri" not in left.json()
    assert (await stored(house, client["client_id"])).login.sector == "shop.example"


async def test_a_stranger_s_token_makes_nobody_ask(house: Service, host: Receiver) -> None:
    assert (await register(house, "x" * 43, **named(host))).status_code == 401
    client = await registered(house, **PAIRWISE)
    uri, headers = at(client)
    asked = same(client, **named(host))
    wrong = {"Authorization": headers["Authorization"][:-4] + "AAAA"}
    assert (await house.http.put(uri, headers=wrong, json=asked)).status_code == 401
    assert not host.requests


async def test_a_private_address_is_never_asked(servers: Servers, base_env: dict[str, str], host: Receiver) -> None:
    async with service(servers, base_env, dev_mode="false") as strict:
        for address in (named(host)["sector_identifier_uri"], "https://127.0.0.1/s", "https://10.0.0.1/s"):
            refused = await register(strict, **PAIRWISE, sector_identifier_uri=address)
            is_error(refused, 400, "invalid_client_metadata")
        strict.runtime.outgoing._resolve = lambda name, port: ["10.0.0.1"]
        refused = await register(strict, **PAIRWISE, sector_identifier_uri="https://inside.example/s")
        is_error(refused, 400, "invalid_client_metadata")
    assert not host.requests


async def test_an_operator_s_client_is_of_the_sector_that_lists_it(house: Service, host: Receiver) -> None:
    def client(*uris: str, **changed: Any) -> Client:
        columns = {"name": "Shop", "kind": "public", "grant_types": frozenset({"authorization_code"}), **named(host)}
        return flat_client(**{"id": f"shop-{host.port}", **columns, "redirect_uris": uris, **changed})

    async def reason(asked: Client) -> str:
        found = await manage_clients.add(house.runtime, "cli:tests", asked)
        assert isinstance(found, Refused)
        return found.reason

    assert await reason(client(CALLBACK, "https://thief.example/")) == "sector_document_incomplete"
    assert await reason(client(CALLBACK, sector="shop.example")) == "sector_twice"
    assert await reason(client(CALLBACK, subject_type="public")) == "sector"
    added = await manage_clients.add(house.runtime, "cli:tests", client(CALLBACK, OTHER))
    assert not isinstance(added, Refused), added
    assert added.client.login.sector == "127.0.0.1"
