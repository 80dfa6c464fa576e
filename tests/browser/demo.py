"""`scripts/demo` as a process, on free ports and data of its own: for tests and screenshots."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import place_for_data

ROOT = Path(__file__).parents[2]
TOKEN_SECONDS = 10
FREE = ("--port", "0", "--api-port", "0", "--frontend-port", "0")


class Demo:
    """Returns once it serves; `places` are the addresses that it printed. Raises RuntimeError where it ended."""

    def __init__(self, data_dir: Path, *words: str) -> None:
        self.data_dir = data_dir
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
        command = [str(ROOT / "scripts/demo"), "--json", "--data-dir", str(data_dir), *words]
        with tempfile.TemporaryFile("w+") as said:
            self.process = subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, stderr=said, text=True)
            assert self.process.stdout
            line = self.process.stdout.readline()
            if not line:
                self.process.wait(30)
                said.seek(0)
                raise RuntimeError(f"ended with {self.process.returncode}: {said.read()}")
        self.places: dict[str, Any] = json.loads(line)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """The exit code."""
        self.process.send_signal(number)
        code = self.process.wait(30)
        assert self.process.stdout
        self.process.stdout.close()
        return code


@contextmanager
def running_demo(*words: str) -> Iterator[Demo]:
    with place_for_data() as data_dir:
        demo = Demo(data_dir, *FREE, "--token-seconds", str(TOKEN_SECONDS), *words)
        try:
            yield demo
        finally:
            if demo.process.poll() is None:
                demo.end()
