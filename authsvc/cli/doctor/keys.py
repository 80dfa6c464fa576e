"""What is wrong with keys, and with what clients want of them: a part of `authsvc doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from authsvc.cli.console import duration, plural, relative
from authsvc.cli.doctor import Finding
from authsvc.flows.keys.served_settings import in_force
from authsvc.flows.operator.manage_clients import algorithms_of
from authsvc.jose.names import DEFAULT_ALG
from authsvc.keys.phases import Phase, phases_at, signer
from authsvc.keys.policy import MAX_PUBLISHED_KEYS, KeyPolicy
from authsvc.keys.records import SigningKey
from authsvc.keys.reseal import kids_under
from authsvc.keys.seal import SealError
from authsvc.keys.settings_in_force import InForce
from authsvc.rules.client_record import Client
from authsvc.runtime import Runtime
from authsvc.store.caller import clients
from authsvc.store.keys import signing_keys


async def examine_keys(runtime: Runtime, now: datetime) -> list[Finding]:
    """Judge the signing keys, and whether every client has one that signs for it. Raises StoreUnavailable."""
    rows = await signing_keys.everything(runtime.db)
    try:
        runtime.keyring.load(rows, now)
    except SealError as error:
        do = "restore the master key file that belongs to this database"
        return [Finding("signing keys", "FAIL", str(error), do)]
    known = await clients.everyone(runtime.db)
    by = await in_force(runtime)
    return [
        _opened(runtime, rows),
        *_sealed(runtime, rows, now),
        *(finding for alg in by.lines for finding in _line(runtime, rows, now, alg)),
        *_wishes(by, known, rows, now),
        *_room(by.policy, len(by.lines)),
        *_settings(by, runtime.settings.replicas),
    ]


def _opened(runtime: Runtime, rows: Sequence[SigningKey]) -> Finding:
    if runtime.keyring.unopened:
        found = f"the master key does not open {' '.join(runtime.keyring.unopened)}"
        do = "put the master key that sealed them back into the file, below the current one"
        return Finding("signing keys", "FAIL", found, do)
    return Finding("signing keys", "ok", f"{len(rows)}, and the master key opens all that are published")


def _sealed(runtime: Runtime, rows: Sequence[SigningKey], now: datetime) -> Iterator[Finding]:
    """A change of the master key that was begun."""
    current = runtime.master.current_id
    others = {key_id: kids for key_id, kids in kids_under(rows, now).items() if key_id != current}
    if others:
        under = ", ".join(f"{plural(len(kids), 'signing key')} under {key_id}" for key_id, kids in others.items())
        yield Finding("seals", "warn", f"master key {current} is current, and {under}", "authsvc keys reseal")


def _line(runtime: Runtime, rows: Sequence[SigningKey], now: datetime, alg: str) -> Iterator[Finding]:
    """The key that signs, and the one that follows."""
    name, option = ("", "") if alg == DEFAULT_ALG else (f" {alg}", f" --alg {alg}")
    phases = phases_at(rows, now)
    following = [row for row in rows if row.alg == alg and phases[row.kid] is Phase.ANNOUNCED]
    first = min(following, key=lambda row: row.signs_from, default=None)
    current = signer(rows, now, alg)
    if current is None or runtime.keyring.signing_kid(now, alg) is None:
        if alg != DEFAULT_ALG and first is not None:
            yield Finding(f"signing{name}", "ok", f"the first key signs {relative(first.signs_from, now)}")
            return
        yield Finding(f"signing{name}", "FAIL", "no key may sign now", f"authsvc keys generate{option}")
        return
    yield Finding(f"signing{name}", "ok", f"{current.kid} signs, for {duration(now - current.signs_from)}")
    if first is None:
        found = "no key is announced: should this one leak, verifiers would not know the next"
        yield Finding(f"successor{name}", "warn", found, f"let a replica run, or authsvc keys generate{option}")
    else:
        yield Finding(f"successor{name}", "ok", f"{first.kid} signs {relative(first.signs_from, now)}")


def _wishes(by: InForce, known: Sequence[Client], rows: Sequence[SigningKey], now: datetime) -> Iterator[Finding]:
    """Clients whose tokens cannot be signed, or soon cannot."""
    wanted: dict[str, list[str]] = {}
    for client in known:
        for alg in algorithms_of(client):
            wanted.setdefault(alg, []).append(client.id)
    for alg, ids in sorted(wanted.items()):
        unsigned = signer(rows, now, alg) is None
        if alg == DEFAULT_ALG or not (unsigned or alg not in by.life.algorithms):
            continue
        names = " ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
        state = "no key signs with it: 503" if unsigned else "the key policy has it no more, so its keys run out"
        do = f"add {alg} to the key policy's algorithms, or `authsvc clients choose-alg`"
        if alg in by.life.algorithms:
            do = "`authsvc keys plan` says when one will; else `authsvc clients choose-alg`"
        yield Finding(f"clients with {alg}", "warn", f"{names}: {state}", do)


def _room(policy: KeyPolicy, lines: int) -> Iterator[Finding]:
    """A client was given tokens that live so long that the JWKS fills with the keys that stay for them."""
    number = policy.published * lines
    if number > MAX_PUBLISHED_KEYS:
        found = (
            f"tokens of a client live {duration(policy.around.longest_token)}: {number} keys will be in it, more than "
            f"{MAX_PUBLISHED_KEYS}, and verifiers refuse such a set"
        )
        do = "let keys sign for longer (`sign` in the key policy), or the client's tokens live shorter"
        yield Finding("JWKS", "warn", found, do)


def _settings(by: InForce, replicas: int) -> Iterator[Finding]:
    """Whether this shell and the replicas, as far as they are known, have the same settings."""
    for found in by.disagreements.values():
        yield Finding("settings of replicas", "warn", found, "give every replica and this shell the same, then restart")
    if by.replicas and not by.disagreements:
        yield Finding("settings of replicas", "ok", f"as here: {plural(len(by.replicas), 'replica')}")
    if too_many := judge_replicas(len(by.replicas), replicas):
        yield too_many


def judge_replicas(heard: int, said: int) -> Finding | None:
    """Each replica allows its part of the log-in limits while Redis is away: more of them allow more."""
    if heard <= said:
        return None
    found = f"{heard} were heard lately, and AUTHSVC_REPLICAS says {said}: without Redis they let more guesses in"
    return Finding("replicas", "warn", found, "AUTHSVC_REPLICAS, or `replicaCount` and `autoscaling` of the chart")
