"""Who may be told of an access token (RFC 9701 section 5): whom it is meant for."""

from __future__ import annotations

from collections.abc import Sequence

from authsvc.rules.client_record import Client
from authsvc.rules.resource import overlap


def may_be_told(client: Client, *, holder: str, audience: Sequence[str], issuer: str) -> bool:
    """Whether a client is one of a token's audience, or its holder (`holder`: whom it was given to), or may see all.

    It is known by its id, its audiences, and its names in tokens that it may exchange; by the issuer where no audience
    of its own was named.
    """
    if client.introspection_all or client.id == holder:
        return True
    own = client.tokens.audiences
    known_as = {client.id} if own else {client.id, issuer}
    return not known_as.isdisjoint(audience) or overlap((*own, *client.exchange.subjects), audience)
