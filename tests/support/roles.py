"""Roles of PostgreSQL that may do less than the tests' own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

_numbers = count(1)
SERVE_ROLE = (Path(__file__).parents[2] / "deploy/serve-role.sql").read_text()
CONTROL_FUNCTIONS = "pg_control_system(), pg_control_checkpoint(), pg_control_recovery()"


def as_role(url: str, name: str) -> str:
    """The same database for the role `name`, whose password is its name."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{name}:{name}@{parts.netloc.rpartition('@')[2]}"))


@asynccontextmanager
async def role(url: str, prefix: str) -> AsyncIterator[str]:
    """The name of a new role, whose password is its name. `url`: a superuser's, to the database that it is for."""
    name = f"{prefix}_{os.getpid()}_{next(_numbers)}"
    await run(url, f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
    try:
        yield name
    finally:
        await run(url, f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}; DROP ROLE {name}")


async def run(url: str, statements: str) -> None:
    """On a connection of its own: the server may have been started anew meanwhile."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def give_tables(sql: asyncpg.Connection, owner: str) -> None:
    """Make `owner` the owner of all that the migrations made, as if it had run them."""
    for kind, names in (
        ("TABLE", "SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"),
        ("FUNCTION", "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace"),
    ):
        for (name,) in await sql.fetch(f"SELECT found::text FROM ({names}) AS names (found)"):
            await sql.execute(f"ALTER {kind} {name} OWNER TO {owner}")


async def without_control_functions(sql: asyncpg.Connection, owner: str) -> None:
    """As in a hardened installation: nobody but superusers may ask, and our functions are an ordinary role's."""
    await give_tables(sql, owner)
    await sql.execute(f"REVOKE EXECUTE ON FUNCTION {CONTROL_FUNCTIONS} FROM PUBLIC")


async def let_serve(sql: asyncpg.Connection, name: str) -> None:
    """The rights that deploy/serve-role.sql gives."""
    await sql.execute(SERVE_ROLE.replace("authsvc_serve", name))
