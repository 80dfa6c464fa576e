"""A master with replicas, and Sentinels that watch over it, from the wheel that devkit uses.

with SentinelSet() as group:        # everything on loopback; or binds=[...], one address a host
    settings["AUTHSVC_REDIS_URL"] = group.url
    group.master().kill()
    group.until_master_is_another(than=...)
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from tests.support.valkeys import LOOPBACK, Valkey, free_ports, until

MASTER = "mymaster"
_HURRY = ("INFO-PERIOD", 300, "PING-PERIOD", 100, "ASK-PERIOD", 100, "PUBLISH-PERIOD", 200)
_APART_MS = 200
"""Sentinels that notice at the same moment each vote for themselves, and vote again after twice failover-timeout."""


class SentinelSet:
    """One data server and one Sentinel a host of `binds`; the first one begins as master. `launch` has words to put
    before each host's programs. `announced`: a port for each data server by which others reach it (a proxy's)."""

    def __init__(
        self,
        binds: Sequence[str] = (LOOPBACK, LOOPBACK, LOOPBACK),
        *,
        servers: int | None = None,
        launch: Sequence[Sequence[str]] | None = None,
        password: str = "valkey-secret",
        sentinel_password: str = "sentinel-secret",
        down_after_ms: int = 400,
        failover_timeout_ms: int = 2000,
        options: dict[str, object] | None = None,
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="authsvc-sentinel-"))
        self.password, self.sentinel_password = password, sentinel_password
        launch = launch or [()] * len(binds)
        hosts = list(zip(binds, launch, free_ports(2 * len(binds))[::2], free_ports(len(binds)), strict=True))
        first = hosts[0]
        data = {
            "masterauth": password,
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "repl-diskless-sync-delay": 0,
            "repl-ping-replica-period": 1,
            **(options or {}),
        }
        self.servers = [
            Valkey(
                self.directory,
                data if bind_at == 0 else {**data, "replicaof": f"{first[0]} {first[2]}"},
                bind=bind,
                port=port,
                password=password,
                launch=words,
            )
            for bind_at, (bind, words, port, _) in enumerate(hosts[:servers])
        ]
        quorum = len(hosts) // 2 + 1
        self.sentinels = [
            Valkey(
                self.directory,
                {
                    "sentinel": [
                        f"monitor {MASTER} {first[0]} {first[2]} {quorum}",
                        f"auth-pass {MASTER} {password}",
                        f"down-after-milliseconds {MASTER} {down_after_ms + _APART_MS * place}",
                        f"failover-timeout {MASTER} {failover_timeout_ms}",
                        f"sentinel-pass {sentinel_password}",
                    ]
                },
                bind=bind,
                port=port,
                password=sentinel_password,
                sentinel=True,
                launch=words,
            )
            for place, (bind, words, _, port) in enumerate(hosts)
        ]

    @property
    def url(self) -> str:
        hosts = ",".join(map(str, self.sentinels))
        return f"redis+sentinel://:{self.password}@{hosts}/{MASTER}?sentinel_password={self.sentinel_password}"

    def __enter__(self) -> Self:
        try:
            for server in self.servers:
                server.start()
            until(lambda: len(self.synced()) == len(self.servers) - 1, "the replicas do not follow")
            self._start_sentinels()
            until(self.is_whole, "the Sentinels do not find each other")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.close()
        self.directory.rmdir()

    def _start_sentinels(self) -> None:
        """They look around often: by themselves every ten seconds, and tests have no such patience."""
        for sentinel in self.sentinels:
            sentinel.start()
            sentinel.ask().execute_command("SENTINEL", "DEBUG", *_HURRY)

    def synced(self) -> list[str]:
        """Addresses of the replicas that are up to date, by the master."""
        info = self.master().ask().info("replication")
        found = [info[f"slave{number}"] for number in range(int(info["connected_slaves"]))]
        return [f"{one['ip']}:{one['port']}" for one in found if one["state"] == "online"]

    def is_whole(self) -> bool:
        """Every Sentinel knows all servers and all others, and finds nobody down."""
        for sentinel in self.sentinels:
            seen = sentinel.ask().sentinel_master(MASTER)
            others = sentinel.ask().sentinel_slaves(MASTER)
            if seen["num-other-sentinels"] != len(self.sentinels) - 1 or seen["is_sdown"] or seen["is_odown"]:
                return False
            if len(others) != len(self.servers) - 1 or any(one["is_sdown"] or one["is_disconnected"] for one in others):
                return False
            if any(one["master-link-status"] != "ok" for one in others):
                return False
        return len({self.master_of(sentinel) for sentinel in self.sentinels}) == 1

    def master_of(self, sentinel: Valkey) -> int:
        """Port of the master that a Sentinel names."""
        found = sentinel.ask().execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        return int(found[1])

    def master(self) -> Valkey:
        """As most Sentinels that answer name it; the first server while none does."""
        named = []
        for sentinel in self.sentinels:
            try:
                named.append(self.master_of(sentinel))
            except (redis.RedisError, OSError):
                continue
        port = max(named, key=named.count) if named else self.servers[0].port
        return next(server for server in self.servers if server.port == port)

    def fail_over(self) -> None:
        """As an operator: promote a replica though the master is well."""
        until(lambda: self.sentinels[0].ask().execute_command("SENTINEL", "FAILOVER", MASTER), "no failover begins")

    def until_master_is_another(self, than: Valkey, seconds: float = 20) -> float:
        """Until Sentinels name another, and that one takes writes. The seconds that it took."""
        return until(
            lambda: self.master() is not than and self.master().ask().role()[0] == "master", "no failover", seconds
        )

    def heal(self, seconds: float = 30) -> None:
        """Start and thaw all, and wait until the group is whole."""
        for server in (*self.servers, *self.sentinels):
            server.thaw()
        for server in self.servers:
            server.start()
        self._start_sentinels()
        until(self.is_whole, "the group does not become whole", seconds)
