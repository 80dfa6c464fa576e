"""Clients that nobody let in: what an operator lets them have, and what one that registers without a token may be."""

from __future__ import annotations

from dataclasses import replace

from authsvc.records import frozen
from authsvc.rules.client_record import Client, Digest, Tokens
from authsvc.rules.clients.registration import new_client
from authsvc.rules.refused import Refused

GRANT_TYPES = frozenset({"authorization_code", "refresh_token"})
"""Those in which the person's browser comes back to the client: not the device grant, whose codes are talked out of
people."""


@frozen
class Strangers:
    """What an operator lets them be. `audiences`: whom their tokens may be for; `scopes`: which words they may ask for
    beside those of OpenID; `refresh_without_offline_access`: as the field of a client."""

    audiences: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    refresh_without_offline_access: bool = False

    @property
    def tokens(self) -> Tokens:
        """Of a client that has not said anything yet."""
        return Tokens(
            audiences=self.audiences,
            scopes=self.scopes,
            refresh_without_offline_access=self.refresh_without_offline_access,
        )


def new_stranger(client_id: str, registration_hash: Digest, strangers: Strangers) -> Client:
    """Nobody's own, with what any of them may have."""
    nobody = new_client(client_id, registration_hash)
    return replace(nobody, authentication=replace(nobody.authentication, stranger=True), tokens=strangers.tokens)


def judge_stranger(client: Client) -> Refused | None:
    """What a registrant may be, and one that nobody let in may not: have itself called by a code that a person types,
    or have this service call anybody."""
    if not client.stranger:
        return None
    if not client.grant_types <= GRANT_TYPES:
        description = "Without a token a client may register these grant types: authorization_code, refresh_token."
        return Refused("invalid_client_metadata", description, "stranger_grant_types")
    for name, uri in (
        ("jwks_uri", client.authentication.jwks_uri),
        ("sector_identifier_uri", client.login.sector_identifier_uri),
        ("backchannel_logout_uri", client.logout.backchannel_logout_uri),
    ):
        if uri is not None:
            return Refused("invalid_client_metadata", f"Without a token a client has no {name}.", f"stranger_{name}")
    return None
