"""The browser that holds a session: its cookie, and who is logged in by it."""

from __future__ import annotations

from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store.session import browser_sessions
from authsvc.store.session.browser_sessions import BrowserSession


async def browser_session(runtime: Runtime, cookie: str | None) -> BrowserSession | None:
    """Who is logged in in a browser, by its cookie. Raises StoreUnavailable."""
    return await browser_sessions.by_cookie(runtime.db, digest_of(cookie)) if cookie else None
