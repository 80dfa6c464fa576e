"""/api/auth/login/mail: first-party frontends log people in by a mailed code, where the client's policy lets them."""

from __future__ import annotations

from typing import Any

from authsvc.flows.login.mailed_code_json import MAILED_CODE_LOGIN, MailedCodeSent, ask_for_mailed_code
from authsvc.rules.proofs.proof import MAX_TYPED
from authsvc.web.first_party_json import (
    MAX_CHALLENGE,
    attempt_in,
    credentials_of,
    email_in,
    holder_of,
    letter_reply,
    logged_in,
    parsed,
)
from authsvc.web.http.cors import api_preflight
from authsvc.web.http.dpop_header import shown_proof
from authsvc.web.http.endpoint import Route
from authsvc.web.http.reply import Reply
from authsvc.web.http.request import Request, text
from authsvc.web.issuing import authenticated_client, issued
from authsvc.web.login import attempt_of
from authsvc.web.pages.chosen_language import language_of


async def api_ask_for_code(request: Request) -> Reply:
    """Ask for the letter. One answer, whoever has the address."""
    members = await request.json()
    client = await authenticated_client(request, credentials_of(request, members))
    sealed = await ask_for_mailed_code(
        request.runtime,
        client,
        attempt_in(request, members, email_in(members)),
        holder=holder_of(request),
        shown=shown_proof(request),
        certificate=request.certificate,
        language=language_of(request),
    )
    return letter_reply("mail_challenge", sealed)


async def api_finish(request: Request) -> Reply:
    members = await request.json()
    credentials = credentials_of(request, members)
    asked = parsed(lambda: _sent(request, members))
    login, tokens = await issued(request, MAILED_CODE_LOGIN, asked, credentials)
    return logged_in(request, login, tokens)


def _sent(request: Request, members: dict[str, Any]) -> MailedCodeSent:
    sealed = text(members, "mail_challenge", limit=MAX_CHALLENGE, required=True) or ""
    code = text(members, "code", limit=MAX_TYPED, required=True) or ""
    return MailedCodeSent(sealed, code, attempt_of(request, "", ""), holder_of(request))


ROUTES = (
    Route("/api/auth/login/mail", {"POST": api_ask_for_code, "OPTIONS": api_preflight}),
    Route("/api/auth/login/mail/finish", {"POST": api_finish, "OPTIONS": api_preflight}),
)
