"""The logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4), and when it is sent again."""

from __future__ import annotations

from typing import Any

LOGOUT_TOKEN_TYPE = "logout+jwt"  # noqa: S105 - a media type
EVENT = "http://schemas.openid.net/event/backchannel-logout"
TOKEN_SECONDS = 120
"""Section 4: at most two minutes are recommended."""

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 600.0
REFUSALS = 5
"""A receiver that answers 4xx this often will not change its mind."""


def logout_token_claims(
    *, issuer: str, client_id: str, subject: str, sid: str, issued_at: int, jti: str
) -> dict[str, Any]:
    """`subject`, `sid`: as this client knows the person and the session. No nonce, ever: nobody shall take it for an ID
    token."""
    return {
        "iss": issuer,
        "aud": client_id,
        "iat": issued_at,
        "exp": issued_at + TOKEN_SECONDS,
        "jti": jti,
        "sub": subject,
        "sid": sid,
        "events": {EVENT: {}},
    }


def pause_after(attempts: int, chance: float) -> float:
    """Seconds until the next attempt: twice as long each time, up to ten minutes; `chance` (0 to 1) spreads them, so
    that what failed together does not come back together."""
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + 0.5 * chance)


def is_final(status: int, attempts: int) -> bool:
    """Whether an answer is a no for good. 408 and 429 ask to come back."""
    return 400 <= status < 500 and status not in (408, 429) and attempts >= REFUSALS
