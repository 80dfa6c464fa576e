"""The authorization request: where an answer may go, and what is refused with which error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.rules.authorize.claims_parameter import ClaimsRequest, read_claims_request
from authsvc.rules.authorize.request import (
    Asked,
    AuthorizationRequest,
    Proved,
    Unproved,
    answer_parameters,
    judge,
    prove,
    read_pairs,
    redirect_location,
)
from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR
from authsvc.rules.refused import Refused
from tests.support.clients import flat_client

ISSUER = "https://auth.example"
UNMET = "unmet_authentication_requirements"
CLIENT = flat_client(
    id="app",
    name="App",
    kind="public",
    redirect_uris=("https://app.example/cb", "com.example.app:/cb"),
    grant_types=frozenset({"authorization_code"}),
    scopes=("openid", "email", "offline_access"),
    audiences=("https://api.example",),
)
GOOD = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": "https://app.example/cb",
    "scope": "openid",
    "state": "s",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


def judged(**changed: str | None) -> AuthorizationRequest | Refused:
    parameters = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    proved = prove(parameters, CLIENT)
    assert isinstance(proved, Proved), proved
    return judge(Asked(parameters), CLIENT, proved, issuer=ISSUER)


def error(**changed: str | None) -> str:
    verdict = judged(**changed)
    assert isinstance(verdict, Refused), verdict
    return verdict.error


def request(**changed: str | None) -> AuthorizationRequest:
    verdict = judged(**changed)
    assert isinstance(verdict, AuthorizationRequest), verdict
    return verdict


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "a" * 42}, "invalid_request"),
        ({"code_challenge": "a" * 44}, "invalid_request"),
        ({"code_challenge": "a" * 42 + "="}, "invalid_request"),
        ({"code_challenge": "a" * 42 + "\u0430"}, "invalid_request"),
        ({"scope": "payments"}, "invalid_scope"),
        ({"scope": "payments profile"}, "invalid_scope"),
        ({"scope": "openid  email"}, "invalid_scope"),
        ({"scope": 'openid "'}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "\u0661"}, "invalid_request"),
        ({"max_age": "9" * 10}, "invalid_request"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"resource": "https://api.example https://other.example"}, "invalid_target"),
        ({"resource": "https://api.example/v1"}, "invalid_target"),
        ({"resource": "https://auth.example"}, "invalid_target"),
        ({"nonce": "n" * 4097}, "invalid_request"),
        ({"nonce": "\u00e4" * 2049}, "invalid_request"),
        ({"state": "s" * 16_385}, "invalid_request"),
        ({"state": "\u00e4" * 8193}, "invalid_request"),
        ({"state": "\x01" * 6000}, "invalid_request"),  # six bytes each, as it waits
        ({"login_hint": "n" * 1025}, "invalid_request"),
        ({"claims": "["}, "invalid_request"),
        ({"claims": "[" * 2000}, "invalid_request"),
        ({"claims": '"x"'}, "invalid_request"),
        ({"claims": '{"id_token": 1}'}, "invalid_request"),
        ({"claims": '{"userinfo": {"email": true}}'}, "invalid_request"),
        ({"claims": '{"id_token": {"sub": {"value": 7}}}'}, "invalid_request"),
        ({"claims": '{"id_token": {"acr": {"essential": true, "value": "mfa"}}}'}, UNMET),
        ({"claims": '{"id_token": {"acr": {"essential": true, "values": ["mfa"]}}}'}, UNMET),
        ({"dpop_jkt": "short"}, "invalid_request"),
        ({"redirect_uri": "com.example.app:/cb", "response_mode": "form_post"}, "invalid_request"),
    ],
)
def test_a_request_that_cannot_be_served_is_refused_with_the_specified_error(
    changed: dict[str, str | None], expected: str
) -> None:
    assert error(**changed) == expected


def test_a_client_without_the_grant_may_not_ask_for_codes() -> None:
    client = flat_client(id="x", name="X", kind="public", redirect_uris=("https://app.example/cb",), scopes=("openid",))
    verdict = judge(Asked(GOOD), client, Proved("https://app.example/cb", "query", None), issuer=ISSUER)
    assert isinstance(verdict, Refused)
    assert verdict.error == "unauthorized_client"


def test_a_good_request_is_read_as_it_was_sent() -> None:
    asked = request(
        nonce="n\u00e4 +&",
        prompt="login consent",
        max_age="0",
        resource="https://api.example https://auth.example/userinfo",
        login_hint="a@b",
        ui_locales="de",
        response_mode="form_post",
    )
    assert (asked.nonce, asked.prompt, asked.max_age) == ("n\u00e4 +&", {"login", "consent"}, 0)
    assert asked.resource == ("https://api.example", "https://auth.example/userinfo")
    assert (asked.login_hint, asked.ui_locales, asked.response_mode) == ("a@b", "de", "form_post")


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("openid payments", ("openid",)),
        ("payments email openid groups", ("email", "openid")),
        ("openid openid", ("openid",)),
        (None, ("openid", "email", "offline_access")),
    ],
)
def test_a_scope_that_is_not_registered_is_left_out(asked: str | None, granted: tuple[str, ...]) -> None:
    """OpenID Connect Core section 3.1.2.1: what is not understood SHOULD be ignored."""
    assert request(scope=asked).scope == granted


def test_a_resource_is_read_as_a_uri_and_granted_as_it_is_registered() -> None:
    asked = request(resource="https://api.example/ HTTPS://API.example:443 https://AUTH.example/userinfo")
    assert asked.resource == ("https://api.example", f"{ISSUER}/userinfo")


def test_what_is_only_passed_through_may_be_as_long_as_an_address() -> None:
    """Clients seal into their state where the person shall land: 900 to 2,500 characters with a long deep link."""
    assert request(nonce="n" * 4096).nonce == "n" * 4096
    for state in ("s" * 8000, "\u00e4" * 8000, "\U0001f37a" * 4096):
        assert request(state=state).state == state


def test_the_client_is_told_of_a_state_that_is_too_long_to_come_back() -> None:
    proved = prove({**GOOD, "state": "s" * 16_385}, CLIENT)
    assert proved == Proved("https://app.example/cb", "query", None)
    verdict = judged(state="s" * 16_385)
    assert isinstance(verdict, Refused)
    assert verdict.reason == "state_too_long"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"redirect_uri": None}, "redirect_uri_missing"),
        ({"redirect_uri": "https://app.example/cb/"}, "redirect_uri_not_registered"),
    ],
)
def test_what_proves_nothing_is_answered_to_nobody(changed: dict[str, str | None], reason: str) -> None:
    parameters = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    assert prove(parameters, CLIENT) == Unproved(reason)
    assert prove(GOOD, None) == Unproved("client_unknown")


def test_an_error_for_an_unknown_mode_goes_into_the_query() -> None:
    for mode in ("fragment", "jwt", "x"):
        proved = prove({**GOOD, "response_mode": mode}, CLIENT)
        assert isinstance(proved, Proved)
        assert proved.response_mode == "query"
    app = prove({**GOOD, "redirect_uri": "com.example.app:/cb", "response_mode": "form_post"}, CLIENT)
    assert isinstance(app, Proved)
    assert app.response_mode == "query"


def test_a_parameter_may_be_sent_once_and_a_resource_several_times() -> None:
    asked = read_pairs([*GOOD.items(), ("resource", "https://api.example"), ("resource", "https://auth.example")])
    assert asked.repeated == ()
    assert asked.parameters["resource"] == "https://api.example https://auth.example"
    twice = read_pairs([*GOOD.items(), ("nonce", "a"), ("nonce", "a")])
    assert twice.repeated == ("nonce",)
    assert "nonce" not in twice.parameters
    verdict = judge(twice, CLIENT, Proved("https://app.example/cb", "query", None), issuer=ISSUER)
    assert isinstance(verdict, Refused)
    assert verdict.error == "invalid_request"


def test_an_empty_or_unknown_parameter_is_as_if_omitted() -> None:
    asked = read_pairs([("state", ""), ("state", "x"), ("utm_source", "a"), ("utm_source", "b"), ("nonce", "")])
    assert asked == Asked({"state": "x"}, ())


@given(st.text(), st.text())
def test_the_answer_brings_state_back_as_it_came(state: str, code: str) -> None:
    parameters = answer_parameters(ISSUER, state, code=code, error=None)
    assert parameters == {"code": code, "state": state, "iss": ISSUER}
    assert "state" not in answer_parameters(ISSUER, None, code=code)


def test_the_answer_is_added_to_the_query_that_is_there() -> None:
    assert redirect_location("https://a/cb", {"code": "x y"}) == "https://a/cb?code=x+y"
    assert redirect_location("https://a/cb?a=1", {"code": "x"}) == "https://a/cb?a=1&code=x"
    assert "\r" not in redirect_location("https://a/cb", {"state": "\r\nSet-Cookie: x"})


# The claims parameter


def read(value: object, registered: tuple[str, ...] = ("openid", "profile", "email")) -> ClaimsRequest | str:
    return read_claims_request(json.dumps(value), registered)


def test_single_claims_are_read_where_the_client_may_have_them() -> None:
    asked = read({"id_token": {"email": None, "birthdate": None}, "userinfo": {"name": {"essential": True}}})
    assert asked == ClaimsRequest(("email",), ("name",), None)
    assert isinstance(asked, ClaimsRequest)
    assert asked.scopes == ("email", "profile")
    assert read({"userinfo": {"name": None}}, ("openid",)) == ClaimsRequest()
    assert read({"id_token": None}) == ClaimsRequest()


def test_second_names_are_read_where_the_client_is_told_them() -> None:
    text = json.dumps({"userinfo": {"preferred_username": None, "groups": None}})
    asked = read_claims_request(text, ("openid", "profile", "email"), aliases=True)
    assert asked == ClaimsRequest((), ("preferred_username",))
    assert asked.scopes == ("email", "profile")
    assert read_claims_request(text, ("openid", "profile", "roles"), aliases=True) == ClaimsRequest((), ("groups",))
    assert read_claims_request(text, ("openid", "profile", "email", "roles")) == ClaimsRequest()


def test_the_person_may_be_named() -> None:
    assert read({"id_token": {"sub": {"value": "abc"}}}) == ClaimsRequest(subject="abc")
    same = {"id_token": {"sub": {"value": "abc"}}, "userinfo": {"sub": {"value": "abc"}}}
    assert read(same) == ClaimsRequest(subject="abc")
    assert (
        read({"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}) == "claims_subject_malformed"
    )


def test_an_acr_that_we_reach_and_a_voluntary_one_are_no_obstacle() -> None:
    must = read({"id_token": {"acr": {"essential": True, "values": [PASSWORD_ACR, "x"]}}})
    assert must == ClaimsRequest(acr=(PASSWORD_ACR,))
    assert read({"id_token": {"acr": {"values": [MFA_ACR, 1, "mfa"]}}}) == ClaimsRequest(acr_wish=(MFA_ACR,))
    assert read({"id_token": {"acr": {"values": ["mfa"]}}}) == ClaimsRequest()
    assert read({"id_token": {"acr": {"essential": True}}}) == ClaimsRequest()


def _junk() -> st.SearchStrategy[object]:
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    names = st.sampled_from(["id_token", "userinfo", "sub", "acr", "value", "values", "essential", "name", "x"])
    return st.recursive(leaf, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=12)


@given(_junk() | st.text())
def test_whatever_stands_there_it_is_read_or_refused(value: object) -> None:
    assert isinstance(read(value), ClaimsRequest | str)
