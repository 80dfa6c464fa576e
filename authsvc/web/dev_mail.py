"""/dev/mail: what `authsvc dev` would have sent, as a person would see it. The routes are there only where the settings
name this page in place of a mail server, which they may in dev mode alone; and it is shown to this machine alone, under
its own names (a page elsewhere must not read it by DNS rebinding)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from markupsafe import Markup
from starlette.responses import Response

from authsvc.flows.mail.dev_mailbox import Mailbox, dev_mailbox
from authsvc.outgoing.mail import Message
from authsvc.settings import Settings
from authsvc.settings.kinds import LOOPBACK
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import NotFound
from authsvc.web.http.reply import NO_STORE, Headers, Reply, json_reply
from authsvc.web.http.request import Request
from authsvc.web.pages.brand import look_of
from authsvc.web.pages.failure_page import page_failure

_FIXED: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    NO_STORE,
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_LIST_POLICY = b"default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
_MAIL_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_PAGE = Markup("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mails – {brand}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{css}"><link rel="stylesheet" href="{colors}"></head>
<body><div class="wide"><main><h1>Mails</h1>
<p>Nothing is sent: this is where mails go in development. Reload the page to see new ones.</p>
{mails}
</main></div></body></html>
""")
_ROW = Markup("""<section><h2><a href="/dev/mail/{id}">{subject}</a></h2>
<p>To {recipient}, {when} UTC</p>{text}</section>
""")


async def dev_mails(request: Request) -> Response:
    """All of them, the newest first; JSON for programs that ask for it."""
    box = _mailbox(request)
    if request.header_list(b"accept").startswith("application/json"):
        return json_reply({"mails": [_members(one) for one in box.messages]})
    return mail_list(request.runtime.settings, box.messages)


def mail_list(settings: Settings, mails: Iterable[Message]) -> Reply:
    """The page of these mails."""
    look = look_of(settings)
    rows = [
        _ROW.format(
            id=one.id,
            subject=one.subject,
            recipient=one.recipient,
            when=f"{one.date:%H:%M:%S}",
            text=_paragraphs(one.text),
        )
        for one in mails
    ]
    body = _PAGE.format(
        brand=look.name,
        css=look.url("authsvc.css"),
        colors=look.url("brand.css"),
        mails=Markup("").join(rows) or Markup("<p>There are none yet.</p>"),
    )
    return Reply(200, body.encode(), [*_FIXED, (b"content-security-policy", _LIST_POLICY)])


async def dev_mail(request: Request) -> Response:
    """One mail, as a mail program shows it."""
    box = _mailbox(request)
    try:
        found = box.find(UUID(request.scope["path_params"]["id"]))
    except ValueError:
        found = None
    if found is None:
        raise NotFound
    return Reply(200, found.html.encode(), [*_FIXED, (b"content-security-policy", _MAIL_POLICY)])


def _mailbox(request: Request) -> Mailbox:
    """Raises NotFound where somebody asks who is not on this machine."""
    peer = request.scope.get("client")
    host = urlsplit(f"//{request.header(b'host') or ''}").hostname
    if not peer or not ip_address(peer[0]).is_loopback or host not in LOOPBACK or request.header(b"x-forwarded-for"):
        raise NotFound
    return dev_mailbox.of(request.runtime)


def _paragraphs(text: str) -> Markup:
    lines = Markup("<br>").join
    return Markup("").join(Markup("<p>{}</p>").format(lines(part.splitlines())) for part in text.strip().split("\n\n"))


def _members(mail: Message) -> dict[str, str]:
    return {
        "id": str(mail.id),
        "date": mail.date.isoformat(),
        "to": mail.recipient,
        "language": mail.language,
        "subject": mail.subject,
        "text": mail.text,
    }


ROUTES = (
    Route("/dev/mail", {"GET": dev_mails}, page_failure),
    Route("/dev/mail/{id}", {"GET": dev_mail}, page_failure),
)
