"""What is due in the life of keys, by itself. Pure, and idempotent: what has been done is no longer due.

Phases follow from times, so switching, retiring and dropping need nobody. What somebody must do is make the next key in
time: a line of keys is whole while its last key is announced for at least `wait` more before it signs. So there is
always a key that every cache has seen, ready to follow a leaked one at once; and a key signs only long after the backup
that holds it. Any replica may do it, under the store's lock; all come to the same verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from authsvc.keys.phases import ended, order, signer
from authsvc.keys.plans import GeneratePlan, KeyChange, change_of, is_unborn, plan_generate
from authsvc.keys.policy import KeyPolicy
from authsvc.keys.records import SigningKey


@dataclass(frozen=True, slots=True)
class KeepLonger:
    """Tokens live longer than was foreseen when these ends were set: the keys are to stay published for longer."""

    changes: tuple[KeyChange, ...]


def plan_step(
    keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy, algorithms: Sequence[str]
) -> GeneratePlan | KeepLonger | None:
    """The next thing to do; None: nothing is due. Ask again after it is done: there may be more."""
    keep = policy.keep
    if late := tuple(_longer(key, keep) for key in keys if _dropped_early(key, now, keep)):
        return KeepLonger(late)
    for alg in algorithms:
        if due_at(keys, now, policy, alg) <= now:
            return plan_generate(keys, now, policy, alg, after=policy.sign)
    return None


def due_at(keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy, alg: str) -> datetime:
    """When the next key of `alg` must be made; `now` or earlier: it is due."""
    line = [key for key in keys if key.alg == alg and not ended(key, now)]
    if not line or (signer(line, now, alg) is None and not is_unborn(keys, now, alg)):
        return now
    return max(line, key=order).signs_from - policy.wait


def _dropped_early(key: SigningKey, now: datetime, keep: timedelta) -> bool:
    """Also one that signs no more: its last tokens may be of the new length, by moments, or in a restored database."""
    if key.withdrawn_at is not None or key.signs_until is None:
        return False
    until = key.signs_until + keep
    return now < until and (key.drop_after is None or key.drop_after < until)


def _longer(key: SigningKey, keep: timedelta) -> KeyChange:
    assert key.signs_until is not None
    return change_of(key, drop_after=key.signs_until + keep)
