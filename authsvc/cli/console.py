"""What commands print: tables for people, JSON for scripts, one line for an error."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from itertools import dropwhile
from typing import Any

import click

from authsvc.rules.readable_text import disarmed

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _remember(ctx: click.Context, _param: click.Parameter, as_json: bool) -> None:
    ctx.meta[__name__] = as_json


json_option = click.option(
    "--json", is_flag=True, expose_value=False, callback=_remember, help="Print JSON, for scripts."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


class Refused(click.ClickException):
    """Exit 1. The message is one line and says what to do."""


def complain(*lines: str) -> None:
    """Errors, on standard error. What follows a line's end (a server's last words) stands below it."""
    for line in lines:
        first, *rest = line.splitlines() or [""]
        click.echo("\n".join([f"authsvc: {inert(first)}", *map(inert, rest)]), err=True)


def inert(text: str) -> str:
    """Text of others, unable to move the cursor or to turn the direction of the line."""
    return disarmed(text, "\N{REPLACEMENT CHARACTER}")


def answer(value: Any, lines: str | Iterable[str], *, notes: Iterable[str] = ()) -> None:
    """What a command found or did: `value` with --json, else `lines` for people and `notes` on standard error."""
    if click.get_current_context().meta.get(__name__):
        show_json(value)
        return
    for line in [lines] if isinstance(lines, str) else lines:
        click.echo(line)
    for note in notes:
        click.echo(note, err=True)


def show_json(value: Any) -> None:
    """One document on standard output; times as ISO 8601, spans as seconds, records as objects, ids as text."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "") -> Iterator[str]:
    """Lines of aligned columns; `empty` is said instead of a table without rows."""
    cells = [[inert("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not cells:
        yield empty
        return
    widths = [max(_width(text) for text in column) for column in zip(heads, *cells, strict=True)]
    for line in [list(heads), *cells]:
        padded = [text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True)]
        yield "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """Columns on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return wide + sum(not unicodedata.combining(char) and unicodedata.category(char) != "Cf" for char in text)


def duration(length: timedelta) -> str:
    """A duration for people, two units at most: `3 d 4 h`, `59 min`, `12 s`."""
    seconds = round(abs(length.total_seconds()))
    parts = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    shown = list(dropwhile(lambda part: not part[0], parts))[:2]
    return " ".join(f"{number} {unit}" for number, unit in shown if number) or "0 s"


def relative(at: datetime | None, now: datetime) -> str:
    """`in 23 h 59 min`, `3 d ago`, `now`; `-` where there is no time."""
    if at is None:
        return "-"
    if abs(at - now) < timedelta(seconds=1):
        return "now"
    return f"in {duration(at - now)}" if at > now else f"{duration(now - at)} ago"


def exact(at: datetime) -> str:
    """`2026-03-01 12:00:00 UTC`: a time of PostgreSQL's, or carried on from one."""
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def when(at: datetime, now: datetime) -> str:
    """`2026-03-01 12:00:00 UTC (in 3 d)`."""
    return f"{exact(at)} ({relative(at, now)})"


def plural(number: int, noun: str) -> str:
    """`1 session`, `3 sessions`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def confirm(question: str, *, yes: bool) -> None:
    """Ask before what cannot be undone; `--yes` answers. Raises Abort, or UsageError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("this cannot be undone and there is no terminal to ask on: give --yes")
    click.confirm(inert(question), abort=True, err=True)
