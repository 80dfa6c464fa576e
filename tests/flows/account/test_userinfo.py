"""/userinfo (OpenID Connect Core section 5.3, RFC 6750), pages of the client, and whose tokens /api takes."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import jwt
import pytest

from tests.support.login_steps import (
    PARTNER,
    PARTNER_CALLBACK,
    Pkce,
    authorize_url,
    code_for,
    enter,
    redeem,
    tokens_for,
)
from tests.support.service import Service, bearer
from tests.support.spoilt import spoilt

FRONTEND = "http://localhost:5173"


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid", {"sub"}),
        ("openid profile", {"sub", "name"}),
        ("openid email", {"sub", "email", "email_verified"}),
        ("openid profile email", {"sub", "name", "email", "email_verified"}),
    ],
)
async def test_claims_by_scope(house: Service, scope: str, names: set[str]) -> None:
    tokens = await tokens_for(house.caller(), scope=scope)
    headers = bearer(tokens["access_token"])
    subject = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    for answer in (
        await house.http.get("/userinfo", headers=headers),
        await house.http.post("/userinfo", headers=headers),
        await house.http.post("/userinfo", data={"access_token": tokens["access_token"]}),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()) == names
        assert answer.json()["sub"] == subject


async def test_a_token_that_was_sent_twice_or_not_at_all(house: Service) -> None:
    token = (await tokens_for(house.caller()))["access_token"]
    twice = await house.http.post("/userinfo", data={"access_token": token}, headers=bearer(token))
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    none = await house.http.get("/userinfo")
    assert (none.status_code, none.headers["www-authenticate"]) == (401, 'Bearer realm="authsvc"')
    query = await house.http.get("/userinfo", params={"access_token": token})
    assert query.status_code == 401, "never in the query"
    for bad in ("x", "x.y.z", spoilt(token), ""):
        answer = await house.http.get("/userinfo", headers=bearer(bad))
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Application/X-WWW-Form-URLEncoded", 200),
        ("application/x-www-form-urlencoded;charset=UTF-8", 200),
        ("\tapplication/x-www-form-urlencoded ; a=b", 200),
        ("application/x-www-form-urlencoded-not", 401),
        ("application/x-www-form-urlencoded\xa0".encode("latin-1"), 401),
    ],
)
async def test_a_form_is_a_form_however_its_media_type_is_spelt(house: Service, kind: str | bytes, status: int) -> None:
    """RFC 9110 section 8.3.1: a media type has no case. And a longer one is another one."""
    token = (await tokens_for(house.caller()))["access_token"]
    headers: Any = {"Content-Type": kind}
    answer = await house.caller().post("/userinfo", content=f"access_token={token}", headers=headers)
    assert answer.status_code == status, answer.text


async def test_a_clients_own_token_is_no_persons(house: Service) -> None:
    own = await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=("backend", "backend-secret"))
    assert (await house.http.get("/userinfo", headers=bearer(own.json()["access_token"]))).status_code == 401


async def test_a_revoked_token_is_refused_at_once(house: Service) -> None:
    for end in ("revoke", "logout", "session"):
        tokens = await tokens_for(house.caller())
        headers = bearer(tokens["access_token"])
        assert (await house.http.get("/userinfo", headers=headers)).status_code == 200
        if end == "revoke":
            await house.http.post("/revoke", data={"token": tokens["access_token"], "client_id": "customer"})
        elif end == "logout":
            await house.http.post("/api/auth/logout", headers=headers)
        else:
            await house.http.delete("/api/auth/sessions", headers=headers)
            sid = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
            assert (await house.http.delete(f"/api/auth/sessions/{sid}", headers=headers)).status_code == 204
        answer = await house.http.get("/userinfo", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token"), end


async def test_a_client_with_audiences_of_its_own_reaches_userinfo(house: Service) -> None:
    await house.sql.execute("UPDATE clients SET audiences = '{https://api.example}' WHERE id = 'partner'")
    http, pkce = house.caller(), Pkce()
    await house.runtime.clients.get("partner")
    await until_changed(house)
    tokens = (await redeem(http, await code_for(http, pkce, "partner", scope="openid"), pkce, "partner")).json()
    audience = jwt.decode(tokens["access_token"], options={"verify_signature": False})["aud"]
    assert audience == ["https://api.example", "http://localhost:8000/userinfo"]
    assert (await house.http.get("/userinfo", headers=bearer(tokens["access_token"]))).status_code == 200
    await house.sql.execute("UPDATE clients SET audiences = '{}' WHERE id = 'partner'")
    await until_changed(house)


async def test_a_stranger_hears_of_roles_only_by_a_scope_that_was_consented_to(house: Service) -> None:
    await house.sql.execute("UPDATE clients SET scopes = scopes || '{roles}' WHERE id = 'partner'")
    await until_changed(house)
    asked = {"userinfo": {"roles": None}}
    for scope, claims, in_token, told in (
        ("openid", None, None, None),
        ("openid roles", None, ["customer"], ["customer"]),
        ("openid", json.dumps(asked), None, ["customer"]),  # a single claim, to be told and not to be let in by
    ):
        http = house.caller()
        url = authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK, scope=scope, claims=claims)
        page = await enter(http, await http.get(url))
        assert ("See your roles" in page.text) == (told is not None), scope
        tokens = await tokens_for(http, "partner", scope=scope, claims=claims)
        read = jwt.decode(tokens["access_token"], options={"verify_signature": False})
        assert read.get("roles") == in_token, scope
        answer = await house.http.get("/userinfo", headers=bearer(tokens["access_token"]))
        assert answer.json().get("roles") == told, scope
        await house.sql.execute("DELETE FROM consents")
    await house.sql.execute("UPDATE clients SET scopes = array_remove(scopes, 'roles') WHERE id = 'partner'")
    await until_changed(house)


async def test_a_grant_from_before_opens_userinfo_and_says_no_roles(house: Service) -> None:
    http = house.caller()
    tokens = await tokens_for(http, "partner", scope="openid offline_access")
    await house.sql.execute("UPDATE grants SET audience = '{http://localhost:8000}' WHERE client_id = 'partner'")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    fresh = (await house.http.post("/token", data=form, auth=PARTNER)).json()["access_token"]
    claims = jwt.decode(fresh, options={"verify_signature": False})
    assert (claims["aud"], "roles" in claims) == ("http://localhost:8000/userinfo", False)
    assert (await house.http.get("/userinfo", headers=bearer(fresh))).status_code == 200


async def test_a_token_for_userinfo_alone_opens_nothing_else_of_the_house(house: Service) -> None:
    token = (await tokens_for(house.caller(), resource="http://localhost:8000/userinfo"))["access_token"]
    assert (await house.http.get("/userinfo", headers=bearer(token))).status_code == 200
    assert await house.me(token) == 403


async def until_changed(house: Service) -> None:
    """An operator's change of a client is known."""
    house.runtime.clients._entries.clear()


async def test_a_third_partys_token_opens_no_endpoint_of_the_house(house: Service) -> None:
    tokens = await tokens_for(house.caller(), "partner")
    headers = bearer(tokens["access_token"])
    for method, path in (
        ("GET", "/api/profile/me"),
        ("GET", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions"),
        ("POST", "/api/auth/logout"),
        ("DELETE", "/api/auth/sessions/5e0e0c3e-46c4-4d3c-9f4c-3c5b3f3e1e11"),
    ):
        answer = await house.http.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope"), path
    assert await house.active(tokens["access_token"])


# Pages elsewhere (all other endpoints: tests/security/test_cors.py)


def allowed(answer: httpx2.Response) -> str | None:
    assert "access-control-allow-credentials" not in answer.headers
    return answer.headers.get("access-control-allow-origin")


async def test_a_page_of_the_client_may_read_its_tokens_and_no_other_page(house: Service) -> None:
    for origin, good in (
        (FRONTEND, True),
        ("null", False),
        ("https://evil.example", False),
        ("http://localhost:5174", False),
        ("HTTP://LOCALHOST:5173", False),
        (FRONTEND + "/", False),
        ("https://partner.example", False),
    ):
        http, pkce = house.caller(), Pkce()
        code = await code_for(http, pkce)
        answer = await redeem(http, code, pkce, headers={"origin": origin})
        assert answer.status_code == 200
        assert allowed(answer) == (origin if good else None), origin
        assert "origin" in answer.headers["vary"].lower()
        wrong = await redeem(http, "x", pkce, headers={"origin": origin})
        assert (wrong.status_code, allowed(wrong)) == (400, origin if good else None)
