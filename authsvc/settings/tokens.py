"""Settings of tokens, and of the sessions for which they are issued."""

from __future__ import annotations

from dataclasses import dataclass

from authsvc.settings.kinds import DAY, boolean, setting, whole


@dataclass(frozen=True, kw_only=True)
class Tokens:
    access_token_seconds: int = setting(whole(10, DAY), 1800, help="life of an access token")
    session_seconds: int = setting(whole(60, 3650 * DAY), 7 * DAY, help="life of a session, fixed at login")
    remember_me_seconds: int = setting(whole(60, 3650 * DAY), 30 * DAY, help="life with remember me")
    refresh_grace_seconds: int = setting(whole(0, 300), 30, help="repeat window of a used refresh token; 0: strict")
    dpop_nonce_required: bool = setting(
        boolean, True, help="a DPoP proof must repeat a nonce of ours, so that none can be made in advance"
    )
