"""Database URLs as hosters print them: what asyncpg does not know never reaches the server."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from authsvc.app import start
from authsvc.runtime import open_runtime
from authsvc.settings import SettingsError, load
from authsvc.store import health
from authsvc.store.database_url import connect_options, left_out
from authsvc.store.errors import StoreUnavailable

NEON = "postgresql://ann:s3cret@ep.neon.tech/app?sslmode=require&channel_binding=require"
OURS = {"application_name": "authsvc", "jit": "off"}
PRINTED = (
    "channel_binding=require&connect_timeout=10&keepalives=1&keepalives_idle=30&gssencmode=disable"
    "&client_encoding=utf8&tcp_user_timeout=1000&require_auth=scram-sha-256&load_balance_hosts=disable"
)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sslmode=require&channel_binding=require", ("channel_binding",)),
        ("channel_binding=prefer&gssencmode=disable&client_encoding=UTF8&sslsni=1&load_balance_hosts=disable", ()),
        ("connect_timeout=10&keepalives=1&connect_timeout=5", ("connect_timeout", "keepalives")),
        ("options=endpoint%3Dep&application_name=blue&search_path=auth", ()),
    ],
)
def test_what_is_left_out_is_named_and_what_happens_anyhow_is_not(query: str, named: tuple[str, ...]) -> None:
    assert left_out(f"postgresql://db/app?{query}") == named


@pytest.mark.parametrize(
    ("url", "dsn", "settings"),
    [
        (NEON, NEON.removesuffix("&channel_binding=require"), OURS),
        ("postgresql://db/app", "postgresql://db/app", OURS),
        (f"postgresql://db/app?{PRINTED}", "postgresql://db/app", OURS),
        ("postgresql://a:1,b:2/app?keepalives=0", "postgresql://a:1,b:2/app", OURS),
        ("postgresql://db/app?application_name=blue", "postgresql://db/app", {**OURS, "application_name": "blue"}),
        ("postgresql://db/app?options=-c%20a%3Db", "postgresql://db/app?options=-c%20a%3Db", OURS),
    ],
)
def test_asyncpg_is_given_what_it_knows(url: str, dsn: str, settings: dict[str, str]) -> None:
    assert connect_options(url, OURS) == {"dsn": dsn, "server_settings": settings}


def test_the_systems_authorities_are_asked_with_the_name_of_the_host() -> None:
    options = connect_options("postgresql://db/app?sslmode=verify-full&sslrootcert=system", OURS)
    assert options["dsn"] == "postgresql://db/app?sslmode=verify-full"
    assert (options["ssl"].check_hostname, options["ssl"].verify_mode) == (True, ssl.CERT_REQUIRED)


def on(env: dict[str, str], query: str) -> dict[str, str]:
    url = env["AUTHSVC_DATABASE_URL"]
    return {**env, "AUTHSVC_DATABASE_URL": f"{url}{'&' if '?' in url else '?'}{query}"}


async def test_such_a_url_connects(settings_env: dict[str, str]) -> None:
    runtime = open_runtime(load(on(settings_env, f"{PRINTED}&application_name=blue")))
    await start(runtime)
    assert await runtime.db.fetchval("SELECT current_setting('application_name')") == "blue"
    await runtime.close()


@pytest.mark.parametrize(
    ("query", "cause"),
    [
        ("pgbouncer=true", 'unrecognized configuration parameter "pgbouncer"'),
        ("work_mem=much", 'invalid value for parameter "work_mem": "much"'),
        ("shared_buffers=1", 'parameter "shared_buffers" cannot be changed without restarting the server'),
        ("ssl_min_protocol_version=TLSv9&sslmode=require", "No such TLS version: TLSv9"),
    ],
)
async def test_nothing_starts_with_a_url_that_is_refused(settings_env: dict[str, str], query: str, cause: str) -> None:
    runtime = open_runtime(load(on(settings_env, query)))
    with pytest.raises(StoreUnavailable) as caught:
        await start(runtime)
    assert (caught.value.kind, health.cause(caught.value)) == ("refused", cause)
    await runtime.close()


def test_a_parameter_that_redis_connections_do_not_have_is_an_error_of_the_setting(
    settings_env: dict[str, Any],
) -> None:
    url = settings_env["AUTHSVC_REDIS_URL"]
    env = {**settings_env, "AUTHSVC_REDIS_URL": f"{url}{'&' if '?' in url else '?'}colour=red"}
    with pytest.raises(SettingsError, match="AUTHSVC_REDIS_URL: a parameter in its query"):
        open_runtime(load(env))
