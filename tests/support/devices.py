"""Steps of the device grant: the terminal, and the browser of the person beside it."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx2

from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.browser_login import browser_login
from authsvc.flows.login.enter_by_proof import BrowserLogin
from authsvc.rules.device.codes import GRANT_TYPE
from authsvc.runtime import Runtime
from tests.support.service import Service

BARTENDER = "bartender@example.com"


async def session_cookie(runtime: Runtime, email: str = BARTENDER) -> str:
    """A person logs in in a browser; the cookie it has then."""
    attempt = Attempt(
        email=email,
        password="password",
        remember_me=False,
        device_info=None,
        user_agent=None,
        address="192.0.2.7",
        network="192.0.2.7",
    )
    done = await browser_login(runtime, None, attempt, old_cookie=None, browser="")
    assert isinstance(done, BrowserLogin)
    return done.cookie


async def browser(house: Service, email: str | None = BARTENDER, address: str = "192.0.2.7") -> httpx2.AsyncClient:
    """A browser, logged in unless `email` is None."""
    http = house.caller(address)
    if email:
        http.cookies.set("authsvc_session", await session_cookie(house.runtime, email))
    return http


async def ask(house: Service, client_id: str = "terminal", **form: str) -> dict[str, Any]:
    """POST /device_authorization, as the terminal does."""
    answer = await house.caller("198.51.100.20").post("/device_authorization", data={"client_id": client_id, **form})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def poll(
    http: httpx2.AsyncClient, device_code: str, client_id: str = "terminal", **options: Any
) -> httpx2.Response:
    form = {"grant_type": GRANT_TYPE, "client_id": client_id, "device_code": device_code}
    return await http.post("/token", data=form, **options)


def fields(page: httpx2.Response) -> dict[str, str]:
    """The inputs of a page's form."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page.text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            found[name[1]] = html.unescape(value[1]) if value else ""
    return found


async def enter(http: httpx2.AsyncClient, user_code: str) -> httpx2.Response:
    """The page after the code was typed: the question, or the form again."""
    page = await http.get("/device")
    assert page.status_code == 200, page.text
    return await http.post("/device", data={**fields(page), "user_code": user_code})


async def decide(http: httpx2.AsyncClient, user_code: str, decision: str = "allow") -> httpx2.Response:
    page = await enter(http, user_code)
    assert 'value="allow"' in page.text, page.text
    return await http.post("/device", data={**fields(page), "decision": decision})
