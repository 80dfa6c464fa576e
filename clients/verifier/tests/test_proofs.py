"""DPoP at a resource, through each adapter: whose address a proof is judged by."""

from __future__ import annotations

import logging

import pytest

from adapters import ADAPTERS, OURS, Asking, Holder
from authsvc_verifier import NotConfigured, Shown, Verifier
from authsvc_verifier.adapter import address
from fake_issuer import AUDIENCE, FakeIssuer


@pytest.fixture(params=ADAPTERS.values(), ids=ADAPTERS)
def asking(request: pytest.FixtureRequest) -> Asking:
    found: Asking = request.param
    return found


# Whose address


def test_a_proof_for_another_service_opens_nothing_under_that_services_host(asking: Asking, issuer: FakeIssuer) -> None:
    """Who runs evil.example is sent tokens and proofs for it; with its name in `Host` they must not open us."""
    holder = Holder(issuer)
    stolen = holder.sent("https://evil.example/me", Host="evil.example")
    plain = holder.sent("http://evil.example/me", Host="evil.example")
    proxied = holder.sent("https://evil.example/me", **{"X-Forwarded-Host": "evil.example"})
    for external_url in ("", OURS):
        for answer in asking(issuer, external_url, [stolen, plain, proxied]):
            assert (answer.status, "user-1" in answer.text) == (401 if external_url else 500, False)


def test_a_proof_for_us_is_good_whatever_the_proxy_made_of_host(asking: Asking, issuer: FakeIssuer) -> None:
    holder = Holder(issuer)
    sent = [holder.sent(Host=host) for host in ("10.0.0.7:8000", "orders.example", "evil.example")]
    assert [answer.status for answer in asking(issuer, OURS, sent)] == [200, 200, 200]


def test_without_our_address_only_a_good_bound_token_hears_of_it(asking: Asking, issuer: FakeIssuer) -> None:
    """500 is for the operator; strangers cannot raise it, and nobody else is hurt."""
    holder = Holder(issuer)
    bearer, bare = issuer.token(), {"Authorization": f"Bearer {holder.token()}"}
    forged, unbound = holder.sent(token="a.b.c"), holder.sent(token=bearer)
    good, *refused, told = asking(
        issuer, "", [{"Authorization": f"Bearer {bearer}"}, forged, unbound, bare, holder.sent()]
    )
    assert good.status == 200
    assert [answer.status for answer in refused] == [401, 401, 401]
    assert (told.status, "www-authenticate" in told.headers, "retry-after" in told.headers) == (500, False, False)


@pytest.mark.parametrize(
    "url",
    [
        "orders.example",
        "//orders.example",
        "ftp://orders.example",
        "https://a@b.example",
        "https://orders.example?x",
        "https://orders.example/#x",
        "https://örders.example",
    ],
)
def test_an_address_that_no_proof_could_name_is_told_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="external_url"):
        address(url)


def test_an_address_may_end_with_a_path_and_a_slash() -> None:
    assert address("https://example.com/orders/") == "https://example.com/orders"
    assert address("") == ""


async def test_the_operator_is_told_once_what_is_missing(issuer: FakeIssuer) -> None:
    told: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    log, kept = logging.getLogger("authsvc_verifier"), Kept()
    log.addHandler(kept)
    try:
        async with Verifier(issuer.url, AUDIENCE) as verifier:
            for _ in range(3):
                holder = Holder(issuer)
                sent = holder.sent()
                with pytest.raises(NotConfigured):
                    await verifier.verify(sent["Authorization"].split()[1], dpop=Shown(sent["DPoP"], "GET", ""))
    finally:
        log.removeHandler(kept)
    assert [line for line in told if "external_url" in line] == told[-1:]
    assert len(told) == 1
