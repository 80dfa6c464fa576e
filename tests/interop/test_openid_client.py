"""npm's openid-client, as its documentation says: code, PAR, DPoP, private_key_jwt, client credentials, device."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.conftest import Node, Provider
from tests.interop.person import Person

SCRIPT = "openid_client.mjs"


def is_test(said: dict[str, Any]) -> None:
    """The ID token and userinfo speak of the same person, each as much as it should."""
    assert said["user"] == {
        "sub": said["claims"]["sub"],
        "name": "Test",
        "email": "test@example.com",
        "email_verified": False,
    }


@pytest.mark.parametrize(
    ("client_id", "method"),
    [
        ("app", "client_secret_basic"),
        ("poster", "client_secret_post"),
        ("keyed", "private_key_jwt"),
        ("spa", "none"),
    ],
)
def test_code_refresh_revocation_and_logout(
    node: Node, provider: Provider, person: Person, client_id: str, method: str
) -> None:
    said = node.run(SCRIPT, person, "code", client_id, method)
    is_test(said)
    assert (said["claims"]["iss"], said["claims"]["aud"]) == (provider.issuer, client_id)
    assert person.met[:2] == ["/login", "/consent"]
    if said["active"] is not None:
        before, after = said["active"]
        assert (before["active"], before["client_id"], before["sub"]) == (True, client_id, said["claims"]["sub"])
        assert after == {"active": False}
    assert said["afterRevocation"] == said["afterLogout"] == "invalid_grant"
    assert said["loggedOut"] is True
    assert not provider.active(said["last"])


@pytest.mark.parametrize("request_is", ["plain", "signed"])
def test_pushed_requests_private_key_jwt_and_dpop(
    node: Node, provider: Provider, person: Person, request_is: str
) -> None:
    said = node.run(SCRIPT, person, "fapi", f"fapi-{request_is}", request_is)
    assert "/consent" in person.met
    is_test(said)
    assert said["plain"] == "invalid_request"  # the client is to push
    assert said["types"] == ["dpop", "dpop"]
    assert said["stolen"] == 401  # the token without the key
    assert said["loggedOut"] is True
    assert said["afterLogout"] == "invalid_grant"
    assert not provider.active(said["last"])


def test_client_credentials_and_introspection(node: Node, person: Person) -> None:
    said = node.run(SCRIPT, person, "service", "keyed")
    before = said["before"]
    assert (before["active"], before["sub"], before["client_id"]) == (True, "keyed", "keyed")
    assert (before["aud"], before["scope"], said["scope"]) == ("https://api.example", "profile", "profile")
    assert said["after"] == {"active": False}
    assert person.met == []


def test_a_device_is_let_in_by_the_person_beside_it(node: Node, provider: Provider, person: Person) -> None:
    said = node.run(SCRIPT, person, "device", "television")
    is_test(said)
    assert person.met == ["/login", "/device", "/device"]
    assert said["claims"]["aud"] == "television"
    assert said["afterRevocation"] == "invalid_grant"
    assert not provider.active(said["last"])
