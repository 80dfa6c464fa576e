"""A person, a session and a login, as the store hands them to rules and flows. Times are aware and UTC."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from uuid import UUID

from authsvc.records import frozen


@frozen
class User:
    """A person. `password_hash` is an argon2id or bcrypt string, None where the person has no password, or where it was
    not asked for. `device_generation`: of their device cookies those with this number are good; `factor_generation`: so
    often was a second factor of theirs removed; `logged_in_before`: they have had their very first login; `locale`: the
    language that they chose, "" for whatever the browser asks for."""

    id: UUID
    email: str
    name: str
    roles: tuple[str, ...]
    email_verified: bool = False
    password_hash: str | None = field(repr=False, default=None)
    disabled_at: datetime | None = None
    device_generation: int = 0
    factor_generation: int = 0
    logged_in_before: bool = False
    locale: str = ""


@frozen
class Login:
    """Who logged in, in which session, when and how; `roles`: those that the person has now; `acr_values`: contexts
    that were asked for by name, in the order of preference; `session_name`: what the grant's tokens call the session,
    None: by its id."""

    user_id: UUID
    session_id: UUID
    auth_time: datetime
    amr: tuple[str, ...]
    roles: tuple[str, ...]
    acr_values: tuple[str, ...] = ()
    session_name: str | None = None

    @property
    def sid(self) -> str:
        """The claim of this name."""
        return self.session_name or str(self.session_id)


@frozen
class Session:
    """One login of one person on one device. `expires_at` is fixed at login."""

    id: UUID
    device_info: str
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    remember_me: bool
    expires_at: datetime
    last_activity: datetime
