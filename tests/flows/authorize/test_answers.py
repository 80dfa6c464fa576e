"""Where answers of /authorize go, and what they carry (SECURITY.md items 35, 36, 38, 39, 45, 46)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from authsvc.store.caller import clients
from tests.support.clients import flat_client
from tests.support.login_steps import (
    CALLBACK,
    PARTNER_CALLBACK,
    Pkce,
    authorize_parameters,
    authorize_url,
    enter,
    fields,
    is_page,
    log_in,
    redeem,
    redirected,
)
from tests.support.redirect_uris import FUZZED
from tests.support.service import ISSUER, Service


def is_error_page(answer: httpx2.Response, status: int = 400) -> bool:
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert is_page(answer)
    assert "location" not in answer.headers
    assert "<form" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    return True


def _fuzzed() -> Iterator[str]:
    yield from (
        uri.replace("https://app.example/cb", CALLBACK).replace("https://app.example", CALLBACK) for uri in FUZZED
    )
    yield from (CALLBACK + more for more in ("/", "/..", "%2f..", "?x=1", "#", "#x", "\\", ";", ".", "%00"))
    yield "http://localhost:5174/callback"
    yield "http://localhost:5173@evil.example/callback"
    yield "http://LOCALHOST:5173/callback"
    yield "https://localhost:5173/callback"
    yield "x" * 2001


@pytest.mark.parametrize("redirect_uri", sorted(set(_fuzzed())))
async def test_nothing_is_sent_to_an_address_that_is_not_registered(house: Service, redirect_uri: str) -> None:
    for prompt in (None, "none"):
        for extra in ({}, {"response_type": "token"}, {"response_mode": "form_post"}):
            url = authorize_url(Pkce(), redirect_uri=redirect_uri, prompt=prompt, **extra)
            assert is_error_page(await house.caller().get(url))


@pytest.mark.parametrize(
    "changed", [{"client_id": "nobody"}, {"client_id": None}, {"redirect_uri": None}, {"client_id": "x" * 5000}]
)
async def test_an_unproved_client_is_answered_by_a_page(house: Service, changed: dict[str, str | None]) -> None:
    assert is_error_page(await house.caller().get(authorize_url(Pkce(), **changed)))


async def test_the_redirect_uri_of_another_client_is_not_ones_own(house: Service) -> None:
    assert is_error_page(await house.caller().get(authorize_url(Pkce(), redirect_uri=PARTNER_CALLBACK)))


async def test_a_native_client_takes_any_port_on_loopback(house: Service) -> None:
    native = flat_client(
        id="native",
        name="Native",
        kind="public",
        redirect_uris=("http://127.0.0.1/cb", "com.example.app:/cb"),
        grant_types=frozenset({"authorization_code"}),
        scopes=("openid",),
        application_type="native",
        first_party=True,
    )
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, native)
    for uri in ("http://127.0.0.1:49152/cb", "http://127.0.0.1/cb", "com.example.app:/cb"):
        http, pkce = house.caller(), Pkce()
        url = authorize_url(pkce, client_id="native", redirect_uri=uri, scope="openid")
        page = await http.get(url)
        assert f"form-action 'self' {uri.partition('/cb')[0]}" in page.headers["content-security-policy"]
        query = redirected(await enter(http, page), uri)
        assert (await redeem(http, query["code"], pkce, "native", redirect_uri=uri)).status_code == 200
    for uri in ("http://127.0.0.1:49152/cb2", "http://127.0.0.2:49152/cb", "http://localhost:49152/cb"):
        url = authorize_url(Pkce(), client_id="native", redirect_uri=uri, scope="openid")
        assert is_error_page(await house.caller().get(url))


async def test_prompt_none_never_shows_a_page(house: Service) -> None:
    http = house.caller()
    assert redirected(await http.get(authorize_url(Pkce(), prompt="none")))["error"] == "login_required"
    await log_in(http, authorize_url(Pkce()))
    cases: list[tuple[dict[str, str], str]] = [
        ({"client_id": "partner", "redirect_uri": PARTNER_CALLBACK}, "consent_required"),
        ({"client_id": "bartender"}, "access_denied"),
        ({"max_age": "0"}, "login_required"),
        ({"id_token_hint": "x.y.z"}, "login_required"),
    ]
    for changed, error in cases:
        answer = redirected(await http.get(authorize_url(Pkce(), prompt="none", **changed)))
        assert answer["error"] == error, changed
    posted = await http.get(authorize_url(Pkce(), prompt="none", response_mode="form_post"))
    assert "code" in fields(posted)


ERRORS: list[dict[str, str | None]] = [
    {"response_type": "token"},
    {"code_challenge": None},
    {"scope": "x"},
    {"prompt": "none"},
    {"request": "x"},
    {"max_age": "x"},
    {"resource": "https://x"},
    {"claims": "x"},
    {"response_mode": "fragment"},
]


@pytest.mark.parametrize("changed", [{}, *ERRORS], ids=str)
@pytest.mark.parametrize("state", [None, "s", "a b+c&d=e%20\u00e4\u2028'\"<>\\", "x" * 7000, "\r\nSet-Cookie: a=b"])
async def test_every_answer_names_the_issuer_and_brings_state_back(
    house: Service, changed: dict[str, str | None], state: str | None
) -> None:
    http = house.caller()
    page = await http.get(authorize_url(Pkce(), state=state, **changed))
    answer = page if changed else await enter(http, page)
    query = redirected(answer, CALLBACK)
    assert query["iss"] == ISSUER
    assert query.get("state") == state
    assert ("error" in query) is bool(changed)
    assert all(re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", query.get(name, "x")) for name in ("error_description",))
    assert not {"a"} & set(answer.cookies)


async def test_a_state_that_is_too_long_is_the_clients_to_hear_of(house: Service) -> None:
    """RFC 6749 section 4.1.2.1; the person could do nothing about it."""
    answer = await house.caller().post("/authorize", data=authorize_parameters(Pkce(), state="x" * 16_385))
    query = redirected(answer, CALLBACK)
    assert (query["error"], query.get("state"), query["iss"]) == ("invalid_request", None, ISSUER)
    assert query["error_description"] == "The parameter state is too long."


async def test_form_post_carries_the_same_answer(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    state = "a b+c&d=e%20\u00e4'\"<>"
    page = await http.get(authorize_url(pkce, response_mode="form_post", state=state))
    answer = await enter(http, page)
    assert answer.status_code == 200
    assert is_page(answer, CALLBACK)
    sent = fields(answer)
    assert (sent["state"], sent["iss"]) == (state, ISSUER)
    assert (await redeem(http, sent["code"], pkce)).status_code == 200
    refused = await http.get(authorize_url(pkce, response_mode="form_post", max_age="x"))
    assert fields(refused)["error"] == "invalid_request"


async def test_an_answer_is_never_cached_and_gives_no_referrer(house: Service) -> None:
    answer = await house.caller().get(authorize_url(Pkce(), prompt="none"))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_post_is_answered_as_a_get_and_by_303(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    page = await http.post("/authorize", data=authorize_parameters(pkce))
    assert is_page(page, "/login")
    assert "code" in redirected(await enter(http, page), CALLBACK)
    assert "code" in redirected(await http.post("/authorize", data=authorize_parameters(pkce)), CALLBACK)


async def test_a_post_from_the_clients_own_page_finds_who_is_logged_in(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    await log_in(http, authorize_url(pkce))
    kept = http.cookies.jar
    http.cookies = httpx2.Cookies()  # SameSite=Lax: not with a POST from elsewhere
    parameters = authorize_parameters(pkce, prompt="none", state="a b&c=\u00e4")
    cross = {"sec-fetch-site": "cross-site"}
    answer = await http.post("/authorize", data=parameters, headers=cross)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/authorize?")
    http.cookies = httpx2.Cookies(kept)
    query = redirected(await http.get(answer.headers["location"], headers=cross), CALLBACK)
    assert query["state"] == "a b&c=\u00e4"
    assert "code" in query


async def test_a_head_is_answered_as_a_get_without_content(house: Service) -> None:
    answer = await house.caller().head(authorize_url(Pkce(), prompt="none"))
    assert redirected(answer, CALLBACK)["error"] == "login_required"


# What is sent twice, or is no text


@pytest.mark.parametrize("name", sorted(authorize_parameters(Pkce())))
async def test_a_parameter_that_was_sent_twice_is_refused(house: Service, name: str) -> None:
    pairs = [*authorize_parameters(Pkce()).items(), (name, authorize_parameters(Pkce())[name])]
    for answer in (
        await house.caller().get("/authorize?" + urlencode(pairs)),
        await house.caller().post("/authorize", content=urlencode(pairs), headers=FORM),
    ):
        if name in ("client_id", "redirect_uri"):
            assert is_error_page(answer)
        else:
            query = redirected(answer, CALLBACK)
            assert query["error"] == "invalid_request"
            assert query["iss"] == ISSUER
            assert ("state" in query) is (name != "state")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGES = ["/authorize", "/login", "/consent"]
BODIES: list[tuple[bytes, dict[str, str], int]] = [
    (b"", FORM, 400),
    (b"{}", {"Content-Type": "application/json"}, 400),
    (b"client_id=\xff", FORM, 400),
    (b"client_id=%ff", FORM, 400),
    (b"client_id=%00", FORM, 400),
    (b"a=1&" * 2000, FORM, 400),
    (b"x" * 65_537, FORM, 413),
    (b"client_id=a&client_id=b", FORM, 400),
    (b"client_id=\xed\xa0\x80", FORM, 400),
    (b"--x", {"Content-Type": "multipart/form-data; boundary=x"}, 400),
    (b"x=1", {}, 400),
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("body", "headers", "status"), BODIES, ids=range(len(BODIES)))
async def test_a_body_that_cannot_be_read_is_an_error_page(
    house: Service, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await house.caller().post(path, content=body, headers=headers)
    assert answer.status_code == (403 if path != "/authorize" and answer.status_code == 403 else status)
    assert is_error_page(answer, answer.status_code)


@pytest.mark.parametrize("path", ["/authorize", "/login"])
@pytest.mark.parametrize("query", ["client_id=%ff", "client_id=%00", "a=1&" * 200, "a" * 5000, "%", "=", "&&"])
async def test_a_query_that_cannot_be_read_is_an_error_page(house: Service, path: str, query: str) -> None:
    answer = await house.caller().get(f"{path}?{query}")
    assert answer.status_code in ((400,) if path == "/authorize" else (200, 400))
    assert is_page(answer)


@pytest.mark.parametrize("path", PAGES)
async def test_a_header_that_was_sent_twice_is_an_error_page(house: Service, path: str) -> None:
    for name in (b"cookie", b"accept-language", b"origin", b"content-type"):
        headers: Any = [(name, b"a"), (name, b"b")]
        for method in ("GET", "POST"):
            answer = await house.caller().request(method, path, headers=headers)
            assert answer.status_code in (200, 400), (name, method)
            assert is_page(answer)


EVIL = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202eevil", "{{7*7}}", "javascript:alert(1)"]


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "login_hint", "ui_locales", "state", "nonce"])
async def test_what_was_sent_is_never_markup_in_a_page(house: Service, text: str, name: str) -> None:
    answer = await house.caller().get(authorize_url(Pkce(), **{name: text}))
    if is_page(answer):
        shown = re.sub(r'value="[^"]*"', "", answer.text)
        assert text not in shown
        assert text == "\u202eevil" or unescape(text) not in shown.replace("&#34;", '"') or name == "login_hint"
        assert "unsafe-inline" not in answer.headers["content-security-policy"]


async def test_the_login_hint_is_filled_in_and_no_more(house: Service) -> None:
    page = await house.caller().get(authorize_url(Pkce(), login_hint='a"b<c>@example.com'))
    assert fields(page)["username"] == 'a"b<c>@example.com'
