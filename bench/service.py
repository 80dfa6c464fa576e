"""One worker on a core of its own, and the load that is sent to it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.browser import Browser, exchanges
from bench.yardstick import on_core

SERVICE_CORE, LOAD_CORE = 0, (1 if (os.cpu_count() or 1) > 1 else 0)
LOGIN = {"email": "test@example.com", "password": "password"}
ROOT = Path(__file__).parents[1]
TUNABLES = dict(re.findall(r"^ENV (GLIBC_TUNABLES)=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
"""As in the image, too: what malloc does with large blocks."""


def authsvc(root: Path) -> list[str]:
    """The command of a checkout as in the image: what only the tests need is not there to be imported."""
    return [str(root / ".venv-image/bin/python"), "-m", "authsvc"]


CHAINS = 256
"""Sessions whose refreshes make up a load: so many that none of them is refreshed as only a client in a loop would."""


@dataclass(frozen=True)
class Scenario:
    """`goal`: the least ratio to the yardstick, or None; `goal_p99`: the most seconds at half load, or None. `codes`:
    each request redeems a fresh authorization code."""

    name: str
    goal: float | None
    requests: tuple[bytes, ...] = ()
    chains: bool = False
    codes: bool = False
    connections: int = 16
    yardstick: str = "signatures"
    goal_p99: float | None = None


class Service:
    """One `authsvc serve` worker of a checkout, pinned; the stores on the other core."""

    def __init__(self, env: dict[str, str], root: Path = ROOT) -> None:
        self.env = env
        self.root = root
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = Path(tempfile.mkstemp(prefix="authsvc-bench-")[1])
        self.browsers: list[Browser] = []

    def start(self) -> float:
        """Seconds until it is ready."""
        started = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*authsvc(self.root), "serve", "--port", str(self.port)],
                cwd=self.root,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **TUNABLES, **self.env},
                stdout=log,
                stderr=subprocess.STDOUT,
                **on_core(SERVICE_CORE),
            )
        while time.perf_counter() - started < 20:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):
                    return time.perf_counter() - started
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.005)
        raise SystemExit(f"the service did not start:\n{self.log.read_text()[-2000:]}")

    def memory_mb(self) -> float:
        assert self.process
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found[1]) / 1024 if found else float("nan")

    def cpu_seconds(self) -> float:
        """CPU that all threads of the worker have used since it began, user and system."""
        assert self.process
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        sent = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(sent) as answer:
            return json.load(answer)

    def refresh_tokens(self, count: int) -> list[str]:
        """One a session."""
        return [self.post("/api/auth/login", LOGIN)["refresh_token"] for _ in range(count)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def send(
    service: Service, scenario: Scenario, seconds: float, rate: float | None, chains: list[str], likely: float
) -> dict[str, Any]:
    """What `bench.load` prints, and `cpu`: seconds that the worker used while the load ran, and not for what was asked
    of it before. `likely`: how many answers a second there may be, for requests that can be sent only once."""
    once = exchanges(service.browsers, int(likely * seconds) + 2 * scenario.connections) if scenario.codes else []
    job = {
        "once": [one.decode("latin-1") for one in once],
        "url": service.url,
        "requests": [one.decode("latin-1") for one in scenario.requests],
        "chains": chains if scenario.chains else [],
        "connections": scenario.connections,
        "seconds": seconds,
        "rate": rate,
    }
    used = service.cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        **on_core(LOAD_CORE),
    )
    answer: dict[str, Any] = {**json.loads(done.stdout), "cpu": service.cpu_seconds() - used}
    if scenario.chains:
        chains[:] = answer["chains"]
    if answer["errors"]:
        print(f"  {answer['errors']} errors, the first: {answer['first_error'][:200]}", file=sys.stderr)
    return answer
