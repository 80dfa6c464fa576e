"""Clients that register themselves (RFC 7591, RFC 7592): with a token of the operator's, within what it lets them."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import jwt
import pytest
import pytest_asyncio

from authsvc.flows.caller import client_failures
from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.rules.device.codes import GRANT_TYPE
from authsvc_devkit.servers import Servers
from tests.security.conftest import statements
from tests.support.devices import ask, browser, decide, poll
from tests.support.login_steps import Pkce, authorize_url, enter
from tests.support.receiver import answer as said
from tests.support.receiver import receiver
from tests.support.registration import CALLBACK, SHOP, at, initial, is_error, register, registered, same, tokens_of
from tests.support.service import BACKEND, ISSUER, LOGIN, Service, bearer, service
from tests.support.signers import KEYS, PUBLIC
from tests.support.signing import signed_by_other
from tests.support.until_answered import until_answered


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, client_failures=100_000) as running:
        yield running


# Registering


async def test_a_client_registers_and_logs_people_in(house: Service) -> None:
    client = await registered(
        house, grant_types=["authorization_code", "refresh_token"], scope="openid profile offline_access"
    )
    assert client["client_secret_expires_at"] == 0
    assert abs(client["client_id_issued_at"] - house.runtime.clock.seconds()) < 5
    assert client["registration_client_uri"] == f"{ISSUER}/register/{client['client_id']}"
    tokens = await tokens_of(house, client, scope="openid offline_access")
    assert jwt.decode(tokens["id_token"], options={"verify_signature": False})["aud"] == client["client_id"]
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    auth = (client["client_id"], client["client_secret"])
    assert (await house.http.post("/token", data=form, auth=auth)).status_code == 200
    # RFC 7591 section 2: it said how it proves itself, so nothing else is taken.
    posted = {**form, "client_id": client["client_id"], "client_secret": client["client_secret"]}
    assert (await house.http.post("/token", data=posted)).status_code == 401


async def test_a_public_client_registers_without_a_secret(house: Service) -> None:
    client = await registered(house, token_endpoint_auth_method="none")
    assert not {"client_secret", "client_secret_expires_at"} & set(client)
    assert "refresh_token" not in await tokens_of(house, client, scope="openid")


async def test_a_client_registers_with_keys(house: Service) -> None:
    """Inline, and at an address of its own; nothing that is no public key is kept."""
    async with receiver(said(200, json.dumps({"keys": [PUBLIC["EdDSA"]]}).encode())) as host:
        inline = {"jwks": {"keys": [{**PUBLIC["ES256"], "x5c": ["x"]}]}}
        for alg, keys in (("ES256", inline), ("EdDSA", {"jwks_uri": f"http://127.0.0.1:{host.port}/jwks"})):
            client = await registered(house, token_endpoint_auth_method="private_key_jwt", **keys)
            assert "client_secret" not in client
            now = int(house.runtime.clock.seconds())
            claims = {"iss": client["client_id"], "sub": client["client_id"], "aud": ISSUER, "exp": now + 60}
            text = signed_by_other({**claims, "jti": os.urandom(8).hex()}, KEYS[alg], alg)
            form = {"token": "x", "client_assertion": text, "client_assertion_type": ASSERTION_TYPE}
            assert (await house.http.post("/revoke", data=form)).status_code == 200
        assert len(host.requests) == 1
    assert (await registered(house, **inline))["jwks"] == {"keys": [PUBLIC["ES256"]]}
    encryption = {**PUBLIC["RS256"], "use": "enc", "alg": "RSA-OAEP"}
    inline = {"jwks": {"keys": [encryption, *inline["jwks"]["keys"]]}}
    assert (await registered(house, **inline))["jwks"] == {"keys": [PUBLIC["ES256"]]}


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"redirect_uris": ["http://shop.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"scope": "api"}, "invalid_client_metadata"),
        ({"jwks": {"keys": []}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [{**PUBLIC["ES256"], "d": "AQAB"}]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [PUBLIC["ES256"], {"kty": "oct"}]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [{**PUBLIC["RS256"], "use": "enc", "alg": "RSA-OAEP"}]}}, "invalid_client_metadata"),
        ({"jwks": "x"}, "invalid_client_metadata"),
        ({"jwks_uri": "http://shop.example/jwks"}, "invalid_client_metadata"),
        ({"jwks_uri": "https://10.0.0.1/jwks"}, "invalid_client_metadata"),
        ({"jwks_uri": "https://169.254.169.254/latest"}, "invalid_client_metadata"),
        ({"jwks_uri": "https://[fd00::1]/jwks"}, "invalid_client_metadata"),
        ({"backchannel_logout_uri": "https://192.168.0.1/"}, "invalid_client_metadata"),
        ({"backchannel_logout_uri": "https://[::ffff:10.0.0.1]/"}, "invalid_client_metadata"),
        ({"software_statement": "eyJhbGciOiJub25lIn0.e30."}, "unapproved_software_statement"),
    ],
    ids=range(17),
)
async def test_what_is_refused_takes_no_use_of_the_token(house: Service, members: dict[str, Any], error: str) -> None:
    token = await initial(house)
    before = await house.content()
    is_error(await register(house, token, **members), 400, error)
    assert await house.content() == before
    assert (await register(house, token)).status_code == 201


async def test_no_power_is_registered(house: Service) -> None:
    """What an operator alone gives is not there, whatever is asked for; and what is asked for so is no error."""
    powers = {
        "first_party": True,
        "introspection": True,
        "required_role": "admin",
        "exchange_audiences": [ISSUER],
        "audiences": [ISSUER],
        "client_id": "customer",
        "client_secret": "x" * 43,
    }
    client = await registered(house, **powers)
    assert client["client_id"] != "customer"
    assert client["client_secret"] != "x" * 43
    auth = (client["client_id"], client["client_secret"])
    assert (await house.http.post("/introspect", data={"token": "x"}, auth=auth)).status_code == 403
    own = await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=auth)
    assert own.json()["error"] == "unauthorized_client"
    row = await house.sql.fetchrow("SELECT * FROM clients WHERE id = $1", client["client_id"])
    assert not row["first_party"]
    assert not row["introspection"]
    assert row["required_role"] is None
    assert row["audiences"] == row["exchange_audiences"] == []


async def test_secrets_are_kept_as_digests_and_written_nowhere_else(house: Service) -> None:
    token = await initial(house)
    client = (await register(house, token)).json()
    texts = [token, client["client_secret"], client["registration_access_token"]]
    for (name,) in await house.sql.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        content = str(await house.sql.fetch(f'SELECT t::text FROM "{name}" t'))
        assert not any(text in content for text in texts), name
    row = await house.sql.fetchrow("SELECT * FROM clients WHERE id = $1", client["client_id"])
    assert row["registration_hash"] == sha256(client["registration_access_token"].encode()).digest()
    assert len(set(texts)) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", text) for text in texts)


async def test_who_registered_what_is_audited(house: Service) -> None:
    client = await registered(house)
    where, headers = at(client)
    await house.http.put(where, json=same(client), headers=headers)
    await house.http.delete(where, headers=headers)
    rows = await house.sql.fetch(
        "SELECT event, actor, detail FROM audit_events WHERE client_id = $1 ORDER BY id", client["client_id"]
    )
    own = f"client:{client['client_id']}"
    assert [(row["event"], row["actor"]) for row in rows] == [
        ("client_registered", "registration token of cli:tests"),
        ("client_changed", own),
        ("client_removed", own),
    ]
    assert json.loads(rows[0]["detail"]) == {"kind": "confidential", "note": "tests"}


# Initial access tokens


async def test_without_a_good_token_nothing_is_registered(house: Service) -> None:
    of_a_person = (await house.login())["access_token"]
    before = await house.content()
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}, {"Authorization": "Basic eDp5"}):
        answer = is_error(await house.http.post("/register", json=SHOP, headers=headers), 401, "invalid_request")
        assert answer.headers["www-authenticate"] == 'Bearer realm="authsvc"'  # RFC 6750 section 3.1: no code
    for token in ("x", "x" * 9000, "a b", "'--", of_a_person):
        assert (
            'error="invalid_token"'
            in is_error(await register(house, token), 401, "invalid_token").headers["www-authenticate"]
        )
    assert await house.content() == before


async def test_a_token_is_used_up_and_expires(house: Service) -> None:
    token = await initial(house, uses=2)
    assert [(await register(house, token)).status_code for _ in range(3)] == [201, 201, 401]
    short = await initial(house, uses=5)
    digest = sha256(short.encode()).digest()
    await house.sql.execute("UPDATE registration_tokens SET expires_at = now() WHERE digest = $1", digest)
    is_error(await register(house, short), 401, "invalid_token")
    assert await house.sql.fetchval("SELECT uses_left FROM registration_tokens WHERE digest = $1", digest) == 5


async def test_a_race_for_the_last_uses_has_that_many_winners(house: Service) -> None:
    """All wait for the same row: who is turned away, as on a slow machine, comes again."""
    token = await initial(house, uses=3)
    before = await house.sql.fetchval("SELECT count(*) FROM clients")
    answers = await until_answered(lambda: register(house, token), 25)
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [401] * 22
    assert await house.sql.fetchval("SELECT count(*) FROM clients") == before + 3
    won = [answer.json()["client_id"] for answer in answers if answer.status_code == 201]
    assert len(set(won)) == 3


# The registration afterwards (RFC 7592)


async def test_a_registration_is_read_without_its_secret(house: Service) -> None:
    client = await registered(house, policy_uri="https://shop.example/policy")
    where, headers = at(client)
    answer = await house.http.get(where, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    secret = {"client_secret", "client_secret_expires_at"}
    assert answer.json() == {name: value for name, value in client.items() if name not in secret}


async def test_a_change_is_all_of_it_anew(house: Service) -> None:
    client = await registered(house, policy_uri="https://shop.example/policy", dpop_bound_access_tokens=True)
    where, headers = at(client)
    wanted = same(
        client, client_name="Laden", policy_uri=..., dpop_bound_access_tokens=None, tos_uri="https://a.example/"
    )
    for _ in range(2):  # the same again: an answer may be lost
        answer = await house.http.put(where, json=wanted, headers=headers)
        assert answer.status_code == 200, answer.text
        now = answer.json()
        assert (now["client_name"], now["tos_uri"], now["dpop_bound_access_tokens"]) == (
            "Laden",
            "https://a.example/",
            False,
        )
        assert "policy_uri" not in now
        assert "client_secret" not in now
        assert now["client_id_issued_at"] == client["client_id_issued_at"]
        assert now["registration_access_token"] == client["registration_access_token"]
    assert (await house.http.get(where, headers=headers)).json() == now
    auth = (client["client_id"], client["client_secret"])
    assert (await house.http.post("/revoke", data={"token": "x"}, auth=auth)).status_code == 200


async def test_a_change_of_the_method_changes_what_proves_the_client(house: Service) -> None:
    client = await registered(house)
    where, headers = at(client)
    keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [PUBLIC["ES256"]]}}
    now = (await house.http.put(where, json=same(client, **keys), headers=headers)).json()
    assert "client_secret" not in now
    stored = "SELECT cardinality(secret_hashes) AS secrets, kind, jwks IS NULL AS keyless FROM clients WHERE id = $1"
    assert tuple(await house.sql.fetchrow(stored, client["client_id"])) == (0, "confidential", False)
    now = (
        await house.http.put(where, json=same(now, token_endpoint_auth_method="none", jwks=...), headers=headers)
    ).json()
    assert tuple(await house.sql.fetchrow(stored, client["client_id"])) == (0, "public", True)
    wanted = same(now, token_endpoint_auth_method="client_secret_post")
    now = (await house.http.put(where, json=wanted, headers=headers)).json()
    assert now["client_secret"] != client["client_secret"]
    await asyncio.sleep(1)
    form = {"token": "x", "client_id": client["client_id"]}
    for secret, status in ((now["client_secret"], 200), (client["client_secret"], 401)):
        answer = await house.http.post("/revoke", data={**form, "client_secret": secret})
        assert answer.status_code == status


async def test_a_change_keeps_what_an_operator_gave(house: Service) -> None:
    client = await registered(house)
    where, headers = at(client)
    await house.sql.execute(
        """UPDATE clients SET required_role = 'staff', session_seconds = 600, introspection = true,
                              scopes = scopes || '{api}' WHERE id = $1""",
        client["client_id"],
    )
    told = (await house.http.get(where, headers=headers)).json()
    assert (await house.http.put(where, json=same(told), headers=headers)).json() == told
    held = "SELECT required_role, session_seconds, introspection, scopes FROM clients WHERE id = $1"
    row = await house.sql.fetchrow(held, client["client_id"])
    assert tuple(row) == ("staff", 600, True, ["openid", "profile", "email", "api"])
    now = same(told, token_endpoint_auth_method="none")
    assert (await house.http.put(where, json=now, headers=headers)).status_code == 200
    row = await house.sql.fetchrow(held, client["client_id"])
    assert tuple(row)[:3] == ("staff", 600, False)


async def test_what_a_change_may_not_say(house: Service) -> None:
    client = await registered(house)
    where, headers = at(client)
    before = await house.content()
    for members in (
        same(client, client_id=...),
        same(client, client_id="customer"),
        same(client, client_secret="another"),
        same(client, client_secret=1),
        same(client, client_secret="\ud800"),
        same(client, registration_access_token="x"),
        {**same(client), "client_id_issued_at": 1},
        same(client, scope="admin"),
        same(client, jwks={"keys": [{"kty": "oct"}]}),
    ):
        content = json.dumps(members)
        answer = await house.http.put(where, content=content, headers={**headers, "Content-Type": "application/json"})
        is_error(answer, 400, "invalid_client_metadata")
    is_error(
        await house.http.put(where, json=same(client, redirect_uris=[]), headers=headers), 400, "invalid_redirect_uri"
    )
    assert await house.content() == before


async def test_a_change_takes_effect_on_logins(house: Service) -> None:
    client = await registered(house)
    where, headers = at(client)
    other = "https://shop.example/other"
    await house.http.put(where, json=same(client, redirect_uris=[other]), headers=headers)
    await asyncio.sleep(1)
    for uri, status in ((CALLBACK, 400), (other, 200)):
        url = authorize_url(Pkce(), client_id=client["client_id"], redirect_uri=uri, scope="openid")
        assert (await house.caller().get(url)).status_code == status


async def test_an_ended_registration_is_the_end_of_all_that_it_gave(house: Service) -> None:
    client = await registered(house, grant_types=["authorization_code", "refresh_token"])
    tokens = await tokens_of(house, client, scope="openid offline_access")
    assert await house.active(tokens["access_token"])
    where, headers = at(client)
    gone = await house.http.delete(where, headers=headers)
    assert (gone.status_code, gone.content) == (204, b"")
    assert not await house.active(tokens["access_token"])
    assert await house.sql.fetchval("SELECT count(*) FROM grants WHERE client_id = $1", client["client_id"]) == 0
    for method in ("GET", "PUT", "DELETE"):
        answer = await house.http.request(method, where, json=same(client), headers=headers)
        is_error(answer, 401, "invalid_token")  # RFC 7592 section 2: as for any token that is no good
    await asyncio.sleep(1)
    auth = (client["client_id"], client["client_secret"])
    assert (await house.http.post("/revoke", data={"token": "x"}, auth=auth)).status_code == 401


async def test_a_registration_opens_for_its_own_token_only(house: Service) -> None:
    mine, other = await registered(house), await registered(house)
    fresh = await initial(house)
    before = await house.content()
    where, headers = at(mine)
    wrong = [at(other)[1], bearer(fresh), bearer("x"), bearer(mine["client_secret"])]
    for method in ("GET", "PUT", "DELETE"):
        for used in wrong:
            is_error(await house.http.request(method, where, json=same(mine), headers=used), 401, "invalid_token")
        is_error(await house.http.request(method, where, json=same(mine)), 401, "invalid_request")
        for client_id in ("customer", "backend", "nobody", "x" * 129, "%00", "a%0Ab", "%ED%A0%80"):
            answer = await house.http.request(method, f"/register/{client_id}", json=same(mine), headers=headers)
            is_error(answer, 401, "invalid_token")
    assert await house.content() == before
    is_error(await register(house, mine["registration_access_token"]), 401, "invalid_token")


# Limits, and where it is off


async def test_guessing_is_limited_as_for_client_secrets(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, client_failures=3) as few:
        client = await registered(few)
        where, headers = at(client)
        token = await initial(few, uses=2)
        guesser = few.caller("203.0.113.9")
        answers = [await guesser.post("/register", json=SHOP, headers=bearer(f"x{number}")) for number in range(5)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        answers = [await guesser.delete(where, headers=bearer(f"x{number}")) for number in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        # What is right was not guessed: 256 random bits.
        assert (await guesser.post("/register", json=SHOP, headers=bearer(token))).status_code == 201
        assert (await guesser.get(where, headers=headers)).status_code == 200
        # Others go on, and so does whoever sends no token at all.
        assert (await few.http.get(where, headers=headers)).status_code == 200
        assert (await register(few, token)).status_code == 201


@pytest.mark.parametrize("name", ["authsvc", "Customer", "cu\u0301stomer", "BACKEND", "Bаckend", "Ｇｏｏｇｌｅ"])
async def test_nobody_registers_under_a_name_that_people_know(house: Service, name: str) -> None:
    is_error(await register(house, client_name=name), 400, "invalid_client_metadata")


async def test_a_name_that_became_somebody_elses_is_kept(house: Service) -> None:
    client = await registered(house, client_name="Kiosk")
    await house.sql.execute("UPDATE clients SET name = 'kiosk' WHERE id = 'terminal'")
    try:
        where, headers = at(client)
        assert (await house.http.put(where, json=same(client), headers=headers)).status_code == 200
        other = same(client, client_name="K\u0456osk")
        is_error(await house.http.put(where, json=other, headers=headers), 400, "invalid_client_metadata")
        is_error(await register(house, client_name="KIOSK"), 400, "invalid_client_metadata")
    finally:
        await house.sql.execute("UPDATE clients SET name = 'Terminal' WHERE id = 'terminal'")


async def test_a_flood_of_forged_registration_tokens_asks_postgresql_little(
    servers: Servers, base_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with service(servers, base_env, client_failures=3) as few:
        where, _ = at(await registered(few))
        forged = [few.runtime.entropy(32).hex()[:43] for _ in range(64)]
        for token in forged[:4]:
            await few.http.get(where, headers=bearer(token))
            await few.http.post("/register", json=SHOP, headers=bearer(token))
        now = client_failures.monotonic()
        monkeypatch.setattr(client_failures, "monotonic", lambda: now)
        with statements(few.runtime) as asked:
            for token in forged[4:]:
                is_error(await few.http.get(where, headers=bearer(token)), 429, "too_many_attempts")
                is_error(await few.http.post("/register", json=SHOP, headers=bearer(token)), 429, "too_many_attempts")
        assert len(asked) == 2 * client_failures.LOOKS_A_SECOND


async def test_it_is_off_until_it_is_turned_on(servers: Servers, base_env: dict[str, str]) -> None:
    env = {name: value for name, value in base_env.items() if name != "AUTHSVC_CLIENT_REGISTRATION"}
    async with service(servers, env) as off:
        token = await initial(off)
        for method, path in (("POST", ""), ("GET", "/x"), ("PUT", "/x"), ("DELETE", "/x")):
            answer = await off.http.request(method, f"/register{path}", json=SHOP, headers=bearer(token))
            is_error(answer, 404, "not_found")
        for name in ("openid-configuration", "oauth-authorization-server"):
            assert "registration_endpoint" not in (await off.http.get(f"/.well-known/{name}")).json()


async def test_the_metadata_say_where_and_what_they_list_can_be_registered(house: Service) -> None:
    known = (await house.http.get("/.well-known/openid-configuration")).json()
    assert known["registration_endpoint"] == f"{ISSUER}/register"
    for method in known["token_endpoint_auth_methods_supported"]:
        keys = {"jwks": {"keys": [PUBLIC["RS256"]]}} if method == "private_key_jwt" else {}
        assert (await registered(house, token_endpoint_auth_method=method, **keys))[
            "token_endpoint_auth_method"
        ] == method
    for subject_type in known["subject_types_supported"]:
        assert (await registered(house, subject_type=subject_type))["subject_type"] == subject_type


async def test_pairwise_clients_of_one_host_know_a_person_by_one_subject(house: Service) -> None:
    subjects = []
    for members in ({"subject_type": "pairwise"}, {"subject_type": "pairwise"}, {}):
        client = await registered(house, **members)
        tokens = await tokens_of(house, client, scope="openid")
        subjects.append(jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"])
    assert subjects[0] == subjects[1] != subjects[2]


async def test_a_pairwise_client_of_a_host_that_it_only_names_learns_no_subject_of_it(house: Service) -> None:
    """The device grant asks for no redirect URI: whoever registers the host of another gets a sector of their own."""
    shop = await registered(house, subject_type="pairwise")
    tokens = await tokens_of(house, shop, scope="openid")
    subject = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    grants = ["authorization_code", GRANT_TYPE]
    thief = await registered(house, subject_type="pairwise", grant_types=grants, token_endpoint_auth_method="none")
    asked = await ask(house, thief["client_id"], scope="openid")
    await decide(await browser(house, LOGIN["email"]), asked["user_code"])
    given = (await poll(house.http, asked["device_code"], thief["client_id"])).json()
    assert jwt.decode(given["id_token"], options={"verify_signature": False})["sub"] != subject


async def test_a_name_cannot_write_into_the_consent_page(house: Service) -> None:
    client = await registered(house, client_name="Tom & Co \"'")
    http = house.caller()
    url = authorize_url(Pkce(), client_id=client["client_id"], redirect_uri=CALLBACK, scope="openid")
    page = await enter(http, await http.get(url))
    assert "Tom &amp; Co &#34;&#39;" in page.text
    is_error(await register(house, client_name="<img src=x>"), 400, "invalid_client_metadata")


async def test_an_operators_client_is_no_registration(house: Service) -> None:
    """Nothing opens it: it has no token, and an empty digest is none."""
    for token in ("", "None", sha256(b"").hexdigest()):
        answer = await house.http.get("/register/backend", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    assert (await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)).status_code == 200
