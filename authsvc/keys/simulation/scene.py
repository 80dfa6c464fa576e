"""What is simulated: a policy in its surroundings, how many replicas and verifiers, and which judges decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from authsvc.keys import phases, plans
from authsvc.keys.policy import KeyLife, KeyPolicy, Surroundings
from authsvc.keys.simulation.records import SECOND
from authsvc.keys.simulation.verifiers import KINDS, Kind
from authsvc.records import frozen

START: Final = datetime(2, 1, 1, tzinfo=UTC)
"""Near the calendar's beginning: ten thousand keys of 90 days take 2,500 years of it."""
CALENDAR_SPAN: Final = datetime(9900, 1, 1, tzinfo=UTC) - START

POLL_INTERVAL: Final = 0.5 * SECOND
"""How often a replica reads what changed (`sync_interval_seconds`)."""
LONGEST_TRANSACTION: Final = 10 * SECOND
"""The longest that a change of keys may take (`flows/keys/manage_keys`)."""
UNREADY_AFTER: Final = 3 * SECOND
"""Without word from PostgreSQL for this long, a replica is unready (`web/wellknown`)."""
READINESS_INTERVAL: Final = 10 * SECOND
"""How often the balancer asks whether a replica is ready."""
CUT_OFF_LEASE: Final = 60 * SECOND
"""How long a replica gives tokens after it last heard PostgreSQL (`store/caller/clients`: a remembered client)."""


Judge = Callable[..., Any]


@frozen
class Judges:
    """The verdicts on trial: the very functions of `keys` that production calls. A test replaces one of them by a
    broken one, to see that the simulation notices."""

    plan_step: Judge = plans.plan_step
    due_at: Judge = plans.due_at
    plan_generate: Judge = plans.plan_generate
    plan_rotate: Judge = plans.plan_rotate
    plan_withdraw: Judge = plans.plan_withdraw
    crowded: Judge = plans.crowded
    apply_changes: Judge = plans.apply_changes
    signer: Judge = phases.signer
    published: Judge = phases.published
    next_change: Judge = phases.next_change
    last_change: Judge = phases.last_change
    policy_of: Judge = KeyPolicy


@frozen
class Scene:
    """`lease`: how long a replica that is cut off goes on giving tokens; None: as long as its keys let it.
    `takes_turns`: changes of keys hold the store's lock, as in production."""

    life: KeyLife
    around: Surroundings
    replicas: int = 3
    verifiers: int = len(KINDS)
    lease: timedelta | None = CUT_OFF_LEASE
    judges: Judges = field(default_factory=Judges)
    kinds: Sequence[Kind] = KINDS
    takes_turns: bool = True

    @property
    def policy(self) -> KeyPolicy:
        """The true one: what is measured by, whatever judges are on trial."""
        return KeyPolicy(self.life, self.around)

    def around_with(self, longest_token: timedelta) -> Surroundings:
        return replace(self.around, longest_token=longest_token)
