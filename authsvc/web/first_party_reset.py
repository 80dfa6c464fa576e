"""/api/auth/reset: a first-party frontend lets somebody who forgot their password choose another one, by the code of a
letter. The hosted page is /reset."""

from __future__ import annotations

from typing import Any

from authsvc.device_name import device_name
from authsvc.flows.login.json_reset import NewPassword, ask_for_code, reset_by_code, reset_by_second_step
from authsvc.flows.proofs.reset_password import Chooser
from authsvc.flows.proofs.tell_person import Place
from authsvc.rules.people.new_password import MOST_BYTES
from authsvc.rules.proofs.proof import MAX_TYPED
from authsvc.web.first_party_json import MAX_CHALLENGE, answer_of, ask_for_letter, holder_of, house_client
from authsvc.web.http.cors import api_preflight
from authsvc.web.http.endpoint import Route
from authsvc.web.http.reply import Reply
from authsvc.web.http.request import Request, text

PATH = "/api/auth/reset"


async def api_ask(request: Request) -> Reply:
    return await ask_for_letter(request, ask_for_code, "reset_challenge")


async def api_finish(request: Request) -> Reply:
    """The code of the letter and the new password."""
    members = await request.json()
    client = await house_client(request, members)
    sealed = text(members, "reset_challenge", limit=MAX_CHALLENGE, required=True) or ""
    code = text(members, "code", limit=MAX_TYPED) or ""
    await reset_by_code(request.runtime, client, sealed, code, _chosen(request, members))
    return Reply(204)


async def api_second_step(request: Request) -> Reply:
    """The second factor of a reset that was answered mfa_required, and the new password again."""
    members = await request.json()
    client = await house_client(request, members)
    await reset_by_second_step(request.runtime, client, answer_of(request, members), _chosen(request, members))
    return Reply(204)


def _chosen(request: Request, members: dict[str, Any]) -> NewPassword:
    password = text(members, "new_password", limit=MOST_BYTES, required=True) or ""
    chooser = Chooser(request.network, Place(device_name(request.user_agent), request.address))
    return NewPassword(password, holder_of(request), chooser)


ROUTES = (
    Route(PATH, {"POST": api_ask, "OPTIONS": api_preflight}),
    Route(f"{PATH}/finish", {"POST": api_finish, "OPTIONS": api_preflight}),
    Route(f"{PATH}/second", {"POST": api_second_step, "OPTIONS": api_preflight}),
)
