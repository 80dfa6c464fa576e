"""Dynamic client registration (RFC 7591, RFC 7592): the steps of a client."""

from __future__ import annotations

from typing import Any

import httpx2

from authsvc.flows.operator.registration_token import add_registration_token
from tests.support.login_steps import Pkce, authorize_url, enter, is_page, redirected, submit
from tests.support.service import Service, bearer

CALLBACK = "https://shop.example/callback"
SHOP = {"client_name": "Shop", "redirect_uris": [CALLBACK]}


async def initial(house: Service, uses: int = 1, seconds: int = 60, pkce: str = "required") -> str:
    token, _ = await add_registration_token(
        house.runtime, "cli:tests", uses=uses, seconds=seconds, note="tests", pkce=pkce
    )
    return token


async def register(house: Service, token: str | None = None, **members: Any) -> httpx2.Response:
    headers = bearer(token or await initial(house))
    return await house.http.post("/register", json={**SHOP, **members}, headers=headers)


async def registered(house: Service, **members: Any) -> dict[str, Any]:
    answer = await register(house, **members)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def at(client: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Where a registration is, and what opens it."""
    return client["registration_client_uri"], bearer(client["registration_access_token"])


def same(client: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """What a client sends to change its registration: what it was told, without what only we write."""
    ours = {"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}
    kept = {name: value for name, value in client.items() if name not in ours}
    return {name: value for name, value in {**kept, **changed}.items() if value is not ...}


def is_error(answer: httpx2.Response, status: int, error: str) -> httpx2.Response:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith('Bearer realm="authsvc"')
    return answer


async def tokens_of(house: Service, client: dict[str, Any], **asked: str) -> dict[str, Any]:
    """A person logs in and consents, and the client redeems its code."""
    pkce = Pkce()
    http = house.caller()
    url = authorize_url(pkce, client_id=client["client_id"], redirect_uri=CALLBACK, **asked)
    page = await enter(http, await http.get(url))
    assert is_page(page, "/consent"), "whoever registers itself asks for consent"
    got = redirected(await submit(http, page, "/consent", decision="allow"), CALLBACK)
    form = {"grant_type": "authorization_code", "code": got["code"], "code_verifier": pkce.verifier}
    form |= {"redirect_uri": CALLBACK}
    auth = (client["client_id"], client["client_secret"]) if "client_secret" in client else None
    if auth is None:
        form["client_id"] = client["client_id"]
    answer = await house.http.post("/token", data=form, auth=auth)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
