"""A confidential client that is let off PKCE (SECURITY.md item 9), and what that never lets through."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.login_steps import (
    CALLBACK,
    PARTNER_CALLBACK,
    Pkce,
    authorize_url,
    code_for,
    is_worn,
    log_in,
    redeem,
    redirected,
)
from tests.support.service import Service

NO_PKCE = {"code_challenge": None, "code_challenge_method": None}


async def let_off(house: Service, policy: str, client_id: str = "partner") -> None:
    await house.sql.execute("UPDATE clients SET pkce = $2 WHERE id = $1", client_id, policy)
    await house.clients_known()


async def ask(house: Service, client_id: str = "partner", **changed: str | None) -> dict[str, str]:
    """The answer of /authorize to somebody who is not logged in and shall see no page."""
    uri = PARTNER_CALLBACK if client_id == "partner" else CALLBACK
    return redirected(
        await house.caller().get(authorize_url(Pkce(), client_id=client_id, redirect_uri=uri, prompt="none", **changed))
    )


async def redeem_bare(http: httpx2.AsyncClient, code: str, **sent: str | None) -> httpx2.Response:
    return await redeem(http, code, Pkce(), "partner", **{"code_verifier": None, **sent})


@pytest.mark.parametrize(
    ("policy", "sent", "error"),
    [
        ("required", NO_PKCE, "invalid_request"),
        ("nonce", NO_PKCE, "login_required"),
        ("nonce", {**NO_PKCE, "nonce": None}, "invalid_request"),
        ("nonce", {**NO_PKCE, "nonce": None, "scope": "profile"}, "login_required"),
        ("optional", {**NO_PKCE, "nonce": None}, "login_required"),
        # What is sent is judged, whatever could have been left out.
        ("optional", {"code_challenge_method": "plain"}, "invalid_request"),
        ("optional", {"code_challenge_method": None}, "invalid_request"),
        ("optional", {"code_challenge": None}, "invalid_request"),
        ("optional", {"code_challenge": "short"}, "invalid_request"),
    ],
)
async def test_what_a_request_must_carry(house: Service, policy: str, sent: dict[str, str | None], error: str) -> None:
    await let_off(house, policy)
    assert (await ask(house, **sent))["error"] == error


async def test_a_public_client_is_never_let_off(house: Service) -> None:
    """Not even by an operator's SQL."""
    await let_off(house, "optional", "customer")
    assert (await ask(house, "customer", **NO_PKCE))["error"] == "invalid_request"


async def test_a_code_without_a_challenge_is_redeemed_once_by_its_client(house: Service) -> None:
    await let_off(house, "nonce")
    http = house.caller()
    code = await code_for(http, Pkce(), "partner", **NO_PKCE)
    other = await redeem(house.caller(), code, Pkce(), redirect_uri=PARTNER_CALLBACK)
    assert is_worn(other), "another client's, whatever it makes up for a verifier"
    answer = redirected(
        await http.get(authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK, **NO_PKCE))
    )
    first = await redeem_bare(house.caller(), answer["code"])
    assert first.status_code == 200, first.text
    assert is_worn(await redeem_bare(house.caller(), answer["code"]))
    assert not await house.active(first.json()["access_token"]), "a second use ends the session"


async def test_a_verifier_for_a_code_that_has_no_challenge_is_refused(house: Service) -> None:
    """RFC 9700 section 2.1.1, the downgrade: somebody asked without a challenge in the client's name."""
    await let_off(house, "optional")
    code = await code_for(house.caller(), Pkce(), "partner", **NO_PKCE)
    assert is_worn(await redeem_bare(house.caller(), code, code_verifier=Pkce().verifier))
    assert is_worn(await redeem_bare(house.caller(), code)), "burnt"


async def test_a_challenge_that_was_sent_counts(house: Service) -> None:
    await let_off(house, "optional")
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce, "partner")
    assert is_worn(await redeem_bare(house.caller(), code))
    answer = await log_in(http, authorize_url(pkce, client_id="partner", redirect_uri=PARTNER_CALLBACK))
    done = await redeem_bare(house.caller(), answer["code"], code_verifier=pkce.verifier)
    assert done.status_code == 200, done.text


async def test_a_policy_that_is_taken_back_counts_for_codes_under_way(house: Service) -> None:
    await let_off(house, "optional")
    code = await code_for(house.caller(), Pkce(), "partner", **NO_PKCE)
    await let_off(house, "required")
    assert is_worn(await redeem_bare(house.caller(), code))
