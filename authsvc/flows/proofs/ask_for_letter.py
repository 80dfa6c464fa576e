"""Somebody asks for a letter. Whoever has the address, and whether anybody has: the same steps, one row, one answer.

The letter is written by a worker afterwards (`write_letters`), so that nothing about the address is looked up while
somebody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import field
from uuid import UUID

from authsvc.flows.caller.limits import network_buckets, within_limit
from authsvc.flows.proofs.issue_proof import new_proof
from authsvc.records import frozen
from authsvc.rules.login.device_cookie import account_digest
from authsvc.rules.people.person import judge_person
from authsvc.rules.proofs.proof import SHORT_SECONDS, Purpose
from authsvc.rules.refused import Refused
from authsvc.rules.sealed_value_lifetimes import MAILED_CODE_SECONDS
from authsvc.runtime import Memory, Runtime
from authsvc.store.caller.attempts import Bucket
from authsvc.store.proofs import proofs

_SEAL = "mailed code form"

asked_here = Memory(asyncio.Event)
"""Set when a letter was asked for at this worker."""


@frozen
class Asked:
    """The form for the code, sealed for one browser. `proof_id`: of the proof that will be mailed."""

    proof_id: UUID
    purpose: Purpose
    email: str
    browser: str = field(repr=False)


async def ask_for_letter(
    runtime: Runtime,
    purpose: Purpose,
    typed: str,
    *,
    network: str,
    browser: str,
    user_id: UUID | None = None,
    detail: Mapping[str, str],
) -> Asked | Refused:
    """`typed`: the address; `browser`: which one asks, the only one that may try the code; `user_id`: who is logged
    in, where that is needed. Refused: no address can look like that. Raises TooMany, StoreUnavailable."""
    judged = judge_person(typed, "", ())
    if isinstance(judged, Refused):
        return judged
    wish = new_proof(runtime, purpose, judged.email, user_id, detail)
    async with within_limit(runtime, _buckets(runtime, judged.email, network, user_id), "mail", "mail_requests"):
        await proofs.ask(runtime.db, wish, seconds=SHORT_SECONDS)
    asked_here.of(runtime).set()
    return Asked(wish.id, purpose, judged.email, browser)


def _buckets(runtime: Runtime, email: str, network: str, user_id: UUID | None) -> list[Bucket]:
    account = account_digest(runtime.current_key("account digest"), email)
    buckets = [
        Bucket(f"mail-address:{account.hex()}", runtime.settings.mail_address_requests),
        *network_buckets("mail-network", network, runtime.settings.mail_network_requests),
    ]
    if user_id is not None:
        buckets.append(Bucket(f"mail-person:{user_id}", runtime.settings.mail_address_requests))
    return buckets


def seal_asked(runtime: Runtime, asked: Asked) -> str:
    """What was asked, as sealed text for the form of the code."""
    return runtime.seal_dated(_SEAL, asked.proof_id.hex, asked.purpose, asked.email, asked.browser)


def open_asked(runtime: Runtime, sealed: str) -> Asked | None:
    """Open what `seal_asked` wrote. None: not ours, or older than any proof of it."""
    opened = runtime.open_dated(_SEAL, sealed, seconds=MAILED_CODE_SECONDS)
    if opened is None:
        return None
    proof_id, purpose, email, browser = opened
    return Asked(UUID(hex=proof_id), Purpose(purpose), email, browser)
