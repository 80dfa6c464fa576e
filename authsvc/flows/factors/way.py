"""The shape of a way: what each second factor is to the second step of a login."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any

from authsvc.flows.proofs.tell_person import Place
from authsvc.records import frozen
from authsvc.rules.levels import MFA_ACR
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime


@frozen
class Proved:
    """What a person has proved: its RFC 8176 names, and the credentials that proved it, as a session keeps them."""

    amr: tuple[str, ...]
    credentials: tuple[str, ...]


PASSWORD = Proved(("pwd",), ("password",))
MAILED_CODE = Proved((), ("mail",))
"""No factor, so it has no name in `amr`; the session knows all the same what opened it."""


@frozen
class Tried:
    """An answer. `values`: the members or fields that are not ours; `binding`: the digest of the challenge that it came
    back with; `place`: of who answers, for a notice; `origins`: of the pages besides our own that may have asked."""

    values: Mapping[str, str] = field(repr=False)
    binding: str
    place: Place
    origins: tuple[str, ...] = ()


async def _nothing(_runtime: Runtime, _user: User, _binding: str) -> Mapping[str, Any]:
    return {}


@frozen(kw_only=True)
class Way:
    """One second factor. `name`: as `store/factors/held` calls it, and as JSON and forms name it.

    `ask`: what the caller needs besides the name (a challenge to sign), for a person and the digest of the challenge
    that it will come back with. `check`: judge what was answered, and use it up: one statement decides. None: it was
    wrong. Tries are counted around it. Both raise StoreUnavailable.

    `acr`: the rung that it reaches beside a password. `spare`: it is good only beside another factor. `on_demand`: who
    has no other one is asked for it only where a second factor is demanded.
    """

    name: str
    check: Callable[[Runtime, User, Tried], Awaitable[Proved | None]]
    ask: Callable[[Runtime, User, str], Awaitable[Mapping[str, Any]]] = _nothing
    acr: str = MFA_ACR
    spare: bool = False
    on_demand: bool = False
