"""Demo people and clients, for `authsvc dev`. What is there stays as it is: somebody may have changed it on purpose."""

from __future__ import annotations

from hashlib import sha256

from authsvc.flows.operator import manage_clients, manage_users
from authsvc.rules.client_record import Authentication, Client, Exchange, Login, Tokens
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store.account import users

PASSWORD = "password"  # noqa: S105 - known to everybody, for loopback only
BACKEND_SECRET = "backend-secret"  # noqa: S105 - likewise
KITCHEN_SECRET = "kitchen-secret"  # noqa: S105 - likewise
ANYBODYS = ("http://localhost:5173/callback", "http://localhost:5173/")
"""Where a frontend that somebody begins runs, whichever client it takes."""
BAR, KITCHEN, ORDERS, STOCK = (f"https://{name}.example.com" for name in ("bar", "kitchen", "orders", "stock"))
"""What tokens call the APIs of the samples: each has a name of its own, and takes no token that was meant for another.
Nothing answers at these addresses."""
PEOPLE = (
    ("test@example.com", "Test", "customer"),
    ("bartender@example.com", "Bartender", "bartender"),
    ("admin@example.com", "Admin", "admin"),
)


def _frontend(
    name: str,
    port: int,
    *,
    required_role: str | None = None,
    registration_role: str | None = None,
    remember_me_allowed: bool = True,
) -> Client:
    """`port`: of the sample frontend in clients/browser; `registration_role`: of those who register there, where people
    may."""
    return Client(
        id=name,
        name=name.title(),
        kind="public",
        grant_types=frozenset({"authorization_code", "refresh_token"}),
        first_party=True,
        login=Login(
            redirect_uris=tuple(dict.fromkeys((*ANYBODYS, f"http://localhost:{port}/callback"))),
            required_role=required_role,
            registration_role=registration_role,
            remember_me_allowed=remember_me_allowed,
        ),
        tokens=Tokens(scopes=("openid", "profile", "email", "offline_access"), audiences=(BAR, KITCHEN, ORDERS)),
    )


CLIENTS = (
    _frontend("customer", 5173, registration_role="customer"),
    _frontend("bartender", 5174, required_role="bartender"),
    _frontend("admin", 5175, required_role="admin", remember_me_allowed=False),
    Client(
        id="terminal",
        name="Terminal",
        kind="public",
        grant_types=frozenset({"refresh_token", "urn:ietf:params:oauth:grant-type:device_code"}),
        first_party=True,
        login=Login(
            redirect_uris=("http://localhost:5176/",),  # no code comes there: it names the origin that may read answers
            required_role="bartender",
        ),
        tokens=Tokens(scopes=("openid", "profile"), audiences=(BAR,)),
    ),
    Client(
        id="backend",
        name="Backend",
        kind="confidential",
        grant_types=frozenset({"client_credentials"}),
        introspection=True,
        authentication=Authentication(secret_hashes=(sha256(BACKEND_SECRET.encode()).digest(),)),
        tokens=Tokens(scopes=("api", "revocations"), audiences=(ORDERS,)),
    ),
    # A service that goes on to the stock in the name of the person whose token it was sent.
    Client(
        id="kitchen",
        name="Kitchen",
        kind="confidential",
        grant_types=frozenset({"urn:ietf:params:oauth:grant-type:token-exchange"}),
        authentication=Authentication(secret_hashes=(sha256(KITCHEN_SECRET.encode()).digest(),)),
        tokens=Tokens(scopes=("openid", "profile")),
        exchange=Exchange(audiences=(STOCK,), subjects=(KITCHEN,)),
    ),
)


async def add_demo_data(runtime: Runtime, actor: str) -> int:
    """Add what is missing; how much it was. Raises StoreUnavailable."""
    added = 0
    for email, name, role in PEOPLE:
        if await users.by_email(runtime.db, email) is None:
            person = await manage_users.add(runtime, actor, email=email, name=name, roles=(role,), password=None)
            if not isinstance(person, Refused):  # no rule lets anybody choose this one
                password_hash = await runtime.passwords.hash(PASSWORD)
                async with runtime.db.transaction() as connection:
                    await users.set_password(connection, person[0], password_hash)
            added += _is_new(person)
    for client in CLIENTS:
        added += _is_new(await manage_clients.add(runtime, actor, client))
    return added


def _is_new(verdict: object) -> bool:
    """Raises ValueError where it may not be at all."""
    if isinstance(verdict, Refused) and verdict.error != "conflict":
        raise ValueError(verdict.description)
    return not isinstance(verdict, Refused)
