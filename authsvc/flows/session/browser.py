"""The browser that holds a session: its cookie, and who is logged in by it."""

from __future__ import annotations

from hashlib import sha256

from authsvc.runtime import Runtime
from authsvc.store.session import browser_sessions
from authsvc.store.session.browser_sessions import BrowserSession


def cookie_digest(cookie: str) -> bytes:
    """What is stored of a browser's cookie."""
    return sha256(cookie.encode("utf-8", "surrogatepass")).digest()


async def browser_session(runtime: Runtime, cookie: str | None) -> BrowserSession | None:
    """Who is logged in in a browser, by its cookie. Raises StoreUnavailable."""
    return await browser_sessions.by_cookie(runtime.db, cookie_digest(cookie)) if cookie else None
