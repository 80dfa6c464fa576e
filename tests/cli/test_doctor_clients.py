"""Which clients `authsvc doctor` names, and what for."""

from __future__ import annotations

from typing import Any

import pytest

from authsvc.cli.doctor.clients import SHOWN, judge_clients
from tests.support.clients import flat_client


@pytest.mark.parametrize(
    ("policy", "found", "do"),
    [
        ({"pkce": "nonce"}, "a nonce instead of PKCE", "choose-login wiki --pkce required"),
        ({"pkce": "optional"}, "neither PKCE nor a nonce", "choose-login wiki --pkce required"),
        ({"assertion_audience": "token-endpoint"}, "may name an endpoint", "--assertion-audience issuer"),
        ({"access_token_typ": "JWT"}, "no ID tokens", "--access-token-typ at+jwt"),
        ({"refresh_without_offline_access": True}, "without asking for offline_access", "--no-refresh-without-offline"),
        ({"assertion_seconds": 3600}, "live up to 3600 s", "--assertion-seconds 300"),
    ],
)
def test_a_laxer_policy_is_named_with_what_it_costs(policy: dict[str, Any], found: str, do: str) -> None:
    [finding] = judge_clients([flat_client(id="wiki", name="Wiki", kind="confidential", **policy)])
    assert (finding.check, finding.state) == ("client wiki", "warn")
    assert found in finding.found
    assert do in finding.do


def test_clients_with_the_defaults_are_well() -> None:
    [finding] = judge_clients([flat_client(id="wiki", name="Wiki", kind="confidential")])
    assert (finding.check, finding.state) == ("clients", "ok")


def test_a_thousand_lax_clients_fit_on_a_screen() -> None:
    many = [flat_client(id=f"c{n}", name="C", kind="confidential", pkce="nonce") for n in range(1000)]
    findings = judge_clients(many)
    assert len(findings) == SHOWN + 1
    assert findings[-1].found == "980 more policies are laxer"


def test_what_a_client_lacks_that_its_profile_demands_is_named() -> None:
    lacking = flat_client(
        id="wiki", name="Wiki", kind="confidential", profile="fapi2", redirect_uris=("http://localhost/cb",)
    )
    findings = judge_clients([lacking])
    assert {finding.state for finding in findings} == {"FAIL"}
    said = " ".join(finding.found for finding in findings)
    for words in (
        "by whatever it has",
        "ID tokens that are signed with RS256",
        "access tokens that are signed",
        "http://localhost",
    ):
        assert words in said
    assert [finding.state for finding in judge_clients([flat_client(id="w", name="W", kind="public")], "fapi2")] == [
        "FAIL"
    ]
    assert judge_clients([flat_client(id="w", name="W", kind="public")])[0].state == "ok"


def test_a_client_that_fulfils_its_profile_is_well() -> None:
    client = flat_client(
        id="bank",
        name="Bank",
        kind="confidential",
        profile="fapi2",
        jwks_uri="https://bank.example/jwks",
        token_endpoint_auth_method="private_key_jwt",
        id_token_signed_response_alg="PS256",
        access_token_signed_response_alg="PS256",
    )
    assert [finding.state for finding in judge_clients([client])] == ["ok"]


@pytest.mark.parametrize(
    ("client", "offered", "state"),
    [
        ({"token_endpoint_auth_method": "tls_client_auth"}, (), "FAIL"),
        ({"token_endpoint_auth_method": "self_signed_tls_client_auth"}, ("tls_client_auth",), "FAIL"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, ("tls_client_auth",), "ok"),
        ({"tls_client_certificate_bound_access_tokens": True}, (), "FAIL"),
        ({"tls_client_certificate_bound_access_tokens": True}, ("self_signed_tls_client_auth",), "ok"),
    ],
)
def test_a_client_whose_certificate_never_comes_is_named(
    client: dict[str, Any], offered: tuple[str, ...], state: str
) -> None:
    [finding] = judge_clients([flat_client(id="m", name="M", kind="confidential", **client)], tls_methods=offered)
    assert finding.state == state
