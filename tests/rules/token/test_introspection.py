"""For whom a token is meant (RFC 9701 section 5)."""

from __future__ import annotations

from typing import Any

import pytest

from authsvc.rules.token.introspection import may_be_told
from tests.support.clients import flat_client

ISSUER = "https://auth.example"
API, OTHER = "https://api.example", "https://other.example"


@pytest.mark.parametrize(
    ("fields", "audience", "meant"),
    [
        ({}, (ISSUER,), True),
        ({}, (OTHER, ISSUER), True),
        ({}, (OTHER,), False),
        ({}, (), False),
        ({}, ("rs",), True),
        ({}, ("rs2", ISSUER + "/"), False),
        ({"audiences": (API,)}, (API,), True),
        ({"audiences": (API + "/",)}, (API,), True),
        ({"audiences": (API + "/v1",)}, (API,), False),
        ({"audiences": (API,)}, ("rs",), True),
        ({"audiences": (API,)}, (ISSUER,), False),
        ({"audiences": (API, ISSUER)}, (ISSUER,), True),
        ({"exchange_subjects": ("gateway",)}, ("gateway",), True),
        ({"exchange_subjects": (OTHER + ":443",)}, (OTHER,), True),
        ({"exchange_audiences": (OTHER,)}, (OTHER,), False),
        ({"audiences": (API,), "introspection_all": True}, (OTHER,), True),
    ],
)
def test_whom_a_token_is_meant_for(fields: dict[str, Any], audience: tuple[str, ...], meant: bool) -> None:
    client = flat_client(id="rs", name="RS", kind="confidential", introspection=True, **fields)
    assert may_be_told(client, holder="shop", audience=audience, issuer=ISSUER) is meant


def test_a_client_may_ask_about_a_token_that_it_was_given_itself() -> None:
    client = flat_client(id="rs", name="RS", kind="confidential", introspection=True)
    assert may_be_told(client, holder="rs", audience=(f"{ISSUER}/userinfo",), issuer=ISSUER)
