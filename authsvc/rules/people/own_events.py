"""Which audit events tell a person something about their own account, and what.

Left out is what only an operator needs. Whoever did it is the person themselves, or somebody who runs the service; an
event that is nobody's doing (a copied token was found) says so by its kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from authsvc.records import frozen
from authsvc.rules.people.recorded_event import Recorded

THEFTS = ("refresh_token_reuse", "code_replayed")
"""A session ended because something of it was used twice."""
KINDS: dict[str, str] = {
    "account_taken_back": "taken_back",
    "app_revoked": "app_revoked",
    "code_replayed": "theft",
    "device_allowed": "device_allowed",
    "device_trusted": "device_trusted",
    "factor_added": "factor_added",
    "factor_removed": "factor_removed",
    "invitation_accepted": "password_chosen",
    "new_device_login": "new_device",
    "passkey_added": "passkey_added",
    "passkey_removed": "passkey_removed",
    "password_reset": "password_chosen",
    "password_set": "password_changed",
    "recovery_code_used": "recovery_code_used",
    "recovery_codes_made": "recovery_codes_made",
    "refresh_token_reuse": "theft",
    "session_ended": "session_ended",
    "sessions_ended": "sessions_ended",
    "trusted_device_ended": "trusted_device_ended",
    "user_added": "account_made",
    "user_address_changed": "address_changed",
    "user_address_verified": "address_confirmed",
    "user_disabled": "disabled",
    "user_enabled": "enabled",
    "user_registered": "account_made",
    "user_renamed": "renamed",
    "user_roles_changed": "roles_changed",
}
"""Audit event -> what the person is told. Another one is a line here, and a text `event.<kind>`."""
_NOBODYS = frozenset({"theft"})


@frozen
class OwnEvent:
    """What a person is told. `by_operator`: somebody did it who runs the service."""

    id: int
    at: datetime
    kind: str
    by_operator: bool
    device: str
    address: str
    apps: tuple[str, ...]


def told(rows: Iterable[Recorded]) -> tuple[OwnEvent, ...]:
    """The events as a person reads them, in their order. A session that is stolen by several requests at once ended
    once: of the same session the oldest is told, which says what was ended."""
    kept = list(rows)
    first = {row.session_id: row.id for row in kept if row.event in THEFTS}  # the newest come first: the oldest stays
    return tuple(_told(row) for row in kept if row.event not in THEFTS or first[row.session_id] == row.id)


def _told(row: Recorded) -> OwnEvent:
    kind = KINDS[row.event]
    by_operator = not row.by_owner and kind not in _NOBODYS and row.event != "user_registered"
    return OwnEvent(row.id, row.at, kind, by_operator, row.device, row.address, row.apps)
