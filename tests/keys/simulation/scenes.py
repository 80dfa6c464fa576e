"""Policies to be played: the built-in one, and the tightest that are not refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from authsvc.keys import phases
from authsvc.keys.policy import KeyLife, KeyPolicy, Surroundings, problems
from authsvc.keys.records import SigningKey
from authsvc.keys.simulation.scene import Scene

SECOND, MINUTE, HOUR = (timedelta(seconds=s) for s in (1, 60, 3600))
AROUND = Surroundings(jwks_max_age=5 * MINUTE, longest_token=30 * MINUTE, skew=MINUTE)
EXACT = Surroundings(jwks_max_age=5 * MINUTE, longest_token=30 * MINUTE, skew=timedelta())
"""Clocks that do not differ: no wait hides behind what is allowed to them."""


def tight(around: Surroundings, *, backup: timedelta = timedelta(), sign: timedelta = 2 * HOUR) -> KeyLife:
    """Nothing to spare."""
    none = timedelta()
    policy = KeyPolicy(KeyLife(announce=none, keep=none, backup=backup), around)
    life = KeyLife(announce=policy.wait, sign=sign, keep=policy.keep, backup=backup)
    assert problems(life, around) == []
    return life


BUILT_IN = Scene(KeyLife(), AROUND)
TIGHT = Scene(tight(EXACT), EXACT)
BRIEF = replace(EXACT, jwks_max_age=SECOND)
UNHEEDED = Scene(tight(BRIEF), BRIEF)
"""A max-age that verifiers do not heed."""
RESTORED = Scene(tight(AROUND, backup=HOUR), AROUND)
BY_KEYS_ALONE = Scene(tight(AROUND), AROUND, lease=None)
TWO_LINES = Scene(KeyLife(algorithms=("RS256", "ES256")), AROUND, replicas=2, verifiers=12)


Keys = Sequence[SigningKey]


def published_when_it_signs(keys: Keys, now: datetime) -> list[SigningKey]:
    return [key for key in phases.published(keys, now) if key.signs_from <= now]
