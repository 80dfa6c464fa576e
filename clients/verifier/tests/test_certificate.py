"""Tokens that are bound to a certificate (RFC 8705 section 3), through each adapter, and whose word says which one."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256

import pytest

from adapters import ADAPTERS, OURS, Asking, Holder
from authsvc_verifier import Connection, FromClientCert, SyncVerifier, Verifier, VerifierError, from_tls
from fake_issuer import AUDIENCE, FakeIssuer

OWN, OTHER = b"0\x82 own", b"0\x82 other"
"""A verifier compares bytes: what a certificate says is no matter here."""


def x5t(der: bytes) -> str:
    return urlsafe_b64encode(sha256(der).digest()).decode().rstrip("=")


def header(der: bytes) -> str:
    return f":{b64encode(der).decode()}:"


def sent(issuer: FakeIssuer, der: bytes | None, scheme: str = "Bearer", **headers: str) -> dict[str, str]:
    """A request with a token that is bound to OWN."""
    token = issuer.token(cnf={"x5t#S256": x5t(OWN)})
    shown = {"Client-Cert": header(der)} if der else {}
    return {"Authorization": f"{scheme} {token}", **shown, **headers}


@pytest.mark.parametrize("asking", ADAPTERS.values(), ids=ADAPTERS)
def test_a_bound_token_is_good_with_its_certificate_alone(asking: Asking, issuer: FakeIssuer) -> None:
    proof = Holder(issuer).sent()["DPoP"]
    requests = [
        sent(issuer, OWN),
        sent(issuer, None),
        sent(issuer, OTHER),
        sent(issuer, OWN, "DPoP", DPoP=proof),
        {**sent(issuer, None), "Client-Cert": f"{header(OWN)}, {header(OTHER)}"},
        {**sent(issuer, None), "Client-Cert": x5t(OWN)},
        {**sent(issuer, None), "X-Client-Cert": header(OWN)},
        {"Authorization": f"Bearer {issuer.token()}"},  # bound to nothing: good as before
    ]
    answers = asking(issuer, OURS, requests)
    assert [answer.status for answer in answers] == [200, 401, 401, 401, 401, 401, 401, 200]
    for answer in answers[1:3]:
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("asking", ADAPTERS.values(), ids=ADAPTERS)
def test_a_token_bound_to_a_key_is_not_opened_by_a_certificate(asking: Asking, issuer: FakeIssuer) -> None:
    token = Holder(issuer).token()
    answer = asking(issuer, OURS, [{"Authorization": f"Bearer {token}", "Client-Cert": header(OWN)}])[0]
    assert answer.status == 401


async def test_a_token_bound_to_both_needs_both(issuer: FakeIssuer) -> None:
    from authsvc_verifier import Shown

    holder = Holder(issuer)
    token = issuer.token(cnf={"jkt": holder.jkt, "x5t#S256": x5t(OWN)})
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        shown = Shown(holder.sent(token=token)["DPoP"], "GET", f"{OURS}/me")
        for certificate, dpop in ((OWN, None), (None, shown), (OTHER, shown)):
            with pytest.raises(VerifierError):
                await verifier.verify(token, dpop=dpop, certificate=certificate)
        await verifier.verify(token, dpop=shown, certificate=OWN)


@pytest.mark.parametrize("cnf", [{}, {"x5t#S256": None}, {"x5t#S256": 7}, {"x5t#S256": ""}, {"x5t": x5t(OWN)}])
def test_what_binds_in_a_way_that_is_not_known_opens_nothing(cnf: dict[str, object], issuer: FakeIssuer) -> None:
    with SyncVerifier(issuer.url, AUDIENCE) as verifier, pytest.raises(VerifierError):
        verifier.verify(issuer.token(cnf=cnf), certificate=OWN)


def test_who_verifies_by_hand_passes_the_certificate(issuer: FakeIssuer) -> None:
    token = issuer.token(cnf={"x5t#S256": x5t(OWN)})
    with SyncVerifier(issuer.url, AUDIENCE) as verifier:
        assert verifier.verify(token, certificate=OWN).sub == "user-1"
        for wrong, reason in ((None, "certificate_missing"), (OTHER, "certificate_other")):
            with pytest.raises(VerifierError) as caught:
                verifier.verify(token, certificate=wrong)
            assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("trusted", "peer", "found"),
    [
        (("10.0.0.0/8",), "10.1.2.3", OWN),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", OWN),
        (("fd00::/8",), "fd00::1", OWN),
        (("unix",), None, OWN),
        (("10.0.0.0/8",), None, None),
        (("unix",), "127.0.0.1", None),
        (("10.0.0.0/8",), "11.1.2.3", None),
        (("10.0.0.0/8",), "testclient", None),
        (("10.0.0.0/8",), "", None),
    ],
)
def test_a_header_counts_from_a_trusted_proxy_alone(
    trusted: tuple[str, ...], peer: str | None, found: bytes | None
) -> None:
    assert FromClientCert(trusted)(Connection(peer, lambda _: [header(OWN)])) == found


@pytest.mark.parametrize("values", [[], [""], [header(OWN)] * 2, ["::"], [header(OWN)[1:]], [":" + "A" * 30_000 + ":"]])
def test_what_is_no_certificate_is_none(values: list[str]) -> None:
    assert FromClientCert(["unix"])(Connection(None, lambda _: values)) is None


def test_somebody_must_be_trusted() -> None:
    for trusted in ((), ("proxy",)):
        with pytest.raises(ValueError, match="proxy"):
            FromClientCert(trusted)


def test_the_server_that_ends_tls_says_it_in_pem() -> None:
    pem = f"-----BEGIN CERTIFICATE-----\n{b64encode(OWN).decode()}\n-----END CERTIFICATE-----\n"
    assert from_tls(Connection("192.0.2.1", lambda _: [], pem)) == OWN
    for text in ("", "x", pem.replace("BEGIN", "BEGUN"), "-----BEGIN CERTIFICATE-----!-----END CERTIFICATE-----"):
        assert from_tls(Connection("192.0.2.1", lambda _: [header(OWN)], text)) is None
