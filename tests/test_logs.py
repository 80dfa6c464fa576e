"""Logs: nothing secret, nothing forged, nothing that holds up a request."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog

from authsvc import logs
from authsvc.logs.lines import FIELDS
from authsvc.logs.pipe import QUEUE_LINES, shared_pipe, writer_to
from tests.support.busy import again_when_busy, prompt

CANARY = "hunter2-canary-7f3a"


class Log:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        assert logs.flush(5)
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for name in ("uvicorn", "uvicorn.error"):  # servers of other tests of this process
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)
    logs.flush(5)  # what other tests of this process still have in the pipe
    shared_pipe.told = shared_pipe.lost
    here = Log()
    logs.configure("debug", "json", here.stream)  # type: ignore[arg-type]
    yield here
    logs.flush(5)
    logs.configure("info", "json", sys.__stdout__)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_event_is_one_json_line_with_its_level_and_the_time_in_utc(log: Log) -> None:
    logs.get_logger().info("session_ended", session_id="s1", reason="logout", count=3)
    [line] = log.lines
    stamp = line.pop("timestamp")
    assert line == {"event": "session_ended", "level": "info", "session_id": "s1", "reason": "logout", "count": 3}
    assert time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")
    assert stamp[19] == "." and stamp.endswith("Z") and len(stamp) == 24


def test_a_field_that_is_not_on_the_list_is_named_and_dropped(log: Log) -> None:
    logs.get_logger().info("login", user_id="u1", password=CANARY, refresh_token=CANARY)
    [line] = log.lines
    assert line["dropped_fields"] == ["password", "refresh_token"]
    assert line["user_id"] == "u1"
    assert CANARY not in log.text


def test_bound_and_context_fields_pass_the_same_list(log: Log) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1", authorization=CANARY):
        logs.get_logger().bind(client_id="c1", secret=CANARY).warning("odd")
    [line] = log.lines
    assert (line["request_id"], line["client_id"], line["level"]) == ("r1", "c1", "warning")
    assert line["dropped_fields"] == ["authorization", "secret"]
    assert CANARY not in log.text


HOSTILE = [
    'x\r\n{"event":"login","level":"info","user_id":"admin"}',
    "\x1b[2J\x1b[31mred\x07",
    '"},{"a":"b',
    "\u2028\u2029\u0085\x00\x7f",
    "\u202e\u2066evil",
    "\ud800 lone",
    "\\",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("form", ["json", "console"])
def test_hostile_text_stays_inside_its_field_and_its_line(log: Log, text: str, form: Any) -> None:
    logs.configure("info", form, log.stream)  # type: ignore[arg-type]
    logs.get_logger().info(text, path=text, user_id=text)
    logs.access("r", text, text, 200, 1.0, text, "token", client_id=text)
    logging.getLogger("uvicorn.error").info("%s", text)
    written = log.text
    assert written.isascii()
    assert all(char.isprintable() for char in written.replace("\n", ""))
    assert written.count("\n") == 3
    if form == "json":
        lines = log.lines
        assert lines[0]["event"] == lines[0]["path"] == lines[0]["user_id"] == text
        assert lines[1]["method"] == lines[1]["path"] == lines[1]["ip"] == lines[1]["client_id"] == text


class Explosive:
    def __str__(self) -> str:
        return CANARY

    __repr__ = __str__


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a" * 513, "a" * 512 + "…"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (1 << 20_000, "<int>"),
        (True, True),
        (None, None),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Explosive(), "<Explosive>"),
        ({"password": CANARY}, "<dict>"),
        (CANARY.encode(), "<bytes>"),
        (["a", 1, {"p": CANARY}], ["a", 1, "<dict>"]),
        (ValueError(CANARY), "<ValueError>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_cut_or_named_by_their_kind(log: Log, value: object, written: object) -> None:
    logs.get_logger().info("e", reason=value)
    assert log.lines[0]["reason"] == written
    assert CANARY not in log.text


def _connect() -> None:
    try:
        raise ConnectionRefusedError(f"postgresql://authsvc:{CANARY}@db")
    except OSError as error:
        raise RuntimeError(f"no store at {CANARY}") from error


def test_of_an_exception_only_types_and_our_own_frames_are_told(log: Log) -> None:
    try:
        _connect()
    except RuntimeError:
        logs.get_logger().exception("store_unreachable")
    try:
        logs.LEVELS["x" + CANARY]
    except KeyError as error:
        logs.get_logger().error("bad", exc_info=error)
    try:
        logs.configure("info", stream=object())  # type: ignore[arg-type]
    except AttributeError as error:
        logs.get_logger().error("ours", exc_info=error)
    group = ExceptionGroup(CANARY, [ValueError(CANARY), OSError(CANARY)])
    logs.get_logger().error("group", exc_info=group)
    first, second, third, fourth = log.lines
    assert (first["error_type"], first["caused_by"], first["frames"]) == (
        "RuntimeError",
        ["ConnectionRefusedError"],
        [],
    )
    assert first["level"] == "error"
    assert second["error_type"] == "KeyError"
    assert third["frames"][0].startswith("authsvc/logs/__init__.py:")
    assert fourth["error_type"] == "ExceptionGroup(ValueError, OSError)"
    assert CANARY not in log.text


def broken(name: str, level: int) -> None:
    """A record whose arguments do not fit, handed to our handler alone: pytest's raises on it."""
    logs._Handler().handle(logging.LogRecord(name, level, __file__, 1, "%d", (CANARY,), None))


def test_the_standard_librarys_logging_goes_the_same_way(log: Log) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("authsvc.x").warning("plain")
    logging.getLogger("foreign").warning("cannot reach %s", CANARY)
    logging.getLogger("foreign").warning(f"cannot reach {CANARY}")
    logging.getLogger("foreign").error(ValueError(CANARY))
    logging.getLogger("uvicorn.error").error(OSError(98, "Address already in use " + CANARY))
    broken("foreign", logging.CRITICAL)
    events = [(line["event"], line["level"], line["logger"]) for line in log.lines]
    assert events == [
        ("Started server process [7]", "info", "uvicorn.error"),
        ("plain", "warning", "authsvc.x"),
        ("cannot reach %s", "warning", "foreign"),
        ("library_log", "warning", "foreign"),
        ("library_log", "error", "foreign"),
        (os.strerror(98), "error", "uvicorn.error"),
        ("%d", "error", "foreign"),
    ]
    assert log.lines[3]["where"].startswith("test_logs.py:")
    assert log.lines[4]["error_type"] == "ValueError"
    assert CANARY not in log.text


async def test_a_task_that_fails_unseen_tells_its_type_and_not_its_text(log: Log) -> None:
    async def fail() -> None:
        raise RuntimeError(CANARY)

    task = asyncio.get_running_loop().create_task(fail())
    await asyncio.sleep(0.01)
    del task
    assert any(line.get("error_type") == "RuntimeError" for line in log.lines)
    assert CANARY not in log.text


def test_a_record_that_cannot_be_rendered_is_counted_and_never_printed(
    log: Log, capfd: pytest.CaptureFixture[str]
) -> None:
    before = shared_pipe.lost
    broken("uvicorn.error", logging.INFO)
    assert shared_pipe.lost == before + 1
    assert CANARY not in log.text
    assert CANARY not in "".join(capfd.readouterr())


def test_access_lines_have_the_schema_of_all_others(log: Log) -> None:
    given: dict[str, Any] = {
        "request_id": "r1",
        "method": "POST",
        "path": "/token",
        "status": 400,
        "duration_ms": 1.25,
        "ip": "192.0.2.1",
        "endpoint": "token",
    }
    given |= {"client_id": "c", "grant_type": "refresh_token", "reason": "reuse", "user_id": "u", "session_id": "s"}
    logs.access(**given)
    logs.get_logger().info("request", **given)
    fast, slow = log.lines
    assert fast.pop("timestamp")[:18] == slow.pop("timestamp")[:18]
    assert list(fast) == list(slow)
    assert fast == slow
    assert set(fast) <= FIELDS


def test_access_leaves_out_what_is_unknown_and_cuts_what_is_long(log: Log) -> None:
    logs.access("r", "GET", "/" + "a" * 4000, 200, 0.0412, "192.0.2.1", "unknown")
    [line] = log.lines
    assert len(line["path"]) == 513
    assert line["duration_ms"] == 0.041
    assert "client_id" not in line


@pytest.mark.parametrize(("level", "expected"), [("info", [200, 503]), ("warning", [503]), ("error", [503])])
def test_the_level_rules_over_every_way_in(log: Log, level: Any, expected: list[int]) -> None:
    logs.configure(level, "json", log.stream)  # type: ignore[arg-type]
    logs.access("r", "GET", "/", 200, 1.0, "192.0.2.1", "x")
    logs.access("r", "GET", "/", 503, 1.0, "192.0.2.1", "x")
    logs.get_logger().debug("quiet")
    logging.getLogger("uvicorn.error").debug("quiet")
    assert [line["status"] for line in log.lines] == expected


def test_the_console_is_for_people(log: Log) -> None:
    logs.configure("info", "console", log.stream)  # type: ignore[arg-type]
    logs.get_logger().info("login", user_id="u1", password=CANARY)
    logs.access("r1", "GET", "/here", 200, 1.0, "192.0.2.1", "x")
    first, second = log.text.splitlines()
    assert first.endswith('info    login user_id="u1" dropped_fields=["password"]')
    assert 'method="GET" path="/here" status=200' in second


@again_when_busy
def test_a_reader_that_stalls_costs_lines_and_no_time(log: Log) -> None:
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert reader.stdin is not None
    before = shared_pipe.lost
    heard: list[int] = []
    logs.on_dropped(heard.append)
    try:
        os.kill(reader.pid, signal.SIGSTOP)
        logs.configure("info", "json", reader.stdin)  # type: ignore[arg-type]
        slowest, began = 0.0, time.perf_counter()
        for _ in range(50_000):
            start = time.perf_counter()
            logs.access("r", "GET", "/.well-known/jwks.json", 200, 0.04, "192.0.2.1", "jwks")
            slowest = max(slowest, time.perf_counter() - start)
        took = time.perf_counter() - began
        lost = shared_pipe.lost - before
        prompt(took < 2.0)
        prompt(slowest < 0.2)
        assert 50_000 - 2 * QUEUE_LINES - 2_000 < lost < 50_000
        assert sum(heard) == lost
        assert not logs.flush(0.2)
        os.kill(reader.pid, signal.SIGCONT)
        assert logs.flush(10)
    finally:
        shared_pipe.hooks.remove(heard.append)
        os.kill(reader.pid, signal.SIGCONT)
        shared_pipe.write = writer_to(log.stream)  # type: ignore[arg-type]
        reader.stdin.close()
        reader.wait(10)
    logs.get_logger().info("later")
    assert any(line["event"] == "later" for line in log.lines)


def test_when_the_reader_is_back_the_loss_is_told(tmp_path: Path) -> None:
    code = """
import os, subprocess, signal
from authsvc import logs
import sys
reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
os.kill(reader.pid, signal.SIGSTOP)
logs.configure("info", "json", reader.stdin)
for _ in range(30_000):
    logs.access("r", "GET", "/", 200, 0.04, "192.0.2.1", "x")
os.kill(reader.pid, signal.SIGCONT)
assert logs.flush(10)
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True).stdout
    lines = [json.loads(line) for line in output.splitlines()]
    told = sum(line["count"] for line in lines if line["event"] == "log_lines_dropped")
    assert told > 0
    assert told + sum(line["event"] == "request" for line in lines) == 30_000


def test_what_was_logged_is_written_at_exit() -> None:
    code = """
from authsvc import logs
logs.configure()
for n in range(9_000):
    logs.get_logger().info("bye", count=n)
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert [json.loads(line)["count"] for line in output.stdout.splitlines()] == list(range(9_000))
    assert output.stderr == b""


@again_when_busy
def test_a_stuck_or_closed_reader_does_not_hold_up_the_exit() -> None:
    code = """
import sys
from authsvc import logs
logs.configure()
for n in range(9_000):
    logs.get_logger().info("bye", count=n)
"""
    for closed in (False, True):
        reading, writing = os.pipe()
        if closed:
            os.close(reading)
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 0, done.stderr
        assert CANARY.encode() not in done.stderr
        prompt(time.monotonic() - began < 10)
        os.close(writing)
        if not closed:
            os.close(reading)


def test_a_forked_child_logs_its_own_lines_and_not_its_parents() -> None:
    code = """
import os
from authsvc import logs
logs.configure()
logs.get_logger().info("parent")
child = os.fork()
if not child:
    logs.get_logger().info("child")
    logs.flush()
    os._exit(0)
os.waitpid(child, 0)
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True).stdout
    assert sorted(json.loads(line)["event"] for line in output.splitlines()) == ["child", "parent"]
