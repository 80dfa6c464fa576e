"""What is written: events as lines, with no field that is not on the list.

Keys are allow-listed (`FIELDS`), values are made harmless, of an exception only its type and our own frames are told:
str() of a foreign exception may hold a DSN or a token.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from json import dumps
from json.encoder import encode_basestring_ascii
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import cast
from uuid import UUID

FIELDS = frozenset(
    """
    event level timestamp request_id trace_id method path status duration_ms ip endpoint client_id grant_type reason
    user_id session_id kid phase alg verdict result kind store table migration attempts count elapsed_ms pid worker
    workers signal version host port url_host logger where error_type caused_by frames dropped_fields
    """.split()  # noqa: SIM905
)
"""Every key that may be written. Before adding one, ask what an attacker, or a careless caller, could put there."""

LEVELS: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
VALUE_CHARS = 512
LIST_ITEMS = 20
quoted = encode_basestring_ascii
_ROOT = str(Path(__file__).parents[1]) + os.sep


class Renderer:
    """Makes lines of events: JSON, or `console` lines for people."""

    def __init__(self) -> None:
        self.console = False
        self._second = (0, "")

    def line(self, event: str, level: str, fields: Mapping[str, object]) -> str:
        return self.render({"event": event, "level": level, "timestamp": self.timestamp(), **fields})

    def render(self, fields: Mapping[str, object]) -> str:
        """One line, ASCII only: control characters, line ends, bidi marks, lone surrogates all come out as \\uXXXX."""
        kept = _allowed(fields)
        if not self.console:
            return dumps(kept, separators=(",", ":")) + "\n"
        event = quoted(str(kept.pop("event", "")))[1:-1]
        head = [str(kept.pop("timestamp", "")), f"{kept.pop('level', ''):<7}", event]
        return " ".join(head + [f"{key}={dumps(value)}" for key, value in kept.items()]) + "\n"

    def timestamp(self) -> str:
        """RFC 3339, UTC, milliseconds. The text of the current second is kept: it is most of the cost."""
        now = time.time()
        second = int(now)
        known = self._second
        if known[0] != second:
            self._second = known = (second, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)))
        return f"{known[1]}{int((now - second) * 1000):03d}Z"


renderer = Renderer()


def quoted_text(value: str) -> str:
    """A JSON string of a text that a caller chose: short, and ASCII."""
    return quoted(value if len(value) <= VALUE_CHARS else value[:VALUE_CHARS] + "…")


def _harmless(value: object) -> object:
    """A value that JSON can carry and nobody regrets: short, and of a kind whose text is known beforehand."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return value if len(value) <= VALUE_CHARS else value[:VALUE_CHARS] + "…"
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else "<int>"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, UUID | IPv4Address | IPv6Address):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return [_harmless(item) if isinstance(item, str | int) else _kind(item) for item in list(value)[:LIST_ITEMS]]
    return _kind(value)


def _kind(value: object) -> str:
    return f"<{type(value).__name__}>"


def _allowed(fields: Mapping[str, object]) -> dict[str, object]:
    kept = {key: _harmless(value) for key, value in fields.items() if key in FIELDS}
    if len(kept) != len(fields):
        kept["dropped_fields"] = sorted(str(key)[:64] for key in fields if key not in FIELDS)[:LIST_ITEMS]
    return kept


# Exceptions


def describe(error: BaseException | None) -> dict[str, object]:
    """What may be told of an exception: `error_type`, `caused_by` (at most 5), `frames` (ours, innermost last)."""
    if error is None:
        return {}
    told: dict[str, object] = {"error_type": _name(error), "frames": _frames(error.__traceback__)}
    causes = [_name(cause) for cause in _causes(error)]
    return {**told, "caused_by": causes} if causes else told


def _name(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, BaseExceptionGroup):
        return f"{name}({', '.join(_name(one) for one in error.exceptions[:3])})"
    return name


def _causes(error: BaseException) -> Iterator[BaseException]:
    for _ in range(5):
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None:
            return
        yield cause
        error = cause


def _frames(traceback: TracebackType | None) -> list[str]:
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(traceback)]
    return [f"authsvc/{name[len(_ROOT) :]}:{line}" for name, line in places if name.startswith(_ROOT)][-10:]


def exception_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return cast("BaseException | None", exc_info[1])
    return sys.exc_info()[1] if exc_info else None
