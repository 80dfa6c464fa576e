"""Guessing: counted before anything is hashed, per account and network, and never at the owner's expense."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from threading import Event
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import bcrypt
import httpx2
import jwt
import pytest
import pytest_asyncio

from authsvc.flows.caller import authenticate_client, client_failures
from authsvc.flows.operator import manage_users
from authsvc.passwords import Passwords
from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.rules.client_record import Authentication
from authsvc.rules.secret_digest import digest_of
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.security.conftest import statements
from tests.support.busy import again_when_busy, none_turned_away, prompt
from tests.support.clients import flat_client
from tests.support.faultproxy import FaultProxy
from tests.support.service import BACKEND, HERE, ISSUER, LOGIN, Service, bearer, service
from tests.support.signers import FOREIGN, JWKS, KEYS, SIGNER
from tests.support.spoilt import spoilt

WRONG = {"email": "test@example.com", "password": "wrong"}
Arrived = set[asyncio.Task[Any] | None]


@pytest_asyncio.fixture
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    """Counters are what is tested: every test has its own."""
    async with service(servers, base_env) as running:
        yield running


async def attempt(http: httpx2.AsyncClient, **members: Any) -> httpx2.Response:
    return await http.post("/api/auth/login", json={**WRONG, **members})


async def guess(house: Service, times: int, address: str = HERE, **members: Any) -> list[int]:
    http = house.caller(address)
    return [(await attempt(http, **members)).status_code for _ in range(times)]


def is_limited(answer: httpx2.Response, window: int = 900) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_attempts"), answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= window
    assert answer.headers["cache-control"] == "no-store"
    return True


# Accounts and networks


async def test_the_eleventh_wrong_password_is_429_before_anything_is_hashed(
    house: Service, hashed: list[str | None]
) -> None:
    assert await guess(house, 10) == [401] * 10
    assert len(hashed) == 10
    for address in (HERE, "198.51.100.9"):
        assert is_limited(await attempt(house.caller(address)))
        assert is_limited(await house.caller(address).post("/api/auth/login", json=LOGIN))
    assert len(hashed) == 10


async def test_an_unknown_account_is_limited_alike(house: Service, hashed: list[str | None]) -> None:
    assert await guess(house, 11, email="nobody@example.com") == [401] * 10 + [429]
    assert hashed == [None] * 10


async def test_right_passwords_use_no_places_up(house: Service) -> None:
    http = house.caller()
    assert await guess(house, 9) == [401] * 9
    for _ in range(15):
        assert (await http.post("/api/auth/login", json=LOGIN)).status_code == 200
        http.cookies.clear()
    assert await guess(house, 2) == [401, 429]


async def test_a_role_that_is_missing_is_no_guess(house: Service) -> None:
    http = house.caller()
    for _ in range(15):
        answer = await http.post("/api/auth/login", json={**LOGIN, "client_id": "bartender"})
        assert answer.status_code == 403
    assert await guess(house, 1) == [401]


async def test_200_parallel_guesses_hash_at_most_10(house: Service, hashed: list[str | None]) -> None:
    http = house.caller()
    await house.login()
    hashed.clear()
    answers = await asyncio.gather(*(attempt(http, password=f"guess {n}") for n in range(200)))
    assert {answer.status_code for answer in answers} <= {401, 429, 503}  # 503: a busy machine; that is no guess either
    assert 1 <= sum(answer.status_code == 401 for answer in answers) == len(hashed) <= 10


async def test_a_known_device_enters_after_500_guesses_of_strangers(house: Service, hashed: list[str | None]) -> None:
    owner = house.caller("203.0.113.50")
    await house.login(owner)
    hashed.clear()
    for network in range(5):
        statuses = await guess(house, 100, f"198.51.100.{network}")
        assert set(statuses) <= {401, 429}
    assert len(hashed) == 10
    assert (await owner.post("/api/auth/login", json=LOGIN)).status_code == 200
    assert is_limited(await house.caller("203.0.113.50").post("/api/auth/login", json=LOGIN))


async def test_a_known_device_has_a_counter_of_its_own(house: Service) -> None:
    device = house.caller()
    await house.login(device)
    assert [(await attempt(device)).status_code for _ in range(11)] == [401] * 10 + [429]
    assert await guess(house, 1) == [401]
    await house.login(house.caller())


async def test_a_device_cookie_of_another_account_or_a_forged_one_gives_no_counter(house: Service) -> None:
    stranger = house.caller()
    await house.login(stranger, email="admin@example.com", client_id="admin")
    genuine = stranger.cookies["authsvc_device"]
    assert await guess(house, 10) == [401] * 10
    for cookie in (genuine, spoilt(genuine), genuine[:22] + "A" * 42, "x", "A" * 64, "", '"' + genuine + '"'):
        http = house.caller(headers={"Cookie": f"authsvc_device={cookie}"})
        assert is_limited(await attempt(http))


async def new_password(house: Service) -> None:
    assert await manage_users.set_password(house.runtime, "tests", LOGIN["email"], "another long one") == 3


async def disabled_for_a_while(house: Service) -> None:
    assert await manage_users.disable(house.runtime, "tests", LOGIN["email"]) == 3
    assert await manage_users.enable(house.runtime, "tests", LOGIN["email"]) is None


async def ended_by_the_operator(house: Service) -> None:
    user_id = await house.sql.fetchval("SELECT id FROM users WHERE email = $1", LOGIN["email"])
    assert await manage_users.end_sessions_of(house.runtime, "tests", user_id) == 3


async def ended_by_the_owner(house: Service) -> None:
    mine = await house.login()
    ended = await house.http.delete("/api/auth/sessions", headers=bearer(mine["access_token"]))
    assert ended.json() == {"ended": 3}


@pytest.mark.parametrize("end", [new_password, disabled_for_a_while, ended_by_the_operator, ended_by_the_owner])
async def test_device_cookies_end_with_the_password_and_with_all_sessions(
    house: Service, end: Callable[[Service], Awaitable[None]]
) -> None:
    """Whoever knew the password once could prepare thousands of devices, each with ten guesses more."""
    devices = [house.caller() for _ in range(3)]
    for device in devices:
        await house.login(device)
    await end(house)
    statuses = [(await attempt(device)).status_code for device in devices for _ in range(10)]
    assert statuses == [401] * 10 + [429] * 20


async def test_an_upgraded_hash_leaves_the_device_known(house: Service) -> None:
    device = house.caller()
    await house.login(device)
    old = bcrypt.hashpw(b"password", bcrypt.gensalt(4)).decode()
    await house.sql.execute("UPDATE users SET password_hash = $1 WHERE email = $2", old, LOGIN["email"])
    await house.login()
    assert await guess(house, 11) == [401] * 10 + [429]
    await house.login(device)


async def test_all_devices_of_an_account_share_a_wider_counter(house: Service) -> None:
    devices = [house.caller() for _ in range(4)]
    for device in devices:
        await house.login(device)
    statuses = [(await attempt(device)).status_code for device in devices for _ in range(10)]
    assert statuses == [401] * 30 + [429] * 10


async def test_known_devices_of_a_network_share_a_wide_counter(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, login_network_failures=2, login_account_failures=1000) as house:
        device = house.caller()
        await house.login(device)
        assert [(await attempt(device)).status_code for _ in range(21)] == [401] * 20 + [429]
        assert await guess(house, 1, "198.51.100.8") == [401]


async def test_known_devices_of_an_ipv6_48_share_a_counter_ten_times_as_wide(
    servers: Servers, base_env: dict[str, str]
) -> None:
    async with service(servers, base_env, login_network_failures=1, login_account_failures=1000) as house:
        device = house.caller("2001:db8:1:ffff::1")
        await house.login(device)

        async def guess_from(address: str) -> httpx2.Response:
            return await attempt(house.caller(address, cookies=device.cookies))

        for number in range(100):
            assert (await guess_from(f"2001:db8:1:{number // 10:x}::1")).status_code == 401, number
        assert is_limited(await guess_from("2001:db8:1:fffe::1"))
        assert (await guess_from("2001:db8:2:1::1")).status_code == 401


SPELLINGS = [
    "TEST@example.com",
    "Test@Example.COM",
    " test@example.com",
    "test@example.com  ",
    "\ttest@example.com\n",
    "ｔｅｓｔ@example.com",
    "test＠example.com",
    "test@example．com",
    "teſt@example.com",
    "test@ex\u00adample.com",
]


async def test_all_spellings_of_an_address_share_one_counter(house: Service, hashed: list[str | None]) -> None:
    for spelling in SPELLINGS:
        assert (await attempt(house.caller(), email=spelling)).status_code == 401
    assert None not in hashed, "each spelling reached the account"
    assert is_limited(await attempt(house.caller()))


async def test_a_spelling_that_has_its_own_counter_does_not_reach_the_account(
    house: Service, hashed: list[str | None]
) -> None:
    """Nothing is gained by a variant that the counter does not fold: it is no spelling of the account either."""
    for spelling in (
        "test@example.com.",
        "te st@example.com",
        "test\u200b@example.com",
        "tést@example.com",
    ):
        answer = await attempt(house.caller(), email=spelling, password="password")
        assert answer.status_code == 401
    assert set(hashed) == {None}


async def test_a_network_has_a_limit_of_100(house: Service, hashed: list[str | None]) -> None:
    http = house.caller("198.51.100.7")
    statuses = [(await attempt(http, email=f"person{n}@example.com")).status_code for n in range(105)]
    assert statuses == [401] * 100 + [429] * 5
    assert len(hashed) == 100
    assert await guess(house, 1, "198.51.100.8") == [401]


async def test_addresses_of_one_ipv6_64_are_one_network(house: Service) -> None:
    statuses = []
    for n in range(102):
        http = house.caller(f"2001:db8:1:2:{n:x}::{n:x}")
        statuses.append((await attempt(http, email=f"person{n}@example.com")).status_code)
    assert statuses == [401] * 100 + [429] * 2
    assert await guess(house, 1, "2001:db8:1:3::1") == [401]
    assert await guess(house, 1, "192.0.2.200") == [401]


async def _fails_to_log_in(house: Service, address: str, number: int) -> httpx2.Response:
    return await attempt(house.caller(address), email=f"person{number}@example.com")


async def _names_no_client(house: Service, address: str, number: int) -> httpx2.Response:
    return await knock(house, "/token", address, name=f"client{number}")


async def _asks_for_a_device_code(house: Service, address: str, _number: int) -> httpx2.Response:
    return await house.caller(address).post("/device_authorization", data={"client_id": "terminal"})


@pytest.mark.parametrize(
    ("settings", "knocks", "each"),
    [
        ({"login_network_failures": 2}, _fails_to_log_in, 2),
        ({"client_failures": 1}, _names_no_client, 10),
        ({"device_network_requests": 2}, _asks_for_a_device_code, 2),
    ],
    ids=["logins", "clients", "devices"],
)
async def test_an_ipv6_48_is_one_network_with_ten_times_the_limit(
    servers: Servers, base_env: dict[str, str], settings: dict[str, int], knocks: Any, each: int
) -> None:
    async with service(servers, base_env, **settings) as house:
        for number in range(10 * each):
            answer = await knocks(house, f"2001:db8:1:{number // each:x}::1", number)
            assert answer.status_code in (200, 401), number
        assert is_limited(await knocks(house, "2001:db8:1:ffff::1", 1000))
        assert (await knocks(house, "2001:db8:2:1::1", 1001)).status_code in (200, 401)
        assert (await knocks(house, "192.0.2.200", 1002)).status_code in (200, 401)


async def test_a_forged_x_forwarded_for_is_no_other_network(house: Service) -> None:
    statuses = []
    for n in range(102):
        http = house.caller(headers={"X-Forwarded-For": f"203.0.113.{n}", "Forwarded": f"for=203.0.113.{n}"})
        statuses.append((await attempt(http, email=f"person{n}@example.com")).status_code)
    assert statuses == [401] * 100 + [429] * 2
    row = await house.login(house.caller("203.0.113.99", headers={"X-Forwarded-For": "6.6.6.6"}))
    ip = await house.sql.fetchval("SELECT host(ip_address) FROM user_sessions WHERE id = $1", row["session_id"])
    assert ip == "203.0.113.99"


async def test_a_trusted_proxys_word_is_taken_as_far_as_it_goes(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, trusted_proxies="10.0.0.0/8", login_network_failures=3) as house:
        for forwarded in ("203.0.113.5", "6.6.6.6, 203.0.113.5", "203.0.113.5, 10.0.0.3"):
            http = house.caller("10.0.0.1", headers={"X-Forwarded-For": forwarded})
            assert (await attempt(http, email=f"{forwarded[:7]}@example.com")).status_code == 401
        http = house.caller("10.0.0.1", headers={"X-Forwarded-For": "203.0.113.5:4711"})
        assert is_limited(await attempt(http, email="fourth@example.com"))
        for other in ("203.0.113.6", "garbage", ", ".join(["10.0.0.2"] * 60)):
            http = house.caller("10.0.0.1", headers={"X-Forwarded-For": other})
            assert (await attempt(http, email=f"{len(other)}@example.com")).status_code == 401


# Stores that come and go


async def test_limits_hold_while_redis_is_down(
    servers: Servers, base_env: dict[str, str], hashed: list[str | None]
) -> None:
    async with service(servers, base_env, redis_url="redis://127.0.0.1:1/0") as house:
        assert await guess(house, 30) == [401] * 10 + [429] * 20
        http = house.caller()
        answers = await asyncio.gather(*(attempt(http, email="admin@example.com") for _ in range(200)))
        assert {answer.status_code for answer in answers} <= {401, 429, 503}
        assert 1 <= sum(answer.status_code == 401 for answer in answers) <= 10
        assert len(hashed) <= 20
        statuses = [
            (
                await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=("backend", "x"))
            ).status_code
            for _ in range(32)
        ]
        assert statuses == [401] * 30 + [429] * 2


async def test_the_share_of_one_replica_is_smaller_while_redis_is_down(
    servers: Servers, base_env: dict[str, str]
) -> None:
    async with service(servers, base_env, redis_url="redis://127.0.0.1:1/0", replicas=5) as house:
        assert await guess(house, 3) == [401, 401, 429]


async def test_an_outage_of_redis_gives_no_guess_more(
    servers: Servers, base_env: dict[str, str], hashed: list[str | None]
) -> None:
    parts = urlsplit(servers.redis_url)
    async with FaultProxy(parts.path) as proxy:
        url = urlunsplit(parts._replace(path=str(proxy.path)))
        async with service(servers, base_env, redis_url=url) as house:
            assert await guess(house, 12) == [401] * 10 + [429] * 2
            for _ in range(3):
                proxy.refuse()
                proxy.cut()
                await guess(house, 12)
                proxy.heal()
                await asyncio.sleep(0.6)  # the breaker
                assert await guess(house, 2) == [429] * 2
            assert len(hashed) == 10


async def test_an_emptied_redis_takes_no_count_with_it(house: Service, hashed: list[str | None]) -> None:
    assert await guess(house, 12) == [401] * 10 + [429] * 2
    keys = await house.redis_keys("{fail}*")
    assert keys
    await house.runtime.redis.command("DEL", *keys)
    assert await guess(house, 12) == [429] * 12
    assert len(hashed) == 10


async def test_trouble_in_a_store_is_no_failed_attempt(house: Service) -> None:
    await house.sql.execute("ALTER TABLE users RENAME TO away")
    try:
        assert set(await guess(house, 15)) == {500}
    finally:
        await house.sql.execute("ALTER TABLE away RENAME TO users")
    assert await guess(house, 11) == [401] * 10 + [429]


async def test_counters_hold_nothing_readable_about_a_person(house: Service) -> None:
    await guess(house, 2)
    for key in await house.redis_keys("*"):
        assert "test@" not in key
        assert "example" not in key


# Clients

ENDPOINTS: dict[str, dict[str, Any]] = {
    "/token": {"data": {"grant_type": "client_credentials"}},
    "/introspect": {"data": {"token": "x"}},
    "/revoke": {"data": {"token": "x"}},
    "/api/auth/login": {"json": LOGIN},
    "/api/auth/refresh": {"json": {"refresh_token": "x"}},
    "/api/auth/logout": {"json": {"refresh_token": "x"}},
}


async def knock(
    house: Service, path: str, address: str = HERE, secret: str = "wrong", name: str = "backend"
) -> httpx2.Response:
    request = {key: dict(value) for key, value in ENDPOINTS[path].items()}
    if "json" in request:
        request["json"] |= {"client_id": name, "client_secret": secret}
        return await house.caller(address).post(path, **request)
    return await house.caller(address).post(path, **request, auth=(name, secret))


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_wrong_client_secrets_are_counted_at_every_endpoint(house: Service, path: str) -> None:
    statuses = [(await knock(house, path)).status_code for _ in range(30)]
    assert statuses == [401] * 30
    for other in ENDPOINTS:
        assert is_limited(await knock(house, other))
    # The honest client of that name, elsewhere; and another client here.
    assert (await knock(house, "/token", "198.51.100.1", "backend-secret")).status_code == 200
    await house.login(client_id="customer")
    # What was right elsewhere may be a guess here, and is not told from one.
    assert is_limited(await knock(house, path, secret="backend-secret"))


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_client_that_was_let_in_before_is_not_locked_out_by_guesses_beside_it(
    house: Service, path: str
) -> None:
    """One forgotten pod with the old secret fails behind the same address."""
    before = await knock(house, path, secret="backend-secret")
    assert "invalid_client" not in before.text
    for _ in range(31):
        await knock(house, path)
    for _ in range(2):
        assert is_limited(await knock(house, path))
        after = await knock(house, path, secret="backend-secret")
        assert after.status_code == before.status_code
        assert "invalid_client" not in after.text
    # Also when some client changed since, so that the record is another one.
    await house.sql.execute("UPDATE clients SET name = 'Other' WHERE id = 'customer'")
    await asyncio.sleep(1.0)
    assert (await knock(house, path, secret="backend-secret")).status_code == before.status_code
    # What was right is wrong now.
    await house.sql.execute("UPDATE clients SET secret_hashes = ARRAY[$1::bytea] WHERE id = 'backend'", b"x" * 32)
    await asyncio.sleep(1.0)
    assert is_limited(await knock(house, path, secret="backend-secret"))


async def test_a_secret_that_nobody_can_guess_is_let_in_at_its_first_use_beside_guesses(house: Service) -> None:
    secret = "0123456789abcdef" * 2
    strong = replace(
        flat_client(id="strong", name="S", kind="confidential", grant_types=frozenset({"client_credentials"})),
        authentication=Authentication(secret_hashes=(digest_of(secret),)),
    )
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, strong)
    for _ in range(31):
        await knock(house, "/token", name="strong")
    assert is_limited(await knock(house, "/token", name="strong", secret=secret[1:]))
    assert is_limited(await knock(house, "/token", name="strong", secret=secret[1:] + "x"))
    assert (await knock(house, "/token", name="strong", secret=secret)).status_code == 200


async def _sign(house: Service, key: Any, *, times: int = 1) -> list[httpx2.Response]:
    answers = []
    for _ in range(times):
        now = int(house.runtime.clock.seconds())
        claims = {"iss": "signer", "sub": "signer", "aud": ISSUER, "exp": now + 60, "jti": str(uuid4())}
        signed = jwt.encode(claims, key, "RS256", headers={"kid": JWKS[0]["kid"]})
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
        answers.append(await house.http.post("/token", data={**form, "client_assertion": signed}))
    return answers


async def test_a_right_assertion_is_let_in_beside_forged_ones(house: Service) -> None:
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, SIGNER)
    forged = await _sign(house, FOREIGN, times=33)
    assert [answer.status_code for answer in forged] == [401] * 30 + [429] * 3
    assert [answer.status_code for answer in await _sign(house, KEYS["RS256"], times=2)] == [200, 200]


async def test_a_flood_of_forged_assertions_has_few_signatures_checked(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, SIGNER)
    await _sign(house, FOREIGN, times=31)
    checked = []
    judge = authenticate_client.judge_assertion
    monkeypatch.setattr(authenticate_client, "judge_assertion", lambda *a, **k: checked.append(1) or judge(*a, **k))
    now = client_failures.monotonic()
    monkeypatch.setattr(client_failures, "monotonic", lambda: now)
    with statements(house.runtime) as asked:
        answers = await _sign(house, FOREIGN, times=60)
    assert all(is_limited(answer) for answer in answers)
    assert len(checked) == client_failures.LOOKS_A_SECOND
    assert asked == []
    now += 1
    assert (await _sign(house, KEYS["RS256"]))[0].status_code == 200


@pytest.mark.parametrize("auth", [{"auth": ("nobody", "x")}, {"data": {"client_id": "nobody"}}], ids=["secret", "id"])
async def test_a_flood_in_the_name_of_no_client_soon_asks_no_store(house: Service, auth: dict[str, Any]) -> None:
    form = {"token": "x", **auth.get("data", {})}
    for _ in range(31):
        await house.http.post("/introspect", **{**auth, "data": form})
    with statements(house.runtime) as asked:
        for _ in range(50):
            assert is_limited(await house.http.post("/introspect", **{**auth, "data": form}))
    assert asked == []


async def settled(house: Service) -> None:
    """The worker has heard the version of its clients: what it remembers of one stays the same record."""
    async with asyncio.timeout(30):
        while house.runtime.clients.remembered("backend") is None:
            await knock(house, "/token", secret="backend-secret")
            await asyncio.sleep(0.05)


async def test_one_blocked_pair_leaves_the_quick_path_to_everybody_else(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And to the client whose neighbour it is."""
    await settled(house)
    await knock(house, "/token", secret="backend-secret")
    for address in (HERE, "198.51.100.1"):
        for _ in range(31):
            await knock(house, "/token", address)
    read = []
    monkeypatch.setattr(authenticate_client, "read_credentials", lambda *a, **k: read.append(1))
    for _ in range(3):
        assert (await knock(house, "/token", secret="backend-secret")).status_code == 200
    assert read == []


async def test_a_flood_of_wrong_secrets_soon_asks_no_store(house: Service) -> None:
    for _ in range(31):
        await knock(house, "/token")
    with statements(house.runtime) as asked:
        for _ in range(50):
            assert is_limited(await knock(house, "/token"))
    assert asked == []


async def test_right_secrets_use_no_places_up_and_ask_no_store(house: Service) -> None:
    await settled(house)
    await knock(house, "/token", secret="backend-secret")
    with statements(house.runtime) as asked:
        for _ in range(40):
            assert (await knock(house, "/token", secret="backend-secret")).status_code == 200
    assert asked == []


async def test_a_neighbour_cannot_lock_people_out_of_a_public_client(house: Service) -> None:
    """A public client has no secret to be guessed: whoever knows its name could stop all refreshes behind a NAT."""
    tokens = await house.login()
    for _ in range(40):
        await knock(house, "/token", name="customer")
    assert is_limited(await knock(house, "/token", name="customer"))
    assert (await house.refresh(tokens["refresh_token"])).status_code == 200
    await house.login()


async def test_guessing_names_of_clients_is_limited_by_network(house: Service) -> None:
    statuses = [(await knock(house, "/token", name=f"client{n}")).status_code for n in range(305)]
    assert statuses == [401] * 300 + [429] * 5
    assert (await knock(house, "/token", secret="backend-secret")).status_code == 200


# The hash queue


@again_when_busy
async def test_a_flood_of_logins_is_turned_away_and_refreshes_are_unaffected(
    servers: Servers, base_env: dict[str, str]
) -> None:
    limits = {"hash_threads": 1, "hash_queue": 4, "argon2_memory_kib": 19_456, "argon2_time_cost": 4}
    async with service(servers, base_env, **limits) as house:
        owner = house.caller("203.0.113.50")
        tokens = await house.login(owner)

        async def stranger(n: int) -> httpx2.Response:
            return await attempt(house.caller(f"198.51.{n}.1"), email=f"person{n}@example.com")

        async def bystander() -> list[float]:
            times = []
            token = tokens["refresh_token"]
            for _ in range(20):
                started = perf_counter()
                answer = await house.refresh(token)
                times.append(perf_counter() - started)
                none_turned_away([answer])
                assert answer.status_code == 200
                token = answer.json()["refresh_token"]
            return times

        flood = asyncio.gather(*(stranger(n) for n in range(40)))
        await asyncio.sleep(0.02)
        known, times, answers = await asyncio.gather(owner.post("/api/auth/login", json=LOGIN), bystander(), flood)
        none_turned_away([known])  # half of the queue is kept for known devices
        assert known.status_code == 200
        turned_away = [answer for answer in answers if answer.status_code == 503]
        prompt(len(turned_away) >= 40 - 3, len(turned_away))
        for answer in turned_away:
            assert answer.json()["error"] == "temporarily_unavailable"
            assert int(answer.headers["retry-after"]) >= 1
        assert {answer.status_code for answer in answers} == {401, 503}
        prompt(statistics.median(times) < 0.2, times)
        # Being turned away was no failed attempt. (A few may lose their place to a deadline, on a busy machine.)
        guessed = sum(answer.status_code == 401 for answer in answers)
        assert len(await house.redis_keys("{fail}:login-account:*")) <= guessed + 3


@pytest.fixture
def arrived(monkeypatch: pytest.MonkeyPatch) -> Arrived:
    """Logins that asked for the comparison of a password: each has its place by then, or was turned away."""
    asked: Arrived = set()
    check = Passwords.check

    async def ask(self: Passwords, password: str, *rest: Any, **named: Any) -> Any:
        asked.add(asyncio.current_task())
        return await check(self, password, *rest, **named)

    monkeypatch.setattr(Passwords, "check", ask)
    return asked


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """The password `held` is compared when this is set, and not before."""
    let_go = Event()
    check = Passwords._check

    def compare(self: Passwords, password: str, stored: str | None) -> Any:
        assert password != "held" or let_go.wait(60)
        return check(self, password, stored)

    monkeypatch.setattr(Passwords, "_check", compare)
    yield let_go
    let_go.set()


@again_when_busy
async def test_one_account_with_many_devices_leaves_the_hash_queue_to_others(
    servers: Servers, base_env: dict[str, str], held: Event, arrived: Arrived
) -> None:
    async with service(servers, base_env, hash_threads=1, hash_queue=4) as house:
        other = house.caller("203.0.113.51")
        await house.login(other, email="admin@example.com", client_id="admin")
        devices = [house.caller(f"203.0.113.{n}") for n in range(8)]
        for device in devices:
            await house.login(device)
        flood = [asyncio.create_task(attempt(device, password="held")) for device in devices]
        await until_asked(arrived, flood)
        enters = asyncio.create_task(
            other.post("/api/auth/login", json={**LOGIN, "email": "admin@example.com", "client_id": "admin"})
        )
        await until_asked(arrived, [enters])
        held.set()
        assert (await enters).status_code == 200
        answers = await asyncio.gather(*flood)
        assert [answer.status_code for answer in answers] == [401] * 8, "in turn, and nobody is turned away"


@again_when_busy
async def test_one_network_leaves_the_hash_queue_to_others(
    servers: Servers, base_env: dict[str, str], held: Event, arrived: Arrived
) -> None:
    async with service(servers, base_env, hash_threads=1, hash_queue=12) as house:
        http = house.caller("198.51.100.7")
        guesses = (attempt(http, email=f"person{n}@example.com", password="held") for n in range(20))
        flood = [asyncio.create_task(guess) for guess in guesses]
        await until_asked(arrived, flood)
        enters = asyncio.create_task(house.caller("203.0.113.9").post("/api/auth/login", json=LOGIN))
        await until_asked(arrived, [enters])
        held.set()
        assert (await enters).status_code == 200
        answers = await asyncio.gather(*flood)
        assert {answer.status_code for answer in answers} <= {401, 503}, "some had a turn, some waited, some too many"


@again_when_busy
async def test_a_stranger_who_is_turned_away_costs_no_store_anything_and_a_known_device_enters(
    servers: Servers, base_env: dict[str, str], held: Event, arrived: Arrived
) -> None:
    """Most of a flood is turned away: what it may cost is the reading of its requests."""
    async with service(servers, base_env, hash_threads=1, hash_queue=4) as house:
        device, strangers = house.caller("203.0.113.9"), [house.caller(f"198.51.{n}.1") for n in range(4)]
        await house.login(device)
        asks = ((strangers[0], "a@example.com"), (strangers[1], "a@example.com"), (strangers[2], "b@example.com"))
        waiting = [asyncio.create_task(attempt(one, email=email, password="held")) for one, email in asks]
        await until_asked(arrived, waiting)
        with statements(house.runtime) as asked:
            answer = await attempt(strangers[3])
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert asked == []
        enters = asyncio.create_task(device.post("/api/auth/login", json=LOGIN))
        await until_asked(arrived, [enters])
        held.set()
        assert (await enters).status_code == 200
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [401] * 3


async def until_asked(arrived: Arrived, asking: Sequence[asyncio.Task[httpx2.Response]]) -> None:
    """Wait until these have asked for their comparisons. Before, the queue may have room that the next one takes."""
    async with asyncio.timeout(10):
        while missing := [task for task in asking if task not in arrived]:
            none_turned_away(task.result() for task in missing if task.done())  # who waited too long for a store
            await asyncio.sleep(0.005)


# What an answer tells

NAMES = [("test@example.com", "known"), ("nobody@example.com", "unknown"), ("off@example.com", "disabled")]


async def test_known_unknown_and_disabled_accounts_get_the_same_answer(
    house: Service, hashed: list[str | None]
) -> None:
    await house.sql.execute(
        "INSERT INTO users (email, name, roles, password_hash, disabled_at) "
        "SELECT 'off@example.com', 'Off', roles, password_hash, now() FROM users WHERE email = 'test@example.com'"
    )
    seen = set()
    for email, _ in NAMES:
        hashed.clear()
        answer = await attempt(house.caller(), email=email)
        headers = [(k, v) for k, v in answer.headers.items() if k != "x-request-id"]
        seen.add((answer.status_code, answer.text, str(headers), len(hashed)))
    assert len(seen) == 1
    status, _, _, hashes = seen.pop()
    assert (status, hashes) == (401, 1)


async def test_known_and_unknown_accounts_take_the_same_time(servers: Servers, base_env: dict[str, str]) -> None:
    """With real hashing."""
    limits = {"argon2_memory_kib": 19_456, "argon2_time_cost": 2, "login_account_failures": 1000}
    async with service(servers, base_env, **limits) as house:
        from authsvc.store.account import users

        stored = await house.runtime.passwords.hash("password")
        async with house.runtime.db.transaction() as connection:
            await users.add(connection, "real@example.com", "Real", [], stored)
        times: dict[str, list[float]] = {"real@example.com": [], "nobody@example.com": []}
        http = house.caller()
        for _ in range(25):
            for email, taken in times.items():
                started = perf_counter()
                assert (await attempt(http, email=email)).status_code == 401
                taken.append(perf_counter() - started)
        known, unknown = (statistics.median(taken) for taken in times.values())
        assert 0.5 < known / unknown < 2, (known, unknown)


async def test_the_client_policy_is_not_told_before_the_password_is_right(house: Service) -> None:
    answer = await attempt(house.caller(), client_id="bartender")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_credentials")


async def test_a_backend_does_not_log_people_in(house: Service) -> None:
    answer = await house.caller().post("/api/auth/login", json={**LOGIN, "client_id": "backend"}, auth=BACKEND)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
