"""What a valid authorization request still needs from the person: nothing, a login, another account, a consent
(OpenID Connect Core sections 3.1.2.3 and 3.1.2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from urllib.parse import urlsplit

from authsvc.rules.authorize.request import AuthorizationRequest
from authsvc.rules.client_record import Client
from authsvc.rules.refused import Refused
from authsvc.rules.scope import missing_consent


class Step(Enum):
    LOG_IN = "log in"
    TURN_AWAY = "turn away"
    CONSENT = "consent"
    GO_ON = "go on"
    """Our own client, but anybody could have sent the person here in its name: they say that they meant to."""
    GIVE_CODE = "give code"


@dataclass(frozen=True, slots=True)
class Present:
    """Who is logged in in this browser, as far as it matters for one request.

    `subject`: as this client knows the person. `authenticated_for_this`: the login came after the request.
    `lifetime_seconds`: how long this client lets a login like this one stand. `allowed`: what the person once allowed
    this client. `consented`: the person allowed this very request.
    """

    subject: str
    roles: tuple[str, ...]
    auth_time: datetime
    authenticated_for_this: bool
    lifetime_seconds: int
    allowed: tuple[str, ...]
    consented: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class Hint:
    """id_token_hint: `subject` None where it is no ID token that we gave to this client."""

    subject: str | None


_SILENT = {
    Step.LOG_IN: Refused("login_required", "A login is needed.", "login_required"),
    Step.TURN_AWAY: Refused("access_denied", "The account may not use this client.", "role_missing"),
    Step.CONSENT: Refused("consent_required", "Consent is needed.", "consent_required"),
    Step.GO_ON: Refused("interaction_required", "The person must be asked.", "client_unverifiable"),
}
_OTHER_PERSON = Refused("login_required", "Another person is logged in.", "other_person")


def next_step(
    request: AuthorizationRequest,
    client: Client,
    hint: Hint | None,
    present: Present | None,
    *,
    dev_mode: bool = False,
) -> Step | Refused:
    """What to do next. With prompt=none nothing is ever shown: whatever is missing is the answer. `dev_mode`: our own
    web clients are on this machine, and loopback is where they are found."""
    step = _needed(request, client, hint, present, dev_mode)
    if isinstance(step, Step) and step is not Step.GIVE_CODE and "none" in request.prompt:
        return _SILENT[step]
    return step


def _needed(
    request: AuthorizationRequest, client: Client, hint: Hint | None, present: Present | None, dev_mode: bool
) -> Step | Refused:
    silent = "none" in request.prompt
    if silent and hint is not None and hint.subject is None:
        return _SILENT[Step.LOG_IN]  # we cannot tell whether the hinted person is here
    if present is None or _must_log_in(request, present):
        return Step.LOG_IN
    wanted = {subject for subject in (request.claims.subject, hint.subject if hint else None) if subject is not None}
    asked = _to_be_asked(request, client, present, dev_mode)
    if silent and asked is not None:
        # A client that the person has not allowed, or that somebody poses as, hears the same whoever is here: it could
        # name one person after the other, or learn of a role.
        return _SILENT[Step.LOG_IN] if wanted else asked
    if wanted and wanted != {present.subject}:
        return _OTHER_PERSON if silent or present.authenticated_for_this else Step.LOG_IN
    if client.login.required_role and client.login.required_role not in present.roles:
        return Step.TURN_AWAY
    return asked or Step.GIVE_CODE


def _must_log_in(request: AuthorizationRequest, present: Present) -> bool:
    if present.now >= present.auth_time + timedelta(seconds=present.lifetime_seconds):
        return True
    if present.authenticated_for_this:
        return False
    if request.prompt & {"login", "select_account"}:
        return True
    return request.max_age is not None and present.now - present.auth_time > timedelta(seconds=request.max_age)


def _to_be_asked(request: AuthorizationRequest, client: Client, present: Present, dev_mode: bool) -> Step | None:
    """Which page asks the person before there is a code; None: they have answered, or need not be asked.

    RFC 8252 section 8.6: where anybody can pose as the client, no request is answered without the person. A login made
    for this very request is such an answer to our own client: its page says who asks.
    """
    if present.consented:
        return None
    if "consent" in request.prompt:
        return Step.CONSENT
    verifiable = _verifiable(client, request)
    if client.first_party:
        local = dev_mode and client.login.application_type == "web" and urlsplit(request.redirect_uri).scheme == "http"
        return None if verifiable or local or present.authenticated_for_this else Step.GO_ON
    return Step.CONSENT if not verifiable or missing_consent(request.shown_scope, present.allowed) else None


def _verifiable(client: Client, request: AuthorizationRequest) -> bool:
    """Whether nobody else can get the answer: not so where a public client is found by an address that any program on
    the device can take (RFC 6749 section 10.2, RFC 8252 section 8.6). Its consent is not remembered."""
    return client.confidential or urlsplit(request.redirect_uri).scheme == "https"
