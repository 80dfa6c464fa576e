"""Steps of passkeys as the pages' script takes them: everything goes through the public endpoints."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import httpx2

from tests.support.authenticator import Authenticator
from tests.support.login_steps import EMAIL, enter, fields
from tests.support.service import Service

OUR_SCRIPT = '<script src="/static/passkeys.'
"""How the one script of the pages is named in them."""
NEW = "/account/passkeys/new"
Begun = dict[str, Any]
"""`options` as JSON, and the form's other fields."""


async def logged_in(http: httpx2.AsyncClient, email: str = EMAIL) -> httpx2.AsyncClient:
    """A browser after a login by password."""
    answer = await enter(http, await http.get("/login?next=/account"), email)
    assert answer.status_code == 303, answer.text
    return http


async def begin(http: httpx2.AsyncClient) -> Begun:
    """The page where one is made."""
    page = await http.get(NEW)
    assert page.status_code == 200, (page.status_code, page.text)
    return begun_on(page)


def begun_on(page: httpx2.Response) -> Begun:
    found = re.search(r'data-options="([^"]*)"', page.text)
    assert found, page.text
    return {"options": json.loads(unescape(found[1])), **fields(page)}


async def finish(http: httpx2.AsyncClient, begun: Begun, credential: str, **changed: str) -> httpx2.Response:
    form = {name: value for name, value in begun.items() if name != "options"}
    return await http.post("/account/passkeys/add", data={**form, "credential": credential, **changed})


async def enrolled(http: httpx2.AsyncClient, key: Authenticator | None = None, name: str = "") -> Authenticator:
    """A new passkey of whoever is logged in here."""
    key, begun = key or Authenticator(), await begin(http)
    answer = await finish(http, begun, key.create(begun["options"]), name=name)
    assert answer.status_code == 303, answer.text
    return key


async def person_with(house: Service, key: Authenticator | None = None, email: str = EMAIL) -> Authenticator:
    """A passkey, the only one of this person."""
    await house.sql.execute("DELETE FROM passkeys USING users u WHERE u.id = user_id AND u.email = $1", email)
    return await enrolled(await logged_in(house.caller(), email), key)


async def challenged(http: httpx2.AsyncClient) -> Begun:
    """The login page, and a challenge as its script gets it."""
    page = await http.get("/login?next=/account")
    answer = await http.post("/login/passkey", headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 200, answer.text
    form = {name: value for name, value in fields(page).items() if name in ("csrf", "request")}
    return {**form, **answer.json()}


async def show(http: httpx2.AsyncClient, begun: Begun, passkey: str, **changed: str) -> httpx2.Response:
    """Log in by what an authenticator said."""
    form = {name: begun[name] for name in ("csrf", "request") if name in begun}
    form |= {"passkey": passkey, "passkey_challenge": begun["challenge"], **changed}
    return await http.post("/login", data=form)


async def log_in_by(http: httpx2.AsyncClient, key: Authenticator, **changed: str) -> httpx2.Response:
    """The whole login with a passkey."""
    begun = await challenged(http)
    return await show(http, begun, key.get(begun["options"]), **changed)
