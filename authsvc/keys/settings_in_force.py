"""Which settings decide what keys promise, where replicas and a command do not have the same: the strictest. Pure.

Replicas record what they serve by. A command that judged by its own shell alone could let a key sign that a cache
lacks, for caches go by what the replicas said. So it takes, setting by setting, the strictest of its own and of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from authsvc.keys.policy import KeyLife, KeyPolicy, Surroundings, said
from authsvc.keys.records import ServedSettings
from authsvc.records import frozen

RECORD_SECONDS: Final = 20.0
"""A replica says so often what it serves by."""
UNHEARD: Final = timedelta(minutes=1)
"""Who is behind the replica that was heard last by this much has ended, or serves by other settings now. When none is
heard, as while PostgreSQL is away, what all said last goes on to count."""

_FILE = "AUTHSVC_KEY_POLICY_FILE, "
_NUMBERS: Final[Mapping[str, tuple[str, Callable[..., int]]]] = {
    "jwks_max_age": ("AUTHSVC_JWKS_MAX_AGE", max),
    "longest_token": ("AUTHSVC_ACCESS_TOKEN_SECONDS", max),
    "clock_skew": ("AUTHSVC_CLOCK_SKEW_SECONDS", max),
    "announce": (_FILE + "announce", max),
    "sign": (_FILE + "sign", min),
    "keep": (_FILE + "keep", max),
    "backup": (_FILE + "backup", max),
    "bits": (_FILE + "bits", max),
}
"""Name in a record -> how people know it, and which of two values is the stricter."""
_OUTLIVES: Final = ("jwks_max_age", "longest_token")
"""What is still in the world when its replica is gone: a cache that holds the JWKS, and a token."""


@frozen
class InForce:
    """What to judge by. `life.algorithms`: those that all have; `lines`: those that anybody makes keys of. `replicas`:
    names of those that are heard. `disagreements`: setting -> a line for people, where not all have the same."""

    life: KeyLife
    around: Surroundings
    lines: tuple[str, ...]
    replicas: tuple[str, ...] = ()
    disagreements: Mapping[str, str] = field(default_factory=dict)

    @property
    def policy(self) -> KeyPolicy:
        return KeyPolicy(self.life, self.around)


def document(life: KeyLife, around: Surroundings) -> dict[str, Any]:
    """What a replica records: durations in seconds. Read it with `combine`; names that it does not know are ignored."""
    spans = {
        "jwks_max_age": around.jwks_max_age,
        "longest_token": around.longest_token,
        "clock_skew": around.skew,
        "announce": life.announce,
        "sign": life.sign,
        "keep": life.keep,
        "backup": life.backup,
    }
    numbers = {name: int(span.total_seconds()) for name, span in spans.items()}
    return {**numbers, "bits": life.bits, "algorithms": list(life.algorithms)}


def combine(life: KeyLife, around: Surroundings, records: Sequence[ServedSettings], now: datetime) -> InForce:
    """The strictest of our own settings and of those that the records tell of. Without records, our own."""
    own = document(life, around)
    newest = min(now, max((record.heard_at for record in records), default=now))
    heard = [record for record in records if record.heard_at > newest - UNHEARD]
    gone = [record for record in records if record not in heard]
    taken: dict[str, int] = {}
    disagreements = {}
    for name, (setting, strictest) in _NUMBERS.items():
        values = [(record.settings[name], record.replica) for record in heard if name in record.settings]
        values += [(value, f"{replica}, gone") for value, replica in _outliving(name, gone, now)]
        taken[name] = strictest([own[name], *(value for value, _ in values)])
        if any(value != own[name] for value, _ in values):
            shown = str if name == "bits" else _span
            disagreements[setting] = _disagreement(setting, own[name], values, taken[name], shown)
    lists = [
        (tuple(record.settings["algorithms"]), record.replica) for record in heard if "algorithms" in record.settings
    ]
    shared = tuple(alg for alg in life.algorithms if all(alg in listed for listed, _ in lists))
    if any(set(listed) != set(life.algorithms) for listed, _ in lists):
        setting = _FILE + "algorithms"
        disagreements[setting] = _disagreement(setting, life.algorithms, lists, shared, " ".join)
    spans = {name: timedelta(seconds=value) for name, value in taken.items()}
    return InForce(
        life=KeyLife(shared, taken["bits"], *(spans[name] for name in ("announce", "sign", "keep", "backup"))),
        around=Surroundings(spans["jwks_max_age"], spans["longest_token"], spans["clock_skew"]),
        lines=tuple(dict.fromkeys((*life.algorithms, *(alg for listed, _ in lists for alg in listed)))),
        replicas=tuple(sorted({record.replica for record in heard})),
        disagreements=disagreements,
    )


def with_client_tokens(found: InForce, seconds: int) -> InForce:
    """The same, where a client gives its tokens a life of `seconds`."""
    longest = max(found.around.longest_token, timedelta(seconds=seconds))
    return replace(found, around=replace(found.around, longest_token=longest))


def _outliving(name: str, gone: Sequence[ServedSettings], now: datetime) -> Iterator[tuple[int, str]]:
    """What replicas that are gone promised, for as long as a cache or a token of theirs may live."""
    for record in gone:
        if name in _OUTLIVES and name in record.settings:
            life = timedelta(seconds=record.settings[name] + record.settings.get("clock_skew", 0))
            if now < record.heard_at + UNHEARD + life:
                yield record.settings[name], record.replica


def _disagreement(
    setting: str, own: Any, values: Sequence[tuple[Any, str]], taken: Any, shown: Callable[[Any], str]
) -> str:
    """'AUTHSVC_JWKS_MAX_AGE: here 5 min, the service 5 min (a:8000 and 2 more), 1 h (d:8000); 1 h counts'."""
    names: dict[Any, list[str]] = {}
    for value, replica in sorted(values, key=lambda each: each[1]):
        names.setdefault(value, []).append(replica)
    service = ", ".join(
        f"{shown(value)} ({of[0]}{f' and {len(of) - 1} more' if len(of) > 1 else ''})" for value, of in names.items()
    )
    return f"{setting}: here {shown(own)}, the service {service}; {shown(taken)} counts"


def _span(seconds: int) -> str:
    return said(timedelta(seconds=seconds))
