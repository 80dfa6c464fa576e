"""How lines get out: a bounded queue, one daemon thread that empties it into a stream, and a count of what was lost.

When the reader of our stdout stalls, lines are dropped and counted; requests never wait.
"""

from __future__ import annotations

import atexit
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TextIO

from authsvc.logs.lines import renderer

QUEUE_LINES = 10_000
DRAIN_SECONDS = 0.05
_BATCH_LINES = 1_000


class Pipe:
    """The queue and its one thread. One instance a process."""

    def __init__(self) -> None:
        self.threshold = 20
        self.lines: deque[str] = deque()
        self.lock = threading.RLock()
        self.lost = 0
        self.told = 0
        self.wake = threading.Event()
        self.busy = False
        self.thread: threading.Thread | None = None
        self.write: Callable[[str], None] = writer_to(sys.stdout)
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
            # Sleeps also where a line came meanwhile: under load this thread would write each line by itself, and take
            # the interpreter's lock from the requests whenever one lets go of it (three times the futex calls).
            if len(self.lines) < _BATCH_LINES:
                self.wake.wait(DRAIN_SECONDS)
                self.wake.clear()
            if self.lines:
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
            lines.append(renderer.line("log_lines_dropped", "warning", {"count": count}))  # even into a full queue


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


def writer_to(stream: TextIO) -> Callable[[str], None]:
    with suppress(OSError, ValueError, AttributeError):
        return _Descriptor(stream.fileno())

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    return write


shared_pipe = Pipe()


def on_dropped(hook: Callable[[int], None]) -> None:
    """Have `hook(count)` called whenever lines are lost, from the thread that lost them (for the metric)."""
    shared_pipe.hooks.append(hook)


def flush(timeout: float = 2.0) -> bool:
    """Wait until all that was logged is written, at most `timeout` seconds. False: the reader is stuck."""
    if shared_pipe.thread is None:
        shared_pipe.start()
    until = time.monotonic() + timeout
    while shared_pipe.lines or shared_pipe.busy:
        if time.monotonic() > until:
            return False
        shared_pipe.wake.set()
        time.sleep(0.002)
    return True


def _after_fork() -> None:
    """The child has its parent's queue but not its thread; the lines are the parent's to write."""
    shared_pipe.lines.clear()
    shared_pipe.lock = threading.RLock()
    shared_pipe.wake = threading.Event()
    shared_pipe.busy = False
    if shared_pipe.thread is not None:
        shared_pipe.thread = None
        shared_pipe.start()


atexit.register(flush)
os.register_at_fork(after_in_child=_after_fork)
