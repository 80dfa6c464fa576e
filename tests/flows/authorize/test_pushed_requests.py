"""Pushed authorization requests (RFC 9126): what was pushed counts, for one answer, for its client, and nothing beside
it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import pytest_asyncio

from authsvc.store.caller import clients
from authsvc.store.upkeep import sweep
from authsvc_devkit.servers import Servers
from tests.support.busy import again_when_busy, none_turned_away
from tests.support.calls import refused
from tests.support.clients import flat_client
from tests.support.login_steps import (
    CALLBACK,
    PARTNER,
    PARTNER_CALLBACK,
    Pkce,
    authorize_parameters,
    authorize_url,
    enter,
    fields,
    is_page,
    log_in,
    opened,
    pushed_url,
    redeem,
    redirected,
    submit,
)
from tests.support.proofs import Holder
from tests.support.registration import registered
from tests.support.service import ISSUER, Service, service

PREFIX = "urn:ietf:params:oauth:request_uri:"
PUSHER = flat_client(
    id="pusher",
    name="Pusher",
    kind="public",
    redirect_uris=(CALLBACK,),
    first_party=True,
    grant_types=frozenset({"authorization_code", "refresh_token"}),
    scopes=("openid", "profile", "email"),
    require_pushed_authorization_requests=True,
)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        async with running.runtime.db.transaction() as connection:
            await clients.add(connection, PUSHER)
        yield running


async def push(
    house: Service, pkce: Pkce | None = None, auth: Any = None, headers: dict[str, str] | None = None, **changed: Any
) -> httpx2.Response:
    form = authorize_parameters(pkce or Pkce(), **changed)
    return await house.http.post("/par", data=form, auth=auth, headers=headers)


async def pushed(house: Service, pkce: Pkce | None = None, auth: Any = None, **changed: Any) -> str:
    answer = await push(house, pkce, auth, **changed)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["request_uri"]
    return found


def shown(answer: httpx2.Response) -> bool:
    """An error for the person: nothing is sent anywhere."""
    assert answer.status_code == 400, answer.text
    assert is_page(answer)
    assert "location" not in answer.headers
    return True


# What it gives


async def test_a_pushed_request_leads_to_tokens(house: Service) -> None:
    pkce = Pkce()
    answer = await push(house, pkce, state="s p ä", nonce="n+1")
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["expires_in"] == 60
    assert re.fullmatch(re.escape(PREFIX) + "[A-Za-z0-9_-]{43}", answer.json()["request_uri"])
    browser = house.caller()
    got = await log_in(browser, pushed_url(answer.json()["request_uri"]))
    assert (got["state"], got["iss"]) == ("s p ä", ISSUER)
    tokens = await redeem(browser, got["code"], pkce)
    assert tokens.status_code == 200
    assert tokens.json()["id_token"]


async def test_a_confidential_client_authenticates_as_at_the_token_endpoint(house: Service) -> None:
    form = {"client_id": "partner", "redirect_uri": PARTNER_CALLBACK}
    assert await pushed(house, auth=PARTNER, **form)
    assert await pushed(house, client_secret="partner-secret", **form)
    for auth, more in ((None, {}), (("partner", "wrong"), {}), (None, {"client_secret": "wrong"})):
        assert refused(await push(house, auth=auth, **form, **more), "invalid_client", 401)
    assert refused(await push(house, auth=PARTNER, client_id="customer"))
    assert refused(await push(house, auth=PARTNER, client_secret="partner-secret", **form))
    assert refused(await push(house, client_id=None), "invalid_client", 401)
    assert refused(await push(house, client_id="nobody"), "invalid_client", 401)


async def test_only_the_digest_and_no_secret_is_stored(house: Service) -> None:
    request_uri = await pushed(
        house, client_secret="partner-secret", client_id="partner", redirect_uri=PARTNER_CALLBACK
    )
    rows = [dict(row) for row in await house.sql.fetch("SELECT * FROM pushed_requests")]
    assert request_uri.removeprefix(PREFIX) not in str(rows)
    assert "partner-secret" not in str(rows)


# For one answer, for a minute, for its client


async def test_a_request_uri_is_answered_once(house: Service) -> None:
    browser = house.caller()
    await log_in(browser, authorize_url(Pkce()))
    url = pushed_url(await pushed(house))
    assert "code" in redirected(await browser.get(url))
    assert shown(await browser.get(url))
    assert shown(await house.caller().get(url))


async def test_the_page_of_a_pushed_request_can_be_loaded_again(house: Service) -> None:
    """Phones do it to a tab that was left for the password manager."""
    browser, pkce = house.caller(), Pkce()
    url = pushed_url(await pushed(house, pkce, state="mine"))
    first = await browser.get(url)
    assert first.status_code == 303
    address = first.headers["location"]
    assert address.startswith("/login?request=")
    assert "mine" not in address
    for _ in range(3):
        page = await browser.get(address)
        assert is_page(page, "/login")
        assert "Customer" in page.text
    assert is_page(await opened(browser, url), "/login"), "nobody was answered yet"
    got = redirected(await enter(browser, page), CALLBACK)
    assert got["state"] == "mine"
    assert (await redeem(browser, got["code"], pkce)).status_code == 200
    late = await browser.get(address)
    assert shown(late)
    assert "request_uri_answered" in late.text
    assert 'href="http://localhost:5173/"' in late.text


async def test_a_person_who_refused_has_answered(house: Service) -> None:
    browser = house.caller()
    await log_in(browser, authorize_url(Pkce()))
    form = {"client_id": "partner", "redirect_uri": PARTNER_CALLBACK, "prompt": "consent"}
    url = pushed_url(await pushed(house, auth=PARTNER, **form), "partner")
    pages = [await opened(browser, url) for _ in range(2)]
    assert "error=access_denied" in (await submit(browser, pages[0], "/consent", decision="deny")).headers["location"]
    assert shown(await submit(browser, pages[1], "/consent", decision="allow")), "one page, one answer"
    assert shown(await browser.get(url))


async def test_the_address_of_that_page_gives_another_browser_nothing(house: Service) -> None:
    browser, stranger = house.caller(), house.caller()
    await log_in(stranger, authorize_url(Pkce()))
    address = (await browser.get(pushed_url(await pushed(house)))).headers["location"]
    for other in (stranger, house.caller()):
        page = await other.get(address)
        assert shown(page)
        assert "<form" not in page.text
        assert 'href="http://localhost:5173/"' in page.text
    box = fields(await house.caller().get(authorize_url(Pkce())))["request"]
    plain = await stranger.get("/login?" + urlencode({"request": box}))
    assert plain.headers["location"] == "/account", "the box of a request that was not pushed has no address"
    assert is_page(await browser.get(address), "/login")


async def test_who_comes_too_late_is_shown_the_way_back_to_the_client(house: Service) -> None:
    gone = f"{PREFIX}{'A' * 43}"
    page = await house.caller().get(pushed_url(gone))
    assert shown(page)
    assert "request_uri_unknown" in page.text
    assert 'href="http://localhost:5173/"' in page.text
    stranger = await registered(house, redirect_uris=["https://stranger.example/cb"])
    for client_id in (stranger["client_id"], "nobody"):  # anybody can name one of those
        page = await house.caller().get(pushed_url(gone, client_id))
        assert shown(page)
        assert 'class="button"' not in page.text


async def test_the_page_of_a_pushed_request_can_be_loaded_after_more_than_an_hour(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = house.caller()
    address = (await browser.get(pushed_url(await pushed(house)))).headers["location"]
    now = house.runtime.clock.seconds
    monkeypatch.setattr(type(house.runtime.clock), "seconds", lambda _: now() + 2 * 3600)
    assert "code" in redirected(await enter(browser, await browser.get(address)), CALLBACK)


async def test_a_head_spends_nothing_and_gives_no_code(house: Service) -> None:
    """Link scanners and previews of chats send them."""
    browser, pkce = house.caller(), Pkce()
    await log_in(browser, authorize_url(Pkce()))
    url = pushed_url(await pushed(house, pkce))
    for _ in range(2):
        assert (await browser.head(url)).headers["location"] == "/login"
    plain = await browser.head(authorize_url(pkce))
    assert (plain.status_code, plain.headers.get("location")) == (200, None)
    got = redirected(await browser.get(url), CALLBACK)
    assert (await redeem(browser, got["code"], pkce)).status_code == 200
    address = (await house.caller().get(pushed_url(await pushed(house)))).headers["location"]
    before = await house.sql.fetchval("SELECT count(*) FROM grants")
    for path in (url, address, authorize_url(pkce), authorize_url(pkce, prompt="none"), "/logout", "/account"):
        await browser.head(path)
    assert await house.sql.fetchval("SELECT count(*) FROM grants") == before


async def test_a_request_that_is_longer_than_an_address_is_drawn_at_once(house: Service) -> None:
    browser, pkce = house.caller(), Pkce()
    claims = json.dumps({"userinfo": {"email": None}, "x": {"y": "z" * 1900}})
    asked = {"claims": claims, "login_hint": "l" * 1000, "resource": " ".join([ISSUER] * 90)}
    url = pushed_url(await pushed(house, pkce, **asked, ui_locales="en " * 300))
    page = await browser.get(url)
    assert is_page(page, "/login")
    answer = await submit(browser, page, "/login", username="test@example.com", password="password")
    assert "code" in redirected(answer, CALLBACK)


@again_when_busy
async def test_of_fifty_parallel_uses_one_passes(house: Service) -> None:
    browser = house.caller()
    await log_in(browser, authorize_url(Pkce()))
    url = pushed_url(await pushed(house))
    answers = await asyncio.gather(*(browser.get(url) for _ in range(50)))
    none_turned_away(answers)
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 49


async def test_a_request_uri_is_dead_after_a_minute(house: Service) -> None:
    request_uri = await pushed(house)
    left = await house.sql.fetchval("SELECT max(extract(epoch FROM expires_at - now()))::float8 FROM pushed_requests")
    assert 55 < left <= 60
    await house.sql.execute("UPDATE pushed_requests SET expires_at = now()")
    assert shown(await house.http.get(pushed_url(request_uri)))


async def test_another_clients_request_uri_is_refused_and_stays_its_own(house: Service) -> None:
    request_uri = await pushed(house)
    for thief in ("pusher", "partner", "nobody", ""):
        assert shown(await house.http.get(pushed_url(request_uri, thief)))
    assert shown(await house.http.get("/authorize?" + urlencode({"request_uri": request_uri})))
    assert is_page(await opened(house.caller(), pushed_url(request_uri)), "/login")


async def test_what_was_pushed_is_swept(house: Service) -> None:
    await house.sql.execute("DELETE FROM pushed_requests")
    await pushed(house)
    await house.sql.execute("UPDATE pushed_requests SET expires_at = now() - interval '1 second'")
    await pushed(house)  # whoever pushes sweeps as well
    assert await house.sql.fetchval("SELECT count(*) FROM pushed_requests WHERE expires_at < now()") == 0
    await house.sql.execute("UPDATE pushed_requests SET expires_at = now() - interval '1 second'")
    assert ("pushed_requests", 1) in [done async for done in sweep.sweep(house.runtime.db, rest=0)]


# Nothing beside it


async def test_parameters_beside_a_request_uri_do_not_count(house: Service) -> None:
    """Whoever changes the address in the browser changes nothing of what the client asked for."""
    pkce, other = Pkce(), Pkce()
    request_uri = await pushed(house, pkce, scope="openid", state="mine")
    url = pushed_url(
        request_uri,
        redirect_uri="https://evil.example/",
        scope="openid email",
        state="evil",
        nonce="evil",
        code_challenge=other.challenge,
        response_mode="form_post",
        prompt="none",
        claims="{",
        response_type="token",
    )
    got = await log_in(house.caller(), url)
    assert got["state"] == "mine"
    assert refused(await redeem(house.http, got["code"], other), "invalid_grant")
    request_uri = await pushed(house, pkce, scope="openid", state=None)
    got = await log_in(house.caller(), pushed_url(request_uri, state="evil", scope="openid email"))
    assert "state" not in got
    assert (await redeem(house.http, got["code"], pkce)).json()["scope"] == "openid"


async def test_a_request_object_beside_a_request_uri_is_ambiguous(house: Service) -> None:
    request_uri = await pushed(house)
    assert shown(await house.http.get(pushed_url(request_uri, request="e30.e30.x")))
    for twice in ("client_id", "request_uri", "state"):
        sent = [("client_id", "customer"), ("request_uri", request_uri), (twice, "x"), (twice, "y")]
        assert shown(await house.http.get("/authorize?" + urlencode(sent)))


@pytest.mark.parametrize(
    "request_uri",
    [
        "https://evil.example/request.jwt",
        "http://127.0.0.1:1/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "data:application/jwt,x",
        "urn:example:x",
        "urn:ietf:params:oauth:request_uri",
        "x",
        "\u00e4",
    ],
)
async def test_an_external_request_uri_is_refused_and_never_fetched(house: Service, request_uri: str) -> None:
    got = redirected(await house.http.get(authorize_url(Pkce(), request_uri=request_uri)), CALLBACK)
    assert got["error"] == "request_uri_not_supported"
    assert shown(await house.http.get(pushed_url(request_uri)))


@pytest.mark.parametrize("reference", ["", "x", "A" * 43, "A" * 44, "A" * 42 + "=", "%00" * 43, "é" * 43, "' OR 1=1--"])
async def test_a_reference_that_was_never_given_is_refused(house: Service, reference: str) -> None:
    assert shown(await house.http.get(pushed_url(PREFIX + reference)))


async def test_prompt_login_goes_its_round_with_a_pushed_request(house: Service) -> None:
    """The request waits in the box of the login page, not in the store."""
    browser, pkce = house.caller(), Pkce()
    await log_in(browser, authorize_url(Pkce()))
    url = pushed_url(await pushed(house, pkce, prompt="login", client_id="pusher"), "pusher")
    page = await opened(browser, url)
    assert is_page(page, "/login")
    await house.sql.execute("DELETE FROM pushed_requests")
    got = redirected(await enter(browser, page), CALLBACK)
    assert (await redeem(browser, got["code"], pkce, client_id="pusher")).status_code == 200


# The same rules as at /authorize


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": CALLBACK + "/"}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": 'openid "'}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"claims": "{"}, "invalid_request"),
        ({"state": "x" * 16_385}, "invalid_request"),
        ({"nonce": "x" * 4097}, "invalid_request"),
        ({"request_uri": PREFIX + "A" * 43}, "invalid_request"),
        ({"request_uri": "https://evil.example/"}, "invalid_request"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"request": "e30.e30.x"}, "invalid_request_object"),
        ({"dpop_jkt": "x"}, "invalid_request"),
    ],
    ids=repr,
)
async def test_a_request_is_judged_when_it_is_pushed(house: Service, changed: dict[str, Any], error: str) -> None:
    assert refused(await push(house, **changed), error)


async def test_a_client_without_the_grant_pushes_nothing(house: Service) -> None:
    answer = await house.http.post(
        "/par", data=authorize_parameters(Pkce(), client_id=None), auth=("backend", "backend-secret")
    )
    assert refused(answer)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state", "scope", "code_challenge", "unknown"])
async def test_a_parameter_that_is_pushed_twice_is_refused(house: Service, name: str) -> None:
    pairs = [*authorize_parameters(Pkce()).items(), ("unknown", "x")]
    body = urlencode([*pairs, (name, dict(pairs)[name])])
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert refused(await house.http.post("/par", content=body, headers=headers))


async def test_several_resources_may_be_pushed(house: Service) -> None:
    pkce = Pkce()
    body = urlencode([*authorize_parameters(pkce).items(), ("resource", ISSUER), ("resource", ISSUER)])
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert (await house.http.post("/par", content=body, headers=headers)).status_code == 201


async def test_a_body_is_bounded_and_a_form(house: Service) -> None:
    form = authorize_parameters(Pkce())
    assert refused(await house.http.post("/par", data={**form, "x": "y" * 70_000}), status=413)
    assert refused(await house.http.post("/par", json=form))
    assert refused(await house.http.post("/par", data={**form, "state": "\0"}))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert refused(await house.http.post("/par", content=b"state=\xff", headers=headers))
    assert (await house.http.get("/par")).status_code == 405


async def test_a_pushed_scope_that_is_not_registered_is_left_out(house: Service) -> None:
    pkce = Pkce()
    got = await log_in(house.caller(), pushed_url(await pushed(house, pkce, scope="openid admin profile")))
    tokens = (await redeem(house.http, got["code"], pkce)).json()
    assert tokens["scope"] == "openid profile"


# Clients that must push


async def test_a_client_that_must_push_is_refused_at_the_door(house: Service) -> None:
    got = redirected(await house.http.get(authorize_url(Pkce(), client_id="pusher")), CALLBACK)
    assert got["error"] == "invalid_request"
    pkce = Pkce()
    request_uri = await pushed(house, pkce, client_id="pusher")
    got = await log_in(house.caller(), pushed_url(request_uri, "pusher"))
    assert (await redeem(house.http, got["code"], pkce, client_id="pusher")).status_code == 200


async def test_the_operator_may_demand_it_of_all(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, require_pushed_authorization_requests="true") as strict:
        got = redirected(await strict.http.get(authorize_url(Pkce())), CALLBACK)
        assert got["error"] == "invalid_request"
        assert "code" in await log_in(strict.caller(), pushed_url(await pushed(strict)))
        for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
            assert (await strict.http.get(path)).json()["require_pushed_authorization_requests"] is True


async def test_the_metadata_name_the_endpoint(house: Service) -> None:
    said = (await house.http.get("/.well-known/openid-configuration")).json()
    assert said["pushed_authorization_request_endpoint"] == f"{ISSUER}/par"
    assert said["require_pushed_authorization_requests"] is False
    assert said["request_parameter_supported"] is said["request_uri_parameter_supported"] is False


# A code that is bound to a key (RFC 9449 section 10)


async def test_a_code_bound_by_dpop_jkt_is_redeemed_by_its_key_alone(house: Service) -> None:
    holder, thief = Holder(house), Holder(house)
    for key, taken in ((None, False), (thief, False), (holder, True)):
        pkce = Pkce()
        got = await log_in(house.caller(), authorize_url(pkce, dpop_jkt=holder.jkt))
        form = {
            "grant_type": "authorization_code",
            "client_id": "customer",
            "redirect_uri": CALLBACK,
            "code": got["code"],
            "code_verifier": pkce.verifier,
        }
        answer = await (key.post("/token", data=form) if key else house.http.post("/token", data=form))
        assert answer.status_code == (200 if taken else 400), answer.text
        assert taken or answer.json()["error"] == "invalid_grant"
    assert answer.json()["token_type"] == "DPoP"
    assert refused(await thief.refresh(answer.json()["refresh_token"]), "invalid_dpop_proof")
    assert (await holder.refresh(answer.json()["refresh_token"])).status_code == 200


async def test_a_proof_at_par_binds_the_code(house: Service) -> None:
    holder, pkce = Holder(house), Pkce()
    form = authorize_parameters(pkce)
    pushed_with = await holder.post("/par", data=form)
    assert pushed_with.status_code == 201
    got = await log_in(house.caller(), pushed_url(pushed_with.json()["request_uri"]))
    assert refused(await redeem(house.http, got["code"], pkce), "invalid_grant")
    again = await holder.post("/par", data={**form, "dpop_jkt": holder.jkt})
    assert again.status_code == 201
    assert refused(await holder.post("/par", data={**form, "dpop_jkt": Holder(house).jkt}), "invalid_dpop_proof")
    assert refused(await holder.post("/par", holder.proof("/token"), data=form), "invalid_dpop_proof")


async def test_a_proof_with_the_code_binds_the_refresh_token_of_a_public_client_only(house: Service) -> None:
    holder, pkce = Holder(house), Pkce()
    got = await log_in(house.caller(), authorize_url(pkce))
    form = {"grant_type": "authorization_code", "code": got["code"], "code_verifier": pkce.verifier}
    answer = await holder.post("/token", data={**form, "client_id": "customer", "redirect_uri": CALLBACK})
    assert answer.json()["token_type"] == "DPoP"
    assert refused(await house.refresh(answer.json()["refresh_token"]), "invalid_dpop_proof")
    got = await log_in(
        house.caller(),
        authorize_url(pkce, client_id="partner", redirect_uri=PARTNER_CALLBACK, scope="openid offline_access"),
    )
    form = {**form, "code": got["code"], "redirect_uri": PARTNER_CALLBACK}
    answer = await holder.post("/token", data=form, auth=PARTNER)
    assert answer.json()["token_type"] == "DPoP"
    form = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    answer = await Holder(house).post("/token", data=form, auth=PARTNER)  # it proves itself, and may change its key
    assert answer.status_code == 200


@pytest.mark.parametrize("state", ["x" * 16_384, '\u00e4\U0001f37a"\\ ' * 1600], ids=["ascii", "unicode"])
async def test_a_long_state_comes_back_through_every_page(house: Service, state: str) -> None:
    browser = house.caller()
    await house.sql.execute("DELETE FROM consents")
    form = {"client_id": "partner", "redirect_uri": PARTNER_CALLBACK, "state": state, "nonce": "n" * 4096}
    got = await log_in(browser, pushed_url(await pushed(house, auth=PARTNER, **form), "partner"))
    assert got["state"] == state


async def test_the_parameters_are_kept_byte_for_byte(house: Service) -> None:
    state = "\u00e4 \U0001f37a \\ \" ' <>&%20+"
    got = await log_in(house.caller(), pushed_url(await pushed(house, state=state)))
    assert got["state"] == state


async def test_strangers_push_so_many_requests_a_network_and_no_more(
    servers: Servers, base_env: dict[str, str]
) -> None:
    """Anybody is a public client, and each pushed request is a row. Confidential clients have proved themselves."""
    async with service(servers, base_env, push_network_requests=3) as house:

        async def status(http: httpx2.AsyncClient, auth: Any = None, **changed: str | None) -> int:
            form = authorize_parameters(Pkce(), **changed)
            return (await http.post("/par", data=form, auth=auth)).status_code

        here, there = house.caller("198.51.100.20"), house.caller("203.0.113.9")
        assert await status(here, response_type="token") == 400  # what leaves no row takes no place
        assert [await status(here) for _ in range(4)] == [201, 201, 201, 429]
        assert await house.sql.fetchval("SELECT count(*) FROM pushed_requests") == 3
        assert await status(here, response_type="token") == 400
        answer = await here.post("/par", data=authorize_parameters(Pkce()))
        assert (answer.json()["error"], int(answer.headers["retry-after"]) > 0) == ("too_many_attempts", True)
        assert await status(there) == 201
        partner = {"client_id": None, "redirect_uri": PARTNER_CALLBACK}
        assert await status(here, auth=PARTNER, **partner) == 201
