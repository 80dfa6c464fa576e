"""A program in which somebody uses a client's JSON endpoints."""

from __future__ import annotations

from authsvc.rules.client_record import Client


def program_at(client: Client, holder: str) -> str:
    """Who alone may finish what was begun: `holder` (what stands for the browser or app) at this client."""
    return f"{client.id} {holder}"
