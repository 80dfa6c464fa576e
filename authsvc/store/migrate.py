"""Migrations: numbered SQL files, forward only, each in one transaction, one runner at a time over all machines.

Written expand-then-contract, so that the previous version of authsvc keeps running while a migration is applied.
An applied file that was edited afterwards is refused: what runs in production must be what the file says.
"""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.resources import files

from authsvc.records import frozen
from authsvc.store.postgres import Connection, Database

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('authsvc:migrate', 0))"
_TABLE = """CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now())"""


class MigrationError(Exception):
    """The database and the files contradict each other; the message says what to do."""


@frozen
class Migration:
    """One SQL file of `store/migrations`, with its number."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


def available() -> list[Migration]:
    """The files of `store/migrations`, in order."""
    found = []
    for file in files("authsvc.store").joinpath("migrations").iterdir():
        number, _, rest = file.name.partition("_")
        if file.name.endswith(".sql") and number.isdigit():
            found.append(Migration(int(number), rest.removesuffix(".sql"), file.read_text("utf-8")))
    return sorted(found, key=lambda migration: migration.version)


def made(kind: str) -> list[str]:
    """The names of all that migrations made of this kind: `TABLE` or `FUNCTION`."""
    text = "\n".join(migration.sql for migration in available())
    pattern = rf"^CREATE (?:OR REPLACE |UNLOGGED )?{kind} (?:IF NOT EXISTS )?(\w+)"
    return sorted(set(re.findall(pattern, text, re.MULTILINE)))


async def _applied(connection: Connection | Database) -> dict[int, str]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return {}
    return {
        row["version"]: row["checksum"]
        for row in await connection.fetch("SELECT version, checksum FROM schema_migrations")
    }


def pending(migrations: list[Migration], applied: dict[int, str]) -> list[Migration]:
    """What is still to be run. Raises MigrationError for an edited file or one slipped in before an applied one."""
    for migration in migrations:
        if migration.version in applied and applied[migration.version] != migration.checksum:
            raise MigrationError(
                f"migration {migration.version:04}_{migration.name} was edited after it had been applied; "
                "restore the file and write a new one"
            )
    todo = [migration for migration in migrations if migration.version not in applied]
    newest = max(applied, default=0)
    if todo and todo[0].version < newest:
        raise MigrationError(f"migration {todo[0].version:04} is older than {newest:04}, which is applied; renumber it")
    return todo


async def check(db: Database) -> list[Migration]:
    """What the database lacks. A database that is ahead is fine: the previous version keeps running beside the next."""
    return pending(available(), await _applied(db))


async def migrate(db: Database, migrations: list[Migration] | None = None) -> list[Migration]:
    """Apply what is missing and return it. Concurrent runners wait for each other."""
    migrations = available() if migrations is None else migrations
    done: list[Migration] = []
    while True:
        async with db.transaction(seconds=3600) as connection:
            await connection.execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
            await connection.execute(_LOCK, timeout=3600)
            await connection.execute(_TABLE)
            todo = pending(migrations, await _applied(connection))
            if not todo:
                return done
            migration = todo[0]
            await connection.execute(migration.sql, timeout=3600)
            sql = "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)"
            await connection.execute(sql, migration.version, migration.name, migration.checksum)
            done.append(migration)
