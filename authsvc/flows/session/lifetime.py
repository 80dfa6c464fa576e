"""How long a login lasts: each client's own policy, else the service's."""

from __future__ import annotations

from authsvc.rules.client_record import Client
from authsvc.runtime import Runtime


def lifetime(runtime: Runtime, client: Client, remember_me: bool) -> int:
    """Seconds that a session lives, from its login on."""
    if remember_me:
        return client.login.remember_me_seconds or runtime.settings.remember_me_seconds
    return client.login.session_seconds or runtime.settings.session_seconds
