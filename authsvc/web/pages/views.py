"""The hosted pages: from a frozen view to an answer. Rendering only: no flow is called, no store, no clock.

Each page works without JavaScript. Every string in a view is taken for a stranger's: escaped by the templates, and made
readable by `language.plain` and `language.named`. The one who posts a form back finds the fields named in the view.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import field
from importlib import import_module
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from starlette.responses import Response

from authsvc.flows.account.result_message import ResultMessage
from authsvc.flows.account.sessions_and_apps import Overview
from authsvc.flows.authorize.authorize import ShowPage
from authsvc.flows.device.confirm_device import Found
from authsvc.flows.ending.browser_logout import AskFirst
from authsvc.flows.factors.passkey_way import PASSKEY_WAYS
from authsvc.flows.login import second_step as flow
from authsvc.records import frozen
from authsvc.web.http.request import Request
from authsvc.web.pages.brand import look_of
from authsvc.web.pages.chosen_language import language_of
from authsvc.web.pages.headers import page_headers
from authsvc.web.pages.language import words

_RENDERING = "authsvc.web.pages.rendering"
ProblemKind = Literal[
    "credentials",
    "second_factor",
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
    "email",
    "mailed_code",
    "mail_code_level",
    "name",
    "passkey",
    "passkey_add",
    "passkey_full",
    "passkey_known",
    "passkey_last",
]


@frozen
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


@frozen(kw_only=True)
class View:
    """What every page may have: `csrf` for its forms, `problem` for the form that was posted, and `target`, where such
    a form may send the browser besides to us: a redirect URI."""

    template: ClassVar[str]
    script: ClassVar[str] = ""
    """The one inline script. Its page posts to the target alone."""
    module: ClassVar[str] = ""
    """The static file with the page's script: what it does is of no use to whoever runs none."""
    csrf: str = field(repr=False, default="")
    target: str | None = None
    problem: Problem | None = None

    @property
    def status(self) -> int:
        return self.problem.status if self.problem else 200

    @property
    def later(self) -> int:
        """Seconds for Retry-After; 0 for none."""
        return self.problem.retry_after if self.problem else 0


@frozen
class Login(View):
    """Posts username, password, remember_me ("1", only with `remember_me_allowed`), request, csrf. With `passkeys` its
    script posts passkey, passkey_challenge instead of username and password."""

    template = "login"
    request: str = field(repr=False, default="")
    client_name: str | None = None
    username: str = ""
    remember_me_allowed: bool = False
    remember_me: bool = False
    again: bool = False
    forgot: str = ""
    """Where a forgotten password is replaced; '': nowhere, for there is no mail."""
    join: str = ""
    """Where an account can be made; '': not here."""
    mail_code: str = ""
    """Where a code is asked for by mail instead; '': not here."""
    passkeys: bool = False

    @property
    def module(self) -> str:  # type: ignore[override]
        return "passkeys.js" if self.passkeys else ""


@frozen
class SecondStep(View):
    """Asks for a second factor. Each way has a form of its own; it posts way, challenge, request, csrf to `action`, and
    code, or for a passkey, by its script, credential; trust_device=1 where the device may be trusted; and key, of the
    proof that a reset is for. `way`: the one that was tried before, with `trust` in the device."""

    template = "second_step"
    asked: flow.SecondStep
    request: str = field(repr=False, default="")
    way: str = ""
    trust: bool = False
    action: str = "/login/second"
    key: str = field(repr=False, default="")

    @property
    def passkey(self) -> str:
        """The way of a passkey that this page offers: the one for all of them, where it is open; "" for none."""
        return next((name for name in PASSKEY_WAYS if name in self.asked.ways), "")

    @property
    def options(self) -> str:
        """PublicKeyCredentialRequestOptionsJSON of that way, for the script."""
        return json.dumps(self.asked.ways[self.passkey]["options"])

    @property
    def module(self) -> str:  # type: ignore[override]
        return "passkeys.js" if self.passkey else ""


@frozen
class SetUpFactor(View):
    """The person needs a second factor for this client and has none that is good enough. Posts decision=deny, request,
    csrf to /login: back to the client without access."""

    template = "set_up_factor"
    asked: ShowPage

    @property
    def status(self) -> int:
        return 403


@frozen
class Consent(View):
    """The client, and what it would be allowed. Posts decision=allow|deny, request, csrf."""

    template = "consent"
    asked: ShowPage


@frozen
class GoOn(View):
    """Whether to go on to a client of the house that anybody can pose as. Posts decision=allow|deny, request, csrf to
    /consent."""

    template = "go_on"
    asked: ShowPage


@frozen
class Account(View):
    """Sessions and apps of a person. /account/sessions/end posts session; /account/sessions/end-others nothing;
    /account/password posts current_password, new_password, repeat_password; /account/apps/revoke posts client_id;
    /account/address posts new_address, /account/address/verify nothing; /account/passkeys/rename posts passkey, name;
    /account/passkeys/remove posts passkey. Each with csrf. `problem` belongs to the password form, or to the passkeys,
    or where the page has expired to all of it. Other pages of sessions are at /account?page=."""

    template = "account"
    module = "passkeys.js"
    found: Overview
    notice: ResultMessage | None = None
    can_mail: bool = False
    """Whether the address can be confirmed and changed."""
    at_address: bool = False
    """Whether `problem` belongs to the form of the address."""

    passkeys: bool = False
    """Whether new ones may be added."""
    can_delete: bool = False
    """Whether people may delete their account."""
    signal: str = ""
    """What the script tells the browser's passkey providers (JSON)."""

    @property
    def address_problem(self) -> bool:
        return self.problem is not None and self.at_address

    @property
    def passkey_problem(self) -> bool:
        return self.problem is not None and self.problem.kind in ("passkey_full", "passkey_last")


@frozen
class DeviceEntry(View):
    """Posts user_code, csrf."""

    template = "device_entry"
    account: str
    user_code: str = ""


@frozen
class DeviceConfirm(View):
    """The device that asked, with its name and address (RFC 8628 section 5.4: the person can see what it is for). Posts
    decision=allow|deny, user_code, request, csrf."""

    template = "device_confirm"
    account: str
    found: Found


@frozen
class DeviceDone(View):
    """The person has decided; the device goes on by itself."""

    template = "device_done"
    allowed: bool


@frozen
class LogoutConfirm(View):
    """Whether to log out. Posts decision=logout|stay, request, csrf."""

    template = "logout_confirm"
    asked: AskFirst


@frozen
class LogoutDone(View):
    """Nobody is logged in any more. `return_url`: a link back to the app; shown only where it is http(s)."""

    template = "logout_done"
    client_name: str | None = None
    return_url: str | None = None


@frozen
class TurnedAway(View):
    """This account lacks the role which the client demands. Posts decision=another|deny, request, csrf: another
    account, or back to the client without access."""

    template = "turned_away"
    asked: ShowPage

    @property
    def status(self) -> int:
        return 403


FailureKind = Literal[
    "bad_request", "expired", "forbidden", "not_found", "role_missing", "too_many", "unavailable", "server_error"
]
FAILURE_STATUS: dict[FailureKind, int] = {
    "role_missing": 403,
    "forbidden": 403,
    "not_found": 404,
    "too_many": 429,
    "unavailable": 503,
    "server_error": 500,
}
"""All others are 400. Of two kinds with one status, the last is what that status looks like."""


@frozen
class Failure(View):
    """`reference`: the request id; `reason`: our own lower_snake word, never input. `back`: where to begin again;
    shown only where it is http(s), by its host and not by a name that somebody chose."""

    template = "error"
    kind: FailureKind
    reference: str = ""
    reason: str = ""
    retry_after: int = 1
    back: str | None = None

    @property
    def status(self) -> int:
        return FAILURE_STATUS.get(self.kind, 400)

    @property
    def later(self) -> int:
        return self.retry_after if self.status in (429, 503) else 0


@frozen
class FormPost(View):
    """OAuth 2.0 Form Post Response Mode: `parameters` go to the target byte for byte (but the browser writes line ends
    as CRLF, HTML section 4.10.22.4). Raises ValueError where the target is not http(s)."""

    template = "form_post"
    script = "HTMLFormElement.prototype.submit.call(document.forms[0])"
    """`form.submit` itself could be hidden by a parameter named submit."""
    parameters: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        if urlsplit(self.target or "").scheme not in ("http", "https"):
            raise ValueError("form_post needs an http(s) redirect URI")


async def ready() -> None:
    """Wait until `page` need not import Jinja2 (1.7 MB, some 20 ms), which is done in a thread for the first person."""
    if _RENDERING not in sys.modules:
        await asyncio.to_thread(import_module, _RENDERING)


def page(request: Request, view: View, ui_locales: str | None = None) -> Response:
    """Render a view in the operator's look and the person's language."""
    from authsvc.web.pages.rendering import templates_in

    look = look_of(request.runtime.settings)
    texts = words(language_of(request, ui_locales))
    headers = page_headers(
        texts.language, logo_source=look.logo_source, target=view.target, script=view.script, module=bool(view.module)
    )
    if view.later:
        headers["retry-after"] = str(view.later)
    shared = {"look": look, "words": texts, "t": texts.text, "view": view}
    templates = templates_in(texts.language)
    return templates.TemplateResponse(request, f"{view.template}.html", shared, view.status, headers)
