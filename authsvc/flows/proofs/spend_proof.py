"""A proof is shown: looked at by GET, which changes nothing, and spent by POST in the transaction of what it allows."""

from __future__ import annotations

from dataclasses import field
from uuid import UUID

from authsvc.flows.proofs.ask_for_letter import Asked
from authsvc.flows.session.end_all import REQUEST_SECONDS, finish_ending
from authsvc.records import frozen
from authsvc.rules.errors import Rejected
from authsvc.rules.people.person import normal_email
from authsvc.rules.person_record import User
from authsvc.rules.proofs.proof import (
    CODE_KEY,
    CODE_TRIES,
    EXCHANGE_KEY,
    OF_THE_ADDRESS,
    Purpose,
    code_digest,
    normal_code,
    secret_of_code,
)
from authsvc.rules.secret_digest import digest_of, is_base64url_of_32
from authsvc.runtime import Runtime
from authsvc.store.account import users
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Connection
from authsvc.store.proofs import proofs
from authsvc.store.proofs.proofs import Proof
from authsvc.store.session.endings import Batch


@frozen
class Shown:
    """A proof that is alive, with its secret; `user`: whom it is about, None: nobody yet."""

    proof: Proof
    user: User | None
    secret: str = field(repr=False)

    @property
    def purpose(self) -> Purpose:
        return Purpose(self.proof.purpose)


async def show_proof(runtime: Runtime, secret: str) -> Shown | None:
    """What a secret would prove. None: nothing (any more). Raises StoreUnavailable."""
    proof = await proofs.alive(runtime.db, digest_of(secret)) if is_base64url_of_32(secret) else None
    if proof is None:
        return None
    user = None if proof.user_id is None else await users.by_id(runtime.db, proof.user_id)
    return Shown(proof, user, secret)


async def try_code(runtime: Runtime, asked: Asked, typed: str) -> Shown | None:
    """Exchange the code of a letter for a new secret; the link in the letter is void then. Until that is spent, the
    same code gives the same again, and counts as no try: no 503 behind it costs the code. None: it is wrong, or may not
    be tried any more, which nobody is told apart. Raises StoreUnavailable."""
    code = normal_code(typed)
    if code is None:
        return None
    digests = [code_digest(runtime.master.derive(key, CODE_KEY), asked.proof_id, code) for key in runtime.master.ids]
    secret = secret_of_code(runtime.current_key(EXCHANGE_KEY), asked.proof_id, code)
    right = await proofs.try_code(runtime.db, asked.proof_id, digests, fresh=digest_of(secret), tries=CODE_TRIES)
    return await show_proof(runtime, secret) if right else None


async def spend_proof(connection: Connection, secret: str, purpose: Purpose) -> tuple[Proof, User] | None:
    """Spend a proof about somebody, whose row is locked until the transaction ends. None: it is void
    (`proof_void`), and nothing may be changed."""
    digest = digest_of(secret)
    user = await proofs.lock_owner(connection, digest)
    if user is None or user.disabled_at is not None:
        return None
    proof = await proofs.spend(connection, digest, purpose)
    if proof is None or (purpose in OF_THE_ADDRESS and normal_email(user.email) != proof.email):
        return None
    return proof, user


async def spend_of_nobody(connection: Connection, secret: str, purpose: Purpose) -> Proof | None:
    """Spend a proof of an address that is nobody's yet. None: it is void."""
    return await proofs.spend(connection, digest_of(secret), purpose)


def proof_void() -> Rejected:
    """One answer for whatever a proof lacks: spent, void, expired, or made for something else."""
    return Rejected("access_denied", "This link is not good any more.", "proof_void", status=403)


def mailed_code_wrong() -> Rejected:
    """What a frontend is told of a code that is wrong, or may not be tried any more: which, nobody is told."""
    description = "The code is wrong, or may not be tried any more."
    return Rejected("invalid_credentials", description, "mailed_code_wrong", status=401)


async def end_rest(runtime: Runtime, user_id: UUID, batch: Batch) -> bool:
    """End what a spent proof has begun to end. False: not all is over yet; what was changed counts, and the upkeep goes
    on."""
    try:
        await finish_ending(runtime, user_id, batch, seconds=REQUEST_SECONDS)
    except StoreUnavailable:
        return False
    return True
