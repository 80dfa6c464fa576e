"""Make a proof, in the transaction of the letter that carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.person_record import User
from authsvc.rules.proofs.proof import CODE_KEY, Purpose, code_digest, life_seconds, new_code, shown_code, subject_of
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store.postgres import Connection
from authsvc.store.proofs import proofs
from authsvc.store.proofs.proofs import Proof
from authsvc_jws.base64url import base64url_encode

PATH = "/proof"


@frozen
class Issued:
    """What the letter says. The host of the link is the issuer's, whatever a request called us."""

    link: str = field(repr=False)
    code: str = field(repr=False)

    def values(self) -> dict[str, str]:
        return {"link": self.link, "code": shown_code(self.code)}


async def issue_proof(runtime: Runtime, connection: Connection, proof: Proof) -> Issued:
    """Store a proof, and void the one that was alive for the same subject and purpose."""
    secret, code = base64url_encode(runtime.entropy(32)), new_code(runtime.entropy(16))
    await _store(
        runtime, connection, proof, digest_of(secret), code_digest(runtime.current_key(CODE_KEY), proof.id, code)
    )
    return Issued(f"{runtime.settings.issuer}{PATH}?key={secret}", code)


async def issue_decoy(runtime: Runtime, connection: Connection, proof: Proof) -> None:
    """Store a proof that nobody can have: its code is tried in the time of a real one, and as often."""
    await _store(runtime, connection, proof, runtime.entropy(32), runtime.entropy(32))


async def not_me_link(runtime: Runtime, connection: Connection, user: User, *, language: str) -> str:
    """The link of "this was not me", for a notice to a person's address."""
    proof = new_proof(runtime, Purpose.NOT_ME, user.email, user.id, {"language": language})
    return (await issue_proof(runtime, connection, proof)).link


def new_proof(runtime: Runtime, purpose: Purpose, email: str, user_id: UUID | None, detail: Mapping[str, str]) -> Proof:
    """A proof that is not stored yet."""
    return Proof(UUID(bytes=runtime.entropy(16)), purpose, email, user_id, detail)


async def _store(runtime: Runtime, connection: Connection, proof: Proof, digest: bytes, code: bytes) -> None:
    purpose = Purpose(proof.purpose)
    await proofs.issue(
        connection,
        proof,
        subject=subject_of(purpose, proof.id, proof.user_id, proof.email),
        digest=digest,
        code_digest=code,
        seconds=life_seconds(purpose),
    )
