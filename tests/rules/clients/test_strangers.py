"""Clients that register without a token: what of a registrant's freedom is not theirs."""

from __future__ import annotations

from typing import Any

import pytest

from authsvc.rules.client_record import Client
from authsvc.rules.clients.registration import read_metadata
from authsvc.rules.clients.strangers import Strangers, judge_stranger, new_stranger
from authsvc.rules.device.codes import GRANT_TYPE
from authsvc.rules.refused import Refused
from tests.support.clients import changed_client

LET = Strangers(("https://mcp.example.com",), ("notes.read",), True)
NEW = new_stranger("c", b"r", LET)
GIVEN: dict[str, Any] = {"redirect_uris": ["https://shop.example/cb"], "token_endpoint_auth_method": "none"}


def read(**members: Any) -> Client:
    client = read_metadata({**GIVEN, **members}, NEW)
    assert isinstance(client, Client)
    return client


def test_a_stranger_has_what_the_operator_lets_any_of_them_have() -> None:
    client = read()
    assert client.stranger
    assert client.tokens.audiences == ("https://mcp.example.com",)
    assert client.tokens.scopes == ("openid", "profile", "email", "notes.read")
    assert client.tokens.refresh_without_offline_access
    assert read(scope="notes.read").tokens.scopes == ("notes.read",)
    assert judge_stranger(client) is None


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"grant_types": frozenset({"authorization_code", GRANT_TYPE})}, "stranger_grant_types"),
        ({"grant_types": frozenset({"client_credentials"})}, "stranger_grant_types"),
        ({"jwks_uri": "https://shop.example/jwks"}, "stranger_jwks_uri"),
        ({"sector_identifier_uri": "https://shop.example/s"}, "stranger_sector_identifier_uri"),
        ({"backchannel_logout_uri": "https://shop.example/l"}, "stranger_backchannel_logout_uri"),
    ],
)
def test_a_stranger_has_nobody_called_and_no_code_typed(columns: dict[str, Any], reason: str) -> None:
    refused = judge_stranger(changed_client(read(), **columns))
    assert isinstance(refused, Refused)
    assert (refused.error, refused.reason) == ("invalid_client_metadata", reason)
    assert judge_stranger(changed_client(read(), stranger=False, **columns)) is None, "who has a token may"
