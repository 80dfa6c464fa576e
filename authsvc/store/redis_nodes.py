"""What Sentinels, a cluster and each server of theirs say of themselves, for `authsvc doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from authsvc.records import frozen
from authsvc.store.errors import StoreUnavailable
from authsvc.store.redis import RedisStore
from authsvc.store.redis_py import RedisError
from authsvc.store.redis_routes.cluster import Cluster
from authsvc.store.redis_routes.lookout import PATIENT_SECONDS
from authsvc.store.redis_routes.sentinel import Sentinels, described, open_sentinel
from authsvc.store.redis_routes.server import RedisServer
from authsvc.store.redis_routes.url import Address


@frozen
class NodeHealth:
    """One server that holds data. `policy` is its `maxmemory-policy`, `?` where it does not tell; `trouble`: why it
    says nothing."""

    address: str
    policy: str = "?"
    trouble: str = ""


@frozen
class SentinelHealth:
    """`named`: who each Sentinel says the master is; `silent`: why others say nothing; `quorum`: what stands in the way
    of a failover, as a Sentinel says it."""

    master: str
    sentinels: int
    named: dict[str, str]
    silent: dict[str, str]
    quorum: str
    nodes: tuple[NodeHealth, ...]


@frozen
class ClusterHealth:
    """`state`, `slots_ok` (of 16384) and `masters` as the node says that we asked; `lonely`: masters without a
    replica."""

    state: str
    slots_ok: int
    masters: int
    lonely: tuple[str, ...]
    nodes: tuple[NodeHealth, ...]


async def examine(store: RedisStore) -> SentinelHealth | ClusterHealth | None:
    """None: there is one server and nobody who watches over it. Raises StoreUnavailable, RedisError."""
    if isinstance(store.route, Sentinels):
        return await _of_sentinels(store.route)
    return await _of_cluster(store.route) if isinstance(store.route, Cluster) else None


async def _of_sentinels(route: Sentinels) -> SentinelHealth:
    name, named, silent, quorum = route.url.master, {}, {}, ""
    addresses: set[Address] = set()
    for address in route.url.addresses:
        client = open_sentinel(route.url, address)
        try:
            async with asyncio.timeout(PATIENT_SECONDS):
                answer = await described(client, name)
                addresses.add(master := Address(str(answer["ip"]), int(answer["port"])))
                named[str(address)] = str(master)
                replicas = await client.execute_command("SENTINEL SLAVES", name)  # type: ignore[no-untyped-call]
                addresses |= {Address(str(one["ip"]), int(one["port"])) for one in replicas}
                await client.execute_command("SENTINEL CKQUORUM", name)  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            said = str(error) or "timeout"
            if str(address) in named:
                quorum = said
            else:
                silent[str(address)] = said
        await client.aclose()
    nodes = await _nodes(RedisServer(route.url.of_server(one), _unheard) for one in sorted(addresses))
    return SentinelHealth(name, len(route.url.addresses), named, silent, quorum, _with(addresses, nodes))


async def _of_cluster(route: Cluster) -> ClusterHealth:
    info = await route.command("CLUSTER INFO")
    slots = await route.command("CLUSTER SLOTS")
    lonely = tuple(sorted(f"{members[0][0]}:{members[0][1]}" for _, _, *members in slots if len(members) < 2))
    nodes = await _nodes(RedisServer(route.url.of_server(one), _unheard) for one in sorted(route.nodes))
    return ClusterHealth(
        state=str(info.get("cluster_state", "?")),
        slots_ok=int(info.get("cluster_slots_ok", 0)),
        masters=int(info.get("cluster_size", 0)),
        lonely=tuple(dict.fromkeys(lonely)),
        nodes=_with(route.nodes, nodes),
    )


async def _nodes(servers: Iterable[RedisServer]) -> Sequence[tuple[str, str]]:
    """(policy, trouble) of each."""

    async def ask(server: RedisServer) -> tuple[str, str]:
        try:
            return str((await server.command("INFO", "memory")).get("maxmemory_policy", "?")), ""
        except StoreUnavailable as error:
            return "?", "" if error.kind == "refused" else str(error.__cause__ or "") or error.kind
        finally:
            await server.close()

    return await asyncio.gather(*(ask(server) for server in servers))


def _with(addresses: Iterable[Address], said: Sequence[tuple[str, str]]) -> tuple[NodeHealth, ...]:
    return tuple(NodeHealth(str(one), *words) for one, words in zip(sorted(addresses), said, strict=True))


def _unheard(kind: str) -> None:
    """These questions are the operator's; the service's metrics do not count them."""
