"""RP-initiated logout: a hint of this very session ends it at once, everything else is asked, nothing is said early."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from authsvc.keys.seal import seal_value
from authsvc.rules.ending.logout_request import LogoutHint, part_to_end, session_to_end
from authsvc.rules.sealed_value_lifetimes import LOGOUT_PAGE_SECONDS
from authsvc.runtime import Runtime
from tests.conftest import ISSUER
from tests.support.calls import alive
from tests.support.login_steps import PARTNER_CALLBACK, fields, is_page, submit, tokens_for
from tests.support.logouts import courier, wants_to_know
from tests.support.receiver import receiver
from tests.support.signing import sign_now
from tests.support.spoilt import spoilt

AFTER = "https://shop.example/bye?from=here"
COOKIE = "authsvc_session"


@pytest.fixture
async def registered(sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE clients SET post_logout_redirect_uris = $1 WHERE id IN ('customer', 'partner')", [AFTER])


def address(**parameters: str | None) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return "/logout?" + urlencode(given) if given else "/logout"


async def logged_in(http: httpx2.AsyncClient) -> bool:
    page = await http.get("/account")
    assert page.status_code in (200, 303)
    return page.status_code == 200


def signed_out_page(answer: httpx2.Response) -> bool:
    return answer.status_code == 200 and "You are signed out" in answer.text


def forgets_the_cookie(answer: httpx2.Response) -> bool:
    return any(
        value.startswith(f"{COOKIE}=;") and "Max-Age=0" in value for value in answer.headers.get_list("set-cookie")
    )


# With a hint


async def test_a_hint_of_this_session_ends_it_everywhere_and_returns_the_state(
    http: httpx2.AsyncClient, registered: None, sql: asyncpg.Connection
) -> None:
    first = await tokens_for(http)
    second = await tokens_for(http, "partner", scope="openid offline_access")
    assert await alive(http, first)
    state = "s t&a=t/e%20ü"
    answer = await http.get(address(id_token_hint=first["id_token"], post_logout_redirect_uri=AFTER, state=state))
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{AFTER}&{urlencode({'state': state})}"
    assert answer.headers["cache-control"] == "no-store"
    assert forgets_the_cookie(answer)
    assert not await alive(http, first)
    assert not await alive(http, second)
    refreshed = await http.post(
        "/token",
        data={"grant_type": "refresh_token", "refresh_token": second["refresh_token"]},
        auth=("partner", "partner-secret"),
    )
    assert refreshed.json()["error"] == "invalid_grant"
    assert not await logged_in(http)
    assert await sql.fetchval("SELECT end_reason FROM user_sessions") == "logout"


async def test_a_head_logs_nobody_out(http: httpx2.AsyncClient, registered: None) -> None:
    tokens = await tokens_for(http)
    for asked in (address(id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER), "/logout"):
        answer = await http.head(asked)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    assert await alive(http, tokens)
    assert await logged_in(http)


async def test_without_a_place_to_go_a_page_says_that_it_is_done(http: httpx2.AsyncClient) -> None:
    tokens = await tokens_for(http)
    answer = await http.get(address(id_token_hint=tokens["id_token"]))
    assert signed_out_page(answer)
    assert forgets_the_cookie(answer)
    assert not await logged_in(http)


async def test_an_expired_hint_is_as_good_as_a_fresh_one(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    tokens = await tokens_for(http)
    hint = _resigned(runtime, tokens["id_token"], exp=1_600_000_300, iat=1_600_000_000)
    assert signed_out_page(await http.get(address(id_token_hint=hint)))
    assert not await alive(http, tokens)


def _resigned(runtime: Runtime, id_token: str, typ: str = "JWT", **changed: Any) -> str:
    now = runtime.clock.now()
    verified = runtime.keyring.verify(id_token, typ="JWT", issuer=ISSUER, audience=None, now=now, client_claim="azp")
    claims = {**verified.raw, **changed}  # type: ignore[union-attr]
    return sign_now(runtime.keyring, claims, typ=typ, now=runtime.clock.now())


@pytest.mark.parametrize("way", ["bent", "no_key", "foreign_issuer", "access_token", "logout_token", "two_audiences"])
async def test_a_hint_that_proves_nothing_is_asked_about(http: httpx2.AsyncClient, runtime: Runtime, way: str) -> None:
    tokens = await tokens_for(http)
    head, payload, signature = tokens["id_token"].split(".")
    hints = {
        "bent": f"{head}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "no_key": "eyJhbGciOiJub25lIn0." + payload + ".",
        "foreign_issuer": _resigned(runtime, tokens["id_token"], iss="https://other.example"),
        "access_token": tokens["access_token"],
        "logout_token": _resigned(runtime, tokens["id_token"], typ="logout+jwt"),
        "two_audiences": _resigned(runtime, tokens["id_token"], aud=["customer", "other"]),
    }
    answer = await http.get(address(id_token_hint=hints[way]))
    assert is_page(answer, "/logout")
    assert await alive(http, tokens)


async def test_a_hint_of_another_session_is_asked_about(
    http: httpx2.AsyncClient, runtime: Runtime, registered: None
) -> None:
    """Logout CSRF with the attacker's own ID token (SECURITY.md item 29)."""
    mine = await tokens_for(http)
    transport = http._transport
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as attacker:
        theirs = await tokens_for(attacker, email="bartender@example.com")
    answer = await http.get(address(id_token_hint=theirs["id_token"], post_logout_redirect_uri=AFTER))
    assert is_page(answer, "/logout")
    assert "test@example.com" in answer.text
    assert await alive(http, mine)
    assert await alive(http, theirs)


async def test_a_hint_without_the_browser_ends_what_its_client_has_and_no_more(
    http: httpx2.AsyncClient, registered: None
) -> None:
    """The cookie is gone, or whoever sends this found an ID token in a log: it is no secret."""
    tokens = await tokens_for(http)
    other = await tokens_for(http, "partner", scope="openid offline_access")
    async with httpx2.AsyncClient(transport=http._transport, base_url=ISSUER) as bare:
        for _ in range(2):
            answer = await bare.get(address(id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER))
            assert answer.headers["location"] == AFTER
    assert not await alive(http, tokens)
    refreshed = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": tokens["refresh_token"]}
    assert (await http.post("/token", data=refreshed)).json()["error"] == "invalid_grant"
    assert await alive(http, other)
    assert await logged_in(http), "the person stays logged in in their browser"


async def test_a_hint_without_the_browser_tells_its_client_once(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    async with receiver() as one, receiver() as two, courier(runtime):
        await wants_to_know(sql, "partner", one.url)
        await wants_to_know(sql, "customer", two.url)
        tokens = await tokens_for(http, "partner")
        await tokens_for(http)
        async with httpx2.AsyncClient(transport=http._transport, base_url=ISSUER) as bare:
            assert signed_out_page(await bare.get(address(id_token_hint=tokens["id_token"])))
        await one.until(1)
        page = await http.get("/logout")
        await submit(http, page, "/logout", decision="logout")
        await two.until(1)
        assert len(one.requests) == 1


@pytest.mark.parametrize("client_id", ["partner", "nobody", "customer "])
async def test_a_client_id_that_is_not_the_hints_is_refused(
    http: httpx2.AsyncClient, registered: None, client_id: str
) -> None:
    tokens = await tokens_for(http)
    asked = address(id_token_hint=tokens["id_token"], client_id=client_id, post_logout_redirect_uri=AFTER)
    answer = await http.get(asked)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert await alive(http, tokens)


# Where to go afterwards


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        AFTER + "&x=y",
        AFTER + "#",
        AFTER.replace("shop", "SHOP"),
        AFTER[:-1],
        "https://shop.example/bye",
        AFTER.replace("/bye", ":443/bye"),
        AFTER.replace("shop.example", "shop.example."),
        "https://shop.example@evil.example/bye?from=here",
        AFTER.replace("https", "http"),
        "//shop.example/bye",
        "javascript:alert(1)",
        AFTER + "\r\nSet-Cookie: x=y",
        AFTER.replace("/bye", "/./bye"),
        PARTNER_CALLBACK,
        "http://localhost:5173/callback",
        AFTER.replace("bye", "%62ye"),
        " " + AFTER,
    ],
)
async def test_only_a_registered_address_is_gone_to_and_only_exactly(
    http: httpx2.AsyncClient, registered: None, uri: str
) -> None:
    tokens = await tokens_for(http)
    for hint in (tokens["id_token"], None):
        answer = await http.get(address(id_token_hint=hint, client_id="customer", post_logout_redirect_uri=uri))
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
    assert await alive(http, tokens)


async def test_an_address_without_a_client_is_nobodys(http: httpx2.AsyncClient, registered: None) -> None:
    assert (await http.get(address(post_logout_redirect_uri=AFTER))).status_code == 400


async def test_without_a_hint_the_way_back_is_a_link_not_a_redirect(http: httpx2.AsyncClient, registered: None) -> None:
    answer = await http.get(address(client_id="customer", post_logout_redirect_uri=AFTER, state="x"))
    assert signed_out_page(answer)
    assert f'href="{AFTER}&amp;state=x"' in answer.text


async def test_a_state_as_long_as_an_address_comes_back(http: httpx2.AsyncClient, registered: None) -> None:
    for state in ("x" * 7000, "\u00e4 " * 1000, "\x01" * 2000):
        tokens = await tokens_for(http)
        asked = {"client_id": "customer", "post_logout_redirect_uri": AFTER, "state": state}
        page = await http.get(address(**asked))
        assert is_page(page, "/logout")
        answer = await submit(http, page, "/logout", decision="logout")
        assert answer.headers["location"] == f"{AFTER}&{urlencode({'state': state})}"
        tokens = await tokens_for(http)
        answer = await http.get(address(**asked, id_token_hint=tokens["id_token"]))
        assert answer.headers["location"] == f"{AFTER}&{urlencode({'state': state})}"
    assert (await http.post("/logout", data={**asked, "state": "x" * 8000})).status_code == 400


# A client that anybody may have registered


@pytest.fixture
async def stranger(sql: asyncpg.Connection, registered: None) -> None:
    await sql.execute(
        """UPDATE clients SET registration_hash = $1, name = 'Your Bank', client_uri = 'https://evil.example/'
           WHERE id = 'customer'""",
        b"x" * 32,
    )


async def test_a_strangers_link_is_not_vouched_for_on_the_signed_out_page(
    http: httpx2.AsyncClient, stranger: None
) -> None:
    for more in ({}, {"post_logout_redirect_uri": AFTER, "state": "x"}, {"id_token_hint": "x"}):
        answer = await http.get(address(client_id="customer", **more))
        assert signed_out_page(answer)
        assert "Your Bank" not in answer.text
        assert "evil.example" not in answer.text
        assert "shop.example" not in answer.text
    unknown = address(client_id="customer", post_logout_redirect_uri="https://other.example/")
    assert (await http.get(unknown)).status_code == 400


async def test_a_strangers_link_is_asked_about_and_leads_nowhere(http: httpx2.AsyncClient, stranger: None) -> None:
    tokens = await tokens_for(http)
    page = await http.get(address(client_id="customer", post_logout_redirect_uri=AFTER))
    assert is_page(page, "/logout")
    assert "shop.example" not in page.headers["content-security-policy"] + page.text
    answer = await submit(http, page, "/logout", decision="logout")
    assert signed_out_page(answer)
    assert "Your Bank" not in answer.text
    assert not await alive(http, tokens)


async def test_a_stranger_who_shows_a_hint_gets_people_back(http: httpx2.AsyncClient, stranger: None) -> None:
    tokens = await tokens_for(http)
    answer = await http.get(address(id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER))
    assert answer.headers["location"] == AFTER


# The confirmation page


async def test_without_a_hint_the_person_is_asked_and_then_taken_back(
    http: httpx2.AsyncClient, registered: None
) -> None:
    tokens = await tokens_for(http)
    page = await http.get(address(client_id="customer", post_logout_redirect_uri=AFTER, state="st"))
    assert is_page(page, "/logout")
    assert "https://shop.example" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert await alive(http, tokens)
    answer = await submit(http, page, "/logout", decision="logout")
    assert answer.headers["location"] == f"{AFTER}&state=st"
    assert forgets_the_cookie(answer)
    assert not await alive(http, tokens)
    again = await submit(http, page, "/logout", decision="logout")  # the back button, and once more
    assert again.status_code == 303


async def test_who_stays_is_still_logged_in(http: httpx2.AsyncClient, registered: None) -> None:
    tokens = await tokens_for(http)
    page = await http.get(address(client_id="customer", post_logout_redirect_uri=AFTER))
    answer = await submit(http, page, "/logout", decision="stay")
    assert answer.headers["location"] == "/account"
    assert await alive(http, tokens)
    assert await logged_in(http)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "https://localhost:8000"},
    ],
)
async def test_a_logout_form_from_another_site_is_refused(http: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    tokens = await tokens_for(http)
    page = await http.get("/logout")
    answer = await submit(http, page, "/logout", headers, decision="logout")
    assert answer.status_code == 403
    assert await alive(http, tokens)


@pytest.mark.parametrize("csrf", [None, "", "x", "A" * 24])
async def test_a_logout_form_without_our_token_is_refused(http: httpx2.AsyncClient, csrf: str | None) -> None:
    tokens = await tokens_for(http)
    page = await http.get("/logout")
    form = {**fields(page), "decision": "logout"}
    form.pop("csrf")
    answer = await http.post("/logout", data={**form, **({"csrf": csrf} if csrf is not None else {})})
    assert answer.status_code == 403
    assert await alive(http, tokens)


async def test_the_form_of_another_browser_ends_nothing(http: httpx2.AsyncClient) -> None:
    tokens = await tokens_for(http)
    async with httpx2.AsyncClient(transport=http._transport, base_url=ISSUER) as attacker:
        await tokens_for(attacker)
        theirs = fields(await attacker.get("/logout"))
    answer = await http.post("/logout", data={**theirs, "decision": "logout"})
    assert answer.status_code == 403
    own = fields(await http.get("/logout"))
    mixed = {**own, "request": theirs["request"], "decision": "logout"}  # another session's page: asked again
    assert is_page(await http.post("/logout", data=mixed), "/logout")
    assert await alive(http, tokens)


async def test_an_old_or_bent_page_says_so(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    tokens = await tokens_for(http)
    page = await http.get("/logout")
    for box in ("", "x", spoilt(fields(page)["request"])):
        answer = await http.post("/logout", data={**fields(page), "request": box, "decision": "logout"})
        assert answer.status_code == 400
    old = json.dumps([str(uuid4()), None, runtime.clock.seconds() - LOGOUT_PAGE_SECONDS - 1]).encode()
    box = seal_value(runtime.master, "logout confirmation", old, runtime.entropy)
    answer = await http.post("/logout", data={**fields(page), "request": box, "decision": "logout"})
    assert answer.status_code == 400
    assert (await http.post("/logout", data={**fields(page), "decision": "maybe"})).status_code == 400
    assert await alive(http, tokens)


async def test_a_clients_form_is_led_to_where_the_cookie_comes_along(
    http: httpx2.AsyncClient, registered: None
) -> None:
    tokens = await tokens_for(http)
    form = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER, "state": "x", "evil": "y"}
    answer = await http.post("/logout", data=form, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/logout?id_token_hint=")
    assert "evil" not in answer.headers["location"]
    assert await alive(http, tokens)
    assert (await http.get(answer.headers["location"])).headers["location"] == f"{AFTER}&state=x"
    assert not await alive(http, tokens)
    assert (await http.post("/logout", data={"evil": "y"})).headers["location"] == "/logout"


async def test_nobody_logged_in_is_told_that_it_is_done(http: httpx2.AsyncClient) -> None:
    assert signed_out_page(await http.get("/logout"))
    assert (await http.get("/logout?ui_locales=de")).headers["content-language"] == "de"


# Stores, others


async def test_with_postgresql_gone_nobody_is_told_logged_out(
    http: httpx2.AsyncClient, runtime: Runtime, registered: None
) -> None:
    tokens = await tokens_for(http)
    page = await http.get("/logout")
    runtime.db._open_until = float("inf")
    answers = [
        await http.get(address(id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER)),
        await submit(http, page, "/logout", decision="logout"),
        await http.get("/logout"),
        await http.get("/account"),
    ]
    runtime.db._open_until = 0.0
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "set-cookie" not in answer.headers
        assert "signed out" not in answer.text
    assert await alive(http, tokens)


async def test_logout_tells_the_clients(http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection) -> None:
    async with receiver() as one, courier(runtime):
        await wants_to_know(sql, "partner", one.url)
        await tokens_for(http, "partner")
        page = await http.get("/logout")
        await submit(http, page, "/logout", decision="logout")
        await one.until(1)


async def test_nothing_is_accepted_after_a_logout_that_races_with_refreshes(http: httpx2.AsyncClient) -> None:
    """SECURITY.md item 17."""
    for _ in range(10):
        async with httpx2.AsyncClient(transport=http._transport, base_url=ISSUER) as browser:
            tokens = await tokens_for(browser)
            form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": tokens["refresh_token"]}
            refresh = asyncio.create_task(browser.post("/token", data=form))
            logout = await browser.get(address(id_token_hint=tokens["id_token"]))
            assert signed_out_page(logout)
            late = (await refresh).json()
            for token in (tokens["access_token"], late.get("access_token")):
                assert token is None or not await alive(http, {"access_token": token})
            if "refresh_token" in late:
                again = await browser.post("/token", data={**form, "refresh_token": late["refresh_token"]})
                assert again.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        b"state=a&state=b",
        b"id_token_hint=%ff",
        b"client_id=%00",
        b"client_id=" + b"x" * 5000,
        b"a=1&" * 60,
        b"post_logout_redirect_uri=%F0%9F%92%A9",
    ],
)
async def test_malformed_requests_are_refused_without_a_fault(http: httpx2.AsyncClient, query: bytes) -> None:
    tokens = await tokens_for(http)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = await http.get("/logout?" + query.decode())
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    posted = await http.post("/logout", content=query, headers=kind)
    assert posted.status_code in (303, 400)
    if posted.status_code == 303:
        assert (await http.get(posted.headers["location"])).status_code == 400
    for status, options in (
        (400, {"json": {}}),
        (413, {"content": b"a=" + b"x" * 70_000, "headers": kind}),
        (400, {"data": {"id_token_hint": "x" * 9000}}),
    ):
        answer = await http.post("/logout", **options)  # type: ignore[arg-type]
        assert answer.status_code == status
    assert await alive(http, tokens)


def test_the_judgement_as_a_table() -> None:
    one, other = str(uuid4()), str(uuid4())
    assert session_to_end(None, None) is None
    assert session_to_end(None, one) is None
    assert session_to_end(LogoutHint("c", one), one) == one
    assert session_to_end(LogoutHint("c", other), one) is None
    assert session_to_end(LogoutHint("c", ""), one) is None
    assert session_to_end(LogoutHint("c", one), None) is None
    assert session_to_end(LogoutHint("c", ""), None) is None
    assert part_to_end(LogoutHint("c", one), None) == one
    assert part_to_end(LogoutHint("c", one), one) is None
    assert part_to_end(LogoutHint("c", one), other) is None
    assert part_to_end(LogoutHint("c", ""), None) is None
    assert part_to_end(None, None) is None
