"""The laboratory is judged: the rotation, the revocation and the honesty of errors, broken on purpose; a run of it must
notice each. `scripts/faults mutants`; tests/flows/token/refresh/test_mutants.py has many more, against single promises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tests.laboratory import campaign
from tests.laboratory.world import World, in_world
from tests.support.twins import Mutant

DIRECTORY_OF_MUTANTS = "LABORATORY_MUTANT"
_LOST = "WHEN $5::int > 0 AND now() - g.rotated_at <= $8::int * interval '1 second' THEN 'supersede'"

STATEMENT = {
    mutant.name: mutant
    for mutant in (
        Mutant("a replay rotates", "ELSE 'reuse' END AS verdict) v", "ELSE 'rotate' END AS verdict) v"),
        Mutant(
            "the generation one behind is live",
            "WHEN $3::bigint = g.generation THEN 'rotate'",
            "WHEN $3::bigint IN (g.generation, g.generation - 1) THEN 'rotate'",
        ),
        Mutant("no answer is ever lost", _LOST, "WHEN $5::int < 0 AND $8::int < 0 THEN 'supersede'"),
        Mutant("a second tab is a thief", "THEN 'repeat' ELSE 'crowded' END", "THEN 'reuse' ELSE 'crowded' END"),
        Mutant("an ended session refreshes", "WHEN g.ended THEN 'ended'\n", ""),
    )
}

TRIGGERS = [
    Mutant(
        "the end of a session forgets its grants",
        "UPDATE grants SET ended = true, ended_at = now() WHERE session_id = NEW.id AND NOT ended;",
        "",
        function="user_sessions_after_end",
    ),
    Mutant(
        "the end of a session writes no revocation",
        "PERFORM revoke('session', NEW.id::text, NEW.end_reason);",
        "",
        function="user_sessions_after_end",
    ),
]


def _returning(module: str, path: str, answer: Callable[..., Any]) -> None:
    """Trouble in a store makes this function return instead of raising."""
    from authsvc.store.errors import StoreUnavailable

    holder: Any = import_module(module)
    real = getattr(holder, path)

    async def broken(*args: Any, **options: Any) -> Any:
        try:
            return await real(*args, **options)
        except StoreUnavailable:
            return answer(*args, **options)

    setattr(holder, path, broken)


def _invalid_grant(*_: Any, **__: Any) -> None:
    """No row would not do: the flow asks the store once more then, which is away, and answers 503."""
    from authsvc.rules.errors import Rejected

    raise Rejected("invalid_grant", "The refresh token is not valid.", "mutant")


def _unpublished() -> None:
    """Redis is not told, and nobody is told not to believe it: neither here nor by the poll."""

    async def silent(*_: Any, **__: Any) -> None: ...

    revocation_set: Any = import_module("authsvc.store.revocation.revocation_set")
    revocation_set.RevocationSet.add = silent


PATCHES: dict[str, Callable[[], None]] = {
    "an outage is called invalid_grant": lambda: _returning("authsvc.store.token.grants", "refresh", _invalid_grant),
    "a logout is acknowledged in an outage": lambda: _returning(
        "authsvc.store.token.grants", "revoke", lambda *a, **o: None
    ),
    "redis is never told of a revocation": _unpublished,
}
"""What a doomed replica does to itself."""

SQL = {"commits do not wait for the disk": "ALTER ROLE authsvc SET synchronous_commit = off"}

ONLY = {
    "an outage is called invalid_grant": ["postgresql refused", "postgresql killed"],
    "a logout is acknowledged in an outage": ["postgresql refused", "postgresql in a black hole"],
    "redis is never told of a revocation": ["postgresql lost after an end"],  # or the poll tells it, in half a second
    "commits do not wait for the disk": ["postgresql killed"],
}
"""Where the fault must be there for the mutant to show."""


@dataclass
class Caught:
    mutant: str
    schedules: int
    by: str
    """The violation that told; empty: nothing did."""


def names() -> list[str]:
    return [*STATEMENT, *(one.name for one in TRIGGERS), *PATCHES, *SQL]


def apply(name: str) -> None:
    """In a replica, before it serves."""
    if name in STATEMENT:
        grants: Any = import_module("authsvc.store.token.grants")
        grants.REFRESH = STATEMENT[name].of(grants.REFRESH)
    elif name in PATCHES:
        PATCHES[name]()


def hunt(name: str, seed: str, schedules: int) -> Caught:
    """Play schedules against this mutant until one has a violation."""

    async def work(world: World) -> campaign.Report:
        await _break_database(world, name)
        return await campaign.run(
            world, seed, schedules=schedules, only=ONLY.get(name, ["nothing"]), stop_at_first=True
        )

    report: campaign.Report = in_world(work, **{DIRECTORY_OF_MUTANTS: name})
    return Caught(name, report.schedules, report.failed[0][1][0] if report.failed else "")


async def _break_database(world: World, name: str) -> None:
    statements = [SQL[name]] if name in SQL else []
    statements += [mutant.of(source_of(mutant.function)) for mutant in TRIGGERS if mutant.name == name]
    async with world.sql() as sql:
        for statement in statements:
            await sql.execute(statement)
        if name in SQL:  # of new connections
            for place in world.places:
                place.to_postgres.cut()


def source_of(function: str) -> str:
    """The newest definition of a function in the migrations."""
    from authsvc.store import migrate

    sql = "".join(migration.sql for migration in migrate.available())
    found = re.findall(rf"CREATE (?:OR REPLACE )?(FUNCTION {function}\(.*?\$\$.*?\$\$;)", sql, re.DOTALL)
    return f"CREATE OR REPLACE {found[-1]}"
