"""A passkey as a second factor. It opens a login by itself, so nobody is asked for it after a password unless a second
factor is demanded, or they have another one.

There are two ways: one for every passkey, and one for those that stay in their device, which reach higher.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from authsvc.flows.factors.passkey_assertion import judge_credential, request_options, take
from authsvc.flows.factors.relying_party import own_origins, rp_id_of
from authsvc.flows.factors.way import Proved, Tried, Way
from authsvc.rules.errors import Rejected
from authsvc.rules.levels import PHR_ACR, PHRH_ACR
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store.factors import passkeys
from authsvc.store.postgres import CHANGE_SECONDS


def _challenge(binding: str) -> bytes:
    """The challenge of a second step: what that step is bound to is random, sealed, and good for five minutes."""
    return sha256(f"passkey as a second factor\0{binding}".encode()).digest()


async def _ask(runtime: Runtime, user: User, binding: str, *, device_bound: bool) -> Mapping[str, Any]:
    rp_id = rp_id_of(runtime.settings)
    held = await passkeys.of_person(runtime.db, user.id)
    allowed = [one for one in held if one.rp_id == rp_id and not (device_bound and one.backup_eligible)]
    return {"options": request_options(runtime, _challenge(binding), allowed)}


async def _check(runtime: Runtime, user: User, tried: Tried, *, device_bound: bool) -> Proved | None:
    credential = tried.values.get("credential", "")
    try:
        shown = await judge_credential(
            runtime,
            _challenge(tried.binding),
            credential,
            owner=user.id,
            device_bound=device_bound,
            origins=(*own_origins(runtime.settings), *tried.origins),
        )
        async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
            await take(runtime, connection, shown)
    except Rejected:
        return None
    return shown.proved


def _way(name: str, acr: str, *, device_bound: bool) -> Way:
    ask, check = partial(_ask, device_bound=device_bound), partial(_check, device_bound=device_bound)
    return Way(name=name, ask=ask, check=check, acr=acr, on_demand=True)


PASSKEY = _way("passkey", PHR_ACR, device_bound=False)
DEVICE_BOUND_PASSKEY = _way("device_bound_passkey", PHRH_ACR, device_bound=True)
PASSKEY_WAYS = (PASSKEY.name, DEVICE_BOUND_PASSKEY.name)
"""The wider one first: whoever may use any passkey is asked for any."""
