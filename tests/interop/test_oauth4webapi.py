"""npm's oauth4webapi, as client and as resource server: a frontend with DPoP, and a server with a secret."""

from __future__ import annotations

import pytest

from tests.interop.conftest import API, SIGNED_OUT, Node, Provider
from tests.interop.person import Person


@pytest.mark.parametrize(
    ("client_id", "method", "token_type"),
    [("letter-spa", "none", "dpop"), ("letter-app", "client_secret_basic", "bearer")],
)
def test_code_refresh_revocation_and_logout(
    node: Node, provider: Provider, person: Person, client_id: str, method: str, token_type: str
) -> None:
    said = node.run("oauth4webapi.mjs", person, client_id, method, API)
    claims, token = said["claims"], said["token"]
    assert person.met[:2] == ["/login", "/consent"]
    assert said["oauth"] == claims["iss"] == token["iss"] == provider.issuer
    assert claims["aud"] == token["client_id"] == client_id
    assert said["user"]["sub"] == token["sub"] == claims["sub"]
    assert said["user"]["email"] == "test@example.com"
    assert said["type"] == token_type
    assert ("cnf" in token) == (token_type == "dpop")
    if said["active"] is not None:
        before, after = said["active"]
        assert (before["active"], before["jti"]) == (True, token["jti"])
        assert after == {"active": False}
    assert said["afterRevocation"] == said["afterLogout"] == "invalid_grant"
    assert said["loggedOutTo"] == SIGNED_OUT
    assert not provider.active(said["last"])
