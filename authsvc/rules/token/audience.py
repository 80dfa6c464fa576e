"""Whom an access token is for (RFC 9068 section 3, RFC 8707).

The issuer's own name opens what the house keeps for itself: authsvc's endpoints, and every service that was never given
a name of its own. So it stands in tokens of first-party clients, and of others only where an operator wrote it down.
Everybody else's token is for our own /userinfo, and opens nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from authsvc.rules.client_record import Client

FEED_SCOPE = "revocations"
"""What a client's own token needs for the revocation feed."""


def userinfo_of(issuer: str) -> str:
    """The audience that only our own /userinfo takes."""
    return f"{issuer}/userinfo"


def audience_of(client: Client, issuer: str) -> tuple[str, ...]:
    """Who may accept the tokens by which this client speaks for a person. First-party tokens always open authsvc's own
    endpoints too."""
    own = client.tokens.audiences
    if client.first_party:
        return own if issuer in own else (*own, issuer)
    return own or (userinfo_of(issuer),)


def own_audience_of(client: Client, issuer: str, scope: Collection[str]) -> tuple[str, ...]:
    """Who may accept the tokens that a client gets for itself (RFC 6749 section 4.4): nobody but an operator gives that
    grant, and no person stands behind such a token. Our own feed is among them where the scope opens it."""
    own = client.tokens.audiences
    if own and (issuer in own or not (client.first_party or FEED_SCOPE in scope)):
        return own
    return (*own, issuer)


def resources_of(client: Client, issuer: str) -> frozenset[str]:
    """What may be asked for by `resource` (RFC 8707 section 2) for a person's token."""
    return frozenset((*audience_of(client, issuer), userinfo_of(issuer)))


def granted_audience(
    client: Client, issuer: str, *, scope: Collection[str], resource: tuple[str, ...]
) -> tuple[str, ...]:
    """What a person grants: the resource that was asked for, or all that the client may; with openid then also our own
    /userinfo."""
    if resource:
        return resource
    audience, ours = audience_of(client, issuer), {issuer, userinfo_of(issuer)}
    if "openid" in scope and ours.isdisjoint(audience):
        return (*audience, userinfo_of(issuer))
    return audience


def audience_now(client: Client, issuer: str, granted: Sequence[str]) -> Sequence[str]:
    """What of a granted audience a new token for a person may carry. A grant of an earlier version, or of a client that
    was first-party once, may name the issuer: its /userinfo is what is left of it."""
    if client.first_party or issuer not in granted or issuer in client.tokens.audiences:
        return granted
    return tuple(dict.fromkeys(userinfo_of(issuer) if one == issuer else one for one in granted))
