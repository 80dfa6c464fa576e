"""What the stores say of themselves, for `authsvc doctor` and the operator's other commands."""

from __future__ import annotations

import os
import ssl
from datetime import datetime

import asyncpg

from authsvc.records import frozen
from authsvc.store import migrate
from authsvc.store.connecting import NoPrimary, Standby
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Database, record_of
from authsvc.store.redis import RedisStore, Script
from authsvc.store.redis_py import RedisError


@frozen
class PostgresHealth:
    """`version_number` as PostgreSQL counts it: 180006 is 18.6. A standby is `read_only`."""

    version: str
    version_number: int
    read_only: bool
    connections: int
    max_connections: int


@frozen
class Rights:
    """What the role of AUTHSVC_DATABASE_URL may do. `owner`: of our tables; `missing`: what serving needs and the role
    lacks, each as in a GRANT (`DELETE on users`)."""

    role: str
    superuser: bool
    owner: bool
    missing: tuple[str, ...]


@frozen
class RedisHealth:
    """`name` is redis or valkey; `maxmemory` in bytes, 0: no limit; `evicted`: keys lost since it started."""

    name: str
    version: str
    policy: str
    maxmemory: int
    evicted: int


async def now(db: Database) -> datetime:
    """PostgreSQL's clock."""
    found: datetime = await db.fetchval("SELECT clock_timestamp()")
    return found


async def postgres(db: Database) -> PostgresHealth:
    """Version, role and limits of PostgreSQL. Raises StoreUnavailable."""
    row = await db.fetchrow(
        """SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
                  current_setting('server_version_num')::int AS version_number,
                  pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS read_only,
                  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS connections,
                  current_setting('max_connections')::int AS max_connections"""
    )
    return PostgresHealth(**row)


# By name, for another's tables may stand in the same schema; the role may not even see that schema.
_RIGHTS = """
WITH ours AS (
    SELECT relnamespace AS schema, relowner AS owner FROM pg_class
    WHERE relname = 'service_state' AND relkind = 'r' ORDER BY pg_table_is_visible(oid) DESC LIMIT 1
), lacking AS (
    SELECT 'USAGE on schema ' || n.nspname AS lacks FROM ours JOIN pg_namespace n ON n.oid = ours.schema
    WHERE NOT has_schema_privilege(n.oid, 'USAGE')
    UNION ALL
    SELECT wanted || ' on ' || c.relname
    FROM ours JOIN pg_class c ON c.relnamespace = ours.schema AND c.relkind = 'r' AND c.relname = ANY($1::text[]),
         unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS wanted
    WHERE NOT has_table_privilege(c.oid, wanted)
    UNION ALL
    SELECT 'SELECT on ' || c.relname
    FROM ours JOIN pg_class c ON c.relnamespace = ours.schema AND c.relname = 'schema_migrations'
    WHERE NOT has_table_privilege(c.oid, 'SELECT')
    UNION ALL
    SELECT 'EXECUTE on function ' || p.proname
    FROM ours JOIN pg_proc p ON p.pronamespace = ours.schema AND p.proname = ANY($2::text[])
    WHERE p.prorettype <> 'trigger'::regtype AND NOT has_function_privilege(p.oid, 'EXECUTE')
)
SELECT current_user::text AS role, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       coalesce((SELECT pg_has_role(owner, 'USAGE') FROM ours), false) AS owner,
       ARRAY(SELECT lacks FROM lacking ORDER BY 1) AS missing
"""


async def rights(db: Database) -> Rights:
    """What our role may do with what migrations made, as far as they were applied. Raises StoreUnavailable."""
    return record_of(Rights, await db.fetchrow(_RIGHTS, migrate.made("TABLE"), migrate.made("FUNCTION")))


async def lacking_deadlines(db: Database) -> tuple[str, ...]:
    """Parameters that end what waits in PostgreSQL for too long, as far as connections have none. A pooler takes none
    from us. Raises StoreUnavailable."""
    sql = """SELECT array_agg(name ORDER BY name) FROM pg_settings WHERE setting = '0'
             AND name IN ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout')"""
    return tuple(await db.fetchval(sql) or ())


async def knows_cluster(db: Database) -> bool:
    """Whether PostgreSQL tells its cluster and timeline; else the time of its start stands for both.
    Raises StoreUnavailable."""
    known: bool = await db.fetchval("SELECT feed_database() NOT LIKE 'started.%'")
    return known


async def redis(store: RedisStore) -> RedisHealth:
    """Version and memory policy of Redis; what a managed one keeps to itself is `?`. Raises StoreUnavailable."""
    try:
        server, memory, stats = [await store.command("INFO", section) for section in ("server", "memory", "stats")]
    except StoreUnavailable as error:
        if error.kind != "refused":
            raise
        return RedisHealth("Redis", "?", "?", 0, 0)
    name = "valkey" if "valkey_version" in server else "redis"
    return RedisHealth(
        name=name,
        version=str(server.get(f"{name}_version", "?")),
        policy=str(memory.get("maxmemory_policy", "unknown")),
        maxmemory=int(memory.get("maxmemory", 0)),
        evicted=int(stats.get("evicted_keys", 0)),
    )


# Every command that we use, on two keys of its own that are gone in a second; the names of those that are refused.
_PROBE = Script("""
local refused = {}
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then table.insert(refused, (...)) end
end
try('SET', KEYS[1], '1', 'PX', 1000)
try('GET', KEYS[1])
try('MGET', KEYS[1])
try('PEXPIRE', KEYS[1], 1000)
try('PTTL', KEYS[1])
try('GETDEL', KEYS[1])
try('TIME')
try('ZADD', KEYS[2], 1, 'x')
try('ZCARD', KEYS[2])
try('ZRANGE', KEYS[2], 0, 0)
try('ZREMRANGEBYSCORE', KEYS[2], 0, 0)
try('ZREM', KEYS[2], 'x')
try('DEL', KEYS[2])
return refused
""")


async def redis_lacks(store: RedisStore) -> tuple[str, ...]:
    """Names of the commands that our user of Redis may not run on our keys. Raises StoreUnavailable."""
    try:
        keys = [store.key("doctor", "value"), store.key("doctor", "set")]
        return tuple(await store.script(_PROBE, keys, []))
    except StoreUnavailable as error:
        if error.kind == "refused":
            return ("EVALSHA", "EVAL")
        raise


def cause(error: StoreUnavailable) -> str:
    """The cause of a failure in words. Why, as the store or the network said it, for the operator; never a URL, and so
    never a password."""
    below = error.__cause__
    while below is not None and below.__cause__ is not None:
        below = below.__cause__
    if isinstance(below, ssl.SSLError):
        return f"TLS failed: {getattr(below, 'verify_message', '') or below.reason}"
    if isinstance(below, OSError) and below.errno is not None and below.errno > 0:
        return os.strerror(below.errno)
    said = str(below).partition("\n")[0]
    told = asyncpg.PostgresError | asyncpg.ClientConfigurationError | RedisError | Standby | NoPrimary
    if isinstance(below, told) and "://" not in said:
        return said
    return error.kind.replace("_", " ")


def refusal(error: Exception) -> str | None:
    """What PostgreSQL said where it is there and refuses (a missing right, say); None for any other exception."""
    return str(error).partition("\n")[0] if isinstance(error, asyncpg.PostgresError) else None
