"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0 section 2): what a client may ask, and of whom."""

from __future__ import annotations

from collections.abc import Mapping

from authsvc.records import frozen
from authsvc.rules.client_record import Client


@frozen
class LogoutHint:
    """A verified ID token of ours, however old: for which client, about which session ("" where it names none)."""

    client_id: str
    session_id: str


@frozen
class Target:
    """Where the browser goes after the logout. `client_id` for the way back from the confirmation page."""

    client_id: str
    redirect_uri: str
    state: str | None


@frozen
class Wrong:
    """The request is refused: an error page, no redirect, nobody logged out."""

    reason: str


def logout_client(parameters: Mapping[str, str], hint: LogoutHint | None) -> str | Wrong | None:
    """Whose request it is. Section 2: a client_id beside a hint must be the hint's."""
    named = parameters.get("client_id")
    if named and hint and named != hint.client_id:
        return Wrong("logout_client_mismatch")
    return named or (hint.client_id if hint else None)


def logout_target(parameters: Mapping[str, str], client: Client | None) -> Target | Wrong | None:
    """Where to go afterwards: nowhere but to an address that the client registered, character by character."""
    if parameters.get("client_id") and client is None:
        return Wrong("client_unknown")
    redirect_uri = parameters.get("post_logout_redirect_uri")
    if redirect_uri is None:
        return None
    if client is None or redirect_uri not in client.logout.post_logout_redirect_uris:
        return Wrong("post_logout_redirect_uri_not_registered")
    return Target(client.id, redirect_uri, parameters.get("state"))  # whatever an address can carry


def may_lead_to(client: Client | None, hint: LogoutHint | None) -> bool:
    """Whether people are shown the way to a client: its hint proves that they were there, or an operator added it.

    Anybody may have registered it and sent the link around: our page would vouch for any name and any address.
    """
    return hint is not None or client is None or client.authentication.registration_hash is None


def session_to_end(hint: LogoutHint | None, current: str | None) -> str | None:
    """The session of this browser, `current`, where the client proved by its hint to mean it; None: the person is asked
    (section 6). A hint of another session proves nothing about this one."""
    return current if hint and current and current == hint.session_id else None


def part_to_end(hint: LogoutHint | None, current: str | None) -> str | None:
    """The session of which the hint's client loses what it has, where no browser shows that the person is there. An ID
    token is no secret: one that was found in a log may end what it was given for, and nobody's whole login."""
    return hint.session_id or None if hint and current is None else None
