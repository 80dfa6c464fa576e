"""The operator's part in the life of clients: add, rotate a secret, remove, let somebody register some. Workers follow
within a second."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime
from hashlib import sha256

from authsvc.flows.acknowledge import spread
from authsvc.keyring.plans import Refused
from authsvc.oauth.records import Client, Digest
from authsvc.runtime import Runtime
from authsvc.store import audit, clients, registrations
from authsvc.store.revocations import Revocation

MOST_SECRETS = 2


async def add(runtime: Runtime, actor: str, client: Client) -> bool:
    """False where the id is taken."""
    async with runtime.db.transaction(seconds=10) as connection:
        added = await clients.add(connection, client)
        if added:
            await audit.record(connection, "client_added", actor, client_id=client.id, kind=client.kind)
        return added


async def add_secret(runtime: Runtime, actor: str, client_id: str, digest: Digest) -> Refused | int:
    """A new secret beside the one in use, so that the client can change over in its own time. How many there are."""
    async with runtime.db.transaction(seconds=10) as connection:
        client = _with_secrets(await clients.lock(connection, client_id), client_id)
        if isinstance(client, Refused):
            return client
        if len(client.secret_hashes) >= MOST_SECRETS:
            return Refused(
                f"client {client_id} has two secrets already: once the new one is in use everywhere, run "
                f"`authsvc clients rotate-secret {client_id} --drop-old`, then rotate again"
            )
        hashes = [digest, *client.secret_hashes]
        await clients.set_secrets(connection, client_id, hashes)
        await audit.record(connection, "client_secret_added", actor, client_id=client_id)
        return len(hashes)


async def drop_old_secret(runtime: Runtime, actor: str, client_id: str) -> Refused | None:
    """Only the newest secret is good from now on."""
    async with runtime.db.transaction(seconds=10) as connection:
        client = _with_secrets(await clients.lock(connection, client_id), client_id)
        if isinstance(client, Refused):
            return client
        if len(client.secret_hashes) < MOST_SECRETS:
            return Refused(f"client {client_id} has only one secret: there is no old one to drop")
        await clients.set_secrets(connection, client_id, [client.secret_hashes[0]])
        await audit.record(connection, "client_secret_dropped", actor, client_id=client_id)
        return None


async def remove(runtime: Runtime, actor: str, client_id: str) -> bool:
    """Gone with its grants, and its tokens are void. False: no such client."""
    async with runtime.db.transaction(seconds=60) as connection:
        removed = await clients.remove(connection, client_id)
        if removed is None:
            return False
        await audit.record(connection, "client_removed", actor, client_id=client_id)
    await spread(runtime, [Revocation("client", client_id, removed.not_before, removed.keep_seconds)], removed.epoch)
    return True


async def add_registration_token(
    runtime: Runtime, actor: str, *, uses: int, seconds: int, note: str
) -> tuple[str, datetime]:
    """An initial access token (RFC 7591 section 3) and when it expires; only its digest is kept."""
    token = urlsafe_b64encode(runtime.entropy(32)).decode("ascii").rstrip("=")
    async with runtime.db.transaction(seconds=10) as connection:
        digest = sha256(token.encode()).digest()
        expires_at = await registrations.add_token(
            connection, digest, uses=uses, seconds=seconds, note=note, created_by=actor
        )
        await audit.record(connection, "registration_token_made", actor, uses=uses, seconds=seconds, note=note)
    return token, expires_at


def _with_secrets(client: Client | None, client_id: str) -> Client | Refused:
    if client is None:
        return Refused(f"there is no client {client_id}: `authsvc clients list` shows them")
    return client if client.confidential else Refused(f"client {client_id} is public: it has no secret")
