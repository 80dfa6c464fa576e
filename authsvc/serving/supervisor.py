"""`serve --workers N`: N processes on the same sockets, and their parent, which serves nothing but `/metrics`.

Workers are new interpreters. One that dies is replaced; one that cannot start ends the whole, but only at the first
start: later, when the others serve, it is tried again. A worker whose parent is gone ends by itself. uvicorn's own
supervisor leaves orphans behind when it is killed, cannot tell why a worker failed, and forgets a second signal.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from authsvc import logs
from authsvc.clock import monotonic
from authsvc.metrics import exposition
from authsvc.serving import CannotServe
from authsvc.serving.core_dumps import forbid_core_dumps
from authsvc.serving.listening import TlsPair
from authsvc.settings import Settings

END_SECONDS = 15.0
"""What a worker may take beyond its drain: 10 s for requests, and its clean-up."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0

log = logs.get_logger()
_spawn = get_context("spawn")


@dataclass(slots=True, eq=False)
class Worker:
    process: SpawnProcess
    says: Connection
    ready: bool = False
    failure: str = ""


@contextmanager
def metrics_directory() -> Iterator[None]:
    """Where workers share their counters, named in the environment that they inherit. Raises CannotServe."""
    try:
        directory = tempfile.mkdtemp(prefix="authsvc-metrics-")
    except OSError as error:
        raise CannotServe(f"workers share their metrics in files and there is no place for them: {error}") from None
    try:
        exposition.prepare_multiprocess(directory)
        yield
    finally:
        os.environ.pop(exposition.DIRECTORY, None)
        shutil.rmtree(directory, ignore_errors=True)


class Supervisor:
    def __init__(
        self, settings: Settings, sockets: list[socket.socket], tls: TlsPair | None, ready: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._sockets = sockets
        self._tls = tls
        self._ready = ready
        self._workers: list[Worker] = []
        self._serving = False
        self._failure: str | None = None
        self._signals = 0
        self._kill_at = float("inf")
        self._pause = FIRST_PAUSE
        self._replace_at = float("inf")

    def run(self) -> None:
        """Until a signal ends it. Raises CannotServe with a worker's words when the first start fails."""
        with _signals() as signals:
            for _ in range(self._settings.workers):
                self._start()
            while self._workers or not self._ending:
                self._wait(signals)
                self._tend()
        if self._failure is not None:
            raise CannotServe(self._failure)

    @property
    def _ending(self) -> bool:
        return self._signals > 0 or self._failure is not None

    def _start(self) -> None:
        says, told = _spawn.Pipe(duplex=False)
        process = _spawn.Process(target=run_worker, args=(self._settings, self._sockets, self._tls, told))
        process.start()
        told.close()
        self._workers.append(Worker(process, says))

    def _wait(self, signals: socket.socket) -> None:
        """Until something happens, and hear it."""
        due = min(self._kill_at, self._replace_at) - monotonic()
        sources: list[socket.socket | Connection | int] = [signals]
        for worker in self._workers:
            sources += [worker.says, worker.process.sentinel] if not worker.says.closed else [worker.process.sentinel]
        heard = wait(sources, None if due == float("inf") else max(0.0, due))
        for worker in self._workers:
            if worker.says in heard:
                self._listen(worker)
        if signals in heard:
            for number in signals.recv(64):
                self._end(signal.Signals(number))

    def _listen(self, worker: Worker) -> None:
        try:
            word, text = worker.says.recv()
        except (EOFError, OSError):
            worker.says.close()
            return
        if word == "failed":
            worker.failure = text
            return
        worker.ready = True
        self._pause = FIRST_PAUSE
        log.info("worker_ready", pid=worker.process.pid)
        if not self._serving and all(each.ready for each in self._workers):
            self._serving = True
            self._ready()

    def _tend(self) -> None:
        """Bury, replace, kill what is due."""
        for worker in [worker for worker in self._workers if not worker.process.is_alive()]:
            self._bury(worker)
        now = monotonic()
        if now >= self._replace_at and not self._ending:
            self._replace_at = float("inf")
            for _ in range(self._settings.workers - len(self._workers)):
                self._start()
        if now >= self._kill_at:
            self._kill_at = float("inf")
            for worker in self._workers:
                log.error("worker_killed", pid=worker.process.pid)
                worker.process.kill()

    def _bury(self, worker: Worker) -> None:
        while not worker.says.closed and worker.says.poll():
            self._listen(worker)
        worker.says.close()
        worker.process.join()
        self._workers.remove(worker)
        pid, status = worker.process.pid, worker.process.exitcode
        if pid is not None:
            exposition.mark_dead(pid)
        if self._ending:
            return
        if not self._serving:
            self._failure = worker.failure or f"a worker ended with status {status} before it was ready"
            self._tell_workers()
            return
        log.error("worker_died", pid=pid, status=status, reason=worker.failure or None)
        self._replace_at = monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _end(self, number: signal.Signals) -> None:
        """The workers know what a first and a second signal mean; after a third there is nothing to wait for."""
        self._signals += 1
        log.info("ending", signal=number.name, workers=len(self._workers))
        if self._signals > 2:
            self._kill_at = monotonic()
        else:
            self._tell_workers()

    def _tell_workers(self) -> None:
        drain = 0 if self._settings.dev_mode else self._settings.drain_seconds
        self._kill_at = min(self._kill_at, monotonic() + drain + END_SECONDS)
        for worker in self._workers:
            worker.process.terminate()


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """SIGTERM and SIGINT as bytes to be read, one a signal."""
    heard, told = socket.socketpair()
    told.setblocking(False)
    heard.setblocking(False)
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    wakeup = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    try:
        yield heard
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            with suppress(TypeError):  # a handler that Python did not set
                signal.signal(number, handler)
        heard.close()
        told.close()


def run_worker(settings: Settings, sockets: list[socket.socket], tls: TlsPair | None, to_parent: Connection) -> None:
    """What a worker runs: tells its parent ("ready", "") or ("failed", one line), then serves on.

    It stands here, and not in `worker`, so that the parent need not import what the workers are waiting for.
    """
    forbid_core_dumps()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group, and the parent passes it on
    from authsvc.serving.failure_text import failure_text
    from authsvc.serving.worker import serve_here

    def tell(word: str, text: str = "") -> None:
        with suppress(OSError):
            to_parent.send((word, text))

    logs.configure(settings.log_level, settings.log_format)  # type: ignore[arg-type]  # settings allow no others
    try:
        serve_here(settings, sockets, tls, lambda _: tell("ready"))
    except Exception as error:
        lines, code = failure_text(error)
        tell("failed", "; ".join(lines))
        raise SystemExit(code) from None
    finally:
        _remove_orphaned_metrics()


def _remove_orphaned_metrics() -> None:
    """A parent that was killed left the directory of the counters; the first of its workers to end takes it away."""
    parent = parent_process()
    if parent is not None and not parent.is_alive() and (directory := os.environ.get(exposition.DIRECTORY)):
        shutil.rmtree(directory, ignore_errors=True)
