"""What a client may be, as a table: the same rules for an operator and a registrant, and what the one may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from authsvc.rules.client_record import Client
from authsvc.rules.clients import changes
from authsvc.rules.clients.judge_client import DEVICE_CODE, TOKEN_EXCHANGE, Service, Who, judge_client
from authsvc.rules.clients.limits import MAX_NOTE
from authsvc.rules.clients.registration import judge_registration_token
from authsvc.rules.refused import Refused
from authsvc.rules.secret_digest import digest_of_secret
from tests.support.clients import changed_client, flat_client

CALLBACK = "https://shop.example/callback"
JWKS = {"keys": [{"kty": "EC"}]}
SERVICE = Service(("RS256", "ES256"), loopback=False, may_ask=lambda uri: "10.0.0.1" not in uri)
PUBLIC = flat_client(
    id="shop",
    name="Shop",
    kind="public",
    redirect_uris=(CALLBACK,),
    grant_types=frozenset({"authorization_code"}),
    scopes=("openid",),
    token_endpoint_auth_method="none",
)
SECRET = changed_client(
    PUBLIC, kind="confidential", token_endpoint_auth_method="client_secret_basic", secret_hashes=(b"x" * 32,)
)
WHO: tuple[Who, ...] = ("operator", "registrant")


def reason(client: Client, who: Who, known: Client | None = None) -> str | None:
    found = judge_client(client, who, SERVICE, known)
    return found.reason if isinstance(found, Refused) else None


@pytest.mark.parametrize("who", WHO)
def test_a_name_is_spelt_as_people_spell_it(who: Who) -> None:
    for name, stored in (("Ann\u00a0Ash\u3000", "Ann Ash"), ("علی\u200cرضا", "علی\u200cرضا")):
        found = judge_client(replace(PUBLIC, name=name), who, SERVICE)
        assert isinstance(found, Client), found
        assert found.name == stored


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(
    ("base", "changed", "expected"),
    [
        *((PUBLIC, {"id": value}, "client_id") for value in ("", "a b", "x" * 129, "a/b", "\u00e9", "a\n")),
        *((PUBLIC, {"name": value}, "client_name") for value in ("", "x" * 101, "a\x1b[2J", "a\u202eb", "a\nb")),
        (PUBLIC, {"kind": "other"}, "kind"),
        (PUBLIC, {"application_type": ""}, "application_type"),
        (PUBLIC, {"subject_type": ""}, "subject_type"),
        (PUBLIC, {"access_token_typ": "jwt"}, "access_token_typ"),
        (PUBLIC, {"grant_types": frozenset({"password"})}, "grant_types"),
        (PUBLIC, {"redirect_uris": ()}, "redirect_uris_missing"),
        *(
            (PUBLIC, {"redirect_uris": (uri,)}, "redirect_uris_refused")
            for uri in (
                "http://shop.example/",
                "javascript:alert(1)",
                CALLBACK + "#x",
                "https://*.example/",
                "https://[",
                "",
                "https://a.example/" + "x" * 2000,
            )
        ),
        (PUBLIC, {"post_logout_redirect_uris": ("http://a.example/",)}, "post_logout_redirect_uris_refused"),
        (PUBLIC, {"token_endpoint_auth_method": "client_secret_post"}, "token_endpoint_auth_method"),
        (SECRET, {"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method"),
        (SECRET, {"token_endpoint_auth_method": "tls_client_auth"}, "tls_method_not_offered"),
        (SECRET, {"token_endpoint_auth_method": "self_signed_tls_client_auth"}, "tls_method_not_offered"),
        (SECRET, {"tls_client_auth_san_dns": "shop.example"}, "tls_client_auth_subject"),
        (PUBLIC, {"token_endpoint_auth_method": "tls_client_auth"}, "token_endpoint_auth_method"),
        (PUBLIC, {"jwks": JWKS}, "jwks_of_public_client"),
        (PUBLIC, {"jwks_uri": "https://a.example/jwks"}, "jwks_of_public_client"),
        (PUBLIC, {"secret_hashes": (b"x" * 32,)}, "jwks_of_public_client"),
        (SECRET, {"jwks": JWKS, "jwks_uri": "https://a.example/jwks"}, "jwks_and_jwks_uri"),
        (SECRET, {"token_endpoint_auth_method": "private_key_jwt"}, "jwks_missing"),
        (SECRET, {"secret_hashes": (b"x" * 32,) * 3}, "secret_hashes"),
        (SECRET, {"secret_hashes": (b"password",)}, "secret_hashes"),
        *(
            (PUBLIC, {name: uri}, name)
            for name in ("client_uri", "policy_uri", "tos_uri")
            for uri in (
                "http://a.example/",
                "javascript:alert(1)",
                "",
                "https://",
                "com.example.a:/b",
                "https://a.example/#x",
            )
        ),
        *(
            (SECRET, {name: uri}, name)
            for name in ("jwks_uri", "backchannel_logout_uri")
            for uri in ("http://a.example/", "http://127.0.0.1/", "", "https://10.0.0.1/x", "https://a.example/#x")
        ),
        (PUBLIC, {"scopes": ("a b",)}, "scope"),
        (PUBLIC, {"scopes": ("openid", 'a"b')}, "scope"),
        (PUBLIC, {"id_token_signed_response_alg": "PS256"}, "id_token_signed_response_alg"),
        (PUBLIC, {"access_token_signed_response_alg": "none"}, "access_token_signed_response_alg"),
        (PUBLIC, {"sector": "shop.example"}, "sector"),
        (PUBLIC, {"subject_type": "pairwise", "sector": "https://shop.example"}, "sector"),
        (
            PUBLIC,
            {"subject_type": "pairwise", "redirect_uris": (CALLBACK, "https://b.example/")},
            "sector_several_hosts",
        ),
    ],
)
def test_what_no_client_may_be(base: Client, changed: dict[str, Any], expected: str, who: Who) -> None:
    assert reason(base, who) is None
    assert reason(changed_client(base, **changed), who) == expected


OPERATORS_ALONE = [
    (SECRET, {"grant_types": frozenset({"client_credentials"})}, "grant_types"),
    (PUBLIC, {"grant_types": frozenset({"refresh_token"})}, "grant_types_refresh_alone"),
    (SECRET, {"grant_types": frozenset({TOKEN_EXCHANGE}), "exchange_audiences": ("https://a.example",)}, "grant_types"),
    (PUBLIC, {"redirect_uris": ("http://localhost/cb",)}, "redirect_uris_refused"),
    (PUBLIC, {"redirect_uris": ("com.example.app:/cb",)}, "redirect_uris_refused"),
    (PUBLIC, {"redirect_uris": ("myapp:/cb",), "application_type": "native"}, "redirect_uris_refused"),
    (PUBLIC, {"scopes": ("openid", "admin")}, "scope"),
    (PUBLIC, {"scopes": ("openid", "offline_access")}, "scope"),
    (PUBLIC, {"scopes": ()}, "scope"),
    (PUBLIC, {"name": "<b>Shop</b>"}, "client_name"),
    (PUBLIC, {"name": "P\u0430yPal"}, "client_name_scripts"),
    (SECRET, {"introspection": True}, "operators_alone"),
    (SECRET, {"pkce": "nonce"}, "operators_alone"),
    (PUBLIC, {"id_token_claims": True}, "operators_alone"),
    (SECRET, {"assertion_audience": "token-endpoint"}, "operators_alone"),
    (PUBLIC, {"access_token_typ": "JWT"}, "operators_alone"),
    (PUBLIC, {"claim_aliases": True}, "operators_alone"),
    (SECRET, {"assertion_seconds": 3600}, "operators_alone"),
    (PUBLIC, {"id_token_on_refresh": True}, "operators_alone"),
    (PUBLIC, {"refresh_without_offline_access": True}, "operators_alone"),
    (PUBLIC, {"id_token_seconds": 60}, "operators_alone"),
    (SECRET, {"introspection": True, "introspection_all": True}, "operators_alone"),
    *(
        (PUBLIC, changed, "operators_alone")
        for changed in (
            {"first_party": True},
            {"required_role": "admin"},
            {"remember_me_allowed": False},
            {"mail_code_login": True},
            {"status_list": True},
            {"audiences": ("https://api.example",)},
            {"access_token_seconds": 60},
            {"session_seconds": 60},
            {"remember_me_seconds": 60},
            {"refresh_grace_seconds": 0},
            {"refresh_lost_answer_seconds": 60},
        )
    ),
]


@pytest.mark.parametrize(("base", "changed", "expected"), OPERATORS_ALONE)
def test_what_an_operator_may_and_a_registrant_may_not(base: Client, changed: dict[str, Any], expected: str) -> None:
    client = changed_client(base, **changed)
    assert reason(client, "operator") is None
    assert reason(client, "registrant") == expected


def test_a_registrant_keeps_what_an_operator_gave_and_takes_no_more() -> None:
    known = changed_client(
        SECRET,
        scopes=("openid", "admin"),
        grant_types=SECRET.grant_types | {"client_credentials"},
        introspection=True,
        required_role="staff",
        access_token_signed_response_alg="EdDSA",
    )
    assert reason(replace(known, name="Laden"), "registrant", known) is None
    assert reason(replace(known, introspection=False), "registrant", known) is None
    assert reason(changed_client(known, required_role=None), "registrant", known) == "operators_alone"
    assert reason(changed_client(known, id_token_signed_response_alg="EdDSA"), "registrant", known) is not None


@pytest.mark.parametrize(
    ("base", "changed", "expected"),
    [
        (PUBLIC, {"introspection": True}, "introspection"),
        (SECRET, {"introspection_all": True}, "introspection_all"),
        (PUBLIC, {"grant_types": frozenset({"client_credentials"})}, "grant_types_of_public_client"),
        (PUBLIC, {"grant_types": frozenset({TOKEN_EXCHANGE})}, "grant_types_of_public_client"),
        (SECRET, {"grant_types": frozenset({TOKEN_EXCHANGE})}, "exchange"),
        (SECRET, {"exchange_audiences": ("https://a.example",)}, "exchange"),
        (SECRET, {"exchange_subjects": ("https://a.example",)}, "exchange"),
        *((PUBLIC, {"audiences": (value,)}, "audience") for value in ("", "a b", "a\0", "x" * 2001)),
        (PUBLIC, {"required_role": "a b"}, "required_role"),
        *(
            (PUBLIC, {name: seconds}, name)
            for name, wrong in (
                ("access_token_seconds", (9, 86_401, 0, -1)),
                ("session_seconds", (59, 315_360_001)),
                ("remember_me_seconds", (59, 315_360_001)),
                ("refresh_grace_seconds", (-1, 301)),
                ("refresh_lost_answer_seconds", (-1, 315_360_001)),
            )
            for seconds in wrong
        ),
    ],
)
def test_what_an_operator_may_not_give(base: Client, changed: dict[str, Any], expected: str) -> None:
    assert reason(changed_client(base, **changed), "operator") == expected


@pytest.mark.parametrize(
    ("changed", "sector"),
    [
        ({}, "shop.example"),
        ({"sector": "other.example", "redirect_uris": (CALLBACK, "https://b.example/")}, "other.example"),
        ({"redirect_uris": ("com.example.app:/cb",)}, ""),
        ({"redirect_uris": (), "grant_types": frozenset({DEVICE_CODE})}, ""),
    ],
)
def test_a_pairwise_client_gets_the_sector_that_it_did_not_name(changed: dict[str, Any], sector: str) -> None:
    found = judge_client(changed_client(PUBLIC, subject_type="pairwise", **changed), "operator", SERVICE)
    assert isinstance(found, Client)
    assert found.login.sector == sector


def test_this_machine_is_for_development_only() -> None:
    here = Service(SERVICE.algorithms, loopback=True, may_ask=SERVICE.may_ask)
    client = changed_client(SECRET, redirect_uris=("http://localhost:5173/",), jwks_uri="http://127.0.0.1:9/jwks")
    for who in WHO:
        assert reason(client, who) is not None
        assert judge_client(client, who, here) == client
        assert isinstance(judge_client(changed_client(client, tos_uri="http://127.0.0.1/"), who, here), Refused)


OTHER = "https://shop.example/other"


@pytest.mark.parametrize(
    ("added", "removed", "expected"),
    [
        ([OTHER], [], (CALLBACK, OTHER)),
        ([OTHER, CALLBACK, OTHER], [], (CALLBACK, OTHER)),
        ([OTHER], [CALLBACK], (OTHER,)),
        ([], [], (CALLBACK,)),
        ([], [CALLBACK], "redirect_uris_missing"),
        ([], [OTHER], "redirect_uri_unknown"),
        (["http://shop.example/"], [], "redirect_uris_refused"),
        (["http://shop.example/"], ["http://shop.example/"], "redirect_uris_refused"),
    ],
)
def test_redirect_uris_change(added: list[str], removed: list[str], expected: tuple[str, ...] | str) -> None:
    found = changes.change_redirect_uris(PUBLIC, added, removed, SERVICE)
    assert (found.reason if isinstance(found, Refused) else found.login.redirect_uris) == expected


APP = "capacitor://localhost"


@pytest.mark.parametrize(
    ("added", "removed", "expected"),
    [
        ([APP], [], (APP,)),
        ([APP, "https://localhost", APP], [], (APP, "https://localhost")),
        ([], [APP], "origin_unknown"),
        (["http://shop.example"], [], "origins_refused"),
        (["null"], [], "origins_refused"),
    ],
)
def test_origins_change(added: list[str], removed: list[str], expected: tuple[str, ...] | str) -> None:
    found = changes.change_origins(PUBLIC, added, removed, SERVICE)
    assert (found.reason if isinstance(found, Refused) else found.login.origins) == expected
    if isinstance(found, Client):
        assert judge_client(found, "operator", SERVICE) == found
        assert changes.change_origins(found, [], added, SERVICE) == PUBLIC
        assert reason(found, "registrant") == "operators_alone"


def test_what_a_client_has_already_stands_in_no_changes_way() -> None:
    """Its algorithm was taken out of the policy, and its other redirect URI would not be taken today."""
    known = changed_client(
        PUBLIC, redirect_uris=(CALLBACK, "http://old.example/"), id_token_signed_response_alg="PS256"
    )
    found = changes.change_redirect_uris(known, [OTHER], [], SERVICE)
    assert isinstance(found, Client)


def test_a_secret_is_added_beside_one_and_the_old_one_dropped() -> None:
    both = changes.add_secret(SECRET, b"y" * 32)
    assert isinstance(both, Client)
    assert both.authentication.secret_hashes == (b"y" * 32, b"x" * 32)
    assert isinstance(changes.add_secret(both, b"z" * 32), Refused)
    assert changes.drop_old_secret(both) == changed_client(SECRET, secret_hashes=(b"y" * 32,))
    for refused in (changes.drop_old_secret(SECRET), changes.add_secret(PUBLIC, b"z" * 32)):
        assert isinstance(refused, Refused)
        assert refused.error == "conflict"


@pytest.mark.parametrize("secret", ["x" * 15, "x" * 1025, "x" * 16 + " ", "x" * 16 + "\u00e9", "x" * 16 + "\x7f", ""])
def test_a_secret_that_is_guessed_or_cannot_be_sent_has_no_digest(secret: str) -> None:
    refused = digest_of_secret(secret)
    assert isinstance(refused, Refused)
    assert secret not in refused.description or not secret


@pytest.mark.parametrize(
    ("uses", "seconds", "note", "fits"),
    [
        (1, 1, "", True),
        (10_000, 31_536_000, "x" * MAX_NOTE, True),
        (0, 1, "", False),
        (10_001, 1, "", False),
        (1, 0, "", False),
        (1, 31_536_001, "", False),
        (1, 1, "x" * (MAX_NOTE + 1), False),
        (1, 1, "a\nb", False),
    ],
)
def test_which_registration_tokens_may_be_made(uses: int, seconds: int, note: str, fits: bool) -> None:
    assert (judge_registration_token(uses, seconds, note) is None) is fits
