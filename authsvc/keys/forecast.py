"""What will happen to the keys, and when: the steps that are due, taken by a virtual clock over the real rows. Pure.

Some replica is taken to run, and to do each step when it is due. So this is no second opinion on the life of keys but
what the replicas will do, as long as nobody rotates, withdraws, or changes the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from authsvc.keys.phases import Phase, ended, instants, next_change, phases_at, published, signer
from authsvc.keys.plans import GeneratePlan, KeepLonger, apply_changes, due_at, plan_step
from authsvc.keys.policy import KeyPolicy
from authsvc.keys.records import SigningKey
from authsvc.records import frozen

MAX_FORECAST_KEYS = 100
"""Keys that a forecast makes; it ends with the last of them."""
_DISTANT_FUTURE = datetime.max.replace(tzinfo=UTC)


class Happening(StrEnum):
    """What can happen to a key; listed in the order in which things of one instant are told."""

    SIGNS = "signs"
    RETIRED = "retired"
    ANNOUNCED = "announced"
    KEPT_LONGER = "kept longer"
    DROPPED = "dropped"


@frozen
class Event:
    """`kid`: of a key that is yet to be made, its place in the forecast: "new RS256 key 1"."""

    at: datetime
    kid: str
    alg: str
    what: Happening


@frozen
class Duty:
    """A replica must make the next key of `alg` at `at`."""

    alg: str
    at: datetime


@frozen
class Line:
    """The keys of one algorithm as they are: `kid` signs now (None: nobody), and if no replica ever makes another, the
    last of them signs until `until` (None: without end, or nobody signs)."""

    alg: str
    kid: str | None
    until: datetime | None


@frozen
class Forecast:
    """From `now` to `until`. `keys`: the rows as they will be, with `made` (kids) among them. `overdue`: should have
    been done by now. `duty`: what a replica is needed for next, after that; before it none is."""

    now: datetime
    until: datetime
    keys: tuple[SigningKey, ...]
    made: frozenset[str]
    events: tuple[Event, ...]
    lines: tuple[Line, ...]
    overdue: tuple[Duty, ...]
    duty: Duty | None


def horizon(policy: KeyPolicy) -> timedelta:
    """How far a forecast looks by default: long enough to see the next key but one sign for a while."""
    return 5 * policy.life.sign / 2 + policy.wait


def forecast(
    keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy, algorithms: Sequence[str], until: datetime
) -> Forecast:
    """All that happens in (now, until], and what is due at `now`."""
    walk = _Walk(tuple(keys), now)
    end = walk.go(policy, algorithms, until)
    shown = published(keys, now)
    lines = dict.fromkeys((*algorithms, *(key.alg for key in keys if key in shown)))
    return Forecast(
        now,
        end,
        walk.keys,
        frozenset(walk.made),
        tuple(sorted((*walk.kept, *_events(keys, walk.keys, now, end)), key=_as_told)),
        tuple(_line(keys, now, alg) for alg in lines),
        tuple(_overdue(keys, now, policy, algorithms)),
        walk.duty,
    )


class _Walk:
    """`keys` as they become, step by step; `kept`: ends that were put off."""

    def __init__(self, keys: tuple[SigningKey, ...], now: datetime) -> None:
        self.keys = keys
        self.now = now
        self.made: list[str] = []
        self.kept: list[Event] = []
        self.duty: Duty | None = None

    def go(self, policy: KeyPolicy, algorithms: Sequence[str], until: datetime) -> datetime:
        """Until then, or until it has made as many keys as a forecast makes. When that was."""
        at = self.now
        while at <= until:
            while (plan := plan_step(self.keys, at, policy, algorithms)) is not None:
                self._carry_out(plan, at)
                if len(self.made) >= MAX_FORECAST_KEYS:
                    return at
            # What is due changes only when a step is, or a key changes its phase.
            due = (due_at(self.keys, at, policy, alg) for alg in algorithms)
            at = min((next_change(self.keys, at) or _DISTANT_FUTURE, *due))
        return until

    def _carry_out(self, plan: GeneratePlan | KeepLonger, at: datetime) -> None:
        self.keys = apply_changes(self.keys, plan.changes)
        if isinstance(plan, KeepLonger):
            self.kept += [Event(at, key.kid, key.alg, Happening.KEPT_LONGER) for key in plan.changes]
            return
        kid = f"new {plan.alg} key {sum(key.kid in self.made for key in self.keys if key.alg == plan.alg) + 1}"
        self.keys += (plan.row(kid, {}, b""),)
        self.made.append(kid)
        if self.duty is None and at > self.now:
            self.duty = Duty(plan.alg, at)


def _events(
    before: Sequence[SigningKey], keys: Sequence[SigningKey], now: datetime, until: datetime
) -> Iterator[Event]:
    """Every change of a phase. `before`: the rows as they are; `keys`: as they will have been."""
    known = phases_at(before, now)
    changes = {at for key in keys for at in (key.announced_at, *instants(key)) if now < at <= until}
    for at in sorted({now} | changes):
        there = [key for key in keys if key.announced_at <= at]
        found = phases_at(there, at)
        for key in there:
            phase = found[key.kid]
            if key.kid not in known:
                yield Event(at, key.kid, key.alg, Happening.ANNOUNCED)
            if phase is not known.get(key.kid, Phase.ANNOUNCED):
                yield Event(at, key.kid, key.alg, Happening.SIGNS if phase is Phase.SIGNING else Happening(phase))
        known = found


def _as_told(event: Event) -> tuple[datetime, int, str, str]:
    return event.at, list(Happening).index(event.what), event.alg, event.kid


def _line(keys: Sequence[SigningKey], now: datetime, alg: str) -> Line:
    current = signer(keys, now, alg)
    until: datetime | None = now
    while until is not None and (key := signer(keys, until, alg)) is not None:
        until = _end(key)
    return Line(alg, current.kid if current else None, until if current else None)


def _end(key: SigningKey) -> datetime | None:
    return min((at for at in (key.signs_until, key.drop_after) if at is not None), default=None)


def _overdue(keys: Sequence[SigningKey], now: datetime, policy: KeyPolicy, algorithms: Sequence[str]) -> Iterator[Duty]:
    for alg in algorithms:
        due = due_at(keys, now, policy, alg)
        if due <= now:
            yield Duty(alg, _since(keys, now, alg) if due == now else due)


def _since(keys: Sequence[SigningKey], now: datetime, alg: str) -> datetime:
    """Since when nobody signs."""
    over = [key for key in keys if key.alg == alg and ended(key, now)]
    ends = [at for key in over for at in (key.withdrawn_at, _end(key)) if at is not None and at <= now]
    return max(ends, default=now)
