"""`scripts/bench-peers`: authsvc and node-oidc-provider in turns, one core each, and a table of both."""

from __future__ import annotations

import argparse
import json
import os
import platform
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from pathlib import Path

from authsvc_devkit.demo import BACKEND_SECRET
from bench.load import request
from bench.measure import Result, measure
from bench.service import LOAD_CORE, LOGIN, Scenario, Service
from bench.stores import Stores, running
from bench.yardstick import on_core

PACKAGES = {"oidc-provider": "9.13.3", "pg": "8.23.1"}
PROGRAM = Path(__file__).with_name("oidc-provider.mjs")
NOT_RUN = "Ory Hydra, dex, Keycloak, django-oauth-toolkit"
_BASIC = f"Authorization: Basic {b64encode(f'backend:{BACKEND_SECRET}'.encode()).decode()}\r\n"


class OidcProvider(Service):
    """node-oidc-provider with our adapter for PostgreSQL, or in its own memory."""

    def __init__(self, stores: Stores, directory: Path, *, durable: bool) -> None:
        super().__init__(stores)
        self.directory = directory
        self.durable = durable
        self.tokens: dict[str, list[str]] = {}

    def start(self) -> float:
        env = {**os.environ, "PORT": str(self.port), "CHAINS": "64", "NODE_ENV": "production"}
        if self.durable:
            host = self.stores.env["AUTHSVC_DATABASE_URL"].partition("host=")[2]
            env |= {"DATABASE": self.stores.env["AUTHSVC_DATABASE_URL"], "PGHOST": host}
        started = time.perf_counter()
        self.process = subprocess.Popen(
            ["node", PROGRAM.name],
            cwd=self.directory,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **on_core(self.core),
        )
        assert self.process.stdout
        while select.select([self.process.stdout], [], [], 60)[0] and (line := self.process.stdout.readline()):
            if line.startswith(b"{"):  # whatever else it says
                self.tokens = json.loads(line)
                return time.perf_counter() - started
        self.stop()
        raise SystemExit("node-oidc-provider did not start")

    def refresh_tokens(self, count: int) -> list[str]:
        return self.tokens["refresh"][:count]


def _scenarios(introspect: str, jwks: str, tokens: list[str]) -> list[Scenario]:
    asked = tuple(request("POST", introspect, f"token={token}", _BASIC) for token in tokens)
    return [
        Scenario("client_credentials", None, (request("POST", "/token", "grant_type=client_credentials", _BASIC),)),
        Scenario("refresh", None, chains=True),
        Scenario("introspection", None, asked),
        Scenario("JWKS", None, (request("GET", jwks),)),
    ]


def _install(directory: Path) -> str | None:
    """Why node-oidc-provider cannot be had; None: it is there."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "needs node and npm"
    (directory / "package.json").write_text(json.dumps({"private": True, "type": "module", "dependencies": PACKAGES}))
    shutil.copy(PROGRAM, directory)
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=directory, capture_output=True, text=True
    )
    return f"npm could not install it: {done.stderr.strip()[-200:]}" if done.returncode else None


def _row(name: str, results: list[Result], memory: float) -> str:
    cells = [
        f"{statistics.median(one.ratios):.2f} ({statistics.median(one.cpu) * 1e6:,.0f} µs"
        + (f", PostgreSQL {one.spent['postgres'] * 1e6:,.0f} µs)" if one.spent["postgres"] > 20e-6 else ")")
        + (f" {one.errors} errors" if one.errors else "")
        for one in results
    ]
    return f"| {name} | {' | '.join(cells)} | {memory:.0f} MB |"


def main() -> None:
    arguments = argparse.ArgumentParser(prog="scripts/bench-peers", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=3)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="authsvc-peers-") as place:
        Path(place).chmod(0o711)
        modules = Path(place) / "node"
        modules.mkdir()
        refused = _install(modules)
        with running(Path(place), {}, LOAD_CORE) as stores:
            lines = _measure(stores, modules, refused, options)
    print("\n".join(lines))


def _measure(stores: Stores, modules: Path, refused: str | None, options: argparse.Namespace) -> list[str]:
    node = "" if refused else subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    lines = [
        f"`scripts/bench-peers --rounds {options.rounds} --seconds {options.seconds:g}`, Python "
        f"{platform.python_version()}, node {node or 'missing'}. x 2048-bit RSA signatures of one core, with the CPU "
        "of the server's process a request.",
        "",
        "| server, one core | client_credentials | refresh | introspection | JWKS | memory after |",
        "|---|---|---|---|---|---|",
    ]
    with Service(stores) as service:
        tokens = [service.post("/api/auth/login", LOGIN)["access_token"] for _ in range(16)]
        lines.append(_of("authsvc", service, _scenarios("/introspect", "/.well-known/jwks.json", tokens), options))
    for durable, where in ((True, "PostgreSQL"), (False, "memory")):
        name = f"node-oidc-provider {PACKAGES['oidc-provider']}, {where}"
        if refused:
            lines.append(f"| {name} | not set up: {refused} | | | | |")
            continue
        with OidcProvider(stores, modules, durable=durable) as peer:
            lines.append(_of(name, peer, _scenarios("/token/introspection", "/jwks", peer.tokens["access"]), options))
    return [*lines, f"| {NOT_RUN} | not set up by this script | | | | |"]


def _of(name: str, service: Service, scenarios: list[Scenario], options: argparse.Namespace) -> str:
    results = []
    for scenario in scenarios:
        print(f"measuring {name}: {scenario.name} …", file=sys.stderr)
        results.append(measure(service, scenario, options.rounds, options.seconds))
    return _row(name, results, service.memory_mb())


if __name__ == "__main__":
    main()
