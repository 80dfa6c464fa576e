"""The text that is scraped, of one worker or of several that share their values through files.

The parent calls `prepare_multiprocess(directory)` before it starts workers (prometheus_client picks its storage when it
is first imported, so they must be new interpreters), `mark_dead(pid)` when one ends, and may serve it for all of them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, multiprocess

from authsvc.metrics import REGISTRY

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def prepare_multiprocess(directory: str | Path) -> None:
    """Make the directory (mode 0700), delete a former run's files, and name it in the environment for the workers.

    For the parent, before it starts workers. OSError if the directory cannot be used.
    """
    path = Path(directory)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in path.glob("*.db"):
        file.unlink(missing_ok=True)
    os.environ[DIRECTORY] = str(path)


def mark_dead(pid: int) -> None:
    """Forget the live gauges of a worker that ended; what it counted stays counted."""
    if directory := os.environ.get(DIRECTORY):
        with suppress(FileNotFoundError):
            multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]


def render() -> tuple[bytes, str]:
    """The exposition and its Content-Type: of all workers when they share a directory, else of this process."""
    directory = os.environ.get(DIRECTORY)
    if not directory:
        return generate_latest(REGISTRY), CONTENT_TYPE
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE
