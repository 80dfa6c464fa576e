"""Who is logged in in a browser: by its cookie, and as a client believes (id_token_hint)."""

from __future__ import annotations

from contextlib import suppress

from authsvc.jose.verify import Marks, VerifiedClaims
from authsvc.rules.secret_digest import digest_of
from authsvc.rules.token.id_token import ABSENT, ID_TOKEN_TYPE, PRESENT
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.session import browser_sessions
from authsvc.store.session.browser_sessions import BrowserSession

USED_SECONDS = 3600
"""How old the note of a browser session's last use may become; less where sessions end by being idle."""
_HINT_LEEWAY_SECONDS = 10 * 365 * 86_400
"""An expired hint is as good as a fresh one (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 4)."""
_MARKS = Marks(PRESENT, ABSENT)


async def browser_session(runtime: Runtime, cookie: str | None) -> BrowserSession | None:
    """Who is logged in in a browser, by its cookie. Raises StoreUnavailable."""
    if not cookie:
        return None
    idle = runtime.settings.session_idle_seconds
    session = await browser_sessions.by_cookie(runtime.db, digest_of(cookie), idle_seconds=idle)
    if session and (session.now - session.last_activity).total_seconds() > min(idle / 20 or USED_SECONDS, USED_SECONDS):
        with suppress(StoreUnavailable):
            await browser_sessions.used(runtime.db, session.id)
    return session


def verified_hint(runtime: Runtime, id_token: str, *, audience: str | None) -> VerifiedClaims | None:
    """The claims of an ID token of ours, however old. None: we signed no such token."""
    claims = runtime.keyring.verify(
        id_token,
        typ=ID_TOKEN_TYPE,
        issuer=runtime.settings.issuer,
        audience=audience,
        now=runtime.clock.now(),
        leeway=_HINT_LEEWAY_SECONDS,
        client_claim="azp",
        marks=_MARKS,
    )
    return claims if isinstance(claims, VerifiedClaims) else None
