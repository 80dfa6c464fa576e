"""What keys are judged by: replicas record what they serve by, and everybody takes the strictest of all."""

from __future__ import annotations

from socket import gethostname

from authsvc.keys.records import ServedSettings
from authsvc.keys.settings_in_force import InForce, combine, document, with_client_tokens
from authsvc.logs import get_logger
from authsvc.runtime import Runtime, key_surroundings
from authsvc.store.caller.clients import longest_token
from authsvc.store.keys import served_settings

log = get_logger()


async def in_force(runtime: Runtime) -> InForce:
    """The strictest of the settings that replicas recorded and of our own. Judge by this. Raises StoreUnavailable."""
    return await _combined(runtime, await served_settings.everything(runtime.db))


async def record(runtime: Runtime) -> InForce:
    """As `in_force`, of a replica: it says first what it serves by. Raises StoreUnavailable."""
    return await _combined(runtime, await _said(runtime))


async def record_at_start(runtime: Runtime) -> None:
    """As `record`, before this replica serves: tell the operator of others that do not agree. Raises
    StoreUnavailable."""
    others = [record for record in await _said(runtime) if record.replica != _name(runtime)]
    for found in (await _combined(runtime, others)).disagreements.values():
        log.warning("replicas_disagree", reason=found)


async def _said(runtime: Runtime) -> list[ServedSettings]:
    """What all replicas serve by, this one too, which says it now."""
    said = document(runtime.keyring.life, key_surroundings(runtime.settings))
    return await served_settings.record(runtime.db, _name(runtime), said)


async def _combined(runtime: Runtime, records: list[ServedSettings]) -> InForce:
    found = combine(runtime.keyring.life, key_surroundings(runtime.settings), records, runtime.clock.now())
    return with_client_tokens(found, await longest_token(runtime.db))


def _name(runtime: Runtime) -> str:
    """Of the replica; its workers share it."""
    return f"{gethostname()}:{runtime.settings.port}"
