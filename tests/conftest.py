"""One PostgreSQL and one Valkey for the whole run; a cloned database and a Redis prefix of its own for each test."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache, wraps
from hashlib import sha256
from inspect import iscoroutinefunction
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpcore2
import httpx2
import pytest
import uvloop

import authsvc.runtime as runtime_module
from authsvc.app import App, start
from authsvc.flows.keys import manage_keys
from authsvc.flows.upkeep.follow_changes import follow_changes
from authsvc.flows.upkeep.watch_redis import watch_redis
from authsvc.keys.master import MasterKeys
from authsvc.rules.client_record import Client
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from authsvc.store import migrate
from authsvc.store.account import users
from authsvc.store.caller import clients
from authsvc.store.postgres import OF_COMMANDS
from authsvc.tasks import end_tasks
from authsvc_devkit.servers import Servers
from tests.support.clients import flat_client
from tests.support.databases import administrator, drop_database, let_administrators_go
from tests.support.npm import installed
from tests.support.outcomes import pytest_terminal_summary
from tests.support.replicas import Replicas
from tests.support.rewriting import rewrite_share

__all__ = ["pytest_terminal_summary"]  # a hook of pytest
# httpx2 looks for this module, which is not installed, at every request of its ASGITransport: half a millisecond each.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]
# Its clients read the certificates of the world each, whatever they are for: those that name none of their own share.
httpcore2.default_ssl_context = cache(httpcore2.default_ssl_context)
# What each start reads anew, and is the same for all of a run: forty files of SQL, and how much memory there is.
migrate.available = cache(migrate.available)
runtime_module.usable_memory = cache(runtime_module.usable_memory)
ISSUER = "http://localhost:8000"
TEMPLATE = "authsvc_template"
_numbers = count(1)


def with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@cache
def memory() -> Path | None:
    """A file system in memory, where it has room and runs programs: a database is copied there in a quarter of the
    time."""
    place = Path("/dev/shm")
    with suppress(OSError):
        described = os.statvfs(place)
        free = described.f_bavail * described.f_frsize
        if os.access(place, os.W_OK) and not described.f_flag & os.ST_NOEXEC and free > 4 << 30:
            return place
    return None


@contextmanager
def place_for_data() -> Iterator[Path]:
    """Not below pytest's directories: another run of pytest closes them to the servers' unprivileged user."""
    with tempfile.TemporaryDirectory(prefix="authsvc-tests-", dir=memory(), ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        yield Path(directory) / "data"


def pytest_configure() -> None:
    """Tests run in the event loop that serves people, too. pytest-asyncio's hook for that gives asyncio's own to a
    plain test with an asynchronous fixture, and what lives as long as the run would not outlive the change."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    gc.disable()
    rewrite_share(session.config)


def pytest_collection_finish() -> None:
    """What collection made lives as long as the run: to look through it for garbage took a sixth of its time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with place_for_data() as data_dir, Servers(data_dir, durable=False) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
async def administrators() -> AsyncIterator[None]:
    yield
    let_administrators_go()


@pytest.fixture(scope="session")
def base_env(servers: Servers) -> dict[str, str]:
    """As `prepare` leaves it."""
    return asyncio.run(prepare(servers))


async def prepare(servers: Servers) -> dict[str, str]:
    """Settings with cheap password hashing; the template database is migrated and holds the demo people and clients."""
    env = {
        "AUTHSVC_ISSUER": ISSUER,
        "AUTHSVC_DATABASE_URL": with_database(servers.database_url, TEMPLATE),
        "AUTHSVC_REDIS_URL": servers.redis_url,
        "AUTHSVC_MASTER_KEY": MasterKeys.generate(os.urandom),
        "AUTHSVC_METRICS": "main",
        "AUTHSVC_DEV_MODE": "true",
        "AUTHSVC_CLIENT_REGISTRATION": "true",
        "AUTHSVC_DRAIN_SECONDS": "0",
        "AUTHSVC_ARGON2_MEMORY_KIB": "64",
        "AUTHSVC_ARGON2_TIME_COST": "1",
        "AUTHSVC_DB_POOL_SIZE": "5",
    }
    await _make_template(servers, env)
    return env


async def _make_template(servers: Servers, env: dict[str, str]) -> None:
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {TEMPLATE}")
    await admin.close()
    runtime = open_runtime(load(env), deadlines=OF_COMMANDS)
    await migrate.migrate(runtime.db)
    await manage_keys.generate(runtime, "tests")
    async with runtime.db.transaction() as connection:
        password = await runtime.passwords.hash("password")
        for name in ("test", "bartender", "admin"):
            roles = ["customer" if name == "test" else name]
            await users.add(connection, f"{name}@example.com", name.title(), roles, password)
        for client in CLIENTS:
            await clients.add(connection, client)
    await runtime.close()
    # Whoever connects first after a change of the schema writes down what each connection must know: copies have it.
    await (await asyncpg.connect(env["AUTHSVC_DATABASE_URL"])).close()


def _public(name: str, **policy: Any) -> Client:
    return flat_client(
        id=name,
        name=name.title(),
        kind="public",
        redirect_uris=("http://localhost:5173/callback",),
        grant_types=frozenset({"authorization_code", "refresh_token"}),
        scopes=("openid", "profile", "email"),
        first_party=True,
        **policy,
    )


CLIENTS = [
    _public("customer"),
    _public("bartender", required_role="bartender"),
    _public("admin", required_role="admin", remember_me_allowed=False),
    _public("strict", refresh_grace_seconds=0),
    flat_client(
        id="partner",
        name="Partner",
        kind="confidential",
        secret_hashes=(sha256(b"partner-secret").digest(),),
        redirect_uris=("https://partner.example/callback",),
        grant_types=frozenset({"authorization_code", "refresh_token"}),
        scopes=("openid", "profile", "email", "offline_access"),
    ),
    flat_client(
        id="terminal",
        name="Terminal",
        kind="public",
        grant_types=frozenset({"refresh_token", "urn:ietf:params:oauth:grant-type:device_code"}),
        scopes=("openid", "profile"),
        first_party=True,
        required_role="bartender",
    ),
    flat_client(
        id="backend",
        name="Backend",
        kind="confidential",
        secret_hashes=(sha256(b"backend-secret").digest(),),
        grant_types=frozenset({"client_credentials"}),
        scopes=("api", "reports"),
        introspection=True,
        introspection_all=True,
    ),
]


@asynccontextmanager
async def copied_database(servers: Servers) -> AsyncIterator[str]:
    """A private copy of the template; its URL."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    async with administrator(servers) as admin:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    try:
        yield with_database(servers.database_url, name)
    finally:
        with suppress(asyncpg.PostgresError, OSError):
            async with administrator(servers) as admin:
                await drop_database(admin, name)


@pytest.fixture
async def database_url(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[str]:
    async with copied_database(servers) as url:
        yield url


@pytest.fixture
def settings_env(base_env: dict[str, str], database_url: str) -> dict[str, str]:
    """The environment of one test: change it before asking for `runtime` or `replicas`."""
    return {
        **base_env,
        "AUTHSVC_DATABASE_URL": database_url,
        "AUTHSVC_REDIS_PREFIX": f"t{os.getpid()}-{next(_numbers)}",
    }


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The operator's psql."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@asynccontextmanager
async def following(env: dict[str, str]) -> AsyncIterator[Runtime]:
    """A worker's runtime in this process, following changes as a worker does."""
    opened = open_runtime(load(env))
    await start(opened)
    tasks = [asyncio.create_task(loop(opened)) for loop in (follow_changes, watch_redis)]
    try:
        yield opened
    finally:
        await end_tasks(tasks)
        await opened.close()


@pytest.fixture
async def runtime(settings_env: dict[str, str]) -> AsyncIterator[Runtime]:
    async with following(settings_env) as opened:
        yield opened


@pytest.fixture
async def http(runtime: Runtime) -> AsyncIterator[httpx2.AsyncClient]:
    """The whole service in this process, without sockets."""
    transport = httpx2.ASGITransport(app=App(runtime), client=("192.0.2.7", 4711))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        yield client


@pytest.fixture
def replicas(settings_env: dict[str, str]) -> Iterator[Replicas]:
    """Real uvicorn processes on free ports: `replicas.start(2)`."""
    running = Replicas(settings_env)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with npm's packages, for scripts to be put beside them."""
    return installed(tmp_path_factory.mktemp("npm"))


# What takes longest begins first, or it would keep one process busy when the others have nothing left to do.
LONGEST = (
    "tests/cli/test_serve.py",
    "tests/deploy/test_proxies.py",
    "tests/flows/token/refresh/test_mutants.py",
    "tests/flows/token/refresh/test_state_machine.py",
    "tests/flows/token/refresh/test_parallel.py",
    "tests/flows/token/refresh/test_sql_twin.py",
    "tests/deploy/test_production.py",
    "tests/flows/ending/test_backchannel_logout.py",
    "tests/security/test_limits.py",
    "tests/cli/test_dev.py",
    "tests/flows/keys/test_live_rotation.py",
    "tests/test_bad_input.py",
    "tests/flows/session/test_many_sessions.py",
    "tests/faults/test_enumeration.py",
    "tests/cli/test_users.py",
    "tests/keys/simulation/test_promises.py",
    "tests/flows/mail/test_server.py",
    "tests/flows/revocation/feed/test_order.py",
    "tests/flows/account/test_account.py",
    "tests/test_docs.py",
    "tests/flows/revocation/feed/test_fleet.py",
    "tests/faults/test_one_time.py",
    "tests/serving/test_protocol.py",
    "tests/flows/revocation/feed/test_faults.py",
    "tests/traces/test_sent.py",
    "tests/interop/test_kubernetes.py",
    "tests/faults/test_cancelled_calls.py",
    "tests/faults/test_revocations_lost.py",
    "tests/flows/revocation/status_list/test_lists.py",
    "tests/flows/revocation/feed/test_endpoints.py",
    "clients/verifier/tests/test_bench.py",
    "clients/verifier/tests/test_listed.py",
)


def ending(test: Callable[..., Coroutine[Any, Any, None]], seconds: float) -> Callable[..., Coroutine[Any, Any, None]]:
    @wraps(test)
    async def ends(*args: Any, **fixtures: Any) -> None:
        async with asyncio.timeout(seconds):
            await test(*args, **fixtures)

    return ends


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first. And a test that hangs ends: uvloop takes the alarm of pytest-timeout for an exception of
    some callback, writes it down and goes on."""
    usual = float(config.getini("timeout"))
    for item in items:
        if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
            marked = item.get_closest_marker("timeout")
            item.obj = ending(item.obj, 0.95 * float(marked.args[0] if marked else usual))
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long values (tokens, keys made in the run) and unprintable ones name no test: two processes must find the same
    names, and be able to tell each other."""
    if isinstance(val, str | bytes) and len(val) > 32:
        return f"{argname}-long"
    return f"{argname}-odd" if isinstance(val, str) and not val.isprintable() else None
