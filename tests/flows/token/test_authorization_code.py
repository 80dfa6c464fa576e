"""Authorization codes under attack (SECURITY.md items 8, 9, 37), and their races."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import jwt
import pytest

from authsvc.store.authorize import codes
from authsvc.store.caller import clients
from authsvc.store.errors import StoreUnavailable
from tests.security.conftest import statements
from tests.support.clients import flat_client
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
    tokens_for,
)
from tests.support.service import Service, bearer


async def test_a_code_redeemed_a_hundred_times_in_parallel_succeeds_once_and_its_session_ends(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)

    async def until_heard() -> httpx2.Response:
        caller = house.caller()
        while (answer := await redeem(caller, code, pkce)).status_code == 503:  # a busy machine: PostgreSQL has a queue
            await asyncio.sleep(0.1)
        return answer

    answers = await asyncio.gather(*(until_heard() for _ in range(100)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert all(is_worn(answer) for answer in answers if answer.status_code != 200)
    assert not await house.active(won[0]["access_token"])
    assert await house.me(won[0]["access_token"]) == 401
    assert is_worn(await house.refresh(won[0]["refresh_token"]))
    assert redirected(await http.get(authorize_url(pkce, prompt="none")))["error"] == "login_required"
    events = await house.sql.fetch("SELECT client_id FROM audit_events WHERE event = 'code_replayed'")
    assert {row["client_id"] for row in events} == {"customer"}


async def test_a_replay_that_proves_nothing_logs_nobody_out(house: Service) -> None:
    """An old code in an address line, without the verifier: refused, and of no consequence."""
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)
    tokens = (await redeem(http, code, pkce)).json()
    assert is_worn(await redeem(http, code, Pkce()))
    assert is_worn(await redeem(http, code, pkce, "strict"))
    assert is_worn(await redeem(http, code, pkce, redirect_uri=CALLBACK + "/x"))
    assert await house.active(tokens["access_token"])


async def test_a_code_of_one_client_at_another_is_refused_and_burnt(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)
    assert is_worn(await redeem(http, code, pkce, "strict"))
    assert is_worn(await redeem(http, code, pkce)), "burnt"
    assert "code" in redirected(await http.get(authorize_url(pkce, prompt="none"))), "nothing was given: no log-out"


async def test_a_code_is_refused_after_60_seconds(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    for seconds, good in ((58, True), (60, False)):
        code = await code_for(http, pkce)
        await house.sql.execute(
            "UPDATE grants SET code_expires_at = code_expires_at - $1::int * interval '1 second' "
            "WHERE code_state = 'issued'",
            seconds,
        )
        answer = await redeem(http, code, pkce)
        assert (answer.status_code == 200) is good, answer.text
        assert good or is_worn(answer)
    life = await house.sql.fetchval(
        "SELECT max(code_expires_at - created_at) FROM grants WHERE code_state <> 'none' AND code_expires_at > now()"
    )
    assert life is None or life.total_seconds() <= 60


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("client_id", ["customer", "partner"])
async def test_no_code_without_a_s256_challenge_for_any_client(
    house: Service, changed: dict[str, str | None], error: str, client_id: str
) -> None:
    uri = PARTNER_CALLBACK if client_id == "partner" else CALLBACK
    url = authorize_url(Pkce(), client_id=client_id, redirect_uri=uri, **changed)
    assert redirected(await house.caller().get(url), uri)["error"] == error


@pytest.mark.parametrize("verifier", [None, "", "x", "x" * 43, "x" * 129, "challenge"])
async def test_pkce_cannot_be_left_out_or_downgraded(house: Service, verifier: str | None) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)
    sent = pkce.challenge if verifier == "challenge" else verifier  # a verifier for `plain`
    assert is_worn(await redeem(http, code, pkce, code_verifier=sent))


async def test_a_wrong_verifier_burns_the_code(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)
    assert is_worn(await redeem(http, code, Pkce()))
    assert is_worn(await redeem(http, code, pkce))


@pytest.mark.parametrize("redirect_uri", [None, CALLBACK + "/", CALLBACK + "?", "http://localhost:5174/callback"])
async def test_the_redirect_uri_is_that_of_the_request(house: Service, redirect_uri: str | None) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)
    answer = await redeem(http, code, pkce, redirect_uri=redirect_uri)
    assert is_worn(answer, "invalid_grant" if redirect_uri else "invalid_request")


@pytest.mark.parametrize("code", ["x", "x" * 67, "A" * 67, "é" * 67, "x" * 5000])
async def test_a_forged_code_costs_no_database_statement(house: Service, code: str) -> None:
    await house.runtime.clients.get("customer")
    with statements(house.runtime) as asked:
        answer = await redeem(house.http, code, Pkce())
    assert is_worn(answer)
    assert asked == []


async def test_one_statement_a_redemption(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)
    with statements(house.runtime) as asked:
        assert (await redeem(http, code, pkce)).status_code == 200
    assert len(asked) == 1


@pytest.mark.parametrize(
    "response_type", ["token", "id_token", "id_token token", "code token", "code id_token", "none"]
)
async def test_implicit_and_hybrid_flows_are_refused(house: Service, response_type: str) -> None:
    answer = redirected(await house.caller().get(authorize_url(Pkce(), response_type=response_type)), CALLBACK)
    assert answer["error"] == "unsupported_response_type"


async def test_the_password_grant_is_refused(house: Service) -> None:
    form = {"grant_type": "password", "client_id": "customer", "username": "test@example.com", "password": "password"}
    assert is_worn(await house.http.post("/token", data=form), "unsupported_grant_type")


async def test_a_code_dies_with_its_session(house: Service) -> None:
    for end in (
        "UPDATE user_sessions SET is_active = false WHERE is_active",
        "UPDATE user_sessions SET expires_at = now() WHERE is_active",
        "DELETE FROM user_sessions",
    ):
        http, pkce = house.caller(), Pkce()
        code = await code_for(http, pkce)
        await house.sql.execute(end)
        assert is_worn(await redeem(http, code, pkce)), end


async def test_a_code_of_a_disabled_person_is_refused(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)
    try:
        await house.sql.execute("UPDATE users SET disabled_at = now() WHERE email = 'test@example.com'")
        assert is_worn(await redeem(http, code, pkce))
    finally:
        await house.sql.execute("UPDATE users SET disabled_at = NULL WHERE email = 'test@example.com'")


async def test_redeeming_and_ending_at_once_never_leaves_a_living_token(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    for _ in range(30):
        code = await code_for(http, pkce)
        ending = house.sql.execute("UPDATE user_sessions SET is_active = false WHERE is_active")
        answer, _ = await asyncio.gather(redeem(house.caller(), code, pkce), ending)
        if answer.status_code == 200:
            assert is_worn(await house.refresh(answer.json()["refresh_token"]))
        else:
            assert is_worn(answer)


async def test_no_code_is_issued_behind_the_end_of_a_session(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    for _ in range(30):
        await log_in(http, authorize_url(pkce))
        ending = house.sql.execute("UPDATE user_sessions SET is_active = false WHERE is_active")
        answer, _ = await asyncio.gather(http.get(authorize_url(pkce, prompt="none")), ending)
        if "code" in redirected(answer):
            assert is_worn(await redeem(http, redirected(answer)["code"], pkce))


async def test_only_a_digest_of_the_code_is_stored(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)
    rows = await house.sql.fetch("SELECT g::text AS row FROM grants g WHERE code_state = 'issued'")
    assert rows
    assert not [row for row in rows if code in row["row"] or pkce.verifier in row["row"]]


async def test_an_honest_second_try_after_an_outage_logs_nobody_out(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce)
    true = codes.redeem

    async def cut(*args: Any, **kwargs: Any) -> Any:
        await true(*args, **kwargs)
        raise StoreUnavailable("postgresql", "gone")

    monkeypatch.setattr(codes, "redeem", cut)
    answer = await redeem(http, code, pkce)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    monkeypatch.undo()
    assert (await redeem(http, code, pkce)).status_code == 200
    assert "code" in redirected(await http.get(authorize_url(pkce, prompt="none")))


# resource (RFC 8707)


async def test_a_resource_narrows_the_audience_and_never_widens_it(house: Service) -> None:
    await house.sql.execute(
        "UPDATE clients SET audiences = '{https://a.example,https://b.example}' WHERE id = 'strict'"
    )
    await asyncio.sleep(1.1)
    http, pkce = house.caller(), Pkce()
    url = authorize_url(pkce, client_id="strict") + "&resource=https://a.example&resource=https://b.example"
    for resource, audience in (
        (None, ["https://a.example", "https://b.example"]),
        ("https://b.example", "https://b.example"),
        (["https://b.example", "https://a.example"], ["https://b.example", "https://a.example"]),
    ):
        code = (await log_in(http, url))["code"]
        tokens = (await redeem(http, code, pkce, "strict", resource=resource)).json()
        assert claims_of(house, tokens["access_token"])["aud"] == audience
    code = (await log_in(http, url))["code"]
    assert is_worn(await redeem(http, code, pkce, "strict", resource="https://c.example"), "invalid_target")
    # at a refresh, too, and an error does not cost the token
    form = {"grant_type": "refresh_token", "client_id": "strict", "refresh_token": tokens["refresh_token"]}
    assert is_worn(await http.post("/token", data={**form, "resource": "https://c.example"}), "invalid_target")
    narrow = await http.post("/token", data={**form, "resource": "https://a.example"})
    assert claims_of(house, narrow.json()["access_token"])["aud"] == "https://a.example"
    wide = await http.post("/token", data={**form, "refresh_token": narrow.json()["refresh_token"]})
    assert claims_of(house, wide.json()["access_token"])["aud"] == ["https://a.example", "https://b.example"]
    assert redirected(await http.get(url + "&resource=https://c.example"))["error"] == "invalid_target"


async def test_a_resource_with_the_slash_of_an_empty_path_is_the_registered_one(house: Service) -> None:
    """`new URL(x).href` adds it: every JavaScript client of MCP sends it, at every endpoint."""
    mcp = flat_client(
        id="mcp",
        name="MCP client",
        kind="public",
        redirect_uris=(CALLBACK,),
        first_party=True,
        grant_types=frozenset({"authorization_code", "refresh_token"}),
        scopes=("openid",),
        audiences=("https://mcp.example.com", "https://other.example.com/mcp"),
    )
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, mcp)
    http, pkce = house.caller(), Pkce()
    written = "https://MCP.example.com:443/"
    url = authorize_url(pkce, client_id="mcp", scope="openid", resource=written)
    tokens = (await redeem(http, (await log_in(http, url))["code"], pkce, "mcp", resource=written)).json()
    assert claims_of(house, tokens["access_token"])["aud"] == "https://mcp.example.com"
    again = await house.refresh(tokens["refresh_token"], "mcp", resource=written)
    assert claims_of(house, again.json()["access_token"])["aud"] == "https://mcp.example.com"
    for other in ("https://mcp.example.com/mcp", "https://other.example.com/", "https://mcp.example.com/?x=1"):
        url = authorize_url(pkce, client_id="mcp", scope="openid", resource=other)
        assert redirected(await http.get(url))["error"] == "invalid_target", other
        refused = await house.refresh(again.json()["refresh_token"], "mcp", resource=other)
        assert is_worn(refused, "invalid_target")


def claims_of(house: Service, token: str) -> Any:
    return jwt.decode(token, options={"verify_signature": False})


async def test_without_openid_there_is_no_id_token_and_userinfo_is_closed(house: Service) -> None:
    tokens = await tokens_for(house.caller(), scope="email")
    assert "id_token" not in tokens
    answer = await house.http.get("/userinfo", headers=bearer(tokens["access_token"]))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="openid"' in answer.headers["www-authenticate"]


async def test_a_third_party_gets_a_refresh_token_with_offline_access_only(house: Service) -> None:
    assert "refresh_token" not in await tokens_for(house.caller(), "partner", scope="openid")
    tokens = await tokens_for(house.caller(), "partner", scope="openid offline_access")
    assert "refresh_token" in tokens
    assert UUID(claims_of(house, tokens["id_token"])["sub"])
