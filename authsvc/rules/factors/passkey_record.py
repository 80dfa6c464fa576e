"""A passkey, and what a browser says of one, as records. Times are aware and UTC."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from uuid import UUID

from authsvc.records import frozen


@frozen
class Passkey:
    """A credential record (WebAuthn Level 3 section 4). `id`: our own name for it, in forms and in the audit;
    `public_key`: COSE, as it came; `rp_id`: what it was made for; `name`: the person's, "" for none. `backup_eligible`:
    it may be copied to other devices of the person; `backed_up`: it was, when it was last used."""

    id: UUID
    user_id: UUID
    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    aaguid: UUID
    transports: tuple[str, ...]
    rp_id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None = None


@frozen
class Statement:
    """What browser (collected client data, section 5.8.1) and authenticator (authenticator data, section 6.1) say in
    each ceremony. Read, not yet believed."""

    type: str
    challenge: bytes
    origin: str
    cross_origin: bool
    rp_id_hash: bytes
    user_present: bool
    user_verified: bool
    backup_eligible: bool
    backed_up: bool
    sign_count: int


@frozen
class Registration:
    """A new credential as it was sent (section 7.1). `public_key` can be read, and is of `algorithm` (COSE)."""

    statement: Statement
    credential_id: bytes
    public_key: bytes
    algorithm: int
    aaguid: UUID
    transports: tuple[str, ...]


@frozen
class Assertion:
    """A use of a credential as it was sent (section 7.2). `signature` is to be one over `signed`."""

    statement: Statement
    credential_id: bytes
    user_handle: bytes | None
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@frozen
class Use:
    """A use that was judged right: what is stored of it."""

    passkey_id: UUID
    user_id: UUID
    sign_count: int
    backed_up: bool
