"""`authsvc keys plan`: what will happen to the signing keys, as a time line and a table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, exact, json_option, relative, table, when
from authsvc.keys.forecast import Forecast, forecast, horizon
from authsvc.keys.phases import phases_at
from authsvc.keys.policy import read_span

if TYPE_CHECKING:
    from authsvc.runtime import Runtime

WIDTH = 100
_LABEL = 26
_TICKS = 4
_MARKS = {"announced": ".", "signing": "#", "retired": "-"}
_LONGEST = timedelta(days=3650)


@click.command()
@click.option("--until", "span", metavar="SPAN", help="How far to look, such as '365 d' or '12 h'.")
@json_option
def plan(span: str | None) -> None:
    """Show what will happen to the signing keys.

    What, when, and whether anything is overdue; it changes nothing. It takes the steps that the replicas will take,
    over the keys there are: also for keys that are yet to be made. How long each step lasts is the key policy's to say
    (AUTHSVC_KEY_POLICY_FILE).

    \b
    Examples:
      authsvc keys plan
      authsvc keys plan --until '2 d'
      authsvc keys plan --json | jq -r '.events[] | select(.event == "signs") | .at'
    """
    from authsvc.flows.keys.served_settings import in_force
    from authsvc.store.keys import signing_keys

    ahead = None if span is None else _read(span)

    async def work(runtime: Runtime, _actor: str) -> Forecast:
        by, now = await in_force(runtime), runtime.clock.now()
        rows = await signing_keys.everything(runtime.db)
        return forecast(rows, now, by.policy, by.lines, now + (ahead or horizon(by.policy)))

    found = operate(work, warn_of="settings")
    events = table(
        ("WHEN (UTC)", "IN", "KEY", "ALG", "WHAT"),
        [(f"{e.at:%Y-%m-%d %H:%M:%S}", relative(e.at, found.now), e.kid, e.alg, e.what) for e in found.events],
        empty=f"Nothing happens before {exact(found.until)}.",
    )
    answer(as_document(found), [*summary(found), "", *timeline(found), "", *events])


def _read(span: str) -> timedelta:
    try:
        ahead = read_span(span)
    except ValueError as error:
        raise click.UsageError(f"--until: {error}") from None
    if not timedelta() < ahead <= _LONGEST:
        raise click.UsageError(f"--until: from 1 s to {_LONGEST.days} d")
    return ahead


def summary(found: Forecast) -> Iterator[str]:
    """What somebody must do, or that nobody must."""
    for duty in found.overdue:
        since = f", since {when(duty.at, found.now)}" if duty.at < found.now else ""
        yield f"OVERDUE: the next {duty.alg} key{since}."
    if found.overdue:
        yield "Any replica does this within a second of its start. After that:"
    if found.duty is None:
        yield f"No replica is needed before {exact(found.until)}."
    else:
        yield f"No replica is needed until {when(found.duty.at, found.now)}: the next {found.duty.alg} key."
    for line in found.lines:
        if line.kid is not None:
            end = f"until {when(line.until, found.now)}" if line.until else "without end"
            yield f"{line.alg}: the keys there are sign {end}."
            continue
        first = next((event for event in found.events if (event.alg, event.what) == (line.alg, "signs")), None)
        yield f"{line.alg}: no key signs now" + (f"; one does from {when(first.at, found.now)} on." if first else ".")


def timeline(found: Forecast) -> Iterator[str]:
    """A line for each key, its phase in each column; at most WIDTH columns of ASCII."""
    columns = WIDTH - _LABEL
    span = found.until - found.now
    moments = [found.now + span * ((column + 0.5) / columns) for column in range(columns)]
    phases = [phases_at([key for key in found.keys if key.announced_at <= at], at) for at in moments]
    ticks = [found.now + span * (tick / _TICKS) for tick in range(_TICKS)]
    yield " " * _LABEL + "".join(_tick(at, span).ljust(columns // _TICKS) for at in ticks).rstrip()
    for key in sorted(found.keys, key=lambda key: (key.alg, key.signs_from)):
        drawn = "".join(_MARKS.get(there.get(key.kid, ""), " ") for there in phases).rstrip()
        if drawn:
            label = key.kid if key.kid in found.made else f"{key.kid[:12]}.."
            yield f"{label:<17}  {key.alg:<5}  {drawn}"
    yield " " * _LABEL + ", ".join(f"{mark} {word}" for word, mark in _MARKS.items())


def _tick(at: datetime, span: timedelta) -> str:
    if span >= timedelta(days=4):
        return f"{at:%Y-%m-%d}"
    return f"{at:%d. %H:%M}" if span >= timedelta(hours=4) else f"{at:%H:%M:%S}"


def as_document(found: Forecast) -> dict[str, Any]:
    """For scripts. A key that is yet to be made has no kid, but a name."""

    def named(kid: str) -> dict[str, str | None]:
        return {"kid": None if kid in found.made else kid, "name": kid}

    return {
        "now": found.now,
        "until": found.until,
        "overdue": [{"alg": duty.alg, "since": duty.at} for duty in found.overdue],
        "replica_needed": {"alg": found.duty.alg, "at": found.duty.at} if found.duty else None,
        "lines": [
            {"alg": line.alg, "signing_kid": line.kid, "signs_until_without_replicas": line.until}
            for line in found.lines
        ],
        "events": [{"at": e.at, "event": e.what, "alg": e.alg, **named(e.kid)} for e in found.events],
    }
