"""How long a session lives: by its client, else by the service."""

from __future__ import annotations

from authsvc.rules.client_record import Client
from authsvc.runtime import Runtime


def lifetime(runtime: Runtime, client: Client | None, remember_me: bool) -> int:
    """Seconds that a session lives, from its login on: by the client's own policy, else by the service's. `client`:
    None for one that began at one of our own pages."""
    if remember_me:
        return (client and client.login.remember_me_seconds) or runtime.settings.remember_me_seconds
    return (client and client.login.session_seconds) or runtime.settings.session_seconds
