"""A new master key: what must be sealed anew, and what still needs the old one. Pure, but for the nonces.

A signing key itself does not change: its kid, its public half and its times stay, and a process that has opened it need
not open it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime

from authsvc.jose.algorithms import KeyRefused
from authsvc.keys.master import MasterKeys
from authsvc.keys.phases import Phase, phases_at
from authsvc.keys.plans import PlanRefused
from authsvc.keys.records import SigningKey
from authsvc.keys.seal import SealError, open_key, open_sealed, seal, sealed_under
from authsvc.records import frozen

_GONE = (Phase.DROPPED, Phase.WITHDRAWN)


@frozen
class ResealPlan:
    """`sealed`: kid -> the private half under the current master key, of those that are under another. `left`: kids of
    dropped and withdrawn keys that do not open; nobody needs to."""

    sealed: Mapping[str, bytes] = field(repr=False)
    left: tuple[str, ...]


def plan_reseal(
    master: MasterKeys, keys: Sequence[SigningKey], now: datetime, entropy: Callable[[int], bytes]
) -> ResealPlan | PlanRefused:
    """Every key is opened, also those that are under the current master key. One that does not open changes nothing:
    whoever goes on would find out when the old master key is gone."""
    phases = phases_at(keys, now)
    sealed: dict[str, bytes] = {}
    left, wrong = [], []
    for key in keys:
        try:
            open_key(master, key)
        except (SealError, KeyRefused) as error:
            if phases[key.kid] in _GONE:
                left.append(key.kid)
            else:
                wrong.append(f"key {key.kid}: {error}")
            continue
        if sealed_under(key.sealed) != master.current_id:
            der = open_sealed(master, key.kid, key.alg, key.sealed)
            sealed[key.kid] = seal(master, key.kid, key.alg, der, entropy)
    if wrong:
        return PlanRefused(f"nothing was resealed: {'; '.join(wrong)}")
    return ResealPlan(sealed, tuple(left))


def kids_under(keys: Sequence[SigningKey], now: datetime) -> dict[int, tuple[str, ...]]:
    """Master key id -> the signing keys that need it to be opened. Dropped and withdrawn ones need nothing."""
    phases = phases_at(keys, now)
    found: dict[int, tuple[str, ...]] = {}
    for key in keys:
        master_id = sealed_under(key.sealed)
        if master_id is not None and phases[key.kid] not in _GONE:
            found[master_id] = (*found.get(master_id, ()), key.kid)
    return found
