"""Steps of a login as a browser and a client take them: everything goes through the public endpoints.

    url = authorize_url(pkce, nonce="n")
    answer = await log_in(http, url)                  # the redirect back to the client, as its query
    tokens = await redeem(http, answer["code"], pkce)

or in one: `await code_for(http, pkce)`, `await tokens_for(http)`. `http` carries the cookies of one browser.
"""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

CALLBACK = "http://localhost:5173/callback"
PARTNER_CALLBACK = "https://partner.example/callback"
PARTNER = ("partner", "partner-secret")
EMAIL, PASSWORD = "test@example.com", "password"


@dataclass(frozen=True)
class Pkce:
    """A fresh verifier and its S256 challenge."""

    verifier: str = field(default_factory=lambda: urlsafe_b64encode(os.urandom(32)).decode().rstrip("="))

    @property
    def challenge(self) -> str:
        return urlsafe_b64encode(sha256(self.verifier.encode()).digest()).decode().rstrip("=")


def authorize_parameters(pkce: Pkce, **changed: str | None) -> dict[str, str]:
    """Of the client `customer`; None leaves a parameter out."""
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "customer",
        "redirect_uri": CALLBACK,
        "scope": "openid profile email",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
        **changed,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def authorize_url(pkce: Pkce, **changed: str | None) -> str:
    return "/authorize?" + urlencode(authorize_parameters(pkce, **changed))


def fields(page: httpx2.Response) -> dict[str, str]:
    """The hidden fields of a page's form, and what stands in its text fields."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page.text):
        attributes = dict(re.findall(r'([a-z_-]+)="([^"]*)"', tag))
        if attributes.get("type") in ("hidden", "text") and "value" in attributes:
            found[unescape(attributes["name"])] = unescape(attributes["value"])
    return found


async def submit(
    http: httpx2.AsyncClient, page: httpx2.Response, path: str, headers: dict[str, str] | None = None, **filled: str
) -> httpx2.Response:
    """Send a page's form as a browser does."""
    return await http.post(path, data={**fields(page), **filled}, headers=headers)


async def enter(
    http: httpx2.AsyncClient,
    page: httpx2.Response,
    email: str = EMAIL,
    password: str = PASSWORD,
    *,
    remember_me: bool = False,
) -> httpx2.Response:
    """Fill in the login page."""
    ticked = {"remember_me": "1"} if remember_me else {}
    return await submit(http, page, "/login", username=email, password=password, **ticked)


def is_page(answer: httpx2.Response, action: str | None = None) -> bool:
    """Whether a page of ours came, with a form that posts to `action`."""
    html = answer.headers.get("content-type", "").startswith("text/html")
    return html and (action is None or f'action="{action}"' in answer.text)


def redirected(answer: httpx2.Response, to: str | None = None) -> dict[str, str]:
    """The query of a redirect to the client."""
    assert answer.status_code == 303, (answer.status_code, answer.text)
    location = answer.headers["location"]
    if to is not None:
        assert location.partition("?")[0] == to, location
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), location
    return dict(pairs)


async def log_in(
    http: httpx2.AsyncClient,
    url: str,
    email: str = EMAIL,
    password: str = PASSWORD,
    *,
    remember_me: bool = False,
    allow: bool = True,
) -> dict[str, str]:
    """Open the address, log in and consent where a page asks for it; the answer that the client gets."""
    page = await opened(http, url)
    if is_page(page, "/login"):
        page = await enter(http, page, email, password, remember_me=remember_me)
    if is_page(page, "/consent"):
        page = await submit(http, page, "/consent", decision="allow" if allow else "deny")
    return redirected(page)


async def opened(http: httpx2.AsyncClient, url: str) -> httpx2.Response:
    """What a browser shows that opens the address: the page of a pushed request has one of its own."""
    answer = await http.get(url)
    if answer.headers.get("location", "").startswith("/login?request="):
        answer = await http.get(answer.headers["location"])
    return answer


async def code_for(
    http: httpx2.AsyncClient,
    pkce: Pkce,
    client_id: str = "customer",
    *,
    email: str = EMAIL,
    remember_me: bool = False,
    **changed: str | None,
) -> str:
    """A fresh code, after a login where nobody is logged in yet."""
    if client_id == "partner":
        changed = {"redirect_uri": PARTNER_CALLBACK, **changed}
    url = authorize_url(pkce, client_id=client_id, **changed)
    answer = await log_in(http, url, email, remember_me=remember_me)
    assert "code" in answer, answer
    return answer["code"]


async def redeem(
    http: httpx2.AsyncClient,
    code: str,
    pkce: Pkce,
    client_id: str = "customer",
    headers: dict[str, str] | None = None,
    **changed: Any,
) -> httpx2.Response:
    """POST /token with the code. The client `partner` proves itself by its secret."""
    form: dict[str, Any] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": PARTNER_CALLBACK if client_id == "partner" else CALLBACK,
        "code_verifier": pkce.verifier,
        **({} if client_id == "partner" else {"client_id": client_id}),
        **changed,
    }
    form = {name: value for name, value in form.items() if value is not None}
    auth = PARTNER if client_id == "partner" else None
    return await http.post("/token", data=form, auth=auth, headers=headers)


def is_worn(answer: httpx2.Response, error: str = "invalid_grant") -> bool:
    """What /token says of a code that is good no more."""
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == error, answer.text
    return True


async def tokens_for(
    http: httpx2.AsyncClient,
    client_id: str = "customer",
    *,
    email: str = EMAIL,
    remember_me: bool = False,
    **changed: str | None,
) -> dict[str, Any]:
    """The token response of a whole login."""
    pkce = Pkce()
    code = await code_for(http, pkce, client_id, email=email, remember_me=remember_me, **changed)
    redirect_uri = changed.get("redirect_uri")
    answer = await redeem(http, code, pkce, client_id, **({"redirect_uri": redirect_uri} if redirect_uri else {}))
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


async def press(http: httpx2.AsyncClient, path: str, **filled: str) -> httpx2.Response:
    """A form of the account page, as the browser sends it."""
    page = await http.get("/account")
    assert page.status_code == 200, page.status_code
    return await http.post(path, data={"csrf": fields(page)["csrf"], **filled})


def pushed_url(request_uri: str, client_id: str = "customer", **more: str) -> str:
    return "/authorize?" + urlencode({"client_id": client_id, "request_uri": request_uri, **more})
