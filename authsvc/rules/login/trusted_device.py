"""Where a login passes over the second step, because the person trusts the device.

A trusted device proves nothing: what it was proved by lies weeks back. So it stands in only where nobody but the person
asks for their second factor, and the session says what was proved now, which is the password.

    who asks for the second factor                       on a trusted device
    the person alone, who has an authenticator app       passed over, where the client allows it
    the client, by its required_acr                      asked for (and such a client cannot allow it)
    a role of AUTHSVC_MFA_ROLES                          asked for
    the request, by acr_values or acr in its claims      asked for
    the request wants a login of now (prompt, max_age)   asked for
    our own pages (/account, /device)                    asked for
"""

from __future__ import annotations

from datetime import datetime, timedelta

from authsvc.rules.authorize.request import AuthorizationRequest
from authsvc.rules.client_record import Client
from authsvc.rules.levels import PASSWORD_ACR, reaches

MOST = 20
"""So many a person; one more ends the one that was used longest ago."""


def days_offered(client: Client | None, wanted: str) -> int:
    """For how long the second step may offer to trust the device; 0: it does not. `wanted`: the rung that client and
    roles demand."""
    return client.login.trusted_device_days if client is not None and wanted == PASSWORD_ACR else 0


def wants_fresh_proof(request: AuthorizationRequest) -> bool:
    """Whether a request asks for more than a password of today, or for a login that is made for it."""
    if request.max_age is not None or request.prompt & {"login", "select_account"}:
        return True
    return any(not reaches(PASSWORD_ACR, one) for one in request.acr_asked)


def passes_over(
    client: Client | None, wanted: str, *, fresh: bool, since: datetime, expires_at: datetime, now: datetime
) -> bool:
    """Whether the second step is left out on a device that is trusted `since`. `fresh`: what the login is for wants a
    proof of now. A client believes no device for longer than it would let people trust one, wherever that was."""
    days = 0 if fresh else days_offered(client, wanted)
    return now < min(expires_at, since + timedelta(days=days))
