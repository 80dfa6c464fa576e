"""Logout in the browser: by a client (OpenID Connect RP-Initiated Logout 1.0), or from a page of ours.

The session ends in PostgreSQL, then everywhere (`publish_revocation`), and only then anybody is told that it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from uuid import UUID

from authsvc.flows.session.browser import browser_session, verified_hint
from authsvc.flows.session.publish_revocation import end_session, publish_with_earlier
from authsvc.flows.session.subject import session_of
from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.ending.logout_request import (
    LogoutHint,
    Target,
    Wrong,
    logout_client,
    logout_target,
    may_lead_to,
    part_to_end,
    session_to_end,
)
from authsvc.rules.sealed_value_lifetimes import LOGOUT_PAGE_SECONDS
from authsvc.runtime import Runtime
from authsvc.store.session import sessions
from authsvc.store.session.browser_sessions import BrowserSession

_PURPOSE = "logout confirmation"


@frozen
class LoggedOut:
    """Nobody is logged in any more. `forward`: straight on to the target; else the person is shown the way there.
    `named`: whether the page names the client, and leads to it."""

    target: Target | None
    client: Client | None
    session_id: str | None
    forward: bool = True
    named: bool = True


@frozen
class AskFirst:
    """Show the page that asks whether to log out."""

    sealed: str = field(repr=False)
    session: BrowserSession
    target: Target | None


@frozen
class Stay:
    """The person chose to stay logged in."""


Outcome = LoggedOut | AskFirst | Stay | Wrong


async def log_out(runtime: Runtime, parameters: Mapping[str, str], *, cookie: str | None) -> Outcome:
    """Answer a request to /logout: log out at once where the client and the hint allow it, else ask first. Where nobody
    is logged in here, the hint's client loses what it has of the session that the hint names. Raises StoreUnavailable:
    then nobody was logged out."""
    hint = _hint(runtime, parameters.get("id_token_hint"))
    client_id = logout_client(parameters, hint)
    if isinstance(client_id, Wrong):
        return client_id
    client = await runtime.clients.get(client_id) if client_id else None
    target = logout_target(parameters, client)
    if isinstance(target, Wrong):
        return target
    led = may_lead_to(client, hint)
    target = target if led else None
    session = await browser_session(runtime, cookie)
    current = str(session.id) if session else None
    if meant := session_to_end(hint, current):
        await end_session(runtime, UUID(meant), "logout")
        return LoggedOut(target, client, meant)
    if session is not None:
        return _ask(runtime, session, target)
    if hint is not None and (part := part_to_end(hint, current)):
        await publish_with_earlier(runtime, await sessions.end_part(runtime.db, UUID(part), hint.client_id, "logout"))
        return LoggedOut(target, client, part)
    # Without a hint nothing shows that the target's client sent the person here: a link, not a redirect.
    return LoggedOut(target, client, None, forward=hint is not None, named=led)


async def confirm(runtime: Runtime, sealed: str, *, logout: bool, cookie: str | None) -> Outcome | None:
    """Carry out what the person chose on the confirmation page. None: it was open for too long. Raises
    StoreUnavailable."""
    opened = _open(runtime, sealed)
    if opened is None:
        return None
    shown_to, target = opened
    if not logout:
        return Stay()
    session = await browser_session(runtime, cookie)
    if session is not None and str(session.id) != shown_to:  # somebody else logged in meanwhile: who shall go?
        return _ask(runtime, session, target)
    if session is not None:
        await end_session(runtime, session.id, "logout")
    client = await runtime.clients.get(target.client_id) if target else None
    return LoggedOut(_still_registered(target, client), client, shown_to)


async def ask_again(runtime: Runtime, sealed: str, *, cookie: str | None) -> AskFirst | LoggedOut:
    """The confirmation page as it would be now, where the one that the person saw has expired. Nobody is logged out,
    and who is not logged in is shown the way there. Raises StoreUnavailable."""
    opened = _open(runtime, sealed, seconds=float("inf"))
    target = opened[1] if opened else None
    session = await browser_session(runtime, cookie)
    if session is not None:
        return _ask(runtime, session, target)
    client = await runtime.clients.get(target.client_id) if target else None
    return LoggedOut(_still_registered(target, client), client, None, forward=False)


def _still_registered(target: Target | None, client: Client | None) -> Target | None:
    """Where to go after the page: the client may have been changed while it was open."""
    if target is None or client is None or target.redirect_uri not in client.logout.post_logout_redirect_uris:
        return None
    return target


def _hint(runtime: Runtime, id_token: str | None) -> LogoutHint | None:
    """None: no hint, or none that we signed. It is then as if there were none (section 2 asks for no error)."""
    if id_token is None:
        return None
    claims = verified_hint(runtime, id_token, audience=None)
    if claims is None or claims.aud != (claims.client_id,):
        return None
    try:
        return LogoutHint(claims.client_id, str(session_of(runtime, claims.sid)))
    except ValueError:
        return LogoutHint(claims.client_id, "")


def _ask(runtime: Runtime, session: BrowserSession, target: Target | None) -> AskFirst:
    where = [target.client_id, target.redirect_uri, target.state] if target else None
    return AskFirst(runtime.seal_dated(_PURPOSE, str(session.id), where), session, target)


def _open(runtime: Runtime, sealed: str, *, seconds: float = LOGOUT_PAGE_SECONDS) -> tuple[str, Target | None] | None:
    opened = runtime.open_dated(_PURPOSE, sealed, seconds=seconds)
    if opened is None:
        return None
    session_id, where = opened
    return session_id, Target(*where) if where else None
