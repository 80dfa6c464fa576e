"""Whether people may trust devices at a client, and for how long."""

from __future__ import annotations

from authsvc.rules.client_record import Login
from authsvc.rules.clients.limits import TRUSTED_DEVICE_DAYS
from authsvc.rules.levels import PASSWORD_ACR


def trusted_device_problem(login: Login) -> str | None:
    """What is wrong with the days of a client. A device that is trusted proves no second factor, so whoever demands one
    has no use for it, and is told so before people are promised something."""
    least, most = TRUSTED_DEVICE_DAYS
    if not least <= login.trusted_device_days <= most:
        return f"The trusted_device_days must be from {least} to {most}."
    if login.trusted_device_days and login.required_acr not in (None, PASSWORD_ACR):
        return "The trusted_device_days are for clients that demand no second factor."
    return None
