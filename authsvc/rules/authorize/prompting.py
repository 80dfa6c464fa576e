"""What a valid authorization request still needs from the person: nothing, a login, another account, a consent
(OpenID Connect Core sections 3.1.2.3 and 3.1.2.4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from urllib.parse import urlsplit

from authsvc.records import frozen
from authsvc.rules.authorize.request import AuthorizationRequest
from authsvc.rules.client_record import Client
from authsvc.rules.levels import PASSWORD_ACR, acr_of, aim, highest, is_by_mail, reaches
from authsvc.rules.refused import Refused
from authsvc.rules.scope import missing_consent


class Step(Enum):
    LOG_IN = "log in"
    TURN_AWAY = "turn away"
    STEP_UP = "step up"
    """The login stands, and lacks a second factor."""
    SET_UP = "set up"
    """The person needs a second factor for this client, and has none yet."""
    CONSENT = "consent"
    GO_ON = "go on"
    """Our own client, but anybody could have sent the person here in its name: they say that they meant to."""
    GIVE_CODE = "give code"


@frozen
class Present:
    """Who is logged in in this browser, as far as it matters for one request.

    `subject`: as this client knows the person. `authenticated_for_this`: the login came after the request.
    `lifetime_seconds`: how long this client lets a login like this one stand. `allowed`: what the person once allowed
    this client. `consented`: the person allowed this very request. `amr`: how they logged in; `demanded`: the rung that
    their roles demand of them; `reach`: the highest one that their factors give.
    """

    subject: str
    roles: tuple[str, ...]
    auth_time: datetime
    authenticated_for_this: bool
    lifetime_seconds: int
    allowed: tuple[str, ...]
    consented: bool
    now: datetime
    amr: tuple[str, ...] = ("pwd",)
    demanded: str = PASSWORD_ACR
    reach: str = PASSWORD_ACR

    @property
    def acr(self) -> str:
        """The rung on which the login stands."""
        return acr_of(self.amr)


@frozen
class Hint:
    """id_token_hint: `subject` None where it is no ID token that we gave to this client."""

    subject: str | None


_SILENT = {
    Step.LOG_IN: Refused("login_required", "A login is needed.", "login_required"),
    Step.TURN_AWAY: Refused("access_denied", "The account may not use this client.", "role_missing"),
    Step.STEP_UP: Refused("interaction_required", "A second factor is needed.", "step_up_needed"),
    Step.SET_UP: Refused("interaction_required", "A second factor must be set up first.", "factor_missing"),
    Step.CONSENT: Refused("consent_required", "Consent is needed.", "consent_required"),
    Step.GO_ON: Refused("interaction_required", "The person must be asked.", "client_unverifiable"),
}
_UNMET = Refused("unmet_authentication_requirements", "The person cannot log in as was demanded.", "acr_not_reachable")
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
    if present is None or _must_log_in(request, client, present):
        return Step.LOG_IN
    wanted = {subject for subject in (request.claims.subject, hint.subject if hint else None) if subject is not None}
    asked = _to_be_asked(request, client, present, dev_mode)
    if silent and asked is not None:
        # A client that the person has not allowed, or that somebody poses as, hears the same whoever is here: it could
        # name one person after the other, or learn of a role or a factor.
        return _SILENT[Step.LOG_IN] if wanted else asked
    if wanted and wanted != {present.subject}:
        return _OTHER_PERSON if silent or present.authenticated_for_this else Step.LOG_IN
    if client.login.required_role and client.login.required_role not in present.roles:
        return Step.TURN_AWAY
    return _to_reach(request, client, present) or asked or Step.GIVE_CODE


def required_rung(client: Client, demanded: str) -> str:
    """The rung that a client, and the roles of the person, demand of every login."""
    return highest((client.login.required_acr or PASSWORD_ACR, demanded))


def needs_reach(request: AuthorizationRequest, client: Client, present: Present) -> bool:
    """Whether it matters which rung the person could reach: the login stands on none that was wanted."""
    return _asks_for_more(request, client, present.acr, present.demanded)


def mailed_code_will_do(request: AuthorizationRequest, client: Client, demanded: str = PASSWORD_ACR) -> bool:
    """Whether a login that a mailed code opened, whoever the client was that it was for, will do for a request: this
    client's policy allows it, and nothing above the lowest rung is asked for, not even as a wish."""
    return client.login.mail_code_login and not _asks_for_more(request, client, PASSWORD_ACR, demanded)


def _asks_for_more(request: AuthorizationRequest, client: Client, acr: str, demanded: str) -> bool:
    if not reaches(acr, required_rung(client, demanded)):
        return True
    wishes = (request.claims.acr, request.acr_values or request.claims.acr_wish)
    return any(wanted and not reaches(acr, wanted[0]) for wanted in wishes)


def wanted_rung(request: AuthorizationRequest, client: Client, present: Present) -> str:
    """The rung that a login is to be stepped up to."""
    required = required_rung(client, present.demanded)
    if not reaches(present.acr, required):
        return required
    lists = (request.claims.acr, request.acr_values or request.claims.acr_wish)
    aims = [aim(wanted, present.acr, present.reach) for wanted in lists]
    return next((one for one in aims if one and not reaches(present.acr, one)), required)


def _to_reach(request: AuthorizationRequest, client: Client, present: Present) -> Step | Refused | None:
    """What the login lacks of the rung that it must reach, or of the one that it should (OpenID Connect Core sections
    3.1.2.1 and 5.5.1.1); None: nothing that could be done about. A wish that nobody could be asked for is none."""
    required, silent = required_rung(client, present.demanded), "none" in request.prompt
    if not reaches(present.acr, required):
        return Step.STEP_UP if reaches(present.reach, required) else Step.SET_UP
    if request.claims.acr:
        wanted = aim(request.claims.acr, present.acr, present.reach)
        if wanted is None:
            return _UNMET
        if not reaches(present.acr, wanted):
            return Step.STEP_UP
    wanted = aim(request.acr_values or request.claims.acr_wish, present.acr, present.reach)
    return Step.STEP_UP if wanted and not reaches(present.acr, wanted) and not silent else None


def _must_log_in(request: AuthorizationRequest, client: Client, present: Present) -> bool:
    if is_by_mail(present.amr) and not mailed_code_will_do(request, client, present.demanded):
        return True
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
    for this very request is such an answer to our own client: its page says who asks. Nobody let a stranger in, and it
    may be somebody else tomorrow: people are asked every time.
    """
    if present.consented:
        return None
    if "consent" in request.prompt:
        return Step.CONSENT
    verifiable = _verifiable(client, request)
    if client.first_party:
        local = dev_mode and client.login.application_type == "web" and urlsplit(request.redirect_uri).scheme == "http"
        return None if verifiable or local or present.authenticated_for_this else Step.GO_ON
    ask = client.stranger or not verifiable or missing_consent(request.shown_scope, present.allowed)
    return Step.CONSENT if ask else None


def _verifiable(client: Client, request: AuthorizationRequest) -> bool:
    """Whether nobody else can get the answer: not so where a public client is found by an address that any program on
    the device can take (RFC 6749 section 10.2, RFC 8252 section 8.6). Its consent is not remembered."""
    return client.confidential or urlsplit(request.redirect_uri).scheme == "https"
