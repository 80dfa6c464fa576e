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
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bench.browser import Browser, exchanges
from bench.stores import Stores, cpu_seconds, family
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
    """`authsvc serve` of a checkout: one worker on one core, and the stores on the other; or several, where the system
    puts them."""

    def __init__(self, stores: Stores, root: Path = ROOT, workers: int = 1, core: int | None = SERVICE_CORE) -> None:
        self.stores = stores
        self.env = stores.env | {"AUTHSVC_WORKERS": str(workers)}
        self.root = root
        self.core = core
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = Path(tempfile.mkstemp(prefix="authsvc-bench-")[1])
        self.browsers: list[Browser] = []
        self.started = 0.0
        """Seconds until it was ready."""

    def __enter__(self) -> Self:
        self.started = self.start()
        self.log.unlink()  # it is for a start that fails
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

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
                **on_core(self.core),
            )
        while time.perf_counter() - started < 20:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):
                    return time.perf_counter() - started
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.005)
        self.stop()
        raise SystemExit(f"the service did not start:\n{self.log.read_text()[-2000:]}")

    def memory_mb(self) -> float:
        assert self.process
        status = [Path(f"/proc/{pid}/status").read_text() for pid in family(self.process.pid)]
        return sum(int(found[1]) for text in status if (found := re.search(r"VmRSS:\s+(\d+)", text))) / 1024

    def cpu_seconds(self) -> float:
        """CPU that all threads of it have used since it began, user and system."""
        assert self.process
        return cpu_seconds(self.process.pid)

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


def post_raw(service: Service, request: bytes) -> None:
    """Send one request as it is. Raises SystemExit where it is not answered by 200."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(request)
        if (answer := connection.recv(4096))[9:12] != b"200":
            raise SystemExit(f"not 200, but {answer.decode(errors='replace')}")


def send(
    service: Service,
    scenario: Scenario,
    seconds: float,
    rate: float | None,
    chains: list[str],
    likely: float,
    began: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """What `bench.load` prints, and what was spent while the load ran, and not for what was asked before: `cpu`,
    seconds of the worker; `postgres` and `redis`, seconds of theirs; `wal`, bytes. `likely`: how many answers a second
    there may be, for requests that can be sent only once. `began` is called when all is there for the load."""
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
    began()
    spent, used = service.stores.spent(), service.cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        **on_core(None if service.core is None else LOAD_CORE),
    )
    used = service.cpu_seconds() - used
    answer: dict[str, Any] = {**json.loads(done.stdout), "cpu": used, **asdict(service.stores.spent().since(spent))}
    if scenario.chains:
        chains[:] = answer["chains"]
    if answer["errors"]:
        print(f"  {answer['errors']} errors, the first: {answer['first_error'][:200]}", file=sys.stderr)
    return answer
