"""What is due in the life of keys, by itself. Pure, and idempotent: what has been done is no longer due.

Phases follow from times, so switching, retiring and dropping need nobody. What somebody must do is make the next key in
time: a line of keys is whole while its last key is announced for at least `wait` more before it signs. So there is
always a key that every cache has seen, ready to follow a leaked one at once; and a key signs only long after the backup
that holds it. Any replica may do it, under the store's lock; all come to the same verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from authsvc.keys.phases import ended, order, signer
from authsvc.keys.plans import GeneratePlan, is_unborn, plan_generate
from authsvc.keys.policy import KeyPolicy
from authsvc.keys.records import SigningKey


@dataclass(frozen=True, slots=True)
class KeepLonger:
    """Tokens live longer than was foreseen when these ends were set: the keys are to stay published for longer."""

    changes: tuple[SigningKey, ...]


def plan_step(
    keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy, algorithms: Sequence[str]
) -> GeneratePlan | KeepLonger | None:
    """The next thing to do; None: nothing is due. Ask again after it is done: there may be more."""
    if late := tuple(longer for key in keys if (longer := _longer(key, now, policy.keep))):
        return KeepLonger(late)
    for alg in algorithms:
        if due_at(keys, now, policy, alg) <= now:
            return plan_generate(keys, now, policy, alg, after=policy.life.sign)
    return None


def due_at(keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy, alg: str) -> datetime:
    """When the next key of `alg` must be made; `now` or earlier: it is due."""
    line = [key for key in keys if key.alg == alg and not ended(key, now)]
    if not line or (signer(line, now, alg) is None and not is_unborn(keys, now, alg)):
        return now
    return max(line, key=order).signs_from - policy.wait


def _longer(key: SigningKey, now: datetime, keep: timedelta) -> SigningKey | None:
    """A key that would be dropped too early, as it is to be. Also one that signs no more: its last tokens may be of the
    new length, by moments, or in a restored database."""
    if key.withdrawn_at is not None or key.signs_until is None:
        return None
    until = key.signs_until + keep
    if until <= now or (key.drop_after is not None and key.drop_after >= until):
        return None
    return replace(key, drop_after=until)
