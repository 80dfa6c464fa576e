"""`authsvc doctor`: do mails go out?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from authsvc.cli.console import duration, plural
from authsvc.cli.doctor import Finding
from authsvc.cli.mail import explained

if TYPE_CHECKING:
    from authsvc.runtime import Runtime
    from authsvc.store.mail.outbox import Waiting

LONG_SECONDS = 900.0


async def examine_server(runtime: Runtime) -> Finding:
    """It is greeted, with TLS and log-in, and gets no mail."""
    from authsvc.flows.mail.dev_mailbox import goes_to_page
    from authsvc.flows.mail.operate_mail import greet_server
    from authsvc.flows.mail.queue import mail_is_on
    from authsvc.outgoing.mail import MailFailed

    if not mail_is_on(runtime):
        return Finding("mail", "ok", "no server is named: people get no mails")
    if goes_to_page(runtime):
        return Finding("mail", "ok", "shown at /dev/mail, sent to nobody")
    try:
        found = await greet_server(runtime)
    except MailFailed as failure:
        what, do = explained(failure)
        return Finding("mail", "FAIL", what, do)
    how = found.tls or "no TLS, on this machine"
    return Finding("mail", "ok", f"{found.name}: {how}{', logged in' if found.logged_in else ''}")


async def examine_queue(runtime: Runtime) -> AsyncIterator[Finding]:
    """What waits; without a server, who waits for one. Raises StoreUnavailable."""
    from authsvc.flows.mail.queue import mail_is_on
    from authsvc.store.caller import clients
    from authsvc.store.mail import outbox

    if mail_is_on(runtime):
        yield _judge_queue(await outbox.waiting(runtime.db))
    elif names := [client.id for client in await clients.everyone(runtime.db) if client.login.mail_code_login]:
        what = f"no mail server is named: nobody logs in by a mailed code at {', '.join(names)}"
        yield Finding("mailed codes", "warn", what, "AUTHSVC_SMTP_URL, or authsvc clients choose-login")


def _judge_queue(waiting: Waiting) -> Finding:
    if waiting.oldest_seconds < LONG_SECONDS:
        return Finding("mail queue", "ok", f"{plural(waiting.count, 'mail')} waiting")
    age = duration(timedelta(seconds=waiting.oldest_seconds))
    return Finding("mail queue", "warn", f"{plural(waiting.count, 'mail')} waiting, one for {age}", "authsvc mail list")
