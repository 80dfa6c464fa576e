"""/api/auth/signup: a first-party frontend lets somebody register by the code of a letter. The page is /signup."""

from __future__ import annotations

from authsvc.device_name import device_name
from authsvc.flows.proofs.join import Joining
from authsvc.flows.proofs.json_join import ask_to_join, join_by_code
from authsvc.flows.proofs.tell_person import Place
from authsvc.rules.people.new_password import MOST_BYTES
from authsvc.rules.people.person import MAX_NAME
from authsvc.rules.proofs.proof import MAX_TYPED
from authsvc.web.first_party_json import MAX_CHALLENGE, ask_for_letter, holder_of, house_client
from authsvc.web.http.cors import api_preflight
from authsvc.web.http.endpoint import Route
from authsvc.web.http.reply import Reply
from authsvc.web.http.request import Request, text

PATH = "/api/auth/signup"


async def api_ask(request: Request) -> Reply:
    return await ask_for_letter(request, ask_to_join, "signup_challenge")


async def api_finish(request: Request) -> Reply:
    """The code of the letter, with name and password."""
    members = await request.json()
    client = await house_client(request, members)
    sealed = text(members, "signup_challenge", limit=MAX_CHALLENGE, required=True) or ""
    code = text(members, "code", limit=MAX_TYPED, required=True) or ""
    joining = Joining(
        text(members, "name", limit=MAX_NAME) or "",
        text(members, "new_password", limit=MOST_BYTES, required=True) or "",
        request.network,
        Place(device_name(request.user_agent), request.address),
    )
    await join_by_code(request.runtime, client, sealed, code, joining, holder=holder_of(request))
    return Reply(204)


ROUTES = (
    Route(PATH, {"POST": api_ask, "OPTIONS": api_preflight}),
    Route(f"{PATH}/finish", {"POST": api_finish, "OPTIONS": api_preflight}),
)
