"""X-Forwarded-For is evidence only from a proxy that is trusted: in limits, and in what a person sees."""

from __future__ import annotations

import asyncpg
import pytest

from tests.faults.conftest import serving
from tests.support.calls import LOGIN, login

pytestmark = pytest.mark.faults


async def test_a_stranger_cannot_pretend_to_be_many(env: dict[str, str], sql: asyncpg.Connection) -> None:
    env |= {"AUTHSVC_LOGIN_NETWORK_FAILURES": "5", "AUTHSVC_TRUSTED_PROXIES": "10.0.0.0/8"}
    async with serving(env, address="192.0.2.7") as service:
        statuses = []
        for number in range(8):
            wrong = {"email": f"nobody{number}@example.com", "password": "wrong"}
            headers = {"X-Forwarded-For": f"198.51.100.{number}"}
            statuses.append((await service.http.post("/api/auth/login", json=wrong, headers=headers)).status_code)
        assert statuses == [401] * 5 + [429] * 3
    async with serving(env | {"AUTHSVC_REDIS_PREFIX": "xff"}, address="192.0.2.7") as service:
        headers = {"X-Forwarded-For": "198.51.100.9"}
        assert (await service.http.post("/api/auth/login", json=LOGIN, headers=headers)).status_code == 200
    assert str(await sql.fetchval("SELECT host(ip_address) FROM user_sessions")) == "192.0.2.7"


async def test_a_trusted_proxy_is_believed_for_the_hop_that_it_saw(
    env: dict[str, str], sql: asyncpg.Connection
) -> None:
    env |= {"AUTHSVC_LOGIN_NETWORK_FAILURES": "5", "AUTHSVC_TRUSTED_PROXIES": "10.0.0.0/8"}
    async with serving(env, address="10.1.2.3") as service:
        statuses = []
        for number in range(8):
            wrong = {"email": f"nobody{number}@example.com", "password": "wrong"}
            headers = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7, 10.9.9.9"}
            statuses.append((await service.http.post("/api/auth/login", json=wrong, headers=headers)).status_code)
        assert statuses == [401] * 5 + [429] * 3, "what the client itself wrote was believed"
        headers = {"X-Forwarded-For": "198.51.100.8"}
        assert (await service.http.post("/api/auth/login", json=LOGIN, headers=headers)).status_code == 200
    assert str(await sql.fetchval("SELECT host(ip_address) FROM user_sessions")) == "198.51.100.8"


async def test_without_trusted_proxies_the_header_is_nothing(env: dict[str, str], sql: asyncpg.Connection) -> None:
    async with serving(env, address="127.0.0.1") as service:
        service.http.headers["X-Forwarded-For"] = "198.51.100.9"
        await login(service.http)
    assert str(await sql.fetchval("SELECT host(ip_address) FROM user_sessions")) == "127.0.0.1"


async def test_ipv6_is_limited_by_the_64(env: dict[str, str]) -> None:
    env |= {"AUTHSVC_LOGIN_NETWORK_FAILURES": "5", "AUTHSVC_TRUSTED_PROXIES": "unix 10.0.0.0/8"}
    async with serving(env, address="10.1.2.3") as service:
        statuses = []
        for number in range(7):
            wrong = {"email": f"nobody{number}@example.com", "password": "wrong"}
            headers = {"X-Forwarded-For": f"2001:db8:1:2::{number:x}"}
            statuses.append((await service.http.post("/api/auth/login", json=wrong, headers=headers)).status_code)
        assert statuses == [401] * 5 + [429] * 2
