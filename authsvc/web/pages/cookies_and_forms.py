"""What the hosted pages share: cookies, and the proof that a form came from our own page.

Cookies are `__Host-` and Secure on https; plain http is for development on localhost, where Settings allows it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from authsvc.rules.errors import Rejected
from authsvc.web.http.request import Request
from authsvc_jws.base64url import base64url_encode

SESSION = "authsvc_session"
"""Who is logged in in this browser. Only its digest is stored."""
BROWSER = "authsvc_browser"
"""Which browser this is: what tokens against cross-site forms are made from. Holds no right."""
DEVICE = "authsvc_device"
TRUSTED = "authsvc_trusted"
"""That a person trusts this browser: their login needs no second step here. Only its digest is stored."""
LANGUAGE = "authsvc_language"
"""The language that somebody chose in this browser for their account: for pages that know nobody. Holds no right."""
_LANGUAGE_SECONDS = 365 * 86_400
_CSRF = "cross-site form token"


def cookie(request: Request, name: str) -> str | None:
    """The value of one of our cookies, None where the browser sent none."""
    return request.cookie(_full_name(request, name))


def set_cookie(request: Request, name: str, value: str, seconds: int | None) -> None:
    """Let the answer set a cookie, whatever it will be. `seconds`: None for the life of the browser, 0 to remove it.
    Lax: a client's redirect must bring it along."""
    secure = "; Secure" if _secure(request) else ""
    age = "" if seconds is None else f"; Max-Age={seconds}"
    text = f"{_full_name(request, name)}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}"
    request.answer_with((b"set-cookie", text.encode("ascii")))


def keep_language(request: Request, language: str) -> None:
    """Let the pages of this browser be in a language from now on, also where nobody is logged in; "": in its own."""
    set_cookie(request, LANGUAGE, language, _LANGUAGE_SECONDS if language else 0)


def session_secret(request: Request) -> str | None:
    """The secret of this browser's session. None for a HEAD, which is answered as if nobody were logged in: it may give
    no code and end no session (RFC 9110 section 9.2.1). Link scanners send them."""
    return None if request.scope["method"] == "HEAD" else cookie(request, SESSION)


def form_token(request: Request) -> str:
    """The `csrf` field of a page's forms; the answer sets the cookie that it needs."""
    return _token(request, request.runtime.master.current_id, _browser(request))


def this_browser(request: Request) -> str:
    """What stands for this browser in what we seal; the answer sets the cookie that it needs."""
    return _mark(_browser(request))


def is_browser(request: Request, mark: str | None) -> bool:
    """Whether a mark of `this_browser` is of this browser."""
    browser = cookie(request, BROWSER)
    return browser is not None and mark == _mark(browser)


def _mark(browser: str) -> str:
    return base64url_encode(sha256(browser.encode("utf-8", "surrogatepass")).digest()[:16])


def _browser(request: Request) -> str:
    browser = request.browser or cookie(request, BROWSER)
    if not browser or len(browser) != 22 or not browser.isascii():
        browser = request.browser = base64url_encode(request.runtime.entropy(16))
        set_cookie(request, BROWSER, browser, None)
    return browser


class FormExpired(Rejected):
    """Our own form, as far as can be told, of a browser that has lost the cookie that belongs to it: nothing is done
    with `form` but to draw its page anew."""

    def __init__(self, form: Mapping[str, str], description: str, reason: str) -> None:
        super().__init__("access_denied", description, reason, status=403)
        self.form = form


async def own_form(request: Request) -> dict[str, str]:
    """The form of a page of ours. Raises Rejected for any other one, FormExpired where its page shall be drawn anew."""
    form = await request.form()
    check_form(request, form)
    return form


def check_form(request: Request, form: Mapping[str, str]) -> None:
    """Raises Rejected (403) for a form that came from a page of another site, and FormExpired for one without the
    token of this browser."""
    refuse_foreign(request)
    browser, token = cookie(request, BROWSER), form.get("csrf", "")
    genuine = bool(browser) and any(
        hmac.compare_digest(_token(request, key_id, browser or "").encode(), token.encode("utf-8", "surrogatepass"))
        for key_id in request.runtime.master.ids
    )
    if not genuine:
        raise FormExpired(form, "This form has expired. Go back, load the page again and retry.", "form_token")


def refuse_foreign(request: Request) -> None:
    """Raises Rejected (403) for what a page of another site sent, as far as the browser says so.

    Our pages send no Referer, so browsers write `Origin: null`; Sec-Fetch-Site tells the same more exactly.
    """
    site = request.header(b"sec-fetch-site")
    origin = request.header(b"origin")
    parts = urlsplit(request.runtime.settings.issuer)
    foreign = site not in (None, "same-origin", "none") or origin not in (
        None,
        "null",
        f"{parts.scheme}://{parts.netloc}",
    )
    if foreign:
        raise Rejected("access_denied", "This form is not from a page of ours.", "form_foreign", status=403)


def from_our_page(request: Request) -> bool:
    """Whether the browser itself says that a page of ours sent this (Fetch Metadata); older ones say nothing."""
    return request.header(b"sec-fetch-site") == "same-origin"


def _token(request: Request, key_id: int, browser: str) -> str:
    key = request.runtime.master.derive(key_id, _CSRF)
    digest = hmac.digest(key, browser.encode("utf-8", "surrogatepass"), "sha256")
    return base64url_encode(digest[:18])


def _secure(request: Request) -> bool:
    return urlsplit(request.runtime.settings.issuer).scheme == "https"


def _full_name(request: Request, name: str) -> str:
    return f"__Host-{name}" if _secure(request) else name
