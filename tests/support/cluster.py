"""A cluster of Valkey, from the wheel that devkit uses; made by its own commands, so that no other program is needed.

with ValkeyCluster() as cluster:    # three masters with a replica each, on loopback; or binds=[...]
    settings["AUTHSVC_REDIS_URL"] = cluster.url
    cluster.owner(key).kill()
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.crc import key_slot

from tests.support.valkeys import LOOPBACK, Valkey, free_ports, until

SLOTS = 16384
MASTERS = 3
SHARE = -(-SLOTS // MASTERS)


class ValkeyCluster:
    """Three masters that share the slots, and replicas of those that own the slots of the keys `replicated`, each one's
    by default. Hosts of `binds` are taken in turn; `launch` has words to put before each host's programs."""

    def __init__(
        self,
        binds: Sequence[str] = (LOOPBACK,),
        *,
        replicated: Sequence[str] | None = None,
        launch: Sequence[Sequence[str]] | None = None,
        password: str = "valkey-secret",
        node_timeout_ms: int = 800,
        options: dict[str, object] | None = None,
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="authsvc-cluster-"))
        self.password = password
        owners = range(MASTERS) if replicated is None else [key_slot(key.encode()) // SHARE for key in replicated]
        self._replicated = sorted(set(owners))
        number = MASTERS + len(self._replicated)
        ports = free_ports(2 * number)
        launch = launch or [()] * len(binds)
        self.nodes = [
            Valkey(
                self.directory,
                {
                    "cluster-enabled": "yes",
                    "cluster-port": ports[2 * at + 1],
                    "cluster-node-timeout": node_timeout_ms,
                    "cluster-replica-validity-factor": 0,
                    "masterauth": password,
                    "appendonly": "no",
                    "maxmemory-policy": "noeviction",
                    "repl-diskless-sync-delay": 0,
                    "repl-ping-replica-period": 1,
                    **(options or {}),
                },
                bind=binds[at % len(binds)],
                port=ports[2 * at],
                password=password,
                launch=launch[at % len(binds)],
            )
            for at in range(number)
        ]
        self._bus = {node.port: ports[2 * at + 1] for at, node in enumerate(self.nodes)}

    @property
    def url(self) -> str:
        return f"redis+cluster://:{self.password}@{','.join(map(str, self.nodes[:3]))}"

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _make(self) -> None:
        for number, node in enumerate(self.nodes):
            node.start()
            node.ask().execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        masters = self.nodes[:MASTERS]
        for number, node in enumerate(masters):
            last = min(SLOTS, (number + 1) * SHARE) - 1
            node.ask().execute_command("CLUSTER", "ADDSLOTSRANGE", number * SHARE, last)
        for node in self.nodes:
            for other in self.nodes:
                if other is not node:
                    other.ask().execute_command("CLUSTER", "MEET", node.host, node.port, self._bus[node.port])
        until(lambda: all(len(self._known(node)) == len(self.nodes) for node in self.nodes), "nodes do not meet")
        for owner, node in zip(self._replicated, self.nodes[MASTERS:], strict=True):
            of = masters[owner].ask().execute_command("CLUSTER", "MYID")
            until(partial(node.ask().execute_command, "CLUSTER", "REPLICATE", of), "no replica")
        until(self.is_whole, "the cluster does not come up")

    def close(self) -> None:
        for node in self.nodes:
            node.close()
        self.directory.rmdir()

    def is_whole(self) -> bool:
        """Every node finds the cluster well, agrees on its owners, and each replica has caught up."""
        views = set()
        for node in self.nodes:
            if node.ask().execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                return False
            info = node.ask().info("replication")
            if info["role"] == "slave" and info["master_link_status"] != "up":
                return False
            known = self._known(node)
            if any("fail" in flags or "handshake" in flags for flags in known.values()):
                return False
            views.add(tuple(sorted(name for name, flags in known.items() if "master" in flags)))
        return len(views) == 1

    @staticmethod
    def _known(node: Valkey) -> dict[str, str]:
        """Flags of each node, by its address, as this one sees them."""
        answer: dict[str, dict[str, str]] = node.ask().execute_command("CLUSTER NODES")
        return {address: seen["flags"] for address, seen in answer.items() if "handshake" not in seen["flags"]}

    def owner(self, key: str) -> Valkey:
        """The master of a key's slot, as a living node sees it."""
        slot = key_slot(key.encode())
        for node in self.nodes:
            try:
                ranges = node.ask().execute_command("CLUSTER", "SLOTS")
            except (redis.RedisError, OSError):
                continue
            for first, last, master, *_ in ranges:
                if first <= slot <= last:
                    return next(one for one in self.nodes if one.port == int(master[1]))
        raise LookupError(key)

    def replica_of(self, master: Valkey) -> Valkey:
        """One of its replicas."""
        port = str(master.port)
        return next(
            node
            for node in self.nodes
            if node is not master and node.is_alive and str(node.ask().info("replication").get("master_port")) == port
        )

    def until_owner_is_another(self, key: str, than: Valkey, seconds: float = 20) -> float:
        """The seconds that it took."""
        return until(lambda: self.owner(key) is not than, "no failover", seconds)

    def heal(self, seconds: float = 30) -> None:
        """Start and thaw all, and wait until the cluster is whole."""
        for node in self.nodes:
            node.thaw()
            node.start()
        until(self.is_whole, "the cluster does not become whole", seconds)
