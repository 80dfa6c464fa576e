"""Mails with the data of an ordinary day, as a mail program shows them, and as /dev/mail does: for screenshots and
tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

from starlette.responses import Response

from authsvc.outgoing.mail import Message
from authsvc.rules.mail.compose import Composed, Look, compose
from authsvc.rules.mail.templates import TEMPLATES
from authsvc.settings import Settings
from authsvc.settings.mail import Sender
from authsvc.web.dev_mail import mail_list
from authsvc.web.http.reply import Reply
from tests.browser.samples import ISSUER, NOW, PERSON

VALUES = {
    "link": f"{ISSUER}/proof?key=m7Yh3nE0kQ1s",
    "code": "4711 0815",
    "app": "Customer app",
    "when": "2026-11-24 15:04 UTC",
    "device": "Mara\u2019s phone",
    "address": "2001:db8:85a3::8a2e:370:7334",
}


def _composed(settings: Settings, language: str, template: str) -> Composed:
    wanted = TEMPLATES[template].values | TEMPLATES[template].optional
    look = Look(settings.brand_name, settings.brand_color, settings.issuer)
    return compose(template, language, {name: VALUES[name] for name in wanted}, look)


def _mail(template: str, settings: Settings, language: str) -> Response:
    html = _composed(settings, language, template).html
    return Reply(200, html.encode(), [(b"content-type", b"text/html; charset=utf-8")])


def _page_of_mails(settings: Settings, _language: str) -> Response:
    sender = Sender("Nightjar", "mail@example.com")
    mails = []
    for number, template in enumerate(("notice_new_device", "registration")):
        one = _composed(settings, "en", template)
        when = NOW - timedelta(minutes=number)
        mails.append(Message(UUID(int=number), when, sender, PERSON, "en", one.subject, one.text, one.html))
    return mail_list(settings, mails)


MAILS: dict[str, Callable[[Settings, str], Response]] = {
    "dev-mail": _page_of_mails,
    **{f"letter-{template}": partial(_mail, template) for template in TEMPLATES},
}
