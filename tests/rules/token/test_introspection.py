"""For whom a token is meant (RFC 9701 section 5)."""

from __future__ import annotations

from typing import Any

import pytest

from authsvc.rules.token.introspection import is_meant_for
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
        ({"audiences": (API,)}, ("rs",), True),
        ({"audiences": (API,)}, (ISSUER,), False),
        ({"audiences": (API, ISSUER)}, (ISSUER,), True),
        ({"exchange_subjects": ("gateway",)}, ("gateway",), True),
        ({"exchange_audiences": (OTHER,)}, (OTHER,), False),
        ({"audiences": (API,), "introspection_all": True}, (OTHER,), True),
    ],
)
def test_whom_a_token_is_meant_for(fields: dict[str, Any], audience: tuple[str, ...], meant: bool) -> None:
    client = flat_client(id="rs", name="RS", kind="confidential", introspection=True, **fields)
    assert is_meant_for(client, audience, ISSUER) is meant
