"""How a client gets tokens, step by step. Every grant passes every step in this order, and none can forget one.

    1  parse       the request, once, into a typed one                       `GrantType.parse`; called by web
    2  client      who is calling                                            flows/caller/authenticate_client
    3  permission  may this client use this grant                            `Issuance.permit`, rules/clients/fapi2
    4  proof       what does the caller hold: checked, and not spent yet     flows/caller/prove_possession
    5  keys        can the tokens be signed: asked before anything is spent  flows/keys/sign
    6  recognize   can it be ours at all: a MAC, and no store is asked       `Issuance.recognize`
    7  spend       the proof is good once                                    flows/caller/prove_possession
    8  index       room in a status list, where the tokens need it           flows/revocation/status_indices
    9  grant       load, judge, apply, commit                                `Issuance.run`
    10 issue       sign what was committed                                   flows/token/tokens
    11 answer      is written by web                                         web/issuing

What was malformed at step 1 is refused after step 4: who is not known is told nothing of it. Steps 6 and 7 are for who
showed a proof: without one nothing is written for a forgery, and `run` finds it first thing.

To add a grant type here: write one file beside this one with its request, `parse`, `run` and `GrantType`, and list it
in `GRANT_TYPES`. What else names grant types is listed in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authsvc.flows.caller.authenticate_client import authenticate_client
from authsvc.flows.caller.prove_possession import (
    Shown,
    certificate_for_tokens,
    check_proof_for_tokens,
    spend_dpop_proof,
)
from authsvc.flows.keys.sign import require_keys
from authsvc.flows.revocation.status_indices import IndexAtHand
from authsvc.flows.token.authorization_code import AUTHORIZATION_CODE
from authsvc.flows.token.client_credentials import CLIENT_CREDENTIALS
from authsvc.flows.token.device_code import DEVICE_CODE
from authsvc.flows.token.grant_type import Asked, Caller, Given, GrantType, Issuance
from authsvc.flows.token.refresh_token import REFRESH_TOKEN
from authsvc.flows.token.token_exchange import TOKEN_EXCHANGE
from authsvc.flows.token.tokens import Tokens, issue
from authsvc.records import frozen
from authsvc.rules.caller.client_authentication import Credentials
from authsvc.rules.client_record import Client
from authsvc.rules.clients.fapi2 import refuse_unmet
from authsvc.rules.errors import rejected
from authsvc.rules.refused import Refused
from authsvc.rules.token.granted import Granted
from authsvc.runtime import Runtime

GRANT_TYPES: dict[str, GrantType[Any, Granted]] = {
    grant.name: grant for grant in (AUTHORIZATION_CODE, CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN, TOKEN_EXCHANGE)
}
"""The grant types of POST /token."""


@frozen
class Sent:
    """How a request for tokens came; nothing of it is proved. `authenticated` is told the client as soon as it is
    known, so that a refusal after that is logged as this client's, and readable by its pages."""

    credentials: Credentials
    network: str
    shown: Shown | None
    authenticated: Callable[[Client], None]


async def issue_tokens(
    runtime: Runtime, grant: Issuance[Asked, Given], asked: Asked | Refused, sent: Sent
) -> tuple[Given, Tokens]:
    """Steps 2 to 10: what was granted, and the tokens. Raises Rejected, TooMany, Unavailable, StoreUnavailable."""
    # 2 client
    client = await authenticate_client(runtime, sent.credentials, network=sent.network)
    sent.authenticated(client)
    # 3 permission
    if refused := grant.permit(client, grant.name) or refuse_unmet(client, grant.name):
        raise rejected(refused)
    # 4 proof
    proof = check_proof_for_tokens(runtime, client, sent.shown)
    caller = Caller(client, proof, certificate_for_tokens(client, sent.credentials.certificate))
    if isinstance(asked, Refused):
        raise rejected(asked)
    # 5 keys
    require_keys(runtime, client, id_token=grant.identifies(client) and "openid" in client.tokens.scopes)
    if proof is not None:
        # 6 recognize
        if grant.recognize is not None:
            grant.recognize(runtime, client, asked)
        # 7 spend
        if not grant.spends_proof:
            await spend_dpop_proof(runtime, proof)
    # 8 index
    async with IndexAtHand(runtime, client):
        # 9 grant
        granted = await grant.run(runtime, caller, asked)
        # 10 issue
        return granted, await issue(runtime, caller, grant.name, granted)
