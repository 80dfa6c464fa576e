"""keys/policy.toml: read, and held against what settings and clients demand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from authsvc.keys.policy import (
    DEFAULT,
    FETCH_PAUSE,
    PROPAGATION,
    SIGNS_WHILE_CUT_OFF,
    KeyLife,
    KeyPolicy,
    PolicyError,
    Surroundings,
    problems,
    read_policy,
)
from authsvc.rules.token.id_token import ID_TOKEN_SECONDS
from authsvc.runtime import ID_TOKEN_SECONDS as LEAST_TOKEN_SECONDS
from authsvc.store.caller.clients import MEMORY_SECONDS
from tests.support.jose import DAY, HOUR, MINUTE, SECOND

FILE = Path(__file__).parents[2] / "keys" / "policy.toml"
AROUND = Surroundings(jwks_max_age=5 * MINUTE, longest_token=30 * MINUTE, skew=MINUTE)


def test_the_built_in_policy_is_the_file_and_keeps_every_promise() -> None:
    text = FILE.read_text()
    assert read_policy(text) == DEFAULT == KeyLife()
    assert {line.partition(" ")[0] for line in text.splitlines() if " = " in line} >= set(KeyLife.__dataclass_fields__)
    assert problems(DEFAULT, AROUND) == []
    assert read_policy("") == DEFAULT
    assert LEAST_TOKEN_SECONDS == ID_TOKEN_SECONDS


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ('announce = "90 s"', "announce", 90 * SECOND),
        ('sign = "1 d 12 h"', "sign", 36 * HOUR),
        ('keep = "2h30min"', "keep", 150 * MINUTE),
        ('backup = "0 s"', "backup", timedelta()),
        ("bits = 3072", "bits", 3072),
        ('algorithms = ["RS256", "EdDSA"]', "algorithms", ("RS256", "EdDSA")),
    ],
)
def test_what_the_file_says_is_read(text: str, field: str, value: object) -> None:
    assert read_policy(text) == replace(DEFAULT, **{field: value})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("announce = 90", "announce: '90' is not a duration"),
        ('announce = "90"', "announce: '90' is not a duration"),
        ('announce = ""', "announce: '' is not a duration"),
        ('sign = "-1 d"', "sign: '-1 d' is not a duration"),
        ('sign = "3 weeks"', "sign: '3 weeks' is not a duration"),
        ("bits = 1024", "bits: must be a whole number from 2048 to 8192"),
        ('bits = "2048"', "bits: must be a whole number"),
        ("algorithms = []", "algorithms: must be a list out of RS256, PS256, ES256, EdDSA, Ed25519"),
        ('algorithms = ["HS256", "RS256"]', "algorithms: must be a list out of"),
        ('algorithms = ["RS256", "RS256"]', "algorithms: must be a list out of"),
        ('algorithms = ["ES256"]', "algorithms: RS256 must be among them"),
        ('rotate = "1 d"', "rotate: unknown; the names are algorithms, bits, announce, sign, keep, backup"),
        ("announce", "not TOML"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read_policy(text)
    assert refused.value.problems[0].startswith(says)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(PolicyError) as refused:
        read_policy('bits = 1\nkeep = "x"\nthing = 1')
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"announce": 6 * MINUTE, "backup": timedelta()},
            "announce: 6 min is less than 6 min 25 s (JWKS max-age 5 min + clock skew 1 min + propagation 25 s): ",
        ),
        ({"announce": 23 * HOUR}, "announce: 23 h is less than backup 24 h: "),
        (
            {"keep": 36 * MINUTE, "backup": timedelta()},
            "keep: 36 min is less than 36 min 25 s (longest token 30 min + JWKS max-age 5 min + clock skew 1 min + "
            "propagation 25 s): ",
        ),
        ({"keep": DAY}, "keep: 24 h is less than 24 h 31 min (longest token 30 min + backup 24 h + 1 min): "),
        ({"sign": timedelta()}, "sign: 0 s is less than 1 s"),
        ({"sign": HOUR}, "sign: with announce 24 h + sign 1 h + keep 48 h the JWKS would hold 74 keys, more than 60"),
        (
            {"sign": 3 * HOUR, "algorithms": ("RS256", "ES256", "EdDSA")},
            "sign: with announce 24 h + sign 3 h + keep 48 h the JWKS would hold 78 keys of 3 algorithms, more than 60",
        ),
    ],
)
def test_a_policy_below_what_is_needed_is_refused_with_the_sum(changes: dict[str, Any], says: str) -> None:
    [said] = problems(replace(DEFAULT, **changes), AROUND)
    assert said.startswith(says)


def test_the_least_that_is_needed_is_enough() -> None:
    least = replace(
        DEFAULT, announce=6 * MINUTE + PROPAGATION, keep=36 * MINUTE + PROPAGATION, sign=10 * MINUTE, backup=timedelta()
    )
    assert problems(least, AROUND) == []
    policy = KeyPolicy(least, AROUND)
    assert (policy.wait, policy.keep) == (6 * MINUTE + PROPAGATION, 36 * MINUTE + PROPAGATION)


def test_a_client_with_longer_tokens_makes_keys_stay_whatever_the_policy_says() -> None:
    policy = KeyPolicy(DEFAULT, replace(AROUND, longest_token=9 * DAY))
    assert policy.keep == 9 * DAY + DAY + SIGNS_WHILE_CUT_OFF
    assert KeyPolicy(DEFAULT, AROUND).keep == 2 * DAY


def test_a_backup_holds_every_key_before_it_signs() -> None:
    """Also of a replica that is cut off in the last moment, when the backup is as old as it may be."""
    policy = KeyPolicy(replace(DEFAULT, announce=HOUR, backup=DAY), AROUND)
    assert policy.may_sign_after == policy.wait == DAY + SIGNS_WHILE_CUT_OFF
    assert SIGNS_WHILE_CUT_OFF.total_seconds() >= MEMORY_SECONDS, "so long a replica that is cut off gives tokens"


def test_a_max_age_below_what_verifiers_heed_is_not_counted_on() -> None:
    """PyJWT's client and jose ask once in 30 s, whatever the JWKS says and whatever kid comes."""
    brief = replace(AROUND, jwks_max_age=SECOND)
    assert KeyPolicy(DEFAULT, brief).seen_by_all == FETCH_PAUSE + MINUTE + PROPAGATION
    [said] = problems(replace(DEFAULT, announce=MINUTE, backup=timedelta()), brief)
    assert said.startswith(
        "announce: 1 min is less than 1 min 55 s (30 s until verifiers ask for the JWKS again + clock skew 1 min + "
    )


def test_a_key_stays_longer_than_a_restored_backup_may_be_mistaken_about_its_end() -> None:
    policy = KeyPolicy(replace(DEFAULT, keep=timedelta(), backup=DAY), AROUND)
    assert policy.keep == AROUND.longest_token + DAY + SIGNS_WHILE_CUT_OFF
    without = KeyPolicy(replace(DEFAULT, keep=timedelta(), backup=timedelta()), AROUND)
    assert without.keep == AROUND.longest_token + without.seen_by_all
