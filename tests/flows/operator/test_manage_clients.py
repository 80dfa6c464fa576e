"""The flow judges whatever comes: no way in has to be trusted, and what is refused leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from authsvc.flows.operator import manage_clients
from authsvc.flows.operator.manage_clients import Stored
from authsvc.flows.operator.registration_token import add_registration_token
from authsvc.rules.refused import Refused
from authsvc_devkit.demo import add_demo_data
from tests.support.clients import changed_client, flat_client
from tests.support.service import Service
from tests.support.signers import PUBLIC as KEYS

SHOP = flat_client(
    id="flow-shop",
    name="Shop",
    kind="confidential",
    secret_hashes=(b"x" * 32,),
    scopes=("openid",),
    redirect_uris=("https://shop.example/callback",),
    grant_types=frozenset({"authorization_code"}),
)
TRACES = "SELECT (SELECT count(*) FROM clients) + (SELECT count(*) FROM audit_events)"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"id": "a b"}, "client_id"),
        ({"redirect_uris": ("http://shop.example/",)}, "redirect_uris_refused"),
        ({"kind": "public"}, "jwks_of_public_client"),
        ({"jwks_uri": "https://169.254.169.254/"}, "jwks_uri"),
        ({"backchannel_logout_uri": "https://10.0.0.1/"}, "backchannel_logout_uri"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}, "jwks"),
        ({"jwks": {"keys": [{**KEYS["ES256"], "d": "AQAB"}]}}, "jwks"),
        ({"id_token_signed_response_alg": "PS256"}, "id_token_signed_response_alg"),
        ({"access_token_seconds": 1}, "access_token_seconds"),
        ({"id": "customer"}, "client_taken"),
    ],
)
async def test_what_the_rules_refuse_is_not_added(house: Service, changed: dict[str, Any], reason: str) -> None:
    before = await house.sql.fetchval(TRACES)
    refused = await manage_clients.add(house.runtime, "tests", changed_client(SHOP, **changed))
    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert await house.sql.fetchval(TRACES) == before


async def test_what_the_rules_refuse_is_not_changed(house: Service) -> None:
    runtime, known = house.runtime, replace(SHOP, id="flow-changing")
    assert isinstance(await manage_clients.add(runtime, "tests", known), Stored)
    before = await house.sql.fetchval(TRACES)
    for refused, reason in (
        (
            await manage_clients.change_redirect_uris(runtime, "tests", known.id, ["javascript:x"], []),
            "redirect_uris_refused",
        ),
        (await manage_clients.change_redirect_uris(runtime, "tests", "nobody", [], []), "client_unknown"),
        (
            await manage_clients.choose_algorithms(runtime, "tests", known.id, id_tokens="none"),
            "id_token_signed_response_alg",
        ),
        (await manage_clients.drop_old_secret(runtime, "tests", known.id), "secret_only_one"),
        (await manage_clients.add_secret(runtime, "tests", "customer", b"x" * 32), "client_public"),
        (await manage_clients.remove(runtime, "tests", "nobody"), "client_unknown"),
        (
            await add_registration_token(runtime, "tests", uses=0, seconds=60, note=""),
            "registration_token_uses",
        ),
    ):
        assert isinstance(refused, Refused)
        assert refused.reason == reason
    assert await house.sql.fetchval(TRACES) == before


async def test_the_demo_goes_the_way_of_everybody_and_adds_what_is_missing(house: Service) -> None:
    assert await add_demo_data(house.runtime, "tests") > 0
    assert await add_demo_data(house.runtime, "tests") == 0
    added = (
        "SELECT count(*) FROM audit_events WHERE actor = 'tests' AND client_id = 'kitchen' AND event = 'client_added'"
    )
    assert await house.sql.fetchval(added) == 1
