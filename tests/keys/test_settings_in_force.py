"""Which settings count where the service and a command do not have the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from authsvc.keys.policy import DEFAULT, KeyPolicy, Surroundings
from authsvc.keys.records import ServedSettings
from authsvc.keys.settings_in_force import UNHEARD, combine, document, with_client_tokens

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AROUND = Surroundings(jwks_max_age=5 * MINUTE, longest_token=30 * MINUTE, skew=MINUTE)
OWN = document(DEFAULT, AROUND)


def record(replica: str = "a:8000", ago: timedelta = SECOND, **other: Any) -> ServedSettings:
    return ServedSettings(replica, {**OWN, **other}, NOW - ago)


def test_without_a_service_our_own_settings_count() -> None:
    found = combine(DEFAULT, AROUND, [], NOW)
    assert (found.life, found.around, found.lines) == (DEFAULT, AROUND, ("RS256",))
    assert found.policy == KeyPolicy(DEFAULT, AROUND)
    assert (found.replicas, found.disagreements) == ((), {})


def test_replicas_with_the_same_settings_change_nothing() -> None:
    found = combine(DEFAULT, AROUND, [record("b:8000"), record("a:8000")], NOW)
    assert (found.life, found.around, found.disagreements) == (DEFAULT, AROUND, {})
    assert found.replicas == ("a:8000", "b:8000")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("jwks_max_age", 3600, "AUTHSVC_JWKS_MAX_AGE: here 5 min, the service 1 h (a:8000); 1 h counts"),
        ("jwks_max_age", 30, "AUTHSVC_JWKS_MAX_AGE: here 5 min, the service 30 s (a:8000); 5 min counts"),
        ("longest_token", 7200, "AUTHSVC_ACCESS_TOKEN_SECONDS: here 30 min, the service 2 h (a:8000); 2 h counts"),
        ("longest_token", 300, "AUTHSVC_ACCESS_TOKEN_SECONDS: here 30 min, the service 5 min (a:8000); 30 min counts"),
        ("clock_skew", 120, "AUTHSVC_CLOCK_SKEW_SECONDS: here 1 min, the service 2 min (a:8000); 2 min counts"),
        ("clock_skew", 0, "AUTHSVC_CLOCK_SKEW_SECONDS: here 1 min, the service 0 s (a:8000); 1 min counts"),
        ("announce", 90_000, "AUTHSVC_KEY_POLICY_FILE, announce: here 24 h, the service 25 h (a:8000); 25 h counts"),
        ("announce", 600, "AUTHSVC_KEY_POLICY_FILE, announce: here 24 h, the service 10 min (a:8000); 24 h counts"),
        ("sign", 3600, "AUTHSVC_KEY_POLICY_FILE, sign: here 2160 h, the service 1 h (a:8000); 1 h counts"),
        ("sign", 9_000_000, "AUTHSVC_KEY_POLICY_FILE, sign: here 2160 h, the service 2500 h (a:8000); 2160 h counts"),
        ("keep", 259_200, "AUTHSVC_KEY_POLICY_FILE, keep: here 48 h, the service 72 h (a:8000); 72 h counts"),
        ("backup", 0, "AUTHSVC_KEY_POLICY_FILE, backup: here 24 h, the service 0 s (a:8000); 24 h counts"),
        ("bits", 3072, "AUTHSVC_KEY_POLICY_FILE, bits: here 2048, the service 3072 (a:8000); 3072 counts"),
    ],
)
def test_the_stricter_value_counts_and_one_line_says_so(name: str, value: int, says: str) -> None:
    found = combine(DEFAULT, AROUND, [record(**{name: value})], NOW)
    [line] = found.disagreements.values()
    assert line == says
    stricter = min(OWN[name], value) if name == "sign" else max(OWN[name], value)
    assert document(found.life, found.around) == {**OWN, name: stricter}


def test_of_several_replicas_the_strictest_counts_and_each_value_is_named_once() -> None:
    others = [record("c:1", jwks_max_age=60), record("a:1", jwks_max_age=3600), record("b:1", jwks_max_age=3600)]
    found = combine(DEFAULT, AROUND, others, NOW)
    assert found.around.jwks_max_age == HOUR
    [line] = found.disagreements.values()
    assert "the service 1 h (a:1 and 1 more), 1 min (c:1);" in line


def test_keys_are_made_only_of_algorithms_that_all_have_and_forecast_of_all_there_are() -> None:
    life = replace(DEFAULT, algorithms=("RS256", "ES256"))
    others = [record("a:1", algorithms=["RS256", "ES256", "EdDSA"]), record("b:1", algorithms=["RS256"])]
    found = combine(life, AROUND, others, NOW)
    assert found.life.algorithms == ("RS256",)
    assert found.lines == ("RS256", "ES256", "EdDSA")
    assert list(found.disagreements.values()) == [
        "AUTHSVC_KEY_POLICY_FILE, algorithms: here RS256 ES256, the service RS256 ES256 EdDSA (a:1), RS256 (b:1); "
        "RS256 counts"
    ]
    reordered = combine(life, AROUND, [record(algorithms=["ES256", "RS256"])], NOW)
    assert (reordered.life.algorithms, reordered.disagreements) == (("RS256", "ES256"), {})


@pytest.mark.parametrize(
    ("name", "ago", "counts"),
    [
        ("jwks_max_age", 2 * MINUTE, True),
        ("jwks_max_age", HOUR + MINUTE + UNHEARD - SECOND, True),
        ("jwks_max_age", HOUR + MINUTE + UNHEARD, False),
        ("longest_token", HOUR + MINUTE + UNHEARD - SECOND, True),
        ("longest_token", HOUR + MINUTE + UNHEARD, False),
        ("clock_skew", UNHEARD, True),
        ("clock_skew", UNHEARD + SECOND, False),
        ("keep", UNHEARD, True),
        ("keep", UNHEARD + SECOND, False),
        ("announce", UNHEARD + SECOND, False),
        ("backup", UNHEARD + SECOND, False),
    ],
)
def test_what_a_replica_that_is_gone_promised_counts_as_long_as_a_cache_or_a_token_of_it_may_live(
    name: str, ago: timedelta, counts: bool
) -> None:
    value = 3600 if name in ("jwks_max_age", "longest_token", "clock_skew") else 999_999
    found = combine(DEFAULT, AROUND, [record("new:1", SECOND), record("old:1", ago, **{name: value})], NOW)
    assert (document(found.life, found.around)[name] == value) is counts
    assert len(found.disagreements) == counts


def test_a_promise_that_outlives_its_replica_is_said_to() -> None:
    found = combine(DEFAULT, AROUND, [record("new:1"), record("old:1", HOUR, jwks_max_age=3600)], NOW)
    [line] = found.disagreements.values()
    assert line == "AUTHSVC_JWKS_MAX_AGE: here 5 min, the service 5 min (new:1), 1 h (old:1, gone); 1 h counts"
    assert found.replicas == ("new:1",)


def test_when_no_replica_is_heard_what_all_said_last_counts() -> None:
    """PostgreSQL was away for an hour, or is restored from a backup, and a command comes first."""
    found = combine(DEFAULT, AROUND, [record("a:1", HOUR, announce=90_000), record("b:1", HOUR + 20 * SECOND)], NOW)
    assert found.life.announce == 25 * HOUR
    assert found.replicas == ("a:1", "b:1")


def test_a_record_of_the_future_makes_nobody_who_speaks_now_old() -> None:
    """PostgreSQL's clock was set back."""
    found = combine(DEFAULT, AROUND, [record("a:1", -HOUR), record("b:1", SECOND, keep=259_200)], NOW)
    assert found.life.keep == 3 * DAY


def test_names_that_another_version_records_or_does_not_are_no_matter() -> None:
    other = ServedSettings("a:1", {"jwks_max_age": 3600, "invented_tomorrow": "x"}, NOW)
    found = combine(DEFAULT, AROUND, [other], NOW)
    assert document(found.life, found.around) == {**OWN, "jwks_max_age": 3600}


def test_a_client_with_longer_tokens_makes_them_the_longest_and_is_no_disagreement() -> None:
    found = combine(DEFAULT, AROUND, [record(longest_token=3600)], NOW)
    assert with_client_tokens(found, 600).around.longest_token == HOUR
    longer = with_client_tokens(found, 86_400)
    assert longer.around.longest_token == DAY
    assert longer.disagreements == found.disagreements
