"""The verdicts on a passkey: every check by itself (SECURITY.md item 78)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from authsvc.rules.factors.authenticators import authenticator_name
from authsvc.rules.factors.passkey_record import Assertion, Passkey, Registration, Statement, Use
from authsvc.rules.factors.passkeys import (
    ALGORITHMS,
    CREATE,
    GET,
    Expected,
    amr_of,
    chosen_name,
    fault_in,
    judge_assertion,
    judge_registration,
    looks_copied,
)
from authsvc.rules.factors.rp_id import is_domain, may_be_rp_id, orphans
from authsvc.rules.levels import PHR_ACR, PHRH_ACR, acr_of
from authsvc.rules.refused import Refused

EXPECTED = Expected(GET, b"c" * 32, "example.com", ("https://auth.example.com", "https://shop.example.com"))
RIGHT = Statement(
    type=GET,
    challenge=b"c" * 32,
    origin="https://auth.example.com",
    cross_origin=False,
    rp_id_hash=sha256(b"example.com").digest(),
    user_present=True,
    user_verified=True,
    backup_eligible=False,
    backed_up=False,
    sign_count=7,
)
OWNER = UUID(int=5)
PASSKEY = Passkey(
    id=UUID(int=6),
    user_id=OWNER,
    credential_id=b"id",
    public_key=b"key",
    sign_count=3,
    backup_eligible=False,
    backed_up=False,
    aaguid=UUID(int=0),
    transports=(),
    rp_id="example.com",
    name="",
    created_at=datetime(2026, 11, 29, tzinfo=UTC),
)
SHOWN = Assertion(RIGHT, b"id", OWNER.bytes, b"signed", b"signature")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"origin": "https://shop.example.com"}, None),
        ({"backup_eligible": True, "backed_up": True}, None),
        ({"type": CREATE}, "passkey_type"),
        ({"challenge": b"d" * 32}, "passkey_challenge"),
        ({"challenge": b""}, "passkey_challenge"),
        ({"origin": "https://evil.example"}, "passkey_origin"),
        ({"origin": "https://auth.example.com:8443"}, "passkey_origin"),
        ({"origin": "https://auth.example.com/"}, "passkey_origin"),
        ({"origin": "http://auth.example.com"}, "passkey_origin"),
        ({"cross_origin": True}, "passkey_cross_origin"),
        ({"rp_id_hash": sha256(b"auth.example.com").digest()}, "passkey_rp_id"),
        ({"user_present": False}, "passkey_user_absent"),
        ({"user_verified": False}, "passkey_user_not_verified"),
        ({"backed_up": True}, "passkey_backup_state"),
    ],
)
def test_a_statement_must_say_what_was_asked_for(changed: dict[str, Any], reason: str | None) -> None:
    assert fault_in(replace(RIGHT, **changed), EXPECTED) == reason


def judged(assertion: Assertion = SHOWN, passkey: Passkey | None = PASSKEY, **more: Any) -> str | Use:
    verdict = judge_assertion(assertion, passkey, **{"signature_is_right": True, **more})
    if isinstance(verdict, Refused):
        assert verdict.description == "The passkey was not accepted."
        return verdict.reason
    return verdict


def test_a_right_use_says_what_is_to_be_kept() -> None:
    assert judged() == judged(owner=OWNER) == Use(PASSKEY.id, OWNER, 7, False)


def test_what_is_wrong_with_a_use() -> None:
    assert judged(passkey=None) == "passkey_unknown"
    assert judged(signature_is_right=False) == "passkey_signature"
    assert judged(owner=uuid4()) == "passkey_of_another"
    assert judged(replace(SHOWN, user_handle=uuid4().bytes)) == "passkey_user_handle"
    assert judged(replace(SHOWN, user_handle=uuid4().bytes), owner=OWNER) == "passkey_user_handle"
    assert judged(replace(SHOWN, user_handle=None)) == "passkey_user_handle"
    assert isinstance(judged(replace(SHOWN, user_handle=None), owner=OWNER), Use)
    eligible = replace(SHOWN, statement=replace(RIGHT, backup_eligible=True))
    assert judged(eligible) == "passkey_backup_eligibility"


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, -35, -36, -37, -65535, 0])
def test_a_new_one_is_of_an_algorithm_that_was_offered(algorithm: int) -> None:
    expected = replace(EXPECTED, type=CREATE)
    sent = Registration(replace(RIGHT, type=CREATE), b"id", b"key", algorithm, UUID(int=0), ())
    verdict = judge_registration(sent, expected)
    assert (verdict == sent) is (algorithm in ALGORITHMS)
    assert isinstance(judge_registration(replace(sent, statement=RIGHT), expected), Refused)
    assert isinstance(judge_registration(None, expected), Refused)


@pytest.mark.parametrize(
    ("had", "came", "synced", "signal"),
    [
        (3, 4, False, False),
        (3, 3, False, True),
        (3, 2, False, True),
        (3, 0, False, True),
        (0, 0, False, False),
        (0, 1, False, False),
        (3, 2, True, False),
        (3, 0, True, False),
    ],
)
def test_a_counter_that_does_not_grow_is_a_signal(had: int, came: int, synced: bool, signal: bool) -> None:
    assert looks_copied(replace(PASSKEY, sign_count=had, backup_eligible=synced), came) is signal


def test_levels() -> None:
    assert acr_of(amr_of(PASSKEY)) == PHRH_ACR
    assert acr_of(amr_of(replace(PASSKEY, backup_eligible=True))) == PHR_ACR


def test_names() -> None:
    assert chosen_name("  My\u202e phone\n ") == "My phone"
    assert chosen_name("\u200b") == chosen_name("") == ""
    assert len(chosen_name("x" * 100)) == 64
    assert authenticator_name(UUID("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4")) == "Google Password Manager"
    assert authenticator_name(UUID(int=0)) == ""


def test_which_domains_passkeys_may_be_made_for() -> None:
    assert may_be_rp_id("localhost", "localhost")
    assert may_be_rp_id("example.com", "auth.example.com")
    assert not may_be_rp_id("com", "auth.example.com")
    assert not may_be_rp_id("ample.com", "auth.example.com")
    assert not may_be_rp_id("auth.example.com", "example.com")
    assert [is_domain(host) for host in ("localhost", "example.com", "127.0.0.1", "::1", "")] == [True, True] + [
        False
    ] * 3
    assert orphans([("a.example", 3), ("b.example", 1)], "a.example") == {"b.example": 1}
