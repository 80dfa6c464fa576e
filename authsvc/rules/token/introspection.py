"""Who may be told of an access token (RFC 9701 section 5): whom it is meant for."""

from __future__ import annotations

from collections.abc import Sequence

from authsvc.rules.client_record import Client


def is_meant_for(client: Client, audience: Sequence[str], issuer: str) -> bool:
    """Whether a resource server is one of a token's audience, or may see tokens of every audience.

    It is known by its id, its audiences, and its names in tokens that it may exchange; by the issuer where no audience
    of its own was named.
    """
    if client.introspection_all:
        return True
    names = {client.id, *(client.tokens.audiences or (issuer,)), *client.exchange.subjects}
    return not names.isdisjoint(audience)
