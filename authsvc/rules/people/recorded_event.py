"""An audit event about a person, as the store hands it to rules and flows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from authsvc.records import frozen


@frozen
class Recorded:
    """A row of `audit_events` about a person. `by_owner`: they did it themselves; `device`, `address`: "" where nobody
    knows; `apps`: names of the clients concerned."""

    id: int
    at: datetime
    event: str
    by_owner: bool
    session_id: UUID | None
    device: str
    address: str
    apps: tuple[str, ...]
