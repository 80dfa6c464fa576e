"""Logs: one JSON object a line, with no field that is not on the list, and never at the expense of a request.

Owns what may be written and how it gets out. Keys are allow-listed (`FIELDS`), values are made harmless, of an
exception only its type and our own frames are told: str() of a foreign exception may hold a DSN or a token. Lines go
into a bounded queue that one daemon thread empties; when the reader of our stdout stalls, lines are dropped and
counted, requests are not. The standard library's logging (uvicorn, asyncio) goes through the same pipe.

Give uvicorn `log_config=None, access_log=False`: its own handlers would write around all this.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from datetime import date, datetime
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from json import dumps
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn, TextIO, cast
from uuid import UUID

import structlog

FIELDS = frozenset(
    """
    event level timestamp request_id method path status duration_ms ip endpoint client_id grant_type reason user_id
    session_id kid phase alg verdict result kind store table migration attempts count elapsed_ms pid worker workers
    signal version host port url_host logger where error_type caused_by frames dropped_fields
    """.split()  # noqa: SIM905
)
"""Every key that may be written. Before adding one, ask what an attacker, or a careless caller, could put there."""

QUEUE_LINES = 10_000
VALUE_CHARS = 512
LIST_ITEMS = 20
DRAIN_SECONDS = 0.05
_BATCH_LINES = 1_000
_OURS = ("uvicorn", "authsvc")  # loggers whose messages are known to hold nothing secret
_ROOT = str(Path(__file__).parent) + os.sep

Level = Literal["debug", "info", "warning", "error"]
_LEVELS: dict[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


# What is written


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


def _render(fields: Mapping[str, object]) -> str:
    """One line, ASCII only: control characters, line ends, bidi marks and lone surrogates all come out as \\uXXXX."""
    kept = _allowed(fields)
    if not _state.console:
        return dumps(kept, separators=(",", ":")) + "\n"
    head = [str(kept.pop("timestamp", "")), f"{kept.pop('level', ''):<7}", _quoted(str(kept.pop("event", "")))[1:-1]]
    return " ".join(head + [f"{key}={dumps(value)}" for key, value in kept.items()]) + "\n"


def _timestamp(now: float) -> str:
    """RFC 3339, UTC, milliseconds. The text of the current second is kept: it is most of the cost."""
    second = int(now)
    known = _state.second
    if known[0] != second:
        _state.second = known = (second, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)))
    return f"{known[1]}{int((now - second) * 1000):03d}Z"


# Exceptions


def describe(error: BaseException) -> dict[str, object]:
    """What may be told of an exception: `error_type`, `caused_by` (at most 5), `frames` (ours, innermost last)."""
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
    frames: deque[str] = deque(maxlen=10)
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name.startswith(_ROOT):
            frames.append(f"authsvc/{name[len(_ROOT) :]}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return list(frames)


def _exception_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return cast("BaseException | None", exc_info[1])
    return sys.exc_info()[1] if exc_info else None


# How it gets out


class _State:
    """The queue and its one thread. One instance a process."""

    def __init__(self) -> None:
        self.console = False
        self.threshold = _LEVELS["info"]
        self.second = (0, "")
        self.lines: deque[str] = deque()
        self.lock = threading.RLock()
        self.lost = 0
        self.told = 0
        self.wake = threading.Event()
        self.busy = False
        self.thread: threading.Thread | None = None
        self.write: Callable[[str], None] = _writer(sys.stdout)
        self.hooks: list[Callable[[int], None]] = []

    def put(self, line: str) -> None:
        if len(self.lines) < QUEUE_LINES:
            self.lines.append(line)
        else:
            self.lose(1)

    def lose(self, count: int) -> None:
        with self.lock:
            self.lost += count
        for hook in self.hooks:
            hook(count)

    def start(self) -> None:
        with self.lock:
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self.run, name="logs", daemon=True)
                self.thread.start()

    def run(self) -> NoReturn:
        while True:
            self.wake.wait(DRAIN_SECONDS)
            self.wake.clear()
            while self.lines:
                self.busy = True
                self.drain()
            self.busy = False

    def drain(self) -> None:
        lines = self.lines
        batch = [lines.popleft() for _ in range(min(len(lines), _BATCH_LINES))]
        try:
            self.write("".join(batch))
        except (OSError, ValueError):  # the reader is gone, the disk is full, the stream is closed: nowhere to say so
            self.lose(len(batch))
            return
        if (lost := self.lost) != self.told:
            count, self.told = lost - self.told, lost
            lines.append(_line("log_lines_dropped", "warning", {"count": count}))  # even into a full queue


class _Descriptor:
    """Writes text to a file descriptor of our own, past the stream's buffer: a thread that sits in a buffered writer's
    lock would make the interpreter's exit fail, and a number that somebody else closes may be a client's socket next.
    """

    def __init__(self, descriptor: int) -> None:
        self.own = -1
        self.own = os.dup(descriptor)

    def __call__(self, text: str) -> None:
        data = memoryview(text.encode("ascii", "backslashreplace"))
        while data:
            try:
                data = data[os.write(self.own, data) :]
            except BlockingIOError:
                select.select([], [self.own], [], 1.0)

    def __del__(self) -> None:
        if self.own >= 0:
            os.close(self.own)


def _writer(stream: TextIO) -> Callable[[str], None]:
    with suppress(OSError, ValueError, AttributeError):
        return _Descriptor(stream.fileno())

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    return write


_state = _State()


def _line(event: str, level: str, fields: Mapping[str, object]) -> str:
    return _render({"event": event, "level": level, "timestamp": _timestamp(time.time()), **fields})


def dropped() -> int:
    """Lines this process has lost because nobody read its log."""
    return _state.lost


def on_dropped(hook: Callable[[int], None]) -> None:
    """Have `hook(count)` called whenever lines are lost, from the thread that lost them (for the metric)."""
    _state.hooks.append(hook)


def flush(timeout: float = 2.0) -> bool:
    """Wait until all that was logged is written, at most `timeout` seconds. False: the reader is stuck."""
    if _state.thread is None:
        _state.start()
    until = time.monotonic() + timeout
    while _state.lines or _state.busy:
        if time.monotonic() > until:
            return False
        _state.wake.set()
        time.sleep(0.002)
    return True


def _after_fork() -> None:
    """The child has its parent's queue but not its thread; the lines are the parent's to write."""
    _state.lines.clear()
    _state.lock = threading.RLock()
    _state.wake = threading.Event()
    _state.busy = False
    if _state.thread is not None:
        _state.thread = None
        _state.start()


# structlog and logging


def _emit(_logger: object, level: str, fields: MutableMapping[str, Any]) -> NoReturn:
    """structlog's last processor: render, queue, and tell structlog that nothing is left to do."""
    known: dict[str, object] = {"event": "", "level": level, "timestamp": _timestamp(time.time())}
    error = _exception_of(fields.pop("exc_info", None))
    fields.pop("stack_info", None)
    known.update(fields)
    known["level"] = {"exception": "error", "critical": "error", "warn": "warning"}.get(level, level)
    if error is not None:
        known.update(describe(error))
    _state.put(_render(known))
    raise structlog.DropEvent


class _Handler(logging.Handler):
    """The standard library's records in our shape. A message of uvicorn's is written as it is; of any other library
    only its template, and only if it was one: a text put together by the caller may hold anything.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = record.levelname.lower() if record.levelname.lower() in _LEVELS else "error"
            fields: dict[str, object] = {"logger": record.name}
            event = self._event(record)
            if event is None:
                event = "library_log"
                fields["where"] = f"{record.filename}:{record.lineno}"
            error = record.msg if isinstance(record.msg, BaseException) else _exception_of(record.exc_info)
            if error is not None:
                fields |= describe(error)
            _state.put(_line(event, level, fields))
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """A record that cannot be rendered is lost and counted; logging's own way is to print it whole to stderr."""
        _state.lose(1)

    @staticmethod
    def _event(record: logging.LogRecord) -> str | None:
        if isinstance(record.msg, OSError) and record.msg.errno is not None:
            return os.strerror(record.msg.errno)
        if not isinstance(record.msg, str):
            return None
        if record.name.partition(".")[0] in _OURS:
            return record.getMessage().strip()
        return record.msg.strip() if record.args else None


def _install(level: int) -> None:
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _emit],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )


def configure(level: Level = "info", format: Literal["json", "console"] = "json", stream: TextIO | None = None) -> None:
    """Start logging to `stream` (sys.stdout when None) from `level` up. May be called again; the last call counts."""
    target = sys.stdout if stream is None else stream
    target.flush()
    _state.console = format == "console"
    _state.threshold = _LEVELS[level]
    _state.write = _writer(target)
    _install(_LEVELS[level])
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, _Handler)]
    root.addHandler(_Handler())
    root.setLevel(_LEVELS[level])
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    _state.start()


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """A logger: `get_logger().info("session_ended", session_id=..., reason=...)`. Events are lower_snake words."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger())


def access(
    request_id: str,
    method: str,
    path: str,
    status: int,
    duration_ms: float,
    ip: str,
    endpoint: str,
    client_id: str | None = None,
    grant_type: str | None = None,
    reason: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
) -> None:
    """One answered request: event `request`, level error for a 5xx and info otherwise. The schema is structlog's, the
    way is short: this runs for every request. `path` is without its query; `reason` is a lower_snake word of ours.
    """
    level = "info" if status < 500 else "error"
    if _LEVELS[level] < _state.threshold:
        return
    if _state.console:
        fields = {"request_id": request_id, "method": method, "path": path, "status": status,
                  "duration_ms": round(duration_ms, 3), "ip": ip, "endpoint": endpoint}  # fmt: skip
        fields |= _known(client_id, grant_type, reason, user_id, session_id)
        _state.put(_line("request", level, fields))
        return
    line = (
        f'{{"event":"request","level":"{level}","timestamp":"{_timestamp(time.time())}",'
        f'"request_id":{_text(request_id)},"method":{_quoted(method)},"path":{_text(path)},"status":{status},'
        f'"duration_ms":{duration_ms:.3f},"ip":{_quoted(ip)},"endpoint":{_quoted(endpoint)}'
    )
    if client_id or grant_type or reason or user_id or session_id:
        for key, value in _known(client_id, grant_type, reason, user_id, session_id).items():
            line += f',"{key}":{_text(value)}'
    _state.put(line + "}\n")


def _known(
    client_id: str | None, grant_type: str | None, reason: str | None, user_id: str | None, session_id: str | None
) -> dict[str, str]:
    given = {"client_id": client_id, "grant_type": grant_type, "reason": reason, "user_id": user_id,
             "session_id": session_id}  # fmt: skip
    return {key: value for key, value in given.items() if value}


def _text(value: str) -> str:
    return _quoted(value if len(value) <= VALUE_CHARS else value[:VALUE_CHARS] + "…")


_install(_state.threshold)
atexit.register(flush)
os.register_at_fork(after_in_child=_after_fork)
