"""Migrations: forward only, one runner at a time, and what runs is what the file says."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from authsvc.runtime import Runtime
from authsvc.store import migrate
from authsvc.store.migrate import Migration, MigrationError

NEXT = Migration(9001, "more", "CREATE TABLE more (id int); INSERT INTO more VALUES (1)")


def test_every_migration_has_a_number_of_its_own() -> None:
    numbers = [migration.version for migration in migrate.available()]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_current_database_lacks_nothing(runtime: Runtime) -> None:
    assert await migrate.check(runtime.db) == []
    assert await migrate.migrate(runtime.db) == []


async def test_the_next_migration_is_applied_once_by_many_runners_at_once(
    runtime: Runtime, sql: asyncpg.Connection
) -> None:
    files = [*migrate.available(), NEXT]
    done = await asyncio.gather(*(migrate.migrate(runtime.db, files) for _ in range(4)))
    assert sorted(len(applied) for applied in done) == [0, 0, 0, 1]
    assert await sql.fetchval("SELECT count(*) FROM more") == 1


async def test_an_applied_file_that_was_edited_is_refused(runtime: Runtime) -> None:
    first, *rest = migrate.available()
    with pytest.raises(MigrationError, match="edited"):
        await migrate.migrate(runtime.db, [replace(first, sql=first.sql + "-- a comment"), *rest])


async def test_a_file_slipped_in_before_an_applied_one_is_refused(runtime: Runtime) -> None:
    await migrate.migrate(runtime.db, [*migrate.available(), NEXT])
    with pytest.raises(MigrationError, match="renumber"):
        await migrate.migrate(runtime.db, [*migrate.available(), Migration(8000, "late", "SELECT 1"), NEXT])


async def test_a_migration_that_fails_changes_nothing_and_those_before_it_stay(
    runtime: Runtime, sql: asyncpg.Connection
) -> None:
    broken = Migration(9002, "broken", "CREATE TABLE half (id int); SELECT 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate.migrate(runtime.db, [*migrate.available(), NEXT, broken])
    assert await sql.fetchval("SELECT to_regclass('half')") is None
    assert await sql.fetchval("SELECT max(version) FROM schema_migrations") == 9001


async def test_a_database_that_is_ahead_serves_the_previous_version(runtime: Runtime) -> None:
    await migrate.migrate(runtime.db, [*migrate.available(), NEXT])
    assert await migrate.check(runtime.db) == []
