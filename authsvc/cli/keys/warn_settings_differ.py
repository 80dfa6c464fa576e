"""What a command says where its settings are not those that the service serves by: one line a setting, on standard
error."""

from __future__ import annotations

from authsvc.cli.console import complain
from authsvc.flows.keys.served_settings import in_force
from authsvc.keys.settings_in_force import InForce
from authsvc.runtime import Runtime


async def in_force_told(runtime: Runtime, setting: str = "") -> InForce:
    """The strictest of both. `setting`: how those end that bear on the command. Raises StoreUnavailable."""
    found = await in_force(runtime)
    complain(*(str(each) for each in found.disagreements if each.setting.endswith(setting)))
    return found
