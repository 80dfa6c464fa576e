"""Settings of what clients must and may do, and of requests to them."""

from __future__ import annotations

from dataclasses import dataclass

from authsvc.settings.kinds import boolean, setting


@dataclass(frozen=True, kw_only=True)
class Clients:
    require_pushed_authorization_requests: bool = setting(
        boolean, False, help="every client must push its authorization requests to /par; else each by its policy"
    )
    client_registration: bool = setting(
        boolean, False, help="clients may register at /register with a token of `clients registration-token`"
    )
    outgoing_private: bool = setting(
        boolean, False, help="let logout receivers and jwks_uri be in private networks; link-local never"
    )
    default_client: str = setting(str, "customer", help="client of a JSON login that names none")
