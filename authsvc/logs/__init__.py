"""Logs: one JSON object a line, with no field that is not on the list, and never at the expense of a request.

`lines` owns what may be written, `pipe` how it gets out. Who writes is structlog, the standard library's logging
(uvicorn, asyncio), and `access_line` for each request, all through the same pipe.

Give uvicorn `log_config=None, access_log=False`: its own handlers would write around all this.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, NoReturn, TextIO, cast

import structlog

from authsvc.logs.access_line import access
from authsvc.logs.lines import LEVELS, describe, exception_of, renderer
from authsvc.logs.pipe import flush, on_dropped, shared_pipe, writer_to
from authsvc.traces import trace_id

__all__ = ["access", "configure", "flush", "get_logger", "on_dropped"]

_OURS = ("uvicorn", "authsvc")  # loggers whose messages are known to hold nothing secret

Level = Literal["debug", "info", "warning", "error"]


def _emit(_logger: object, level: str, fields: MutableMapping[str, Any]) -> NoReturn:
    """structlog's last processor: render, queue, and tell structlog that nothing is left to do."""
    told = describe(exception_of(fields.pop("exc_info", None)))
    fields.pop("stack_info", None)
    if traced := trace_id():
        fields["trace_id"] = traced
    fields["level"] = {"exception": "error", "critical": "error", "warn": "warning"}.get(level, level)
    shared_pipe.put(renderer.line("", level, {**fields, **told}))
    raise structlog.DropEvent


class _Handler(logging.Handler):
    """The standard library's records in our shape. A message of uvicorn's is written as it is; of any other library
    only its template, and only if it was one: a text put together by the caller may hold anything.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = record.levelname.lower() if record.levelname.lower() in LEVELS else "error"
            fields: dict[str, object] = {"logger": record.name}
            event = self._event(record)
            if event is None:
                event = "library_log"
                fields["where"] = f"{record.filename}:{record.lineno}"
            error = record.msg if isinstance(record.msg, BaseException) else exception_of(record.exc_info)
            shared_pipe.put(renderer.line(event, level, {**fields, **describe(error)}))
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """A record that cannot be rendered is lost and counted; logging's own way is to print it whole to stderr."""
        shared_pipe.lose(1)

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
    renderer.console = format == "console"
    shared_pipe.write = writer_to(target)
    shared_pipe.threshold = LEVELS[level]
    _install(LEVELS[level])
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, _Handler)]
    root.addHandler(_Handler())
    root.setLevel(LEVELS[level])
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    shared_pipe.start()


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """A logger: `get_logger().info("session_ended", session_id=..., reason=...)`. Events are lower_snake words."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger())


_install(shared_pipe.threshold)
