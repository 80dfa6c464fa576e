"""DPoP at a resource, through each adapter: whose address a proof is judged by, and whose memory it fills."""

from __future__ import annotations

import logging
import os

import pytest

from adapters import ADAPTERS, OURS, TWICE, Asking, Holder
from authsvc_verifier import NotConfigured, Shown, Verifier, dpop
from authsvc_verifier.adapter import address
from authsvc_verifier.dpop import PAST_SECONDS, SLOT_SECONDS, Proved, Seen
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


# Whose memory

NOW = 1_000_000_003.0
PLACES = 1000


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpop, "MAX_SEEN", PLACES)
    monkeypatch.setattr(dpop, "FEW", 4)


def new(until: float = NOW + 90) -> Proved:
    return Proved(os.urandom(16), until)


def fill(seen: Seen, subject: str, keys: int, each: int = PLACES) -> int:
    """How many proofs one subject gets in, in turns with as many keys."""
    return sum(seen.take(new(), subject, f"{subject}-{number % keys}", NOW) == "taken" for number in range(keys * each))


@pytest.mark.parametrize("keys", [1, 2, 50])
def test_one_subject_never_fills_the_memory_with_however_many_keys(keys: int, small: None) -> None:
    seen = Seen()
    assert fill(seen, "greedy", keys, 2 * PLACES // keys) <= PLACES * 3 // 4
    assert {seen.take(new(), "innocent", "key", NOW) for _ in range(PLACES // 10)} == {"taken"}


def test_another_key_of_the_same_subject_finds_room(small: None) -> None:
    seen = Seen()
    assert fill(seen, "person", 1) < PLACES // 2
    assert {seen.take(new(), "person", "her telephone", NOW) for _ in range(PLACES // 10)} == {"taken"}


def test_many_greedy_subjects_leave_room_for_everybody_else(small: None) -> None:
    """One after the other, each while those before still hold all that they could get."""
    seen = Seen()
    for number in range(20):
        fill(seen, f"greedy-{number}", 5, PLACES // 5)
    found = [seen.take(new(), f"innocent-{number}", f"key-{number}", NOW) for number in range(20)]
    assert set(found) == {"taken"}


def test_who_is_crowded_out_may_come_again_with_the_same_proof_and_a_replay_stays_one(small: None) -> None:
    seen, first, late = Seen(), new(), new()
    assert seen.take(first, "greedy", "greedy-0", NOW) == "taken"
    fill(seen, "greedy", 1)
    assert seen.take(late, "greedy", "greedy-0", NOW) == "crowded"
    assert seen.take(first, "greedy", "greedy-0", NOW) == "replayed"
    assert seen.take(late, "greedy", "greedy-0", NOW + 89) == "crowded"
    assert seen.take(late, "greedy", "greedy-0", NOW + 90 + SLOT_SECONDS) == "taken"


def test_a_proof_is_remembered_as_long_as_it_is_believed() -> None:
    for tenth in range(200):
        until = NOW + tenth / 10
        seen, proved = Seen(), new(until)
        assert seen.take(proved, "subject", "key", NOW - PAST_SECONDS) == "taken"
        assert seen.take(proved, "subject", "key", until) == "replayed"


def test_what_is_over_leaves_nothing_behind() -> None:
    seen = Seen()
    for number in range(300):
        assert seen.take(new(NOW + number), f"subject-{number % 7}", "key", NOW + number - 90) == "taken"
    assert len(seen.slots) <= 12
    assert seen.take(new(NOW + 1000), "last", "key", NOW + 1000) == "taken"
    assert (seen.number, len(seen.slots), sorted(seen.held.values())) == (1, 1, [1, 1])


def test_who_is_crowded_out_hears_when_to_come_again_and_nobody_else_does(
    asking: Asking, issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dpop, "MAX_SEEN", 10)
    monkeypatch.setattr(dpop, "FEW", 1)
    greedy, innocent = Holder(issuer, "greedy"), Holder(issuer, "innocent")
    *first, crowded = asking(issuer, OURS, [greedy.sent() for _ in range(6)] + [innocent.sent(), greedy.sent()])
    assert [answer.status for answer in first] == [200] * 5 + [503] + [200]
    assert (crowded.status, crowded.headers["retry-after"]) == (503, str(SLOT_SECONDS))
    assert "www-authenticate" not in crowded.headers
    assert "replay" not in crowded.text


# Twice


@pytest.mark.parametrize("asking", TWICE.values(), ids=TWICE)
def test_a_second_guard_of_a_request_does_not_call_its_proof_used(asking: Asking, issuer: FakeIssuer) -> None:
    sent, other = Holder(issuer).sent(), Holder(issuer).sent("https://evil.example/me")
    found = asking(issuer, OURS, [sent, sent, other])
    assert [answer.status for answer in found] == [200, 401, 401], (
        "a request of its own with the same proof is a replay"
    )
