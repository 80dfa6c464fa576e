"""`authsvc sessions`: who is logged in, and the end of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from authsvc.cli.command_runtime import dated, operate
from authsvc.cli.console import Refused, answer, json_option, plural, relative, table
from authsvc.rules.people.person import ascii_email, normal_email

if TYPE_CHECKING:
    from authsvc.rules.person_record import User
    from authsvc.runtime import Runtime


@click.group()
def command() -> None:
    """Sessions: list, end.

    \b
    Examples:
      authsvc sessions list --user ann@example.com
      authsvc sessions end --user ann@example.com
    """


@command.command("list")
@click.option("--user", "email", metavar="EMAIL", help="Of this person only.")
@click.option("--all", "everything", is_flag=True, help="Also those that have ended or expired.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many.")
@json_option
def list_sessions(email: str | None, everything: bool, limit: int) -> None:
    """Show live sessions, the most recently used first.

    \b
    Examples:
      authsvc sessions list
      authsvc sessions list --user ann@example.com --all --json
    """
    from authsvc.store.session import sessions

    async def work(runtime: Runtime, _actor: str) -> tuple[list[Any], datetime]:
        user_id = (await person(runtime, email)).id if email else None
        found = sessions.recent(runtime.db, user_id=user_id, active_only=not everything, limit=limit)
        return await dated(runtime, found)

    rows, now = operate(work)
    answer(
        [dict(row) for row in rows],
        table(
            ("SESSION", "USER", "DEVICE", "ADDRESS", "CLIENTS", "LAST USED", "EXPIRES", "STATE"),
            [_cells(row, now) for row in rows],
            empty="There are no sessions." if everything else "There are no live sessions.",
        ),
        notes=[f"(the first {limit}; --limit shows more)"] if len(rows) == limit else (),
    )


def _cells(row: Any, now: datetime) -> tuple[object, ...]:
    if not row["is_active"]:
        state = f"ended: {row['end_reason']}"
    else:
        state = "expired" if row["expires_at"] <= now else "remembered" if row["remember_me"] else "live"
    where = row["device_info"], row["ip_address"] or "-", " ".join(row["clients"])
    when = relative(row["last_activity"], now), relative(row["expires_at"], now)
    return row["id"], row["email"], *where, *when, state


@command.command()
@click.argument("session_id", required=False, type=click.UUID)
@click.option("--user", "email", metavar="EMAIL", help="End every session of this person.")
@json_option
def end(session_id: UUID | None, email: str | None) -> None:
    """End one session, or all of a person; every replica knows when this returns.

    \b
    Examples:
      authsvc sessions end 3f0c5f6e-9d0b-4a7b-8f0e-2f6f5d9d1c11
      authsvc sessions end --user ann@example.com
    """
    from authsvc.flows.operator import manage_users

    if (session_id is None) == (email is None):
        raise click.UsageError("give either SESSION_ID or --user EMAIL")

    async def work(runtime: Runtime, actor: str) -> int:
        if email is not None:
            return await manage_users.end_sessions_of(runtime, actor, (await person(runtime, email)).id)
        assert session_id is not None
        if not await manage_users.end_session(runtime, actor, session_id):
            raise Refused(f"there is no session {session_id}: `authsvc sessions list` shows them")
        return 1

    ended = operate(work, warm_redis=True)
    answer({"ended": ended}, f"Ended {plural(ended, 'session')}.")


async def person(runtime: Runtime, email: str) -> User:
    """Raises Refused where nobody has this address."""
    from authsvc.store.account import users

    normal = normal_email(email)
    user = await users.by_email(runtime.db, normal, ascii_email(normal))
    if user is None:
        raise Refused(f"nobody has the address {email}: `authsvc users list` shows who there is")
    return user
