"""Log in by a passkey on a page of the house, and every way in which that must fail (SECURITY.md item 78)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest
from jwt import decode

from authsvc.rules.levels import PHR_ACR, PHRH_ACR
from authsvc.rules.sealed_value_lifetimes import PASSKEY_CHALLENGE_SECONDS
from authsvc_devkit.servers import Servers
from tests.support.authenticator import Authenticator
from tests.support.factors import person
from tests.support.passkeys import challenged, enrolled, logged_in, person_with, show
from tests.support.proofs import Holder, refused_proof
from tests.support.service import LOGIN, Service, service

PAGE = "http://localhost:5173"
"""Of the customer's frontend."""


async def options(http: httpx2.AsyncClient, **members: Any) -> dict[str, Any]:
    answer = await http.post("/api/auth/passkey/options", json=members)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def finish(
    http: httpx2.AsyncClient, begun: dict[str, Any], credential: object, **members: Any
) -> httpx2.Response:
    said = {"passkey_challenge": begun["passkey_challenge"], "credential": credential, **members}
    return await http.post("/api/auth/passkey", json=said)


async def log_in_by(http: httpx2.AsyncClient, key: Authenticator, **members: Any) -> httpx2.Response:
    begun = await options(http, **({"client_id": members["client_id"]} if "client_id" in members else {}))
    return await finish(http, begun, key.get(begun["options"]), **members)


async def key_of(house: Service, **made: Any) -> Authenticator:
    """The passkey of test@example.com, made on our own page, and used on the frontend's from now on."""
    key = await person_with(house, Authenticator(**made))
    key.origin = PAGE
    return key


def error(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def claims_of(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = decode(answer.json()["access_token"], options={"verify_signature": False})
    return found


# What it is for


@pytest.mark.parametrize(("synced", "acr", "method"), [(False, PHRH_ACR, "hwk"), (True, PHR_ACR, "swk")])
async def test_a_passkey_gives_tokens_as_the_password_does(house: Service, synced: bool, acr: str, method: str) -> None:
    key = await key_of(house, synced=synced)
    http = house.caller()
    answer = await log_in_by(http, key, remember_me=True, device_info="Till 3")
    claims = claims_of(answer)
    assert (claims["acr"], claims["amr"]) == (acr, [method, "user", "mfa"])
    said = answer.json()
    by_password = await house.login()
    assert set(said) == set(by_password)
    assert (said["user"]["email"], said["remember_me"]) == (LOGIN["email"], True)
    row = await house.sql.fetchrow("SELECT * FROM user_sessions WHERE id = $1::text::uuid", claims["sid"])
    assert row["device_info"] == "Till 3"
    assert [one.partition(":")[0] for one in row["credentials"]] == ["passkey"]
    assert "authsvc_device" in http.cookies
    refreshed = await house.refresh(said["refresh_token"])
    assert claims_of(refreshed)["acr"] == acr


async def test_the_challenge_asks_for_whoever_is_there_and_for_their_verification(house: Service) -> None:
    before = await house.content()
    begun = await options(house.caller())
    assert set(begun) == {"options", "passkey_challenge"}
    asked = begun["options"]
    assert (asked["rpId"], asked["allowCredentials"], asked["userVerification"]) == ("localhost", [], "required")
    assert await house.content() == before, "whoever asks leaves no row behind"


async def test_the_answer_may_be_an_object_as_browsers_make_it(house: Service) -> None:
    key, http = await key_of(house), house.caller()
    begun = await options(http)
    answer = await finish(http, begun, json.loads(key.get(begun["options"])))
    assert answer.status_code == 200, answer.text


async def test_a_removed_passkey_ends_what_it_opened_here(house: Service) -> None:
    key = await key_of(house)
    tokens = (await log_in_by(house.caller(), key)).json()
    assert await house.active(tokens["access_token"])
    key.origin = "http://localhost:8000"
    http = await logged_in(house.caller())
    passkey = await house.sql.fetchval("SELECT id FROM passkeys WHERE credential_id = $1", key.credential_id)
    page = await http.get("/account")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    await http.post("/account/passkeys/remove", data={"csrf": csrf, "passkey": str(passkey)})
    assert not await house.active(tokens["access_token"])
    key.origin = PAGE
    assert error(await log_in_by(house.caller(), key)) == (401, "invalid_credentials")


# Where it may be used


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:8000",
        "http://localhost:5174",
        "https://localhost:5173",
        "http://localhost:5173.attacker.example",
        "https://attacker.example",
        "http://sub.localhost:5173",
        "null",
    ],
)
async def test_only_on_a_registered_page_of_this_client(house: Service, origin: str) -> None:
    key = await key_of(house)
    key.origin = origin
    before = await house.content()
    assert error(await log_in_by(house.caller(), key)) == (401, "invalid_credentials")
    assert await house.content() == before


async def test_an_origin_that_the_client_names_besides_will_do(house: Service) -> None:
    await house.sql.execute("UPDATE clients SET origins = '{http://localhost:7777}' WHERE id = 'strict'")
    await until_known(house, "strict")
    key = await key_of(house)
    key.origin = "http://localhost:7777"
    assert (await log_in_by(house.caller(), key, client_id="strict")).status_code == 200
    assert error(await log_in_by(house.caller(), key)) == (401, "invalid_credentials"), "it is another client's"


async def until_known(house: Service, client_id: str) -> None:
    async with asyncio.timeout(5):
        while not (await house.runtime.clients.get(client_id)).login.origins:  # type: ignore[union-attr]
            await asyncio.sleep(0.05)


async def test_a_client_without_a_page_in_the_domain_gets_no_challenge(house: Service) -> None:
    await house.sql.execute(
        """INSERT INTO clients (id, name, kind, grant_types, scopes, first_party, redirect_uris)
           VALUES ('far', 'Far', 'public', '{refresh_token}', '{openid}', true, '{https://far.example/}')"""
    )
    far = {"client_id": "far"}
    assert error(await house.caller().post("/api/auth/passkey/options", json=far)) == (404, "not_found")
    key = await key_of(house)
    key.origin = "https://far.example"
    begun = await options(house.caller())
    answer = await finish(house.caller(), begun, key.get(begun["options"]), **far)
    assert error(answer) == (401, "invalid_credentials")


async def test_clients_that_are_not_of_the_house_get_none(house: Service) -> None:
    partner = {"client_id": "partner", "client_secret": "partner-secret"}
    http = house.caller()
    assert error(await http.post("/api/auth/passkey/options", json=partner)) == (400, "unauthorized_client")
    answer = await finish(http, {"passkey_challenge": "x"}, "x", **partner)
    assert error(answer) == (400, "unauthorized_client")


async def test_where_the_issuer_is_an_address_there_are_no_passkeys(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, issuer="http://127.0.0.1:8000", dev_mode="true") as house:
        assert error(await house.caller().post("/api/auth/passkey/options", json={})) == (404, "not_found")


# What is wrong with it


@pytest.mark.parametrize("change", ["unverified", "absent", "another rp", "another person", "signature", "malformed"])
async def test_whatever_is_wrong_is_answered_alike(house: Service, change: str) -> None:
    key, http = await key_of(house), house.caller()
    if change == "unverified":
        key.verified = False
    elif change == "absent":
        key.present = False
    elif change == "another rp":
        key.rp_id = "attacker.example"
    elif change == "another person":
        key.user_handle = b"x" * 16
    begun = await options(http)
    credential = key.get(begun["options"])
    if change == "signature":
        said = json.loads(credential)
        said["response"]["signature"] = said["response"]["signature"][:-4] + "AAAA"
        credential = json.dumps(said)
    elif change == "malformed":
        credential = "{}"
    before = await house.content()
    answer = await finish(http, begun, credential)
    assert error(answer) == (401, "invalid_credentials")
    assert answer.json()["error_description"] == "The passkey was not accepted."
    assert await house.content() == before


@pytest.mark.parametrize("thief", ["another client", "another program", "late", "of the hosted page", "altered"])
async def test_a_challenge_is_good_for_nobody_else(house: Service, thief: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key, members = await key_of(house), {"client_id": "customer"}
    http = house.caller(headers={"user-agent": "Shop/1"})
    begun = await options(http, **members)
    if thief == "of the hosted page":
        begun = await challenged(http)
        begun["passkey_challenge"] = begun["challenge"]
    credential = key.get(begun["options"])
    if thief == "another client":
        members = {"client_id": "bartender"}
    elif thief == "another program":
        http = house.caller(headers={"user-agent": "Thief/1"})
    elif thief == "late":
        now = house.runtime.clock.seconds() + PASSKEY_CHALLENGE_SECONDS + 1
        monkeypatch.setattr(house.runtime.clock, "seconds", lambda: now)
    elif thief == "altered":
        end = begun["passkey_challenge"][-2:]
        begun["passkey_challenge"] = begun["passkey_challenge"][:-2] + ("AA" if end != "AA" else "BB")
    assert error(await finish(http, begun, credential, **members)) == (401, "invalid_credentials")


async def test_a_challenge_of_a_frontend_opens_no_page_of_ours(house: Service) -> None:
    key, http = await key_of(house), house.caller()
    begun = await challenged(http)
    foreign = await options(http)
    for origin in (PAGE, "http://localhost:8000"):
        key.origin = origin
        answer = await show(http, {**begun, "challenge": foreign["passkey_challenge"]}, key.get(foreign["options"]))
        assert answer.status_code == 400
    assert (await http.get("/account")).status_code == 303


async def test_two_hundred_uses_of_one_answer_are_one_session(house: Service) -> None:
    key, http = await key_of(house), house.caller()
    begun = await options(http)
    credential = key.get(begun["options"])
    before = await house.sql.fetchval("SELECT count(*) FROM user_sessions")
    answers = await asyncio.gather(*(finish(http, begun, credential) for _ in range(200)))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 401, 503}
    assert await house.sql.fetchval("SELECT count(*) FROM user_sessions") == before + 1


async def test_a_disabled_person_is_refused(house: Service) -> None:
    email = "gone-with-key@example.com"
    user_id = await person(house, email)
    key = await enrolled(await logged_in(house.caller(), email))
    key.origin = PAGE
    await house.sql.execute("UPDATE users SET disabled_at = now() WHERE id = $1", user_id)
    assert error(await log_in_by(house.caller(), key)) == (401, "invalid_credentials")


# What the client and the person's roles demand


async def test_an_account_without_the_role_is_told_so(house: Service) -> None:
    await house.sql.execute("UPDATE clients SET required_role = 'cook' WHERE id = 'strict'")
    key = await key_of(house)
    async with asyncio.timeout(5):
        while (await house.runtime.clients.get("strict")).login.required_role is None:  # type: ignore[union-attr]
            await asyncio.sleep(0.05)
    answer = await log_in_by(house.caller(), key, client_id="strict")
    await house.sql.execute("UPDATE clients SET required_role = NULL WHERE id = 'strict'")
    assert error(answer) == (403, "access_denied")


async def test_a_rung_that_a_synced_passkey_does_not_reach_is_not_given(house: Service) -> None:
    await house.sql.execute(
        """INSERT INTO clients (id, name, kind, grant_types, scopes, first_party, required_acr, redirect_uris)
           VALUES ('vault', 'Vault', 'public', '{refresh_token}', '{openid}', true, 'phrh',
                   '{http://localhost:5173/}')"""
    )
    synced = await log_in_by(house.caller(), await key_of(house, synced=True), client_id="vault")
    assert error(synced) == (403, "unmet_authentication_requirements")
    bound = await log_in_by(house.caller(), await key_of(house), client_id="vault")
    assert claims_of(bound)["acr"] == PHRH_ACR


async def test_a_role_that_demands_a_second_factor_is_content_with_a_passkey(
    servers: Servers, base_env: dict[str, str]
) -> None:
    async with service(servers, base_env, mfa_roles="customer") as house:
        http = await logged_in(house.caller())
        key = await enrolled(http)
        key.origin = PAGE
        assert claims_of(await log_in_by(house.caller(), key))["acr"] == PHRH_ACR


async def test_as_a_second_factor_it_may_be_used_on_the_frontends_page_too(
    servers: Servers, base_env: dict[str, str]
) -> None:
    async with service(servers, base_env, mfa_roles="customer") as house:
        key = await enrolled(await logged_in(house.caller()))
        for origin, status in (("http://localhost:5199", 401), (PAGE, 200)):
            http = house.caller()
            asked = (await http.post("/api/auth/login", json=LOGIN)).json()
            assert asked["ways"][0] == "passkey"
            key.origin = origin
            credential = key.get(asked["passkey"]["options"])
            step = {"mfa_challenge": asked["mfa_challenge"], "way": "passkey", "credential": credential}
            answer = await http.post("/api/auth/login/second", json=step)
            assert answer.status_code == status, answer.text
        assert claims_of(answer)["amr"] == ["pwd", "hwk", "user", "mfa"]


# Bound to a key


async def test_tokens_are_bound_to_the_key_that_was_proved_and_a_proof_is_good_once(house: Service) -> None:
    key, holder = await key_of(house), Holder(house)
    begun = await options(house.http)
    said = {"passkey_challenge": begun["passkey_challenge"], "credential": key.get(begun["options"])}
    await holder.post("/api/auth/passkey", json={**said, "credential": "{}"})
    proof = holder.proof("/api/auth/passkey")
    answer = await holder.post("/api/auth/passkey", proof, json=said)
    assert claims_of(answer)["cnf"] == {"jkt": holder.jkt}
    begun = await options(house.http)
    said = {"passkey_challenge": begun["passkey_challenge"], "credential": key.get(begun["options"])}
    assert refused_proof(await holder.post("/api/auth/passkey", proof, json=said))


async def test_a_network_gets_so_many_challenges(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, passkey_network_requests=3) as house:
        answers = [await house.caller().post("/api/auth/passkey/options", json={}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200] * 3 + [429]
        assert (await house.caller("198.51.100.4").post("/api/auth/passkey/options", json={})).status_code == 200
