"""`authsvc doctor`: the Sentinels or the cluster behind AUTHSVC_REDIS_URL, and each of their servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from authsvc.cli.console import plural
from authsvc.cli.doctor import Finding
from authsvc.store.redis_nodes import ClusterHealth, NodeHealth, SentinelHealth

SLOTS = 16_384


def judge_redis_nodes(found: SentinelHealth | ClusterHealth | None) -> Iterator[Finding]:
    """Nothing of a server that stands alone."""
    if isinstance(found, SentinelHealth):
        yield _sentinels(found)
        yield _quorum(found)
    elif isinstance(found, ClusterHealth):
        yield _cluster(found)
    if found is not None:
        yield from _servers(found.nodes)


def _sentinels(found: SentinelHealth) -> Finding:
    check, masters = "Redis Sentinels", sorted(set(found.named.values()))
    silent = ", ".join(f"{address} ({why})" for address, why in found.silent.items())
    if not masters:
        do = "start them, or correct their addresses, credentials and the master's name in AUTHSVC_REDIS_URL"
        return Finding(check, "FAIL", f"none names the master {found.master}: {silent}", do)
    if len(masters) > 1:
        said = ", ".join(f"{sentinel} says {master}" for sentinel, master in found.named.items())
        return Finding(check, "warn", f"they disagree on {found.master}: {said}", "look again; then SENTINEL RESET")
    if silent:
        text = f"{len(found.named)} of {found.sentinels} name {masters[0]}; the others do not: {silent}"
        return Finding(check, "warn", text, "bring them back: a failover needs most of them")
    return Finding(check, "ok", f"all {found.sentinels} name {masters[0]} as {found.master}")


def _quorum(found: SentinelHealth) -> Finding:
    check = "Redis failover"
    if found.quorum:
        return Finding(check, "warn", f"not possible now: {found.quorum}", "SENTINEL CKQUORUM at each says why")
    if found.named and len(found.nodes) < 2:
        return Finding(check, "warn", f"{found.master} has no replica", "add one (REPLICAOF)")
    if found.named and found.sentinels < 3:
        text = f"{plural(found.sentinels, 'Sentinel')} named"
        return Finding(check, "warn", text, "name three or more, so that one may be away")
    return Finding(check, "ok" if found.named else "warn", f"{plural(max(0, len(found.nodes) - 1), 'replica')}")


def _cluster(found: ClusterHealth) -> Finding:
    check, text = "Redis cluster", f"{plural(found.masters, 'master')}, {found.slots_ok} of {SLOTS} slots served"
    if found.state != "ok" or found.slots_ok < SLOTS:
        do = "CLUSTER NODES says who is missing; until then authsvc serves from PostgreSQL alone"
        return Finding(check, "FAIL", f"state {found.state}, {text}", do)
    if found.lonely:
        return Finding(check, "warn", f"{text}; no replica of {', '.join(found.lonely)}", "add one (CLUSTER REPLICATE)")
    return Finding(check, "ok", text)


def _servers(nodes: Sequence[NodeHealth]) -> Iterator[Finding]:
    """Who may be promoted tomorrow must be fit today."""
    check = "Redis servers"
    if evicting := [f"{node.address} ({node.policy})" for node in nodes if node.policy not in ("noeviction", "?")]:
        do = "set maxmemory-policy noeviction on each: once promoted they would evict revocations, and not be believed"
        yield Finding(check, "FAIL", f"maxmemory-policy: {', '.join(evicting)}", do)
    if away := [f"{node.address} ({node.trouble})" for node in nodes if node.trouble]:
        yield Finding(check, "warn", f"no answer: {', '.join(away)}", "start them, or take them out of the group")
    if not evicting and not away:
        told = [node for node in nodes if node.policy != "?"]
        kept = "" if len(told) == len(nodes) else f"; {len(nodes) - len(told)} do not say"
        yield Finding(check, "ok", f"{plural(len(told), 'server')} with noeviction{kept}")
