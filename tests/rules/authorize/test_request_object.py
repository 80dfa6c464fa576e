"""Request objects and request URIs: every rule, by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authsvc.rules.authorize.request import REQUEST_URI, reference_in
from authsvc.rules.authorize.request_object import MAX_LIFE_SECONDS, Use, read_request_object, use_of
from authsvc.rules.refused import Refused

NOW = 1_800_000_000
ISSUER = "https://auth.example"
GOOD: dict[str, Any] = {
    "iss": "app",
    "client_id": "app",
    "aud": ISSUER,
    "exp": NOW + 60,
    "response_type": "code",
    "state": "s",
}


def read(*, fapi2: bool = False, **changed: Any) -> dict[str, str] | Refused:
    claims = {name: value for name, value in {**GOOD, **changed}.items() if value is not ...}
    return read_request_object(claims, client_id="app", issuer=ISSUER, skew_seconds=60, now=NOW, fapi2=fapi2)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "other"}, "request_object_client"),
        ({"client_id": "other"}, "request_object_client"),
        ({"client_id": ...}, "request_object_client"),
        ({"aud": ...}, "request_object_audience"),
        ({"aud": f"{ISSUER}/par"}, "request_object_audience"),
        ({"aud": ["https://other.example"]}, "request_object_audience"),
        ({"aud": [ISSUER, 1]}, "request_object_audience"),
        ({"sub": "app"}, "request_object_subject"),
        ({"request": "x"}, "request_object_nested"),
        ({"request_uri": REQUEST_URI + "x"}, "request_object_nested"),
        ({"exp": ...}, "request_object_times"),
        ({"exp": True}, "request_object_times"),
        ({"exp": "1"}, "request_object_times"),
        ({"nbf": None}, "request_object_times"),
        ({"jti": None}, "request_object_jti"),
        ({"jti": ""}, "request_object_jti"),
        ({"jti": "x" * 257}, "request_object_jti"),
        ({"exp": NOW - 60}, "request_object_expired"),
        ({"exp": float("nan")}, "request_object_expired"),
        ({"exp": NOW + MAX_LIFE_SECONDS + 61}, "request_object_lives_too_long"),
        ({"exp": 10**400}, "request_object_lives_too_long"),
        ({"nbf": NOW + 61}, "request_object_not_yet_valid"),
        ({"iat": NOW + 61}, "request_object_not_yet_valid"),
        ({"nbf": float("nan")}, "request_object_not_yet_valid"),
        ({"state": 1}, "request_object_parameter"),
        ({"state": "\0"}, "request_object_parameter"),
        ({"state": "\udc00"}, "request_object_parameter"),
        ({"max_age": True}, "request_object_parameter"),
        ({"max_age": 10**9}, "request_object_parameter"),
        ({"resource": ["x", 1]}, "request_object_parameter"),
        ({"scope": ["openid"]}, "request_object_parameter"),
    ],
    ids=repr,
)
def test_a_wrong_object_is_refused(changed: dict[str, Any], reason: str) -> None:
    for fapi2 in (False, True):
        refusal = read(**{"nbf": NOW, **changed}, fapi2=fapi2)
        assert isinstance(refusal, Refused)
        assert (refusal.error, refusal.reason) == ("invalid_request_object", reason)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"aud": [ISSUER]},
        {"aud": [ISSUER, "https://other.example"]},
        {"exp": NOW - 59},
        {"exp": NOW + MAX_LIFE_SECONDS + 60},
        {"exp": NOW + 0.5},
        {"nbf": NOW + 60, "iat": NOW - 86_400},
        {"sub": "a person"},
        {"jti": "1", "unknown": {}},
    ],
    ids=repr,
)
def test_what_surrounds_the_parameters_is_not_one_of_them(changed: dict[str, Any]) -> None:
    assert read(**changed) == {"client_id": "app", "response_type": "code", "state": "s"}


def test_parameters_are_read_as_they_would_stand_in_a_query() -> None:
    asked = {
        "max_age": 0,
        "resource": ["a", "b"],
        "claims": {"userinfo": {"email": None}},
        "nonce": "",
        "state": " \u00e4",
    }
    read_as = read(**asked)
    assert isinstance(read_as, dict)
    assert (read_as["max_age"], read_as["resource"], read_as["state"]) == ("0", "a b", " \u00e4")
    assert json.loads(read_as["claims"]) == asked["claims"]
    assert "nonce" not in read_as


@pytest.mark.parametrize(
    ("uri", "reference"),
    [
        (REQUEST_URI + "A" * 43, "A" * 43),
        (REQUEST_URI + "-_" + "z" * 41, "-_" + "z" * 41),
        (REQUEST_URI + "A" * 42, None),
        (REQUEST_URI + "A" * 44, None),
        (REQUEST_URI + "A" * 42 + "=", None),
        (REQUEST_URI.upper() + "A" * 43, None),
        ("A" * 43, None),
        ("https://evil.example/" + "A" * 43, None),
        ("", None),
    ],
)
def test_only_our_own_request_uris_are_followed(uri: str, reference: str | None) -> None:
    assert reference_in(uri) == reference


def test_a_use_is_named_by_client_and_jti_and_remembered_until_the_object_has_expired() -> None:
    def use(client_id: str = "app", **claims: Any) -> Use | None:
        return use_of({"exp": NOW + 60.5, "jti": "j", **claims}, client_id=client_id, skew_seconds=60, now=NOW + 0.5)

    first = use()
    assert first is not None
    assert first.seconds > 60 + 60, "at the last moment at which it would be taken it is still remembered"
    assert first == use()
    digests = {found.digest for found in (first, use(jti="k"), use("other"), use(jti="\udc00")) if found}
    assert len(digests) == 4
    assert use_of({"exp": NOW + 60}, client_id="app", skew_seconds=60, now=NOW) is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, "request_object_times"),
        ({"nbf": NOW - 3661, "exp": NOW + 1}, "request_object_too_old"),
        ({"nbf": NOW - 1, "exp": NOW + 3600}, "request_object_lives_too_long"),
        ({"nbf": float("nan")}, "request_object_not_yet_valid"),
    ],
    ids=repr,
)
def test_fapi2_wants_to_know_since_when_an_object_is_good(changed: dict[str, Any], reason: str) -> None:
    refusal = read(fapi2=True, **changed)
    assert isinstance(refusal, Refused)
    assert refusal.reason == reason
    for good in ({"nbf": NOW + 8}, {"nbf": NOW - 3600 + 60}, {"nbf": NOW, "exp": NOW + 3600}):
        assert isinstance(read(fapi2=True, **good), dict)
