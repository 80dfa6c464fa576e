"""An operator makes an initial access token (RFC 7591 section 3), with which others register clients."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from authsvc.rules.clients.registration import judge_registration_token
from authsvc.rules.refused import Refused
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.operator import registration_tokens
from authsvc_jws.base64url import base64url_encode


async def add_registration_token(
    runtime: Runtime,
    actor: str,
    *,
    uses: int,
    seconds: int,
    note: str,
    origins: Sequence[str] = (),
    pkce: str = "required",
) -> tuple[str, datetime] | Refused:
    """An initial access token (RFC 7591 section 3) and when it expires; only its digest is kept. `origins`: of pages
    that may use it; `pkce`: the policy of its confidential clients."""
    if refused := judge_registration_token(uses, seconds, note, origins, pkce):
        return refused
    token = base64url_encode(runtime.entropy(32))
    async with runtime.db.transaction(seconds=10) as connection:
        digest = digest_of(token)
        expires_at = await registration_tokens.add_token(
            connection, digest, uses=uses, seconds=seconds, note=note, origins=origins, pkce=pkce, created_by=actor
        )
        await audit.record(
            connection,
            "registration_token_made",
            actor,
            uses=uses,
            seconds=seconds,
            note=note,
            origins=origins,
            pkce=pkce,
        )
    return token, expires_at
