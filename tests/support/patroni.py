"""PostgreSQL under Patroni: members on directories of their own, and an etcd that says who leads.

    with Cluster(directory, [Place(name, directory / name) for name in ("pg1", "pg2", "pg3")]) as cluster:
        cluster.await_healthy()
        cluster.leader().kill()                   # Patroni first, then its PostgreSQL

For laboratories whose hosts are network namespaces each member has a host of its own, and a prefix for its commands.
Blocking code; what starts a process is for the main thread.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import yaml

from authsvc_devkit.processes import die_with_parent, is_alive, process_table, send_signal, wait_until
from authsvc_devkit.unix_users import as_user, servers_account
from tests.support.replicas import free_port

TTL, LOOP_WAIT, RETRY_TIMEOUT = 20, 1, 3
"""Seconds, the least that Patroni takes: a leader that died is missed after `TTL`."""
PASSWORD = "patroni-laboratory"
SUPERUSER = "authsvc"


def programs() -> dict[str, str] | None:
    """Paths of patroni, etcd and the directory of PostgreSQL's; None where something is missing."""
    found = {name: shutil.which(name) or "" for name in ("patroni", "etcd")}
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_rewind"), key=lambda path: int(path.parts[4]))
    found["postgresql"] = str(packaged[-1].parent) if packaged else ""
    return found if all(found.values()) else None


@dataclass
class Place:
    """Where a member is: `host` and `port` of its PostgreSQL, `rest_port` of its Patroni; others reach its PostgreSQL
    at `reached_at`, where a proxy may stand. `prefix`: before each command, such as ip netns exec NAME."""

    name: str
    directory: Path
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    rest_port: int = field(default_factory=free_port)
    reached_at: str = ""
    prefix: tuple[str, ...] = ()


class Process:
    """A program of the laboratory, as the servers' user; it ends with us."""

    def __init__(self, argv: Sequence[str], log: Path, stop: signal.Signals, **environment: str) -> None:
        options = as_user(servers_account())
        options["env"] |= environment
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [*argv],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                preexec_fn=die_with_parent(stop),
                **options,
            )

    def end(self, number: signal.Signals, seconds: float = 20) -> None:
        send_signal(self.popen.pid, number)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Member:
    """One PostgreSQL with its Patroni."""

    def __init__(self, place: Place, configuration: dict[str, Any]) -> None:
        self.place = place
        self._file = place.directory / "patroni.yml"
        self._file.write_text(yaml.safe_dump(configuration))
        self._process: Process | None = None

    def start(self) -> None:
        argv = (*self.place.prefix, (programs() or {})["patroni"], str(self._file))
        self._process = Process(argv, self.place.directory / "patroni.log", signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut: Patroni first, or it would start PostgreSQL again."""
        assert self._process is not None
        self._process.end(signal.SIGKILL)
        self.kill_postgres()

    def kill_postgres(self) -> None:
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.place.directory / "data/postmaster.pid").read_text().split()[0])
            family = [pid, *(child for child, (parent, _) in process_table().items() if parent == pid)]
            for one in family:
                send_signal(one, signal.SIGSTOP)
            for one in family:
                send_signal(one, signal.SIGKILL)
            wait_until(lambda: not any(map(is_alive, family)), 10)

    def stop(self) -> None:
        if self._process is not None:
            self._process.end(signal.SIGTERM)
        self.kill_postgres()

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Its Patroni's answer; raises OSError."""
        url = f"http://{self.place.host}:{self.place.rest_port}{path}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else text.decode()


class Cluster:
    """All members, and etcd on loopback. `synchronous`: commits wait for a standby (`synchronous_mode_strict`)."""

    def __init__(self, directory: Path, places: Sequence[Place], *, synchronous: bool = True) -> None:
        self._directory = directory
        self._etcd_port, self._peer_port = free_port(), free_port()
        account = servers_account()
        for place in places:
            place.directory.mkdir(parents=True)
        self.members = [Member(place, self._configuration(place, synchronous)) for place in places]
        if account is not None:
            for path in (directory, *directory.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid)
        self._etcd: Process | None = None

    def __enter__(self) -> Self:
        peer, client = (f"http://127.0.0.1:{port}" for port in (self._peer_port, self._etcd_port))
        argv = [(programs() or {})["etcd"], "--name", "one", "--data-dir", str(self._directory / "etcd")]
        argv += ["--listen-client-urls", client, "--advertise-client-urls", client, "--unsafe-no-fsync"]
        argv += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"one={peer}"]
        self._etcd = Process(argv, self._directory / "etcd.log", signal.SIGKILL)
        try:
            for member in self.members:
                member.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        for member in self.members:
            with suppress(OSError):
                member.kill()
        if self._etcd is not None:
            self._etcd.end(signal.SIGKILL)

    def hosts(self) -> str:
        """For a URL: host:port,host:port,…"""
        return ",".join(f"{member.place.host}:{member.place.port}" for member in self.members)

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{PASSWORD}@{self.hosts()}/{database}?sslmode=disable"

    def leader(self) -> Member:
        """Who leads, as etcd says. Raises RuntimeError when nobody does."""
        for one in self._state() or ():
            if one["role"] == "leader" and one["state"] == "running":
                return next(member for member in self.members if member.place.name == one["name"])
        raise RuntimeError("nobody leads")

    def _state(self) -> list[dict[str, Any]] | None:
        for member in self.members:
            with suppress(OSError, ValueError):
                found: list[dict[str, Any]] = member.ask("/cluster")["members"]
                return found
        return None

    def await_healthy(self, seconds: float = 120, *, synchronous: bool = True) -> None:
        """All members run on one timeline, and one standby is synchronous where that is wanted."""
        deadline = monotonic() + seconds
        while not self._healthy(synchronous):
            if monotonic() > deadline:
                raise RuntimeError(f"not healthy: {self._state()}")
            sleep(0.2)

    def _healthy(self, synchronous: bool) -> bool:
        state = self._state() or []
        running = [one for one in state if one["state"] in ("running", "streaming") and one.get("lag", 0) == 0]
        roles = {one["role"] for one in running}
        lines = {one.get("timeline") for one in running}
        wanted = {"leader", "sync_standby"} if synchronous else {"leader"}
        return len(running) == len(self.members) and wanted <= roles and len(lines) == 1

    def _configuration(self, place: Place, synchronous: bool) -> dict[str, Any]:
        users = {name: {"username": SUPERUSER, "password": PASSWORD} for name in ("superuser", "replication", "rewind")}
        address = f"{place.host}:{place.rest_port}"
        return {
            "scope": "laboratory",
            "name": place.name,
            "restapi": {"listen": address, "connect_address": address},
            "etcd3": {"hosts": [f"127.0.0.1:{self._etcd_port}"]},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL,
                    "loop_wait": LOOP_WAIT,
                    "retry_timeout": RETRY_TIMEOUT,
                    "maximum_lag_on_failover": 1_048_576,
                    "synchronous_mode": synchronous,
                    "synchronous_mode_strict": synchronous,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "parameters": {"wal_log_hints": "on", "max_connections": 100, "wal_keep_size": "256MB"},
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
            },
            "postgresql": {
                "listen": f"{place.host}:{place.port}",
                "connect_address": place.reached_at or f"{place.host}:{place.port}",
                "data_dir": str(place.directory / "data"),
                "bin_dir": (programs() or {})["postgresql"],
                "pgpass": str(place.directory / "pgpass"),
                "authentication": users,
                "parameters": {"unix_socket_directories": "", "log_parameter_max_length": 0},
                "pg_hba": [f"host {kind} all 0.0.0.0/0 scram-sha-256" for kind in ("all", "replication")],
                "remove_data_directory_on_rewind_failure": True,
                "remove_data_directory_on_diverged_timelines": True,
            },
        }
