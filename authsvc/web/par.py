"""POST /par: the pushed authorization request endpoint (RFC 9126)."""

from __future__ import annotations

from authsvc.flows.authorize.pushed_requests import push_request
from authsvc.flows.caller.authenticate_client import authenticate_client
from authsvc.rules.caller.client_authentication import credentials_in
from authsvc.web.http.dpop_header import proved_key
from authsvc.web.http.reply import Reply, json_reply
from authsvc.web.http.request import Request


async def push(request: Request) -> Reply:
    """Clients authenticate as at /token. 201 with request_uri and expires_in (section 2.2)."""
    form = await request.form(several=("resource",))
    credentials = credentials_in(request.header(b"authorization"), form)
    client = await authenticate_client(request.runtime, credentials, network=request.network)
    request.client_id = client.id
    pushed = await push_request(request.runtime, client, form, confirmation=await proved_key(request))
    return json_reply({"request_uri": pushed.request_uri, "expires_in": pushed.expires_in}, 201)
