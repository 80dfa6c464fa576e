"""All ways, in the order in which people are asked; which of them a person has; and the counting of tries.

To add one: a file beside this one with its `Way`, its line in `WAYS` and in `store/factors/held`, and what its page
asks (`second_step.html`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from authsvc import metrics
from authsvc.flows.caller.limits import TakenPlace, network_buckets, within_limit
from authsvc.flows.factors.one_time_code import ONE_TIME_CODE
from authsvc.flows.factors.passkey_way import DEVICE_BOUND_PASSKEY, PASSKEY
from authsvc.flows.factors.recovery_code import RECOVERY_CODE
from authsvc.flows.factors.way import Proved, Tried, Way
from authsvc.rules.errors import Rejected
from authsvc.rules.levels import PASSWORD_ACR, highest, reaches
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store.caller.attempts import Bucket
from authsvc.store.factors import held

WAYS: tuple[Way, ...] = (PASSKEY, DEVICE_BOUND_PASSKEY, ONE_TIME_CODE, RECOVERY_CODE)
NETWORK_FACTOR = 10
"""A network may fail so many times as often as a person."""


async def ways_of(runtime: Runtime, user: User) -> tuple[Way, ...]:
    """The ways that are open to a person. Raises StoreUnavailable."""
    names = await held.held(runtime.db, user.id)
    own = tuple(way for way in WAYS if way.name in names)
    return own if any(not way.spare for way in own) else ()


def asked_of_everybody(ways: Sequence[Way]) -> bool:
    """Whether a login of somebody with these ways goes on after the password, also where no second factor is demanded:
    that is their own level."""
    return any(not way.on_demand and not way.spare for way in ways)


def reach_of(ways: Sequence[Way]) -> str:
    """The highest rung that somebody reaches who has a password and these ways."""
    return highest((PASSWORD_ACR, *(way.acr for way in ways)))


def those_that_reach(ways: Sequence[Way], wanted: str) -> tuple[Way, ...]:
    """The ways by which a rung is reached."""
    return tuple(way for way in ways if reaches(way.acr, wanted))


def wrong() -> Rejected:
    """One answer for a wrong code, for one that was used, and for a way that the person lacks."""
    description = "The code is wrong, or it was used before."
    return Rejected("invalid_credentials", description, "second_factor_wrong", status=401)


def one_try(runtime: Runtime, user: User, network: str) -> AbstractAsyncContextManager[TakenPlace]:
    """One try of a person, which counts where it was wrong. Raises TooMany."""
    limit = runtime.settings.second_step_failures
    buckets = [
        Bucket(f"second-step:{user.id}", limit),
        *network_buckets("second-step-network", network, limit * NETWORK_FACTOR),
    ]
    return within_limit(runtime, buckets, "second_step", "second_step_failures", guess=True)


async def check_way(runtime: Runtime, user: User, name: str, tried: Tried, *, network: str) -> Proved:
    """Judge an answer by one of the person's ways, counted before it is looked at. Raises Rejected
    (invalid_credentials), TooMany, StoreUnavailable."""
    way = next((way for way in await ways_of(runtime, user) if way.name == name), None)
    async with one_try(runtime, user, network) as place:
        proved = await way.check(runtime, user, tried) if way else None
        place.counts = proved is None
    if proved is None:
        metrics.logins.labels("second_factor_wrong").inc()
        raise wrong()
    return proved
