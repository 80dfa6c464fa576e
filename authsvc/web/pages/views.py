"""The hosted pages: from a frozen view to a `Reply`. Rendering only: no flow, no store, no clock.

Each page works without JavaScript. Every string in a view is taken for a stranger's: escaped by the templates, and made
readable by `words.plain` and `words.named`. The one who posts a form back finds the fields named in the view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from authsvc.web.http.reply import Headers, Reply
from authsvc.web.pages.brand import Look
from authsvc.web.pages.headers import page_headers
from authsvc.web.pages.language import Words, named, plain, strong, words

SUBMIT_SCRIPT = "HTMLFormElement.prototype.submit.call(document.forms[0])"
"""form_post's one line; `form.submit` itself could be hidden by a parameter named submit."""


ProblemKind = Literal[
    "credentials",
    "missing",
    "too_many",
    "unavailable",
    "expired",
    "user_code",
    "current_password",
    "password_mismatch",
    "password_short",
    "password_long",
    "password_common",
    "password_same",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """Shown in the form it belongs to, as text `problem.<kind>`. `retry_after`: seconds, for too_many and unavailable;
    `count`: for texts with a number."""

    kind: ProblemKind
    retry_after: int = 0
    count: int = 0

    @property
    def status(self) -> int:
        """4xx for a wrong password: browsers then do not offer to save it."""
        return {"too_many": 429, "unavailable": 503}.get(self.kind, 400)


@dataclass(frozen=True, slots=True)
class Login:
    """Posts username, password, remember_me ("1", only with `remember_me_allowed`), request, csrf.

    `targets`: where the client's answer may send the browser, the redirect_uri of the request at least."""

    csrf: str = field(repr=False)
    request: str = field(repr=False, default="")
    client_name: str | None = None
    targets: tuple[str, ...] = ()
    username: str = ""
    remember_me_allowed: bool = False
    remember_me: bool = False
    again: bool = False
    problem: Problem | None = None
    action: str = "/login"


@dataclass(frozen=True, slots=True)
class Consent:
    """Posts decision=allow|deny, request, csrf."""

    csrf: str = field(repr=False)
    request: str = field(repr=False)
    client_name: str
    account: str
    scope: tuple[str, ...]
    redirect_uri: str
    policy_uri: str | None = None
    terms_uri: str | None = None
    action: str = "/consent"


@dataclass(frozen=True, slots=True)
class SessionCard:
    """One session. `device`: the name it was given; `browser`: the readable name of its User-Agent."""

    id: str
    device: str | None
    browser: str | None
    address: str | None
    apps: tuple[str, ...]
    signed_in: datetime
    last_seen: datetime
    current: bool = False


@dataclass(frozen=True, slots=True)
class AppCard:
    """One app with a consent, and the button that takes it back."""

    client_id: str
    name: str
    scope: tuple[str, ...]
    allowed_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """`<action>/sessions/end` posts session; `<action>/sessions/end-others` nothing; `<action>/password` posts
    current_password, new_password, repeat_password; `<action>/apps/revoke` posts client_id. Each with csrf.

    `problem` belongs to the password form. `count` is the number in the notice others_ended. `total`: of all sessions,
    None where `sessions` are all; other pages of them are at `<action>?page=`."""

    csrf: str = field(repr=False)
    account: str
    name: str | None
    now: datetime
    sessions: tuple[SessionCard, ...]
    apps: tuple[AppCard, ...] = ()
    notice: Literal["session_ended", "others_ended", "password_changed", "app_revoked"] | None = None
    count: int = 0
    problem: Problem | None = None
    total: int | None = None
    page: int = 1
    pages: int = 1
    action: str = "/account"
    logout_url: str = "/logout"


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """Posts user_code, csrf."""

    csrf: str = field(repr=False)
    account: str | None = None
    user_code: str = ""
    numeric: bool = False
    problem: Problem | None = None
    action: str = "/device"


@dataclass(frozen=True, slots=True)
class DeviceConfirm:
    """Posts decision=allow|deny, user_code, request, csrf. `device`, `address`: of the device that asked
    (RFC 8628 section 5.4: the person can see what it is for)."""

    csrf: str = field(repr=False)
    account: str
    user_code: str
    client_name: str
    scope: tuple[str, ...]
    now: datetime
    asked_at: datetime
    device: str | None = None
    address: str | None = None
    request: str = field(repr=False, default="")
    action: str = "/device"


@dataclass(frozen=True, slots=True)
class DeviceDone:
    """The person has decided; the device goes on by itself."""

    allowed: bool


@dataclass(frozen=True, slots=True)
class LogoutConfirm:
    """Posts decision=logout|stay, request, csrf. `targets`: the post_logout_redirect_uri, where there is one."""

    csrf: str = field(repr=False)
    account: str | None = None
    request: str = field(repr=False, default="")
    targets: tuple[str, ...] = ()
    action: str = "/logout"


@dataclass(frozen=True, slots=True)
class LogoutDone:
    """`return_url`: a link back to the app; shown only where it is http(s)."""

    client_name: str | None = None
    return_url: str | None = None


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Posts decision=another|deny, request, csrf: another account, or back to the client without access."""

    csrf: str = field(repr=False)
    request: str = field(repr=False)
    client_name: str
    account: str
    targets: tuple[str, ...]
    action: str = "/login"


FailureKind = Literal[
    "bad_request", "expired", "forbidden", "not_found", "role_missing", "too_many", "unavailable", "server_error"
]
_FAILURE_STATUS = {
    "forbidden": 403,
    "role_missing": 403,
    "not_found": 404,
    "too_many": 429,
    "unavailable": 503,
    "server_error": 500,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """`reference`: the request id; `reason`: our own lower_snake word, never input."""

    kind: FailureKind
    reference: str = ""
    reason: str = ""
    retry_after: int = 1

    @property
    def status(self) -> int:
        return _FAILURE_STATUS.get(self.kind, 400)


@dataclass(frozen=True, slots=True)
class FormPost:
    """OAuth 2.0 Form Post Response Mode: `parameters` go to `redirect_uri` byte for byte (but the browser writes line
    ends as CRLF, HTML section 4.10.22.4)."""

    redirect_uri: str
    parameters: Mapping[str, str] = field(repr=False)


def login_page(look: Look, language: str, view: Login) -> Reply:
    """Render the login form."""
    return _page("login", look, language, view, targets=view.targets, problem=view.problem)


def consent_page(look: Look, language: str, view: Consent) -> Reply:
    """Render the consent form: the client, and what it would be allowed."""
    return _page("consent", look, language, view, targets=(view.redirect_uri,), host=_host(view.redirect_uri))


def account_page(look: Look, language: str, view: Account) -> Reply:
    """Render sessions and apps of a person."""
    rows = _session_rows(words(language), view)
    return _page("account", look, language, view, problem=view.problem, rows=rows)


def device_page(look: Look, language: str, view: DeviceEntry | DeviceConfirm | DeviceDone) -> Reply:
    """Render one of the three steps of the device grant (RFC 8628 section 3.3)."""
    if isinstance(view, DeviceEntry):
        return _page("device_entry", look, language, view, problem=view.problem)
    return _page("device_confirm" if isinstance(view, DeviceConfirm) else "device_done", look, language, view)


def logout_page(look: Look, language: str, view: LogoutConfirm | LogoutDone) -> Reply:
    """Render the question whether to log out, or that nobody is logged in any more."""
    if isinstance(view, LogoutConfirm):
        return _page("logout_confirm", look, language, view, targets=view.targets)
    return _page("logout_done", look, language, view)


def turned_away_page(look: Look, language: str, view: TurnedAway) -> Reply:
    """Render that this account lacks the role which the client demands."""
    return _page("turned_away", look, language, view, status=403, targets=view.targets)


def error_page(look: Look, language: str, view: Failure) -> Reply:
    """Render a failure, with what the person can do."""
    later = view.retry_after if view.status in (429, 503) else 0
    return _page("error", look, language, view, status=view.status, later=later)


def form_post_page(look: Look, language: str, view: FormPost) -> Reply:
    """Raises ValueError where the redirect URI is not http(s)."""
    if urlsplit(view.redirect_uri).scheme not in ("http", "https"):
        raise ValueError("form_post needs an http(s) redirect URI")
    headers = page_headers(
        language,
        logo_source=look.logo_source,
        targets=(view.redirect_uri,),
        to_self=False,
        script=SUBMIT_SCRIPT,
    )
    body = _render("form_post", look, words(language), view, host=_host(view.redirect_uri), script=SUBMIT_SCRIPT)
    return Reply(200, body, headers)


def _page(
    name: str,
    look: Look,
    language: str,
    view: object,
    *,
    status: int = 200,
    later: int = 0,
    targets: tuple[str, ...] = (),
    problem: Problem | None = None,
    **more: Any,
) -> Reply:
    texts = words(language)
    headers: Headers = page_headers(texts.language, logo_source=look.logo_source, targets=targets)
    if problem:
        status, later = problem.status, problem.retry_after
        more["problem_text"] = _problem_text(texts, problem)
    if later:
        headers.append((b"retry-after", b"%d" % later))
    return Reply(status, _render(name, look, texts, view, **more), headers)


def _render(name: str, look: Look, texts: Words, view: object, **more: Any) -> bytes:
    page = _template(name).render(look=look, words=texts, t=texts.text, view=view, **more)
    return page.encode("utf-8", "replace")


def _problem_text(texts: Words, problem: Problem) -> Markup:
    if problem.kind == "password_short":
        return texts.counted("problem.password_short", problem.count)
    if problem.kind in ("too_many", "unavailable"):
        return texts.text(f"problem.{problem.kind}", wait=texts.wait(problem.retry_after))
    return texts.text(f"problem.{problem.kind}")


def _host(uri: str) -> str:
    """Where the person goes next, "" for an app on their own device (RFC 8252)."""
    parts = urlsplit(uri)
    loopback = parts.hostname in ("127.0.0.1", "::1", None)
    return "" if parts.scheme not in ("http", "https") or loopback else parts.netloc.rpartition("@")[2]


def _link(uri: str | None) -> str:
    """A URI that may stand in href, else "": nothing but http(s), so nothing that runs."""
    try:
        parts = urlsplit(uri or "")
    except ValueError:
        return ""
    return uri or "" if parts.scheme in ("http", "https") and parts.hostname else ""


def _session_rows(texts: Words, view: Account) -> list[tuple[object, ...]]:
    """What the template's loop unpacks. An account may have a thousand sessions, and a call from a template costs ten
    times one from here: so the loop makes none."""
    rows: list[tuple[object, ...]] = []
    for one in view.sessions:
        browser = plain(one.browser, 80)
        device = plain(one.device, 80) or browser or texts.text("account.unknown_device")
        picture, second = _glyph(device + browser), browser if browser != device else ""
        address, apps = plain(one.address, 64), _app_names(one.apps)
        since, seen = texts.moment(one.signed_in), texts.ago(one.last_seen, view.now)
        rows.append((one.id, one.current, picture, device, second, address, apps, since, seen))
    return rows


@lru_cache(maxsize=256)
def _app_names(apps: tuple[str, ...]) -> Markup:
    return Markup(", ").join(named(app) for app in apps)


def _glyph(device: str) -> str:
    """The picture of a device, by its readable name."""
    handheld = any(word in device for word in ("iPhone", "iPad", "iPod", "Android", "Mobile", "Phone"))
    return "handheld" if handheld else "desk"


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.globals.update(named=named, strong=strong, plain=plain, link=_link)


@cache
def _template(name: str) -> Template:
    """Compiled when it is first shown: a tenth of a second, and some megabytes, that the start need not wait for."""
    return _ENVIRONMENT.get_template(f"{name}.html")
