"""`authsvc migrate`: the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option

if TYPE_CHECKING:
    from authsvc.runtime import Runtime
    from authsvc.store.migrate import Migration


@click.command()
@click.option("--check", is_flag=True, help="Only look: exit code 1 when there is something to do.")
@json_option
def command(check: bool) -> None:
    """Bring the database up to date.

    Forward only, each step in its own transaction, one runner at a time: several may be started at once. The previous
    version of authsvc keeps running on the new schema.

    \b
    Examples:
      authsvc migrate
      authsvc migrate --check && echo up to date
    """
    from authsvc.store import audit, migrate

    async def work(runtime: Runtime, actor: str) -> list[Migration]:
        if check:
            return await migrate.check(runtime.db)
        done = await migrate.migrate(runtime.db)
        if done:
            await audit.record(runtime.db, "schema_migrated", actor, versions=[step.version for step in done])
        return done

    steps = operate(work, migrated=False)
    state = "pending" if check else "applied"
    answer(
        {state: [{"version": step.version, "name": step.name} for step in steps]},
        [f"{state}  {step.version:04}  {step.name}" for step in steps] or "The database is up to date.",
    )
    if check and steps:
        raise click.exceptions.Exit(1)
