"""`authsvc sweep`: the clean-up, now."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option, table

if TYPE_CHECKING:
    from authsvc.runtime import Runtime


@click.command()
@json_option
def command() -> None:
    """Delete what has expired, now.

    The service does it by itself every AUTHSVC_SWEEP_INTERVAL_SECONDS, and nothing depends on its having run.

    \b
    Examples:
      authsvc sweep
      authsvc sweep --json
    """
    from authsvc.flows.upkeep.sweep import sweep_once
    from authsvc.store import audit

    async def work(runtime: Runtime, actor: str) -> Counter[str]:
        deleted = await sweep_once(runtime)
        if deleted:
            await audit.record(runtime.db, "swept", actor, deleted=dict(deleted))
        return deleted

    deleted = operate(work)
    rows = sorted(deleted.items())
    answer({"deleted": deleted}, table(("TABLE", "ROWS DELETED"), rows, empty="Nothing had expired."))
