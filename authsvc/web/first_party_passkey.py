"""/api/auth/passkey: people log in with a passkey on the page of a first-party frontend."""

from __future__ import annotations

import json
from typing import Any

from authsvc.flows.factors.passkey_assertion import Sent
from authsvc.flows.login.json_passkey import PASSKEY_LOGIN, PasskeySent, begin_passkey_login
from authsvc.web.first_party_json import (
    MAX_CHALLENGE,
    attempt_in,
    credentials_of,
    holder_of,
    house_client,
    logged_in,
    parsed,
)
from authsvc.web.http.cors import api_preflight
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import NotFound
from authsvc.web.http.reply import Reply, json_reply
from authsvc.web.http.request import Request, malformed, text
from authsvc.web.issuing import issued
from authsvc.webauthn import MAX_TEXT

PATH = "/api/auth/passkey"


async def api_options(request: Request) -> Reply:
    """A fresh challenge for whichever passkey the person has. Gives no access, and leaves no row behind."""
    client = await house_client(request, await request.json())
    begun = await begin_passkey_login(request.runtime, client, holder=holder_of(request), network=request.network)
    if begun is None:
        raise NotFound
    options, sealed = begun
    return json_reply({"options": options, "passkey_challenge": sealed})


async def api_finish(request: Request) -> Reply:
    """What the authenticator answered; the tokens, as of the login by password."""
    members = await request.json()
    credentials = credentials_of(request, members)
    asked = parsed(lambda: _sent(request, members))
    login, tokens = await issued(request, PASSKEY_LOGIN, asked, credentials)
    return logged_in(request, login, tokens)


def _sent(request: Request, members: dict[str, Any]) -> PasskeySent:
    """`credential`: AuthenticationResponseJSON (WebAuthn Level 3 section 5.1.8), as an object or as its text."""
    challenge = text(members, "passkey_challenge", limit=MAX_CHALLENGE, required=True) or ""
    attempt = attempt_in(request, members)
    return PasskeySent(Sent(_credential(members), challenge), attempt, holder_of(request))


def _credential(members: dict[str, Any]) -> str:
    sent = members.get("credential")
    if isinstance(sent, dict):
        said = json.dumps(sent)
        if len(said) > MAX_TEXT:
            raise malformed("The member credential is too long.", "credential_length")
        return said
    return text(members, "credential", limit=MAX_TEXT, required=True) or ""


ROUTES = (
    Route(f"{PATH}/options", {"POST": api_options, "OPTIONS": api_preflight}),
    Route(PATH, {"POST": api_finish, "OPTIONS": api_preflight}),
)
