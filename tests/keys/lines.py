"""A line of keys in good order, and its forecast."""

from __future__ import annotations

from datetime import timedelta

from authsvc.keys.forecast import Forecast, forecast, horizon
from authsvc.keys.policy import KeyPolicy
from authsvc.keys.records import SigningKey
from tests.support.jose import DAY, HOUR, NOW, POLICY, planned

RSA = ("RS256",)
SIGN = POLICY.life.sign
CURRENT = planned("current", -91 * DAY, -HOUR, SIGN - HOUR)
NEXT = planned("next", -HOUR, SIGN - HOUR, 2 * SIGN - HOUR)
LINE = (CURRENT, NEXT)


def ahead(
    keys: tuple[SigningKey, ...],
    span: timedelta | None = None,
    algorithms: tuple[str, ...] = RSA,
    policy: KeyPolicy = POLICY,
) -> Forecast:
    return forecast(keys, NOW, policy, algorithms, NOW + (span or horizon(policy)))
