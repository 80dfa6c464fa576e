"""The life of a key, computed from its times alone: replicas agree on it without a leader, and without talking.

    announced_at       signs_from            signs_until        drop_after
        | ANNOUNCED        | SIGNING             | RETIRED          | DROPPED       and at any time WITHDRAWN:
        | in the JWKS      | in the JWKS, signs  | in the JWKS      | gone          gone at once, for ever

Promise: a signed token verifies from the JWKS of any replica until it expires. So a key is published for longer than
any cache keeps the JWKS before it signs, and stays published until its last token is dead. `plans` keeps the promise
when it sets the times; this module only reads them. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from authsvc.keys.records import SigningKey


class Phase(StrEnum):
    """What a key may do at an instant."""

    ANNOUNCED = "announced"
    SIGNING = "signing"
    RETIRED = "retired"
    DROPPED = "dropped"
    WITHDRAWN = "withdrawn"


def phase_of(key: SigningKey, keys: Sequence[SigningKey], now: datetime) -> Phase:
    """The phase of `key` among all `keys` at `now`. Of one algorithm at most one key is SIGNING."""
    return _phase(key, signer(keys, now, key.alg), now)


def phases_at(keys: Sequence[SigningKey], now: datetime) -> dict[str, Phase]:
    """The phase of each key at `now`, by kid."""
    signers = {alg: signer(keys, now, alg) for alg in {key.alg for key in keys}}
    return {key.kid: _phase(key, signers[key.alg], now) for key in keys}


def _phase(key: SigningKey, current: SigningKey | None, now: datetime) -> Phase:
    if key.withdrawn_at is not None:
        # Even if that lies ahead of `now`: a replica whose clock is behind must not go on using a stolen key.
        return Phase.WITHDRAWN
    if key.drop_after is not None and key.drop_after <= now:
        return Phase.DROPPED
    if key.signs_from > now:
        return Phase.ANNOUNCED
    return Phase.SIGNING if current is not None and current.kid == key.kid else Phase.RETIRED


def entered(key: SigningKey, phase: Phase) -> datetime:
    """When a key that is announced, signing or retired came into that phase."""
    if phase is Phase.ANNOUNCED:
        return key.announced_at
    return key.signs_until or key.signs_from if phase is Phase.RETIRED else key.signs_from


def signer(keys: Sequence[SigningKey], now: datetime, alg: str = "RS256") -> SigningKey | None:
    """The key of `alg` that signs at `now`: the newest `signs_from` among those that may. None: nobody may."""
    able = [key for key in keys if key.alg == alg and key.signs_from <= now and not ended(key, now)]
    return max(able, key=order, default=None)


def published(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """What the JWKS shows at `now`: announced, signing and retired keys, oldest first (the same on every replica)."""
    live = [key for key in keys if key.withdrawn_at is None and (key.drop_after is None or key.drop_after > now)]
    return sorted(live, key=lambda key: (key.announced_at, key.kid))


def next_change(keys: Sequence[SigningKey], now: datetime) -> datetime | None:
    """The first instant after `now` at which any key changes its phase; None: never."""
    return min((at for key in keys for at in instants(key) if at > now), default=None)


def last_change(keys: Sequence[SigningKey], now: datetime) -> datetime | None:
    """The latest instant up to `now` at which any key changed its phase; None: never yet."""
    return max((at for key in keys for at in instants(key) if at <= now), default=None)


def ended(key: SigningKey, now: datetime) -> bool:
    """True once a key will never sign again: withdrawn, or past its `signs_until` or `drop_after`."""
    return key.withdrawn_at is not None or any(at is not None and at <= now for at in (key.signs_until, key.drop_after))


def order(key: SigningKey) -> tuple[datetime, datetime, str]:
    """The order in which keys take over from each other; total, so that replicas never disagree."""
    return key.signs_from, key.announced_at, key.kid


def instants(key: SigningKey) -> tuple[datetime, ...]:
    """When a key changes its phase. One that is withdrawn never does again."""
    if key.withdrawn_at is not None:
        return ()
    return tuple(at for at in (key.signs_from, key.signs_until, key.drop_after) if at is not None)
