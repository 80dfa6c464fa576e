"""`feed_database()`: which cluster and timeline this is, and what stands for them where PostgreSQL does not say."""

from __future__ import annotations

import asyncpg
import pytest

from tests.support.roles import CONTROL_FUNCTIONS, as_role, role, without_control_functions

IDENTITY = "SELECT feed_database()"


async def test_it_is_the_same_whoever_asks(sql: asyncpg.Connection, database_url: str) -> None:
    """A role without the right asks as well as the owner: two answers would make each foreign to the other."""
    await sql.execute(f"REVOKE EXECUTE ON FUNCTION {CONTROL_FUNCTIONS} FROM PUBLIC")
    async with role(database_url, "serve") as name:
        connection = await asyncpg.connect(as_role(database_url, name))
        assert await connection.fetchval(IDENTITY) == await sql.fetchval(IDENTITY)
        await connection.close()
    async with role(database_url, "owner") as owner:
        await without_control_functions(sql, owner)
        assert (await sql.fetchval(IDENTITY)).startswith("started.")
        await sql.execute(f"GRANT EXECUTE ON FUNCTION {CONTROL_FUNCTIONS} TO {owner}")
        assert not (await sql.fetchval(IDENTITY)).startswith("started.")


@pytest.mark.parametrize(
    ("condition", "known"),
    [("object_not_in_prerequisite_state", True), ("feature_not_supported", True), ("data_corrupted", False)],
)
async def test_a_server_that_will_never_say_is_known_by_its_start_and_trouble_stays_trouble(
    sql: asyncpg.Connection, condition: str, known: bool
) -> None:
    """Aurora answers as in the first case. An identity that changed with every trouble would be none."""
    await sql.execute("SET allow_system_table_mods = on")
    await sql.execute("ALTER FUNCTION pg_catalog.pg_control_checkpoint() RENAME TO pg_control_checkpoint_of_postgres")
    assert (await sql.fetchval(IDENTITY)).startswith("started.")
    await sql.execute(
        f"""CREATE FUNCTION pg_catalog.pg_control_checkpoint(OUT timeline_id integer) LANGUAGE plpgsql AS
            $$ BEGIN RAISE {condition}; END $$"""
    )
    if known:
        assert (await sql.fetchval(IDENTITY)).startswith("started.")
    else:
        with pytest.raises(asyncpg.DataCorruptedError):
            await sql.fetchval(IDENTITY)
