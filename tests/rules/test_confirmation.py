"""What a token is bound to, and who may use it then."""

from __future__ import annotations

from typing import Any

import pytest

from authsvc.rules.confirmation import UNBOUND, Confirmation, certificate, confirmation_in, dpop_key, from_stored

OWN, OTHER = dpop_key("own"), dpop_key("other")
CERTIFICATE = certificate("own")


@pytest.mark.parametrize(
    ("proved", "bound_to", "may_use"),
    [
        (UNBOUND, UNBOUND, True),
        (OWN, UNBOUND, True),
        (OWN, OWN, True),
        (UNBOUND, OWN, False),
        (OTHER, OWN, False),
        (CERTIFICATE, OWN, False),
        (OWN, CERTIFICATE, False),
        (UNBOUND, CERTIFICATE, False),
        (certificate("other"), CERTIFICATE, False),
        (CERTIFICATE, CERTIFICATE, True),
    ],
)
def test_what_is_bound_is_used_by_its_holder_alone(proved: Confirmation, bound_to: Confirmation, may_use: bool) -> None:
    assert proved.satisfies(bound_to) is may_use


@pytest.mark.parametrize(
    ("confirmation", "claims", "token_type"),
    [
        (UNBOUND, {}, "Bearer"),
        (OWN, {"cnf": {"jkt": "own"}}, "DPoP"),
        (CERTIFICATE, {"cnf": {"x5t#S256": "own"}}, "Bearer"),
    ],
)
def test_a_token_says_what_it_is_bound_to(confirmation: Confirmation, claims: dict[str, Any], token_type: str) -> None:
    assert (confirmation.claims, confirmation.token_type) == (claims, token_type)


def test_what_was_written_is_read_again() -> None:
    for confirmation in (UNBOUND, OWN, CERTIFICATE):
        assert from_stored(confirmation.stored) == confirmation
        assert confirmation_in({"sub": "x", **confirmation.claims}) == confirmation
    assert (UNBOUND.stored, OWN.stored) == ("", "own")  # as the versions before wrote it
