"""The authorization endpoint: from a request to a code, by way of the login and consent pages where they are needed.

Rules: `rules/authorize/request` (the request), `rules/authorize/prompting` (what it needs from the person).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import field, replace
from functools import partial
from uuid import UUID

from authsvc.flows.authorize.pending_request import PendingRequest, seal_request
from authsvc.flows.authorize.pushed_requests import answer_once
from authsvc.flows.caller.client_documents import client_of_document, keep
from authsvc.flows.factors.ways import reach_of, ways_of
from authsvc.flows.login.browser_login import begin_step_up, ways_to_step_up
from authsvc.flows.login.second_step import SecondStep
from authsvc.flows.session.browser import browser_session, verified_hint
from authsvc.flows.session.lifetime import lifetime
from authsvc.flows.session.subject import session_name_for, subject_for
from authsvc.records import frozen
from authsvc.rules.authorize.code import encode
from authsvc.rules.authorize.prompting import Hint, Present, Step, needs_reach, next_step, wanted_rung
from authsvc.rules.authorize.request import AuthorizationRequest, Proved, Unproved, answer_parameters, judge, prove
from authsvc.rules.client_record import Client, names_document
from authsvc.rules.levels import demanded_of
from authsvc.rules.mac_token import Code
from authsvc.rules.refused import Refused
from authsvc.rules.token.audience import granted_audience
from authsvc.runtime import Runtime
from authsvc.store.authorize import codes, consents
from authsvc.store.errors import ClientRemoved
from authsvc.store.session.browser_sessions import BrowserSession


@frozen
class SendAnswer:
    """Send the client its answer, by redirect or by a form that posts itself (`form_post`)."""

    redirect_uri: str
    response_mode: str
    parameters: Mapping[str, str] = field(repr=False)
    reason: str | None = None


@frozen
class ShowPage:
    """Show the person the page of `step`: log in, decide which scope the client gets, say that they want to go on to
    it, or choose another account where this one lacks the role. The pending request waits sealed in its form;
    `account`: the address of who is logged in; `second`: what they are asked for where the login lacks a factor;
    `locale`: the language that they chose.
    """

    step: Step
    sealed: str = field(repr=False)
    client: Client
    request: AuthorizationRequest
    account: str | None
    second: SecondStep | None = field(repr=False, default=None)
    locale: str = ""

    @property
    def permissions(self) -> tuple[str, ...]:
        """What the person is asked to allow, as scope: also to go on while they are away, where that comes with it."""
        asked, tokens = self.request.shown_scope, self.client.tokens
        stays = tokens.refresh_without_offline_access and "refresh_token" in self.client.grant_types
        return tuple(dict.fromkeys((*asked, "offline_access"))) if stays else asked


@frozen
class Understood:
    """A request of a client that may be answered."""

    client: Client
    proved: Proved
    request: AuthorizationRequest


@frozen
class Answered:
    """Show the person that a pushed request had its answer, and the way back to the client."""

    understood: Understood


Outcome = Unproved | Answered | SendAnswer | ShowPage
"""Unproved: show the person an error page."""


async def authorize(runtime: Runtime, pending: PendingRequest, *, cookie: str | None, again: bool = False) -> Outcome:
    """What is to be done next with a request. `again`: it was looked at before, and changed under our eyes.

    Raises Unavailable, StoreUnavailable.
    """
    understood = await understand(runtime, pending)
    if not isinstance(understood, Understood):
        return understood
    client, request = understood.client, understood.request
    session = await browser_session(runtime, cookie)
    present = await _present(runtime, understood, pending, session) if session else None
    step = next_step(request, client, _hint(runtime, request), present, dev_mode=runtime.settings.dev_mode)
    if isinstance(step, Refused):
        return refused(runtime, understood.proved, step)
    if step is Step.LOG_IN:
        pending = replace(pending, seen=_mark(session), shown_to=None)
    elif step in (Step.CONSENT, Step.GO_ON) and session is not None:
        pending = replace(pending, shown_to=str(session.id))
    if step is not Step.GIVE_CODE or session is None:
        account = session.user.email if session else None
        locale = session.user.locale if session else ""
        page = ShowPage(step, seal_request(runtime, pending), client, request, account, locale=locale)
        if step is Step.STEP_UP and session is not None and present is not None and cookie is not None:
            ways = await ways_to_step_up(runtime, session, wanted_rung(request, client, present))
            second = await begin_step_up(runtime, session, ways, client_id=client.id, cookie=cookie)
            return replace(page, second=second)
        return page
    try:
        code = await _issue(runtime, understood, session)
    except ClientRemoved:
        return Unproved("client_unknown")
    if code is None:  # the session ended, or the consent was taken back, between two statements
        if not again:
            return await authorize(runtime, replace(pending, allowed=False), cookie=cookie, again=True)
        return refused(runtime, understood.proved, Refused("login_required", "The session has ended.", "session_ended"))
    if not await answer_once(runtime, pending):  # last, so that an outage before it leaves the request good
        return Answered(understood)
    return _answer(runtime, understood.proved, code=code)


async def understand(runtime: Runtime, pending: PendingRequest) -> Understood | Unproved | SendAnswer:
    """Judge what a request says of itself: client, redirect URI and parameters, without regard to the person. Raises
    StoreUnavailable."""
    client = await _client_named(runtime, pending.parameters.get("client_id", ""))
    if isinstance(client, Refused):
        return Unproved(client.reason)
    proved = prove(pending.parameters, client)
    if isinstance(proved, Unproved):
        return proved
    assert client is not None
    request = judge(
        pending.asked,
        client,
        proved,
        issuer=runtime.settings.issuer,
        pushed_only=runtime.settings.require_pushed_authorization_requests,
    )
    if isinstance(request, Refused):
        return refused(runtime, proved, request)
    return Understood(client, proved, request)


async def _client_named(runtime: Runtime, client_id: str) -> Client | Refused | None:
    """The client of a request. One that is what its document says is so at every step: a person decides about what it
    is now."""
    if names_document(client_id):
        return await client_of_document(runtime, client_id, last_known=False)
    return await runtime.clients.get(client_id) if client_id else None


async def decide_consent(runtime: Runtime, pending: PendingRequest, *, cookie: str | None, allow: bool) -> Outcome:
    """The person pressed a button of the consent page, or of the one that asks whether to go on. Raises Unavailable,
    StoreUnavailable.

    Only the one to whom the page was shown decides; for anybody else it starts again.
    """
    understood = await understand(runtime, pending)
    if not isinstance(understood, Understood):
        return understood
    if not allow:
        if not await answer_once(runtime, pending):
            return Answered(understood)
        return refused(runtime, understood.proved, Refused("access_denied", "The person refused.", "consent_refused"))
    session = await browser_session(runtime, cookie)
    if session is not None and str(session.id) == pending.shown_to:
        client, request = understood.client, understood.request
        if not client.first_party or "consent" in request.prompt:  # to go on to our own client is no consent to a scope
            try:
                if client.by_document:
                    await keep(runtime, client)
                await consents.allow(runtime.db, session.user.id, client.id, request.shown_scope)
            except ClientRemoved:
                return Unproved("client_unknown")
        pending = replace(pending, allowed=True)
    return await authorize(runtime, pending, cookie=cookie)


async def give_up(runtime: Runtime, pending: PendingRequest) -> Outcome:
    """The person goes back to the client without access. Raises StoreUnavailable."""
    understood = await understand(runtime, pending)
    if not isinstance(understood, Understood):
        return understood
    if not await answer_once(runtime, pending):
        return Answered(understood)
    return refused(
        runtime, understood.proved, Refused("access_denied", "The account may not use this client.", "role_missing")
    )


def refused(runtime: Runtime, proved: Proved, refusal: Refused) -> SendAnswer:
    """An error response for the client (RFC 6749 section 4.1.2.1)."""
    return _answer(runtime, proved, refusal.reason, error=refusal.error, error_description=refusal.description)


def _answer(runtime: Runtime, proved: Proved, reason: str | None = None, **parameters: str) -> SendAnswer:
    parameters = answer_parameters(runtime.settings.issuer, proved.state, **parameters)
    return SendAnswer(proved.redirect_uri, proved.response_mode, parameters, reason)


async def _present(
    runtime: Runtime, understood: Understood, pending: PendingRequest, session: BrowserSession
) -> Present:
    client = understood.client
    allowed: tuple[str, ...] = ()
    if not client.first_party:
        allowed = await consents.allowed_scope(runtime.db, session.user.id, client.id)
    # Asked for a login, and since then there was one: the time bounds out any other, older session.
    asked = pending.seen is not None and pending.seen != _mark(session)
    present = Present(
        subject=subject_for(runtime, client, session.user.id),
        roles=session.user.roles,
        auth_time=session.auth_time,
        authenticated_for_this=asked and session.auth_time.timestamp() >= pending.started_at - 1,
        lifetime_seconds=_lifetime(runtime, client, session),
        allowed=allowed,
        consented=pending.allowed and pending.shown_to == str(session.id),
        now=session.now,
        amr=session.amr,
        demanded=demanded_of(session.user.roles, runtime.settings.mfa_roles),
    )
    if needs_reach(understood.request, client, present):
        present = replace(present, reach=reach_of(await ways_of(runtime, session.user)))
    return present


def _mark(session: BrowserSession | None) -> str:
    return f"{session.id} {session.auth_time.timestamp()}" if session else ""


def _lifetime(runtime: Runtime, client: Client, session: BrowserSession) -> int:
    """How long this client lets a login stand that was made in this session: remember me is each client's own."""
    return lifetime(runtime, client, session.remember_me and client.login.remember_me_allowed)


def _hint(runtime: Runtime, request: AuthorizationRequest) -> Hint | None:
    if request.id_token_hint is None:
        return None
    claims = verified_hint(runtime, request.id_token_hint, audience=request.client_id)
    return Hint(claims.sub if claims else None)


async def _issue(runtime: Runtime, understood: Understood, session: BrowserSession) -> str | None:
    """A code; None: what was decided is not so any more. Takes up to a second where the client has just ended what it
    had of this session: what is issued in that second is void."""
    client, request = understood.client, understood.request
    code = Code(runtime.master.current_id, UUID(bytes=runtime.entropy(16)), runtime.entropy(16))
    claims = {"id_token": request.claims.id_token, "userinfo": request.claims.userinfo}
    session_name = session_name_for(runtime, client, session.id)
    issue = partial(
        codes.issue,
        runtime.db,
        grant_id=code.id,
        session_id=session.id,
        user_id=session.user.id,
        client_id=client.id,
        scope=request.scope,
        consent=None if client.first_party else request.shown_scope,
        audience=granted_audience(client, runtime.settings.issuer, scope=request.scope, resource=request.resource),
        code_hash=code.secret_hash,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        lifetime_seconds=_lifetime(runtime, client, session),
        claims={place: names for place, names in claims.items() if names},
        bound_to=request.bound_to,
        amr=session.amr,
        acr_values=request.acr_asked,
        session_name=session_name,
    )
    issued = await issue()
    for _ in range(2):  # the loop's clock counts milliseconds: it may wake us before that second is over
        seconds = None if issued else await codes.seconds_void(runtime.db, session.id, client.id, session_name)
        if seconds is None:
            break
        await asyncio.sleep(seconds)
        issued = await issue()
    return encode(code, runtime.code_mac_key) if issued else None
