"""PostgreSQL and Valkey of the benchmark, on the load's core, and what they spend."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from authsvc.flows.keys import manage_keys
from authsvc.flows.operator import manage_clients
from authsvc.keys.master import MasterKeys
from authsvc.rules.client_record import Authentication, Client, Tokens
from authsvc.rules.refused import Refused
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store import migrate
from authsvc.store.postgres import OF_COMMANDS
from authsvc_devkit import demo
from authsvc_devkit.servers import Servers

ROOMY = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min", "wal_compression": "on"}
"""Of a PostgreSQL that holds millions of sessions; its defaults are for a laptop."""
POLICY = Path(__file__).parents[1] / "keys/policy.toml"
ONE, TWO = 'algorithms = ["RS256"]', 'algorithms = ["RS256", "ES256"]'
ES256_CLIENT = Client(
    id="backend-es256",
    name="Backend that chose ES256",
    kind="confidential",
    grant_types=frozenset({"client_credentials"}),
    authentication=Authentication(secret_hashes=(sha256(demo.BACKEND_SECRET.encode()).digest(),)),
    tokens=Tokens(scopes=("api",), audiences=(demo.ORDERS,), access_token_signed_response_alg="ES256"),
)


@dataclass(frozen=True, slots=True)
class Spent:
    """Since the stores began: CPU seconds of all processes of each, and bytes of PostgreSQL's log of changes (WAL)."""

    postgres: float
    redis: float
    wal: int

    def since(self, earlier: Spent) -> Spent:
        return Spent(self.postgres - earlier.postgres, self.redis - earlier.redis, self.wal - earlier.wal)


class Stores:
    """`admin_url`: a superuser in authsvc's database; `env`: what a service is started with."""

    def __init__(self, servers: Servers, policy: Path) -> None:
        self.servers = servers
        self.admin_url = urlsplit(servers.admin_url)._replace(path=urlsplit(servers.database_url).path).geturl()
        self.env = {
            "AUTHSVC_ISSUER": "http://localhost:8000",
            "AUTHSVC_DATABASE_URL": servers.database_url,
            "AUTHSVC_REDIS_URL": servers.redis_url,
            "AUTHSVC_MASTER_KEY": MasterKeys.generate(os.urandom),
            "AUTHSVC_KEY_POLICY_FILE": str(policy),
            "AUTHSVC_METRICS": "main",
            "AUTHSVC_DRAIN_SECONDS": "0",
        }

    def put_on(self, cores: set[int]) -> None:
        """Let both run on these cores, where the system can say so."""
        for pid in (*family(self.servers.postgres.pid), self.servers.redis.pid):
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(pid, cores)

    def sql(self, statement: str, seconds: float = 7200) -> object:
        """What the statement's first row begins with, read as the superuser on a connection of its own."""

        async def ask() -> object:
            connection = await asyncpg.connect(self.admin_url, timeout=30)
            try:
                return await connection.fetchval(statement, timeout=seconds)
            finally:
                await connection.close()

        return asyncio.run(ask())

    def spent(self) -> Spent:
        wal = self.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
        assert isinstance(wal, int)
        return Spent(cpu_seconds(self.servers.postgres.pid), cpu_seconds(self.servers.redis.pid), wal)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and its children, and of those that it had and waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    seconds = sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")
    for one in family(pid):
        with suppress(OSError):  # it ended, and is counted at its parent
            tasks = Path(f"/proc/{one}/task").glob("*/schedstat")
            seconds += sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
    return seconds


@contextmanager
def running(directory: Path, settings: dict[str, str], core: int | None) -> Iterator[Stores]:
    """Both servers on data of their own below `directory`, set up and with the demo's people and clients, on one core
    where one is named. `settings`: of PostgreSQL, beside those that the devkit gives."""
    directory.chmod(0o711)
    servers, policy = Servers(directory / "data"), directory / "policy.toml"
    text = POLICY.read_text()
    assert ONE in text
    policy.write_text(text.replace(ONE, TWO))
    with servers:
        stores = Stores(servers, policy)
        for name, value in settings.items():
            stores.sql(f"ALTER SYSTEM SET {name} = '{value}'")
    with servers:
        stores = Stores(servers, policy)
        if core is not None:
            stores.put_on({core})
        asyncio.run(_prepare(stores.env))
        # A second algorithm signs a day after it was announced. Nobody here has a JWKS without it.
        stores.sql("UPDATE signing_keys SET announced_at = now() - interval '2 days', signs_from = now()")
        yield stores


def family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


async def _prepare(env: dict[str, str]) -> None:
    runtime = open_runtime(load(env), deadlines=OF_COMMANDS)
    await migrate.migrate(runtime.db)
    await manage_keys.generate(runtime, "bench")
    await manage_keys.generate(runtime, "bench", "ES256")
    await demo.add_demo_data(runtime, "bench")
    added = await manage_clients.add(runtime, "bench", ES256_CLIENT)
    assert not isinstance(added, Refused), added
    await runtime.close()
