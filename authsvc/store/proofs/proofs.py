"""Mailed proofs. One statement decides who spends a proof, and how often its code was tried.

Locks are taken in the order person, proof: a change of a person voids their proofs with the person's row locked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.rules.person_record import User
from authsvc.store.postgres import Connection, Database, record_of


@frozen
class Proof:
    """A proof, or a wish for one. `email`: where its letter goes; `user_id`: whom it is about, None: nobody is known;
    `detail`: what its purpose needs besides; `made_at`: of one that was spent."""

    id: UUID
    purpose: str
    email: str
    user_id: UUID | None
    detail: Mapping[str, str] = field(default_factory=dict)
    made_at: datetime | None = None


async def ask(db: Database | Connection, wish: Proof, *, seconds: int) -> None:
    """Store what somebody asked for. One INSERT, whoever has the address."""
    sql = """INSERT INTO mailed_proofs (id, purpose, email, user_id, subject, detail, expires_at)
             VALUES ($1, $2, $3, $4, '', $5, now() + $6::int * interval '1 second')"""
    await db.execute(sql, wish.id, wish.purpose, wish.email, wish.user_id, json.dumps(wish.detail), seconds)


async def take_asked(connection: Connection) -> Proof | None:
    """The oldest wish that nobody else works on; it is gone with this transaction. None: there is none."""
    sql = """DELETE FROM mailed_proofs WHERE id = (
                 SELECT id FROM mailed_proofs WHERE digest IS NULL AND expires_at > now()
                 ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING id, purpose, email, user_id, detail"""
    return _proof(await connection.fetchrow(sql))


async def issue(
    connection: Connection, proof: Proof, *, subject: str, digest: Digest, code_digest: Digest, seconds: int
) -> None:
    """Store a proof; it takes the place of the one that is alive for this subject and purpose."""
    sql = """INSERT INTO mailed_proofs (id, purpose, email, user_id, subject, digest, code_digest, detail, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9::int * interval '1 second')
             ON CONFLICT (purpose, subject) WHERE digest IS NOT NULL DO UPDATE
             SET id = excluded.id, email = excluded.email, user_id = excluded.user_id, digest = excluded.digest,
                 code_digest = excluded.code_digest, code_tries = 0, detail = excluded.detail,
                 created_at = excluded.created_at, expires_at = excluded.expires_at"""
    await connection.execute(
        sql,
        proof.id,
        proof.purpose,
        proof.email,
        proof.user_id,
        subject,
        digest,
        code_digest,
        json.dumps(proof.detail),
        seconds,
    )


async def alive(db: Database, digest: Digest) -> Proof | None:
    """The proof of a secret, unspent and not expired. Changes nothing."""
    sql = """SELECT id, purpose, email, user_id, detail FROM mailed_proofs
             WHERE digest = $1 AND expires_at > now()"""
    return _proof(await db.fetchrow(sql, digest))


async def try_code(
    db: Database, proof_id: UUID, code_digests: Sequence[Digest], *, fresh: Digest, tries: int
) -> bool | None:
    """Count a wrong try of a code; where it is right, give the proof the secret with digest `fresh` instead of the one
    that was mailed. `fresh` comes of the code: who gave the right one may give it again, until the proof is spent.
    None: there is no proof whose code may be tried (any more)."""
    sql = """UPDATE mailed_proofs SET
                 code_tries = code_tries + CASE WHEN digest = $3 OR code_digest = ANY($2::bytea[]) THEN 0 ELSE 1 END,
                 digest = CASE WHEN code_digest = ANY($2::bytea[]) THEN $3 ELSE digest END,
                 code_digest = CASE WHEN code_digest = ANY($2::bytea[]) THEN NULL ELSE code_digest END
             WHERE id = $1 AND (code_digest IS NOT NULL OR digest = $3) AND digest IS NOT NULL AND code_tries < $4
             AND expires_at > now()
             RETURNING code_digest IS NULL AS fits"""
    right: bool | None = await db.fetchval(sql, proof_id, list(code_digests), fresh, tries)
    return right


async def lock_owner(connection: Connection, digest: Digest) -> User | None:
    """Whom a proof is about; their logins and changes wait until the transaction ends."""
    sql = """SELECT id, email, email_verified, name, roles, password_hash, disabled_at, device_generation,
                    factor_generation, first_login_at IS NOT NULL AS logged_in_before, coalesce(locale, '') AS locale
             FROM users
             WHERE id = (SELECT user_id FROM mailed_proofs WHERE digest = $1) FOR NO KEY UPDATE"""
    row = await connection.fetchrow(sql, digest)
    return record_of(User, row) if row else None


async def spend(connection: Connection, digest: Digest, purpose: str) -> Proof | None:
    """Take a proof away, in the transaction of what it allows. None: spent, void, expired, or of another purpose."""
    sql = """DELETE FROM mailed_proofs WHERE digest = $1 AND purpose = $2 AND expires_at > now()
             RETURNING id, purpose, email, user_id, detail, created_at AS made_at"""
    return _proof(await connection.fetchrow(sql, digest, purpose))


async def void_since(connection: Connection, user_id: UUID, moment: datetime) -> None:
    """Take away whatever was made for a person at a moment and after it."""
    await connection.execute("DELETE FROM mailed_proofs WHERE user_id = $1 AND created_at >= $2", user_id, moment)


async def can_undo(connection: Connection, user_id: UUID, email: str) -> bool:
    """Whether a person can still have this former address again."""
    sql = """SELECT EXISTS (SELECT FROM mailed_proofs WHERE user_id = $1 AND email = $2
             AND purpose = 'undo_address' AND digest IS NOT NULL AND expires_at > now())"""
    found: bool = await connection.fetchval(sql, user_id, email)
    return found


async def hold_by_email(connection: Connection, email: str, former: str) -> User | None:
    """Who has an address; as they are until the transaction ends. `former`: as in `users.by_email`."""
    sql = """SELECT id, email, email_verified, name, roles, password_hash, disabled_at, device_generation,
                    coalesce(locale, '') AS locale FROM users
             WHERE email IN ($1, $2) ORDER BY email = $1 DESC LIMIT 1 FOR SHARE"""
    row = await connection.fetchrow(sql, email, former)
    return record_of(User, row) if row else None


def _proof(row: Any) -> Proof | None:
    return record_of(Proof, row, detail=json.loads(row["detail"])) if row else None
