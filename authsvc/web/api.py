"""/api: the first-party JSON endpoints that the frontends of one's own house use. Not OAuth; README says when to
prefer the hosted login."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from authsvc.device_name import MAX_USER_AGENT
from authsvc.flows.account.profile import profile
from authsvc.flows.caller.authenticate_bearer import authenticate_bearer
from authsvc.flows.caller.authenticate_client import authenticate_client
from authsvc.flows.caller.person_of_token import first_party_only
from authsvc.flows.ending.logout import logout_by_access_token, logout_by_refresh_token
from authsvc.flows.ending.own_sessions import end_others, end_own, list_own
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.json_login import login
from authsvc.flows.token.refresh_token import GRANT_TYPE, refresh
from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.people.new_password import MOST_BYTES
from authsvc.rules.records import Client, Session, User
from authsvc.web.http.cors import any_registered_origin, origin_of_client
from authsvc.web.http.dpop_header import proved_key, shown_proof
from authsvc.web.http.request import Reply, Request, flag, json_reply, malformed, text
from authsvc.web.issuing import Issuing
from authsvc.web.pages.browser import DEVICE, DEVICE_COOKIE_SECONDS, cookie, set_cookie
from authsvc.web.token import token_response

MAX_EMAIL = 320


async def api_login(request: Request) -> Reply:
    members = await request.json()
    client = await _client(request, members)
    password = text(members, "password", limit=MOST_BYTES, required=True, nul=True) or ""
    if len(password.encode()) > MOST_BYTES:
        raise malformed("The password is longer than 1024 bytes.", "password_length")
    user_agent = request.header(b"user-agent")
    attempt = Attempt(
        email=text(members, "email", limit=MAX_EMAIL, required=True) or "",
        password=password,
        remember_me=flag(members, "remember_me"),
        device_info=_printable(text(members, "device_info", limit=512)),
        user_agent=_printable(user_agent[:MAX_USER_AGENT]) if user_agent else None,
        address=request.address,
        network=request.network,
        device=cookie(request, DEVICE),
    )
    request.grant_type = "password_login"
    async with Issuing(request, client) as confirmation:
        done = await login(request.runtime, client, attempt, confirmation=confirmation)
    request.user_id, request.session_id = str(done.user.id), str(done.session_id)
    answer = {
        **token_response(done.tokens, confirmation),
        "user": _user(done.user),
        "session_id": str(done.session_id),
        "remember_me": done.remember_me,
    }
    return json_reply(answer, 200, [set_cookie(request, DEVICE, done.device, DEVICE_COOKIE_SECONDS)])


async def api_refresh(request: Request) -> Reply:
    members = await request.json()
    client = await _client(request, members)
    request.grant_type = GRANT_TYPE
    async with Issuing(request, client) as confirmation:
        tokens = await refresh(
            request.runtime,
            client,
            refresh_token=text(members, "refresh_token", limit=4096),
            scope=text(members, "scope", limit=4096) or "",
            confirmation=confirmation,
        )
    return json_reply(token_response(tokens, confirmation))


async def api_logout(request: Request) -> Reply:
    """Ends the session of the refresh token in the body, or else of the bearer token. Unknown tokens are no error."""
    members = await request.json() if _has_body(request) else {}
    refresh_token = text(members, "refresh_token", limit=4096)
    if refresh_token is not None:
        client = await _client(request, members)
        confirmation = await proved_key(request)
        request.reason = await logout_by_refresh_token(
            request.runtime, client, refresh_token, confirmation=confirmation
        )
    else:
        request.reason = await logout_by_access_token(request.runtime, await _person(request))
    return Reply(204)


async def api_sessions(request: Request) -> Reply:
    claims = await _person(request)
    found = await list_own(request.runtime, claims)
    return json_reply({"sessions": [_session(session, claims) for session in found]})


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


async def _client(request: Request, members: dict[str, Any]) -> Client:
    """The client that the body names, or the default one; a confidential client authenticates as it would at /token."""
    client_id = text(members, "client_id", limit=128) or request.runtime.settings.default_client
    authorization = request.header(b"authorization")
    basic = authorization if authorization and authorization[:6].lower() == "basic " else None
    form = {"client_id": client_id}
    secret = text(members, "client_secret", limit=1024)
    if secret:
        form["client_secret"] = secret
    client = await authenticate_client(request.runtime, basic, form, network=request.network)
    request.client_id = client.id
    origin_of_client(request, client)
    return client


async def _person(request: Request) -> VerifiedClaims:
    await any_registered_origin(request)
    claims = await authenticate_bearer(request.runtime, request.header(b"authorization"), shown_proof(request))
    request.client_id, request.user_id, request.session_id = claims.client_id, claims.sub, claims.sid
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


def _session(session: Session, claims: VerifiedClaims) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "device_info": session.device_info,
        "ip_address": session.ip_address,
        "user_agent": session.user_agent,
        "created_at": session.created_at.isoformat(),
        "last_activity": session.last_activity.isoformat(),
        "expires_at": session.expires_at.isoformat(),
        "remember_me": session.remember_me,
        "current": session.id == UUID(claims.sid or ""),
    }


def _printable(value: str | None) -> str | None:
    """What a person will read in a list of devices: no control or direction-changing characters."""
    return "".join(char for char in value if char.isprintable()) or None if value else None


def _has_body(request: Request) -> bool:
    length = request.header(b"content-length")
    return request.header(b"transfer-encoding") is not None or (length is not None and length.strip("0") != "")
