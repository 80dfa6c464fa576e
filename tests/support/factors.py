"""Second factors of the demo people, and the codes that their apps show."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from authsvc.flows.factors.one_time_code import seal
from authsvc.rules.factors.recovery_codes import code_of, digest_of_code
from authsvc.rules.factors.totp import code_at, step_at
from tests.support.service import LOGIN, Service

PASSWORD = LOGIN["password"]


@dataclass
class App:
    """An authenticator app. `code()`: what it shows now; `code(-1)`: what it showed half a minute ago."""

    service: Service
    user_id: UUID
    id: UUID = field(default_factory=uuid4)
    secret: bytes = field(default_factory=lambda: os.urandom(20))

    def code(self, steps: int = 0) -> str:
        return code_at(self.secret, step_at(self.service.runtime.clock.seconds()) + steps)


async def person(service: Service, email: str, roles: tuple[str, ...] = ("customer",)) -> UUID:
    """A new person with the demo people's password."""
    sql = """INSERT INTO users (email, name, roles, password_hash)
             SELECT $1, 'New', $2, password_hash FROM users WHERE email = 'test@example.com' RETURNING id"""
    found: UUID = await service.sql.fetchval(sql, email, list(roles))
    return found


async def app_of(service: Service, user_id: UUID) -> App:
    """Give a person an app, as if they had set it up a while ago."""
    app = App(service, user_id)
    await service.sql.execute(
        "INSERT INTO one_time_codes (user_id, id, sealed, confirmed_at) VALUES ($1, $2, $3, now())",
        user_id,
        app.id,
        seal(service.runtime, user_id, app.id, app.secret),
    )
    return app


async def recovery_codes_of(service: Service, user_id: UUID) -> list[str]:
    codes = [code_of(service.runtime.entropy(10)) for _ in range(10)]
    digests = [digest_of_code(user_id, code) for code in codes]
    await service.sql.execute(
        "INSERT INTO recovery_codes (user_id, digest) SELECT $1, unnest($2::bytea[])", user_id, digests
    )
    return codes
