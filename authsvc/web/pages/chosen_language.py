"""Which language a page is in, where something chose one. Rendering knows the words; this, the request."""

from __future__ import annotations

from authsvc.web.http.request import Request
from authsvc.web.pages.catalogue import LANGUAGES
from authsvc.web.pages.cookies_and_forms import LANGUAGE, cookie
from authsvc.web.pages.language import choose_language


def language_of(request: Request, ui_locales: str | None = None) -> str:
    """ui_locales first, then what the person chose who is logged in, then what was chosen in this browser before, then
    Accept-Language. Nothing is looked up by the address that is typed: its language would tell that it is known."""
    chosen = f"{ui_locales or ''} {request.locale} {kept_language(request)}"
    return choose_language(chosen, request.header_list(b"accept-language"))


def kept_language(request: Request) -> str:
    """The language that was chosen in this browser, "" where none was."""
    kept = cookie(request, LANGUAGE)
    return kept if kept in LANGUAGES else ""
