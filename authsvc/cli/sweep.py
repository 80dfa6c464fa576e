"""`authsvc sweep`: the clean-up, now."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from authsvc.cli.console import CONTEXT, json_option, show_json, show_table

if TYPE_CHECKING:
    from authsvc.runtime import Runtime


@click.command(context_settings=CONTEXT)
@json_option
def command(as_json: bool) -> None:
    """Delete what has expired, now.

    The service does it by itself every AUTHSVC_SWEEP_INTERVAL_SECONDS, and nothing depends on its having run.

    \b
    Examples:
      authsvc sweep
      authsvc sweep --json
    """
    from authsvc.cli.command_runtime import actor, operate
    from authsvc.flows.upkeep.sweep import sweep_once
    from authsvc.store import audit

    async def work(runtime: Runtime) -> Counter[str]:
        deleted = await sweep_once(runtime)
        if deleted:
            await audit.record(runtime.db, "swept", actor(), deleted=dict(deleted))
        return deleted

    deleted = operate(work)
    if as_json:
        show_json({"deleted": deleted})
    else:
        show_table(("TABLE", "ROWS DELETED"), sorted(deleted.items()), empty="Nothing had expired.")
