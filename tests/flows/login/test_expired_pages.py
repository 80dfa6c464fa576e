"""A page of ours that has expired is drawn anew: what was typed does not count, and what was asked for is not lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import httpx2
import pytest

from authsvc.flows.authorize.pending_request import open_request, seal_request
from authsvc.rules.sealed_value_lifetimes import LOGOUT_PAGE_SECONDS, PENDING_REQUEST_SECONDS
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
    pushed_url,
    redeem,
    redirected,
    submit,
    tokens_for,
)
from tests.support.service import Service

OPEN_FOR_LONG = "This page had expired"


def forget(http: httpx2.AsyncClient) -> None:
    """As a restored tab or an in-app browser does: the cookie that lives as long as the browser is gone."""
    http.cookies.delete("authsvc_browser")


def says_so(page: httpx2.Response, action: str, status: int = 403) -> bool:
    assert (page.status_code, is_page(page, action)) == (status, True), page.text
    assert OPEN_FOR_LONG in page.text
    return True


def aged(house: Service, page: httpx2.Response, seconds: float = PENDING_REQUEST_SECONDS + 1) -> str:
    """The closed box of a page that has been open for so long."""
    pending = open_request(house.runtime, fields(page)["request"])
    assert pending is not None
    object.__setattr__(pending, "started_at", pending.started_at - seconds)
    return seal_request(house.runtime, pending)


@contextmanager
def later(house: Service, monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    now = house.runtime.clock.seconds
    with monkeypatch.context() as patched:
        patched.setattr(type(house.runtime.clock), "seconds", lambda _: now() + seconds)
        yield


def known(answer: httpx2.Response) -> bool:
    """Whether the browser was given a session."""
    return "authsvc_session" in str(answer.headers.get_list("set-cookie"))


# The login page


async def test_a_login_page_whose_cookie_is_gone_comes_again_for_the_same_request(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    page = await http.get(authorize_url(pkce, state="deep link"))
    forget(http)
    again = await enter(http, page)
    assert says_so(again, "/login")
    assert not known(again), "nobody was logged in"
    assert fields(again)["username"] == "test@example.com"
    assert "password" not in fields(again)
    answer = redirected(await enter(http, again), CALLBACK)
    assert answer["state"] == "deep link"
    assert (await redeem(http, answer["code"], pkce)).status_code == 200


async def test_a_login_page_that_was_open_over_lunch_comes_again(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    page = await http.get(authorize_url(pkce, prompt="login"))
    for seconds in (PENDING_REQUEST_SECONDS + 1, 30 * 86_400):
        box = aged(house, page, seconds)
        again = await submit(http, page, "/login", request=box, username="test@example.com", password="password")
        assert says_so(again, "/login", 400)
        assert not known(again)
    answer = redirected(await enter(http, again), CALLBACK)
    assert (await redeem(http, answer["code"], pkce)).status_code == 200


async def test_a_login_page_of_an_own_page_comes_again_and_leads_there(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = house.caller()
    page = await http.get("/login?next=/device")
    forget(http)
    again = await enter(http, page)
    assert says_so(again, "/login")
    assert (await enter(http, again)).headers["location"] == "/device"
    http = house.caller()
    page = await http.get("/device?user_code=BCDF-GHJK", follow_redirects=True)
    with later(house, monkeypatch, PENDING_REQUEST_SECONDS + 1):
        again = await enter(http, page)
        assert says_so(again, "/login", 400)
        assert not known(again)
        assert (await enter(http, again)).headers["location"] == "/device?user_code=BCDF-GHJK"


async def test_the_form_of_a_page_elsewhere_is_no_expired_page(house: Service) -> None:
    attacker, victim = house.caller(), house.caller()
    page = await attacker.get(authorize_url(Pkce()))
    filled = {**fields(page), "username": "test@example.com", "password": "password"}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        answer = await victim.post("/login", data=filled, headers=headers)
        assert answer.status_code == 403
        assert "<form" not in answer.text


async def test_a_form_without_a_token_gives_no_more_than_a_link_does(house: Service) -> None:
    """Neither the password counts, nor a button; who is logged in goes on as from the client's own link."""
    stranger, http = house.caller(), house.caller()
    page = await stranger.get(authorize_url(Pkce(), state="theirs"))
    await log_in(http, authorize_url(Pkce()))
    assert redirected(await http.post("/login", data={**fields(page), "decision": "deny"}))["state"] == "theirs"
    hostile = await stranger.get(authorize_url(Pkce(), prompt="login"))
    assert says_so(await http.post("/login", data=fields(hostile)), "/login")


async def test_the_page_for_people_without_the_role_comes_again(house: Service) -> None:
    http = house.caller()
    page = await enter(http, await http.get(authorize_url(Pkce(), client_id="bartender")))
    forget(http)
    again = await submit(http, page, "/login", decision="deny")
    assert says_so(again, "/login")
    assert redirected(await submit(http, again, "/login", decision="deny"))["error"] == "access_denied"


# The consent page


async def consent_page(house: Service, http: httpx2.AsyncClient, **changed: str) -> httpx2.Response:
    await house.sql.execute("DELETE FROM consents")
    page = await enter(
        http, await http.get(authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK, **changed))
    )
    assert is_page(page, "/consent")
    return page


@pytest.mark.parametrize("decision", ["allow", "deny"])
async def test_a_consent_page_that_has_expired_asks_again(house: Service, decision: str) -> None:
    http = house.caller()
    page = await consent_page(house, http)
    forget(http)
    again = await submit(http, page, "/consent", decision=decision)
    assert says_so(again, "/consent")
    assert await house.sql.fetchval("SELECT count(*) FROM consents") == 0
    answer = await submit(
        http, page, "/consent", request=aged(house, again), csrf=fields(again)["csrf"], decision="allow"
    )
    assert says_so(answer, "/consent", 400)
    assert await house.sql.fetchval("SELECT count(*) FROM consents") == 0
    assert "code" in redirected(await submit(http, answer, "/consent", decision="allow"), PARTNER_CALLBACK)


async def test_a_no_on_an_expired_page_never_becomes_a_yes(house: Service) -> None:
    """Another tab allowed the client meanwhile; this one says no, too late."""
    http = house.caller()
    page = await consent_page(house, http)
    other = await http.get(authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK))
    assert "code" in redirected(await submit(http, other, "/consent", decision="allow"))
    forget(http)
    again = await submit(http, page, "/consent", decision="deny")
    assert says_so(again, "/consent")
    assert redirected(await submit(http, again, "/consent", decision="deny"))["error"] == "access_denied"


# A pushed request


async def test_a_pushed_request_comes_again_where_the_browser_says_that_the_page_was_ours(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    pushed = await http.post("/par", data=authorize_parameters(pkce))
    page = await http.get(pushed_url(pushed.json()["request_uri"]), follow_redirects=True)
    form = {**fields(page), "username": "test@example.com", "password": "password"}
    stranger = house.caller()
    refused = await stranger.post("/login", data=form)
    assert refused.status_code == 403
    assert "<form" not in refused.text, "another browser gets nothing of it"
    assert 'href="http://localhost:5173/"' in refused.text, "but the way back"
    forget(http)
    again = await http.post("/login", data=form, headers={"sec-fetch-site": "same-origin"})
    assert says_so(again, "/login")
    assert (await redeem(http, redirected(await enter(http, again))["code"], pkce)).status_code == 200


# The other pages


@pytest.mark.parametrize("decision", ["logout", "stay"])
async def test_a_logout_page_that_has_expired_asks_again_and_knows_the_way_back(house: Service, decision: str) -> None:
    after, client_id = "https://shop.example/bye", f"leaver-{decision}"
    async with house.runtime.db.transaction() as connection:
        leaver = flat_client(id=client_id, name="Leaver", kind="public", post_logout_redirect_uris=(after,))
        await clients.add(connection, leaver)
    http = house.caller()
    tokens = await tokens_for(http)
    asked = {"client_id": client_id, "post_logout_redirect_uri": after, "state": "s"}
    page = await http.get("/logout?" + urlencode(asked))
    forget(http)
    again = await submit(http, page, "/logout", decision=decision)
    assert says_so(again, "/logout")
    assert await house.active(tokens["access_token"])
    done = await submit(http, again, "/logout", decision="logout")
    assert done.headers["location"] == f"{after}?state=s"
    assert not await house.active(tokens["access_token"])
    forget(http)
    nobody = await submit(http, page, "/logout", decision=decision)
    assert nobody.status_code in (200, 403)
    assert f'href="{after}?state=s"' in nobody.text


async def test_a_logout_page_older_than_an_hour_asks_again(house: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    http = house.caller()
    tokens = await tokens_for(http)
    page = await http.get("/logout")
    with later(house, monkeypatch, LOGOUT_PAGE_SECONDS + 1):
        again = await submit(http, page, "/logout", decision="logout")
    assert says_so(again, "/logout", 400)
    assert await house.active(tokens["access_token"])


async def test_a_device_page_that_has_expired_keeps_the_code(house: Service) -> None:
    http = house.caller()
    await enter(http, await http.get("/login?next=/device"))
    page = await http.get("/device")
    forget(http)
    again = await submit(http, page, "/device", user_code="BCDF-GHJK", decision="allow")
    assert says_so(again, "/device")
    assert fields(again)["user_code"] == "BCDF-GHJK"
    nobody = house.caller()
    answer = await nobody.post("/device", data={"csrf": "x", "user_code": "BCDF-GHJK"})
    assert answer.headers["location"].startswith("/login?request=")


@pytest.mark.parametrize(
    ("path", "filled"),
    [
        ("/account/sessions/end", {"session": "00000000-0000-0000-0000-000000000000"}),
        ("/account/sessions/end-others", {}),
        ("/account/password", {"current_password": "password", "new_password": "x", "repeat_password": "x"}),
        ("/account/apps/revoke", {"client_id": "partner"}),
    ],
)
async def test_an_account_page_that_has_expired_comes_again_and_nothing_was_changed(
    house: Service, path: str, filled: dict[str, str]
) -> None:
    http = house.caller()
    await enter(http, await http.get("/login"))
    page = await http.get("/account")
    forget(http)
    before = await house.content()
    again = await http.post(path, data={"csrf": fields(page)["csrf"], **filled})
    assert says_so(again, path)
    assert again.text.count('id="problem"') == 1
    assert await house.content() == before
