"""What is simulated: a policy in its surroundings, how many replicas and verifiers, and which judges decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from authsvc.keys.policy import KeyLife, KeyPolicy, Surroundings, policy_of
from authsvc.keys.simulation.judges import Judges
from authsvc.keys.simulation.records import SECOND
from authsvc.keys.simulation.verifiers import KINDS, Kind

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
CLOCKS_APART: Final = 0.5 * SECOND
"""How far a replica's reading of PostgreSQL's clock may be off: half a slow round trip."""


@dataclass(frozen=True, slots=True)
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
        return policy_of(self.life, self.around)

    @property
    def leeway(self) -> timedelta:
        """What every verifier allows clocks to differ, as documented; replicas may differ by a little themselves."""
        return self.around.skew + 2 * CLOCKS_APART

    def around_with(self, longest_token: timedelta) -> Surroundings:
        return replace(self.around, longest_token=longest_token)
