"""/api: JSON endpoints for first-party frontends. No OAuth grants; docs/reference/endpoints.md says when to prefer the
hosted login."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from authsvc.flows.account.userinfo import profile
from authsvc.flows.caller.authenticate_bearer import first_party_only
from authsvc.flows.ending.logout import end_others, end_own, list_own, logout_by_access_token, logout_by_refresh_token
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.json_login import PASSWORD_LOGIN, SECOND_STEP, LoggedIn, PasswordSent, SecondSent, may_log_in
from authsvc.flows.login.second_step import Answer
from authsvc.flows.token.refresh_token import REFRESH_TOKEN
from authsvc.flows.token.tokens import Tokens
from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.caller.client_authentication import Credentials
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected, rejected
from authsvc.rules.people.new_password import MOST_BYTES
from authsvc.rules.person_record import Session, User
from authsvc.rules.proofs.proof import SHORT_SECONDS
from authsvc.rules.refused import Refused
from authsvc.rules.secret_digest import digest_of
from authsvc.web.http.cors import any_registered_origin, api_preflight
from authsvc.web.http.dpop_header import checked_proof
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import NotFound
from authsvc.web.http.reply import Reply, json_reply
from authsvc.web.http.request import Request, flag, malformed, printable, text
from authsvc.web.issuing import authenticated_client, issued, token_response
from authsvc.web.login import attempt_of, keep_device
from authsvc.web.pages.authorization_answer import MAX_EMAIL
from authsvc.web.pages.chosen_language import language_of
from authsvc.web.pages.cookies_and_forms import BROWSER, cookie, this_browser
from authsvc.web.userinfo import bearer

Read = TypeVar("Read")
MAX_CHALLENGE = 4096
_NO_VALUES = frozenset({"client_id", "client_secret", "mfa_challenge", "way", "new_password"})


async def api_login(request: Request) -> Reply:
    members = await request.json()
    credentials = credentials_of(request, members)
    attempt = parsed(lambda: _attempt(request, members))
    asked = attempt if isinstance(attempt, Refused) else PasswordSent(attempt, holder_of(request))
    login, tokens = await issued(request, PASSWORD_LOGIN, asked, credentials)
    return logged_in(request, login, tokens)


async def api_second_step(request: Request) -> Reply:
    """The second call of a login that was answered mfa_required."""
    members = await request.json()
    credentials = credentials_of(request, members)
    asked = parsed(lambda: SecondSent(answer_of(request, members), holder_of(request)))
    login, tokens = await issued(request, SECOND_STEP, asked, credentials)
    return logged_in(request, login, tokens)


def answer_of(request: Request, members: dict[str, Any]) -> Answer:
    """An answer to a second step. Raises Rejected."""
    challenge = text(members, "mfa_challenge", limit=MAX_CHALLENGE, required=True) or ""
    way = text(members, "way", limit=64, required=True) or ""
    names = [name for name, value in members.items() if name not in _NO_VALUES and isinstance(value, str)]
    values = {name: text(members, name, limit=MAX_CHALLENGE) or "" for name in names}
    return Answer(challenge, way, values, attempt_of(request, "", ""))


def holder_of(request: Request) -> str:
    """What stands for the program that logs in: the browser, where it sends our cookie; else what it says it is."""
    if cookie(request, BROWSER):
        return this_browser(request)
    return digest_of(request.user_agent or "").hex()


async def house_client(request: Request, members: dict[str, Any]) -> Client:
    """The client that the body names, which must be of the house. Raises Rejected, TooMany, StoreUnavailable."""
    client = await authenticated_client(request, credentials_of(request, members))
    if refused := may_log_in(client, ""):
        raise rejected(refused)
    return client


def logged_in(request: Request, login: LoggedIn, tokens: Tokens) -> Reply:
    """The answer to whatever logs a person in."""
    request.user_id, request.session_id = str(login.user.id), str(login.session_id)
    answer = {
        **token_response(tokens),
        "user": _user(login.user),
        "session_id": str(login.session_id),
        "remember_me": login.remember_me,
    }
    keep_device(request, login.device)
    return json_reply(answer)


def email_in(members: dict[str, Any]) -> str:
    """The address that was sent. Raises Rejected."""
    return text(members, "email", limit=MAX_EMAIL, required=True) or ""


def attempt_in(request: Request, members: dict[str, Any], email: str = "", password: str = "") -> Attempt:
    """An attempt, with what every way to log in may say of the session. Raises Rejected."""
    return attempt_of(
        request,
        email,
        password,
        remember_me=flag(members, "remember_me"),
        device_info=printable(text(members, "device_info", limit=512)),
    )


def letter_reply(member: str, sealed: str | Refused | None) -> Reply:
    """The answer to whoever asked for a letter: what must come back with its code, as `member`. Raises NotFound where
    no mail can be sent, Rejected where no address can look like that."""
    if sealed is None:
        raise NotFound
    if isinstance(sealed, Refused):
        raise malformed("That is no e-mail address.", sealed.reason)
    return json_reply({member: sealed, "expires_in": SHORT_SECONDS})


async def ask_for_letter(request: Request, ask: Callable[..., Awaitable[str | Refused | None]], member: str) -> Reply:
    """Let a client of the house ask for a letter to the address in the body. One answer, whoever has the address."""
    members = await request.json()
    client = await house_client(request, members)
    sealed = await ask(
        request.runtime,
        client,
        email_in(members),
        network=request.network,
        holder=holder_of(request),
        language=language_of(request),
    )
    return letter_reply(member, sealed)


def _attempt(request: Request, members: dict[str, Any]) -> Attempt:
    password = text(members, "password", limit=MOST_BYTES, required=True, nul=True) or ""
    if len(password.encode()) > MOST_BYTES:
        raise malformed("The password is longer than 1024 bytes.", "password_length")
    return attempt_in(request, members, email_in(members), password)


async def api_refresh(request: Request) -> Reply:
    """As the grant refresh_token at /token."""
    members = await request.json()
    credentials = credentials_of(request, members)
    sent = parsed(lambda: {name: text(members, name, limit=4096) or "" for name in ("refresh_token", "scope")})
    asked = sent if isinstance(sent, Refused) else REFRESH_TOKEN.parse(sent)
    _, tokens = await issued(request, REFRESH_TOKEN, asked, credentials)
    return json_reply(token_response(tokens))


async def api_logout(request: Request) -> Reply:
    """Ends the session of the refresh token in the body, or else of the bearer token. Unknown tokens are no error."""
    members = await request.json() if _has_body(request) else {}
    refresh_token = text(members, "refresh_token", limit=4096)
    if refresh_token is not None:
        client = await authenticated_client(request, credentials_of(request, members))
        proof = checked_proof(request)
        request.reason = await logout_by_refresh_token(request.runtime, client, refresh_token, proof=proof)
    else:
        request.reason = await logout_by_access_token(request.runtime, await _person(request))
    return Reply(204)


async def api_sessions(request: Request) -> Reply:
    claims = await _person(request)
    found, current = await list_own(request.runtime, claims)
    return json_reply({"sessions": [_session(session, current) for session in found]})


async def api_end_session(request: Request) -> Reply:
    claims = await _person(request)
    await end_own(request.runtime, claims, request.scope["path_params"]["id"])
    return Reply(204)


async def api_end_other_sessions(request: Request) -> Reply:
    claims = await _person(request)
    return json_reply({"ended": await end_others(request.runtime, claims)})


async def api_profile(request: Request) -> Reply:
    claims = await _person(request)
    return json_reply(_user(await profile(request.runtime, claims)))


def credentials_of(request: Request, members: dict[str, Any]) -> Credentials:
    """The client that the body names, or the default one; a confidential client authenticates as it would at /token."""
    authorization = request.header(b"authorization")
    return Credentials(
        authorization if authorization and authorization[:6].lower() == "basic " else None,
        client_id=text(members, "client_id", limit=128) or request.runtime.settings.default_client,
        client_secret=text(members, "client_secret", limit=1024) or None,
        certificate=request.certificate,
    )


def parsed(read: Callable[[], Read]) -> Read | Refused:
    """What `read` returns, or why the members are malformed: to be said once the client is known."""
    try:
        return read()
    except Rejected as wrong:
        return Refused(str(wrong.error.error), wrong.error.description or "", wrong.reason)


async def _person(request: Request) -> VerifiedClaims:
    await any_registered_origin(request)
    claims = await bearer(request, request.header(b"authorization"))
    await first_party_only(request.runtime, claims)
    return claims


def _user(user: User) -> dict[str, Any]:
    return {
        "id": str(user.id),
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.name,
        "roles": list(user.roles),
    }


def _session(session: Session, current: UUID) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "device_info": session.device_info,
        "ip_address": session.ip_address,
        "user_agent": session.user_agent,
        "created_at": session.created_at.isoformat(),
        "last_activity": session.last_activity.isoformat(),
        "expires_at": session.expires_at.isoformat(),
        "remember_me": session.remember_me,
        "current": session.id == current,
    }


def _has_body(request: Request) -> bool:
    length = request.header(b"content-length")
    return request.header(b"transfer-encoding") is not None or (length is not None and length.strip("0") != "")


ROUTES = (
    Route("/api/auth/login", {"POST": api_login, "OPTIONS": api_preflight}),
    Route("/api/auth/login/second", {"POST": api_second_step, "OPTIONS": api_preflight}),
    Route("/api/auth/refresh", {"POST": api_refresh, "OPTIONS": api_preflight}),
    Route("/api/auth/logout", {"POST": api_logout, "OPTIONS": api_preflight}),
    Route("/api/auth/sessions", {"GET": api_sessions, "DELETE": api_end_other_sessions, "OPTIONS": api_preflight}),
    Route("/api/auth/sessions/{id}", {"DELETE": api_end_session, "OPTIONS": api_preflight}),
    Route("/api/profile/me", {"GET": api_profile, "OPTIONS": api_preflight}),
)
