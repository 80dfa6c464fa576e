"""Client metadata: what a client may say of itself, and what it never gets by saying it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.rules.client_record import Client, flat_of
from authsvc.rules.clients.judge_client import DEVICE_CODE, Service, judge_client
from authsvc.rules.clients.registration import judge_change, metadata_of, new_client, read_metadata
from authsvc.rules.refused import Refused
from tests.support.clients import changed_client

CALLBACK = "https://shop.example/callback"
PLAIN = {"redirect_uris": [CALLBACK]}
JWKS = {"keys": [{"kty": "EC"}]}
SECTOR = {"subject_type": "pairwise", "sector_identifier_uri": "https://Group.example:8443/sector.json"}
OFFERED = ("RS256", "ES256", "EdDSA")


NEW = new_client("c", b"r")


def judge_metadata(
    members: dict[str, Any], *, loopback: bool = False, algorithms: tuple[str, ...] = ("RS256",), known: Client = NEW
) -> Client | Refused:
    """Read and judged, as at /register."""
    asked = read_metadata(members, known)
    service = Service(algorithms, loopback, may_ask=lambda uri: "private" not in uri)
    return asked if isinstance(asked, Refused) else judge_client(asked, "registrant", service, known)


def judged(loopback: bool = False, **members: Any) -> Client | Refused:
    members = {name: value for name, value in {**PLAIN, **members}.items() if value is not ...}
    return judge_metadata(members, loopback=loopback, algorithms=OFFERED)


def registered(**members: Any) -> Client:
    found = judged(**members)
    assert isinstance(found, Client), found
    return found


def test_the_defaults_are_those_of_the_specification() -> None:
    client = registered()
    assert (client.name, client.kind, client.login.application_type) == ("c", "confidential", "web")
    assert client.grant_types == {"authorization_code"}
    assert client.authentication.token_endpoint_auth_method == "client_secret_basic"
    assert client.tokens.scopes == ("openid", "profile", "email")
    assert metadata_of(client) == {
        "client_name": "c",
        "application_type": "web",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid profile email",
        "subject_type": "public",
        "id_token_signed_response_alg": "RS256",
        "access_token_signed_response_alg": "RS256",
        "post_logout_redirect_uris": [],
        "require_pushed_authorization_requests": False,
        "dpop_bound_access_tokens": False,
    }


GIVEN = {
    "client_name": "Shop",
    "application_type": "native",
    "redirect_uris": ["com.example.shop:/callback", "http://127.0.0.1/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "private_key_jwt",
    "scope": "openid offline_access",
    "subject_type": "pairwise",
    "id_token_signed_response_alg": "ES256",
    "access_token_signed_response_alg": "EdDSA",
    "post_logout_redirect_uris": ["com.example.shop:/bye"],
    "require_pushed_authorization_requests": True,
    "dpop_bound_access_tokens": True,
    "jwks_uri": "https://shop.example/jwks",
    "backchannel_logout_uri": "https://shop.example/logout",
    "backchannel_logout_session_required": True,
    "client_uri": "https://shop.example/",
    "policy_uri": "https://shop.example/policy",
    "tos_uri": "https://shop.example/terms",
}


def test_everything_that_is_registered_is_answered() -> None:
    assert metadata_of(registered(**GIVEN)) == GIVEN
    assert (
        metadata_of(registered(**GIVEN, logo_uri="https://x.example/l.png", contacts=["a"], software_id="1")) == GIVEN
    )


def test_what_is_answered_can_be_registered_again() -> None:
    client = registered(**GIVEN)
    assert judge_metadata(metadata_of(client), algorithms=OFFERED) == client


def test_null_is_as_if_left_away() -> None:
    assert judged(**dict.fromkeys(GIVEN.keys() - {"redirect_uris"}), software_statement=None) == judged()


POWERS = {
    "first_party": True,
    "stranger": False,
    "introspection": True,
    "required_role": "admin",
    "audiences": ["https://api.example"],
    "exchange_audiences": ["https://api.example"],
    "exchange_subjects": ["customer"],
    "access_token_seconds": 86_400,
    "session_seconds": 10**6,
    "remember_me_seconds": 10**6,
    "refresh_grace_seconds": 300,
    "refresh_lost_answer_seconds": 300,
    "id": "customer",
    "client_id": "customer",
    "kind": "confidential",
    "secret_hashes": ["x"],
    "sector": "victim.example",
    "pkce": "optional",
    "assertion_audience": "token-endpoint",
    "assertion_seconds": 3600,
    "access_token_typ": "JWT",
    "claim_aliases": True,
    "id_token_claims": True,
    "id_token_on_refresh": True,
    "refresh_without_offline_access": True,
    "id_token_seconds": 60,
    "registration_hash": "x",
    "scopes": ["admin"],
    "name": "Bank",
    "remember_me_allowed": False,
}


def test_no_metadata_gives_power() -> None:
    """Whatever a Client has that is no client metadata keeps its default, also what is yet to come."""
    assert registered(**POWERS, **GIVEN) == registered(**GIVEN)
    plain = flat_of(Client(id="c", name="c", kind="confidential"))
    own = {
        "redirect_uris",
        "grant_types",
        "scopes",
        "application_type",
        "post_logout_redirect_uris",
        "subject_type",
        "sector",
        "jwks",
        "jwks_uri",
        "backchannel_logout_uri",
        "client_uri",
        "policy_uri",
        "tos_uri",
        "name",
        "kind",
        "require_pushed_authorization_requests",
        "dpop_bound_access_tokens",
        "token_endpoint_auth_method",
        "registration_hash",
        "secret_hashes",
        "id",
        "id_token_signed_response_alg",
        "access_token_signed_response_alg",
    }
    for name, value in flat_of(registered(**POWERS, **GIVEN)).items():
        if name not in own:
            assert value == plain[name], name


NATIVE = {"application_type": "native"}
NONE: dict[str, Any] = {"token_endpoint_auth_method": "none"}
DEVICE = {"grant_types": [DEVICE_CODE, "refresh_token"], "redirect_uris": ...}


@pytest.mark.parametrize(
    "members",
    [
        {"redirect_uris": [CALLBACK] * 20},
        {"redirect_uris": ["https://a.example/?x=1", "https://b.example:8443/"]},
        {**NATIVE, "redirect_uris": ["com.example.app:/cb"]},
        {**NATIVE, "redirect_uris": ["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost:1/cb", CALLBACK]},
        DEVICE,
        {**DEVICE, "response_types": []},
        {"grant_types": ["authorization_code", DEVICE_CODE]},
        NONE,
        {"token_endpoint_auth_method": "client_secret_post", "jwks": JWKS},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": JWKS},
        {"scope": "openid"},
        {"scope": "openid offline_access", "grant_types": ["authorization_code", "refresh_token"]},
        {"subject_type": "pairwise"},
        {"subject_type": "pairwise", "redirect_uris": ["https://a.example/1", "https://a.example/2"]},
        {"subject_type": "pairwise", **DEVICE},
        {"client_name": "Café 東京 1&2"},
        {"client_name": "Магазин"},
        {"client_name": "Ωmega".replace("mega", "")},
        {"client_name": "x" * 100},
        {"id_token_signed_response_alg": "ES256", "access_token_signed_response_alg": "RS256"},
        {"require_signed_request_object": False},
        {"require_signed_request_object": True, "jwks": JWKS},
    ],
    ids=range(22),
)
def test_what_may_be_registered(members: dict[str, Any]) -> None:
    assert isinstance(judged(**members), Client), judged(**members)


@pytest.mark.parametrize(
    "uris",
    [
        ["http://127.0.0.1:33418/callback"],
        ["http://localhost/cb", "http://[::1]:8080/cb"],
        ["com.example.app:/cb"],
        ["com.example.app:/cb", "http://127.0.0.1/cb"],
    ],
)
def test_addresses_that_only_a_native_client_has_say_that_it_is_one(uris: list[str]) -> None:
    """RFC 8252 section 7. Where it is said, it is as it is said."""
    for named in (..., None):
        client = registered(**NONE, application_type=named, redirect_uris=uris)
        assert (client.login.application_type, client.login.redirect_uris) == ("native", tuple(uris))
    assert metadata_of(client)["application_type"] == "native"
    refused = judged(**NONE, application_type="web", redirect_uris=uris)
    assert isinstance(refused, Refused)
    assert refused.error == "invalid_redirect_uri"


REDIRECT, METADATA = "invalid_redirect_uri", "invalid_client_metadata"


@pytest.mark.parametrize(
    ("members", "error"),
    [
        *(
            ({"redirect_uris": uris}, REDIRECT)
            for uris in (
                ...,
                [],
                "https://a.example/",
                [1],
                [None],
                {},
                [CALLBACK] * 21,
                [CALLBACK + "#"],
                [CALLBACK + "#x"],
                ["http://shop.example/"],
                ["http://127.0.0.1/cb", CALLBACK],
                [CALLBACK, "com.example.app:/cb"],
                ["http://127.0.0.1/cb", "http://shop.example/"],
                ["javascript:alert(1)"],
                ["data:text/html,x"],
                ["https://*.example/"],
                ["https://u:p@a.example/"],
                ["https://"],
                ["/callback"],
                [""],
                ["https://a.example/" + "x" * 2000],
                ["https://a.example/\n"],
                ["https://a.example\\@b.example/"],
                ["//a.example/"],
                [CALLBACK, "http://shop.example/"],
            )
        ),
        *(
            ({**NATIVE, "redirect_uris": [uri]}, REDIRECT)
            for uri in (
                "http://192.0.2.1/",
                "app:/cb",
                "javascript:alert(1)",
                "com.example.app:",
                "http://127.0.0.1.example/",
            )
        ),
        *(
            ({"grant_types": value}, METADATA)
            for value in (
                "authorization_code",
                [],
                [1],
                ["implicit"],
                ["password"],
                ["client_credentials"],
                ["refresh_token"],
                ["authorization_code", "client_credentials"],
                ["authorization_code", "implicit"],
                ["urn:ietf:params:oauth:grant-type:token-exchange"],
                ["authorization_code"] * 21,
            )
        ),
        *(
            ({"response_types": value}, METADATA)
            for value in ("code", [], ["token"], ["code", "code id_token"], [None])
        ),
        ({**DEVICE, "response_types": ["code"]}, METADATA),
        ({"grant_types": [DEVICE_CODE], "response_types": ["code"]}, METADATA),
        *(
            ({"token_endpoint_auth_method": value}, METADATA)
            for value in ("client_secret_jwt", "tls_client_auth", "", 1, ["none"], "private_key_jwt")
        ),
        ({"jwks": JWKS, "jwks_uri": "https://a.example/jwks"}, METADATA),
        ({**NONE, "jwks": JWKS}, METADATA),
        ({**NONE, "jwks_uri": "https://a.example/jwks"}, METADATA),
        *(
            ({name: value}, METADATA)
            for name in ("jwks_uri", "backchannel_logout_uri", "client_uri", "policy_uri", "tos_uri")
            for value in (
                "http://a.example/",
                "javascript:alert(1)",
                "",
                1,
                [],
                "https://",
                "com.example.a:/b",
                "a",
                "http://127.0.0.1/",
                "https://a.example/#x",
                'https://a.example/ "onload=x',
            )
        ),
        *(
            ({"scope": value}, METADATA)
            for value in (
                "admin",
                "openid admin",
                "",
                "openid  email",
                1,
                ["openid"],
                "api",
                "offline_access",
                "openid\n",
            )
        ),
        *(({"subject_type": value}, METADATA) for value in ("Pairwise", "", 1)),
        ({"subject_type": "pairwise", "redirect_uris": ["https://a.example/", "https://b.example/"]}, METADATA),
        ({"subject_type": "pairwise", **NATIVE, "redirect_uris": ["https://a.example/", "com.x.y:/b"]}, METADATA),
        *(
            ({"subject_type": "pairwise", "sector_identifier_uri": value}, METADATA)
            for value in ("http://a.example/s", "https://private.example/s", "https://a.example/#s", "a.example", "", 1)
        ),
        ({**SECTOR, "grant_types": ["authorization_code", DEVICE_CODE]}, METADATA),
        ({**SECTOR, "grant_types": [DEVICE_CODE], "response_types": [], "redirect_uris": []}, METADATA),
        ({**SECTOR, **NATIVE, "redirect_uris": [CALLBACK, "com.example.app:/cb"]}, METADATA),
        ({**SECTOR, **NATIVE, "redirect_uris": ["http://127.0.0.1/cb"]}, METADATA),
        *(({"application_type": value}, METADATA) for value in ("browser", 1, [])),
        *(
            ({"post_logout_redirect_uris": value}, METADATA)
            for value in ("x", ["http://a.example/"], ["https://a.example/#"], [1], ["com.example.app:/x"])
        ),
        *(
            ({"client_name": value}, METADATA)
            for value in (
                "",
                " ",
                "x" * 101,
                1,
                ["x"],
                "a\0b",
                "a\x1b[2J",
                "a\u202eb",
                "a\u200bb",
                "<script>alert(1)</script>",
                "\ud800",
                "P\u0430yPal",
                "G\u03bf\u03bfgle",
            )
        ),
        *(
            ({name: value}, METADATA)
            for name in ("require_pushed_authorization_requests", "dpop_bound_access_tokens")
            for value in ("true", 1, [])
        ),
        *(
            ({name: value}, METADATA)
            for name in ("id_token_signed_response_alg", "access_token_signed_response_alg")
            for value in ("none", "HS256", "PS256", "es256", "", ["RS256"], 1)
        ),
        ({"userinfo_signed_response_alg": "RS256"}, METADATA),
        ({"id_token_encrypted_response_alg": "RSA-OAEP"}, METADATA),
        ({"require_signed_request_object": True}, METADATA),
        ({"software_statement": "x"}, "unapproved_software_statement"),
        ({"software_statement": "x", "redirect_uris": ...}, "unapproved_software_statement"),
    ],
)
def test_what_is_refused_and_with_which_error(members: dict[str, Any], error: str) -> None:
    found = judged(**members)
    assert isinstance(found, Refused), found
    assert found.error == error
    assert all(" " <= char <= "~" and char not in '"\\' for char in found.description)
    assert len(found.description) < 220


def test_this_machine_is_for_development_only() -> None:
    local = {"redirect_uris": ["http://localhost:5173/cb"], "backchannel_logout_uri": "http://127.0.0.1:9/logout"}
    assert isinstance(judged(**local), Refused)
    assert isinstance(judged(loopback=True, **local), Client)
    for worse in ("com.example.app:/cb", "http://shop.example/"):
        assert isinstance(judged(loopback=True, application_type="web", redirect_uris=[worse]), Refused)
    assert isinstance(judged(loopback=True, tos_uri="http://127.0.0.1/"), Refused)


def test_a_device_client_is_a_sector_of_its_own_whatever_host_it_names() -> None:
    """It gets tokens without its redirect URI: anybody's host could stand there."""
    pairwise = {"subject_type": "pairwise", "grant_types": ["authorization_code", DEVICE_CODE]}
    assert registered(**pairwise).login.sector == ""
    several = ["https://shop.example/callback", "https://other.example/callback"]
    assert registered(**pairwise, redirect_uris=several).login.sector == ""
    known = registered(subject_type="pairwise")
    assert known.login.sector == "shop.example"
    changed = judge_metadata({**metadata_of(known), **pairwise}, loopback=False, known=known)
    assert isinstance(changed, Client)
    assert changed.login.sector == "", "nor by a change"


def test_the_sector_is_the_host_of_the_document_that_lists_it() -> None:
    several = ["https://a.example/callback", "https://b.example/callback"]
    client = registered(**SECTOR, redirect_uris=several)
    assert client.login.sector == "group.example"
    assert metadata_of(client)["sector_identifier_uri"] == SECTOR["sector_identifier_uri"]
    assert registered(**{**SECTOR, "subject_type": "public"}).login.sector == ""
    without = {**metadata_of(client), "redirect_uris": [CALLBACK], "sector_identifier_uri": None}
    changed = judge_metadata(without, loopback=False, known=client)
    assert isinstance(changed, Client)
    assert changed.login.sector == "shop.example"


def test_the_sector_is_the_one_host_and_nobody_elses() -> None:
    pairwise = {"subject_type": "pairwise"}
    assert registered(**pairwise).login.sector == "shop.example"
    assert registered().login.sector == ""
    for uris in (["com.example.app:/cb"], ["http://127.0.0.1/a", "http://localhost/b"]):
        assert registered(**pairwise, **NATIVE, redirect_uris=uris).login.sector == ""


def test_an_algorithm_is_one_that_is_offered_or_that_the_client_has_already() -> None:
    asked = {**PLAIN, "id_token_signed_response_alg": "PS256", "access_token_signed_response_alg": "ES256"}
    for offered in ((), ("RS256",), ("RS256", "ES256")):
        found = judge_metadata(asked, loopback=False, algorithms=offered)
        assert isinstance(found, Refused)
        assert (found.error, found.reason) == ("invalid_client_metadata", "id_token_signed_response_alg")
    known = changed_client(registered(), id_token_signed_response_alg="PS256")
    refused = judge_metadata(asked, loopback=False, known=known)
    assert isinstance(refused, Refused)
    assert refused.description == "The access_token_signed_response_alg must be one of RS256."
    found = judge_metadata({**asked, "access_token_signed_response_alg": None}, loopback=False, known=known)
    assert isinstance(found, Client)
    assert (found.tokens.id_token_signed_response_alg, found.tokens.access_token_signed_response_alg) == (
        "PS256",
        "RS256",
    )
    # What is left away is the default again, as with all metadata (RFC 7592 section 2.2).
    plain = judge_metadata(PLAIN, loopback=False, known=known)
    assert isinstance(plain, Client)
    assert plain.tokens.id_token_signed_response_alg == "RS256"


def test_the_name_is_one_line() -> None:
    assert registered(client_name=" The \t Shop\n").name == "The Shop"
    assert registered(client_name="Cafe\u0301").name == "Caf\u00e9"


def test_a_change_leaves_what_an_operator_gave() -> None:
    """Neither does the client shake off a restriction, nor lose a right; and it may repeat what it is told."""
    given = {
        "required_role": "staff",
        "access_token_seconds": 60,
        "session_seconds": 600,
        "first_party": True,
        "introspection": True,
        "audiences": ("https://api.example",),
        "refresh_grace_seconds": 0,
        "refresh_lost_answer_seconds": 60,
        "exchange_audiences": ("https://api.example",),
        "remember_me_allowed": False,
    }
    known = changed_client(
        registered(),
        **given,
        scopes=("openid", "api"),
        grant_types=frozenset({"authorization_code", "client_credentials"}),
    )  # type: ignore[arg-type]
    again = judge_metadata({**metadata_of(known), "client_name": "Laden"}, loopback=False, known=known)
    assert isinstance(again, Client), again
    assert again == replace(known, name="Laden")
    more = judge_metadata({**metadata_of(known), "scope": "openid api admin"}, loopback=False, known=known)
    assert isinstance(more, Refused)
    offline = {**metadata_of(changed_client(known, scopes=("openid", "offline_access")))}
    assert isinstance(judge_metadata(offline, loopback=False, known=known), Refused)
    public = {**metadata_of(known), "token_endpoint_auth_method": "none"}
    assert isinstance(judge_metadata(public, loopback=False, known=known), Refused)
    login = judge_metadata({**public, "grant_types": ["authorization_code"]}, loopback=False, known=known)
    assert isinstance(login, Client)
    assert not login.introspection


def test_a_change_names_its_client_and_leaves_ours_alone() -> None:
    client = registered()
    assert judge_change({**PLAIN, "client_id": "c"}, client) is None
    for members in (
        PLAIN,
        {**PLAIN, "client_id": "d"},
        {**PLAIN, "client_id": None},
        {**PLAIN, "client_id": ["c"]},
        *(
            {**PLAIN, "client_id": "c", name: value}
            for value in ("x", None)
            for name in (
                "registration_access_token",
                "registration_client_uri",
                "client_secret_expires_at",
                "client_id_issued_at",
            )
        ),
    ):
        refused = judge_change(members, client)
        assert refused is not None
        assert refused.error == METADATA


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([CALLBACK, "none"]) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(members=st.dictionaries(st.sampled_from([*GIVEN, *POWERS, "jwks", "software_statement"]), VALUES, max_size=6))
def test_whatever_is_sent_there_is_a_verdict(members: dict[str, Any]) -> None:
    found = judge_metadata(members, loopback=False)
    if isinstance(found, Client):
        assert not found.first_party
        assert set(found.tokens.scopes) <= {"openid", "profile", "email", "offline_access"}
