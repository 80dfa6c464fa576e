"""The operator's part in the life of clients: add, change redirect URIs or algorithms, rotate a secret, remove, let
others register some. Workers follow within a second."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from authsvc.flows.session.publish_revocation import publish_rows
from authsvc.keys.phases import signer
from authsvc.keys.plans import Refused
from authsvc.rules.records import Client, Digest
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.caller import clients
from authsvc.store.keys import signing_keys
from authsvc.store.operator import registration_tokens
from authsvc.store.revocation.revocations import Revocation

MOST_SECRETS = 2


async def add(runtime: Runtime, actor: str, client: Client) -> bool:
    """False where the id is taken."""
    async with runtime.db.transaction(seconds=10) as connection:
        added = await clients.add(connection, client)
        if added:
            await audit.record(connection, "client_added", actor, client_id=client.id, kind=client.kind)
        return added


@dataclass(frozen=True, slots=True)
class Chosen:
    """`without_key`: algorithms of the client with which no key signs now; its tokens are refused until one does."""

    client: Client
    without_key: tuple[str, ...]


def not_in_policy(runtime: Runtime, client: Client) -> Refused | None:
    """What no replica makes keys for is not chosen."""
    for alg in algorithms_of(client):
        if alg not in runtime.key_life.algorithms:
            return Refused(
                f"the key policy has no {alg}, but {', '.join(runtime.key_life.algorithms)}: add it to `algorithms` "
                "(keys/README.md)"
            )
    return None


async def without_key(runtime: Runtime, client: Client) -> tuple[str, ...]:
    """Algorithms of a client with which no key signs now. Raises StoreUnavailable."""
    rows, now = await signing_keys.everything(runtime.db), runtime.clock.now()
    return tuple(alg for alg in algorithms_of(client) if signer(rows, now, alg) is None)


def algorithms_of(client: Client) -> tuple[str, ...]:
    return tuple(dict.fromkeys((client.id_token_signed_response_alg, client.access_token_signed_response_alg)))


async def choose_algorithms(
    runtime: Runtime, actor: str, client_id: str, chosen: Mapping[str, str]
) -> Chosen | Refused:
    """`chosen`: field of `Client` -> algorithm. Raises StoreUnavailable."""
    async with runtime.db.transaction(seconds=10) as connection:
        known = await clients.lock(connection, client_id)
        if known is None:
            return _unknown(client_id)
        client = replace(known, **chosen)  # type: ignore[arg-type]  # the names are those of algorithms
        if refused := not_in_policy(runtime, client):
            return refused
        await clients.replace(connection, client)
        await audit.record(
            connection, "client_algorithms_chosen", actor, client_id=client_id,
            id_tokens=client.id_token_signed_response_alg, access_tokens=client.access_token_signed_response_alg,
        )  # fmt: skip
    return Chosen(client, await without_key(runtime, client))


async def change_redirect_uris(
    runtime: Runtime, actor: str, client_id: str, added: Sequence[str], removed: Sequence[str]
) -> Refused | Client:
    """The client as it is now. `added` were found good (`oauth.redirect_uri`); the order is kept."""
    async with runtime.db.transaction(seconds=10) as connection:
        client = await clients.lock(connection, client_id)
        if client is None:
            return _unknown(client_id)
        unknown = [uri for uri in removed if uri not in client.redirect_uris]
        if unknown:
            return Refused(f"client {client_id} has no redirect URI {unknown[0]}: `authsvc clients list` shows them")
        uris = tuple(uri for uri in dict.fromkeys([*client.redirect_uris, *added]) if uri not in removed)
        if not uris and "authorization_code" in client.grant_types:
            return Refused(f"client {client_id} would have no redirect URI left to send a code to")
        changed = replace(client, redirect_uris=uris)
        if changed != client:
            await clients.replace(connection, changed)
            await audit.record(
                connection, "client_redirect_uris_changed", actor, client_id=client_id, redirect_uris=uris
            )
        return changed


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
    await publish_rows(
        runtime, [Revocation("client", client_id, removed.not_before, removed.keep_seconds)], removed.epoch
    )
    return True


async def add_registration_token(
    runtime: Runtime, actor: str, *, uses: int, seconds: int, note: str
) -> tuple[str, datetime]:
    """An initial access token (RFC 7591 section 3) and when it expires; only its digest is kept."""
    token = urlsafe_b64encode(runtime.entropy(32)).decode("ascii").rstrip("=")
    async with runtime.db.transaction(seconds=10) as connection:
        digest = sha256(token.encode()).digest()
        expires_at = await registration_tokens.add_token(
            connection, digest, uses=uses, seconds=seconds, note=note, created_by=actor
        )
        await audit.record(connection, "registration_token_made", actor, uses=uses, seconds=seconds, note=note)
    return token, expires_at


def _with_secrets(client: Client | None, client_id: str) -> Client | Refused:
    if client is None:
        return _unknown(client_id)
    return client if client.confidential else Refused(f"client {client_id} is public: it has no secret")


def _unknown(client_id: str) -> Refused:
    return Refused(f"there is no client {client_id}: `authsvc clients list` shows them")
