"""What an ID token says of a person, where the statement that gives the tokens does not bring it."""

from __future__ import annotations

from collections.abc import Sequence

from authsvc.rules.client_record import Client
from authsvc.rules.person_record import Login
from authsvc.rules.token.granted import Identified
from authsvc.rules.token.id_token import claims_about
from authsvc.runtime import Runtime
from authsvc.store.account import users


async def identify(runtime: Runtime, client: Client, login: Login, scope: Sequence[str]) -> Identified | None:
    """None: no ID token is due. A statement only for a client whose ID tokens say who the person is. Raises
    StoreUnavailable."""
    if "openid" not in scope:
        return None
    user = await users.by_id(runtime.db, login.user_id) if client.tokens.id_token_claims else None
    return Identified(about=claims_about(user, scope, aliases=client.tokens.claim_aliases) if user else {})
