"""`authsvc restore`: after a backup was restored, or the database moved to another host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, confirm, duration, exact, json_option, plural, yes_option

if TYPE_CHECKING:
    from authsvc.store.restore.life import Life


@click.group()
def command() -> None:
    """A restored database: show, fence.

    Replicas notice by themselves that a database is a former state of what they knew: they serve nobody from it, and
    log in and refresh nobody, until `fence` says what becomes of sessions that had ended since. Where every replica and
    Redis are new, too, nobody can notice: fence before you start them.

    \b
    Examples:
      authsvc restore show
      authsvc restore fence --end-sessions
    """


@command.command()
@json_option
def show() -> None:
    """Show how far the database has come, and whether replicas have seen it further on.

    \b
    Examples:
      authsvc restore show
      authsvc restore show --json | jq .suspected_of
    """
    from authsvc.flows.restore.fence import read_life

    life = operate(lambda runtime, _actor: read_life(runtime))
    answer(life, _shown(life))


def _shown(life: Life) -> list[str]:
    from authsvc.rules.restore.position import lost_seconds

    here, lines = life.position, [f"database {life.position.database}, last in order {_time(life.position.beat)}"]
    if life.suspected_of is None:
        return [*lines, "Nobody has seen it further on."]
    lost = duration(timedelta(seconds=lost_seconds(life.suspected_of, here)))
    seen = f"It was seen further on, {_time(life.suspected_of.beat)}: {lost} are lost, and replicas serve nobody."
    return [*lines, seen, "-> authsvc restore fence --end-sessions"]


def _time(seconds: float) -> str:
    return exact(datetime.fromtimestamp(seconds, UTC))


@command.command()
@click.option("--end-sessions", is_flag=True, help="End every session there is; trusted devices and mailed links too.")
@click.option("--keep-sessions", is_flag=True, help="End only what Redis still knows to have ended.")
@yes_option
@json_option
def fence(end_sessions: bool, keep_sessions: bool, yes: bool) -> None:
    """Let replicas serve from this database: it is good as it is now, whatever was seen before.

    Whatever Redis still knows to have ended ends again: of the last hour or so. What ended before that is alive in a
    backup. With --end-sessions all sessions end, and people log in again: that is right after a restore. With
    --keep-sessions they live on: right where you know that nothing is lost (a move to another host by logical
    replication, say), or where a session that comes back does less harm than everybody's log-out.

    \b
    Examples:
      authsvc restore fence --end-sessions
      authsvc restore fence --keep-sessions --yes
    """
    from authsvc.flows.restore import fence as flow

    if end_sessions == keep_sessions:
        raise click.UsageError("give either --end-sessions or --keep-sessions")
    what = "End every session" if end_sessions else "Let every session of this database live"
    confirm(f"{what} and serve from this database?", yes=yes)

    done = operate(lambda runtime, actor: flow.fence(runtime, actor, end_sessions=end_sessions), warm_redis=True)
    healed = "Redis could not be asked" if done.healed is None else f"{done.healed:,} from what Redis knew"
    answer(done, f"Ended {plural(done.ended, 'session')}; {healed}. Replicas serve from it within a second.")
