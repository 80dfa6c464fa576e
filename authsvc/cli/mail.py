"""`authsvc mail`: does it go out, what waits, and what was given up."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from authsvc.cli.command_runtime import dated, operate
from authsvc.cli.console import Refused, answer, inert, json_option, plural, relative, table

if TYPE_CHECKING:
    from authsvc.flows.mail.operate_mail import Tested
    from authsvc.outgoing.mail import MailFailed
    from authsvc.rules.refused import Refused as RefusedByRule
    from authsvc.runtime import Runtime


@click.group()
def command() -> None:
    """Mails to people: test, list, retry.

    \b
    Examples:
      authsvc mail test you@example.com
      authsvc mail list
      authsvc mail retry --all
    """


@command.command()
@click.argument("address")
@click.option("--language", type=click.Choice(("en", "de")), help="Of the mail, instead of AUTHSVC_MAIL_LANGUAGE.")
@json_option
def test(address: str, language: str | None) -> None:
    """Send a mail to ADDRESS now, and say what the server said. Exit code 1 where it did not take it.

    \b
    Examples:
      authsvc mail test you@example.com
      authsvc mail test you@example.com --language de --json
    """
    from authsvc.flows.mail.operate_mail import send_test
    from authsvc.outgoing.mail import MailFailed

    async def work(runtime: Runtime, _actor: str) -> Tested | RefusedByRule:
        return await send_test(runtime, address, language or "")

    try:
        done = operate(work)
    except MailFailed as failure:
        what, do = explained(failure)
        raise Refused(f"the mail was not sent: {what}; {do}") from None
    said = f"The mail server took it: {inert(done.said)}" if done.said else "Look at /dev/mail: nothing is sent here."
    answer({"id": done.id, "to": done.to, "said": done.said}, said)


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what was sent in the last seven days.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many.")
@json_option
def list_mails(everything: bool, limit: int) -> None:
    """Show what waits and what was given up in the last seven days. Never what a mail says.

    \b
    Examples:
      authsvc mail list
      authsvc mail list --json | jq '.[] | select(.given_up_at)'
    """
    from authsvc.flows.mail.operate_mail import listed

    async def work(runtime: Runtime, _actor: str) -> tuple[Any, datetime]:
        return await dated(runtime, listed(runtime, everything=everything, limit=limit))

    rows, now = operate(work)
    answer(
        [dict(row) for row in rows],
        table(
            ("MAIL", "TEMPLATE", "TO", "QUEUED", "TRIES", "STATE"),
            [_cells(row, now) for row in rows],
            empty="No mail waits, and none was given up.",
        ),
        notes=[f"(the first {limit}; --limit shows more)"] if len(rows) == limit else (),
    )


def _cells(row: Any, now: datetime) -> tuple[object, ...]:
    why = " ".join(str(part) for part in (row["reason"], row["status"]) if part)
    if row["sent_at"]:
        state = f"sent {relative(row['sent_at'], now)}"
    elif row["given_up_at"]:
        state = f"given up {relative(row['given_up_at'], now)}: {why}"
    elif row["attempts"] and not why:
        state = "under way"
    else:
        state = f"next try {relative(max(row['next_at'], now), now)}" + (f": {why}" if why else "")
    when = relative(row["created_at"], now)
    return row["id"], row["template"], row["recipient"], when, row["attempts"], state


@command.command()
@click.argument("mail_id", required=False, type=click.UUID)
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@json_option
def retry(mail_id: UUID | None, everything: bool) -> None:
    """Have a mail that waits tried now, or one that was given up and held no link or code.

    \b
    Examples:
      authsvc mail retry --all
      authsvc mail retry 3f0c5f6e-9d0b-4a7b-8f0e-2f6f5d9d1c11
    """
    from authsvc.flows.mail.operate_mail import try_again

    if (mail_id is None) != everything:
        raise click.UsageError("give either MAIL_ID or --all")

    async def work(runtime: Runtime, actor: str) -> int | RefusedByRule:
        return await try_again(runtime, actor, mail_id)

    count = operate(work)
    answer({"retried": count}, f"{plural(count, 'mail')} will be tried within seconds.")


def explained(failure: MailFailed) -> tuple[str, str]:
    """What went wrong with the mail server, in words, and what to do."""
    said = f": {inert(failure.said)}" if failure.said else ""
    if failure.kind == "certificate":
        return (
            f"its certificate is not valid{said}",
            "name the host of its certificate, or its authority in SSL_CERT_FILE",
        )
    if failure.kind == "starttls_missing":
        return "it offers no STARTTLS", "use its port for STARTTLS, or smtps:// where it has TLS from the start"
    if failure.kind == "auth_missing":
        return "it offers no log-in here", "use its submission port, or leave user and password out of AUTHSVC_SMTP_URL"
    if failure.kind == "tls":
        return f"TLS failed{said}", "smtps:// is TLS from the start, smtp:// STARTTLS: use what the port has"
    if failure.stage == "connect":
        what = {"timeout": "it does not answer", "connection": f"no connection{said}"}.get(failure.kind)
        return what or f"it turned us away{said}", "correct host and port in AUTHSVC_SMTP_URL, or open the way to it"
    if failure.stage == "login":
        return f"it refused the log-in{said}", "correct user and password in AUTHSVC_SMTP_URL"
    if failure.stage == "sender":
        return f"it refused the sender{said}", "correct AUTHSVC_MAIL_FROM, or allow that address at the server"
    where = "the recipient" if failure.stage == "recipient" else "the mail"
    if failure.kind == "answer":
        return f"it refused {where}{said}", "its words say why"
    return f"it broke off at {where} ({failure.kind})", "look at its log, and try again"
