"""Clients register themselves (RFC 7591) with a token of the operator's, and keep their registration (RFC 7592).

An initial access token lets somebody add clients that ask people for consent, and nothing else. A registration's own
token stays the same while the registration lives: an answer to a change that was lost locks nobody out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from authsvc.flows.caller.client_documents import strangers_of
from authsvc.flows.caller.client_failures import count_failure, refuse_blocked, refuse_flood
from authsvc.flows.caller.limits import network_buckets, within_limit
from authsvc.flows.operator import manage_clients
from authsvc.flows.operator.read_sector import judge_sector
from authsvc.flows.session.end_all import REQUEST_SECONDS
from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.clients.judge_client import Service
from authsvc.rules.clients.registration import SECRET_METHODS, judge_change, new_client, read_metadata
from authsvc.rules.clients.strangers import judge_stranger, new_stranger
from authsvc.rules.errors import BearerRejected, rejected
from authsvc.rules.refused import Refused
from authsvc.rules.secret_digest import digest_of, is_base64url_of_32, is_one_of
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.caller import clients, stranger_clients
from authsvc.store.caller.attempts import Bucket
from authsvc.store.operator import registration_tokens
from authsvc_jws.base64url import base64url_encode

EVERYBODYS_FACTOR = 50
"""Open registrations of all networks together, for each that one of them may make."""


@frozen
class Registered:
    """`issued_at` in seconds since 1970. `secret` only where it was made just now."""

    client: Client
    issued_at: int
    access_token: str = field(repr=False)
    secret: str | None = field(repr=False, default=None)


async def admit(runtime: Runtime, token: str, *, network: str) -> None:
    """Whether an initial access token is one. Raises BearerRejected, TooMany, StoreUnavailable."""
    pair = f"/register {network}"
    if is_base64url_of_32(token):
        refuse_flood(runtime, pair)
        if await registration_tokens.is_good(runtime.db, digest_of(token)):
            return
    refuse_blocked(runtime, pair)
    await count_failure(runtime, pair, network)
    raise _not_admitted("initial_access_token_unknown")


async def register_client(runtime: Runtime, token: str, members: Mapping[str, Any]) -> Registered:
    """A new client for one use of the token. Raises Rejected, BearerRejected, StoreUnavailable."""
    client_id = runtime.entropy(16).hex()
    access_token = base64url_encode(runtime.entropy(32))
    service = await manage_clients.registrants_service(runtime)
    client, secret = _judged(runtime, service, members, new_client(client_id, digest_of(access_token)))
    if refused := await judge_sector(runtime, client):
        raise rejected(refused)
    async with runtime.db.transaction(seconds=10) as connection:
        spent = await registration_tokens.spend(connection, digest_of(token))
        if spent is None:  # somebody else took the last use since
            raise _not_admitted("initial_access_token_used")
        if client.confidential:
            client = replace(client, login=replace(client.login, pkce=spent.pkce))
        await clients.add(connection, client)
        issued_at = await registration_tokens.issued_at(connection, client_id)
        await audit.record(
            connection,
            "client_registered",
            f"registration token of {spent.created_by}",
            client_id=client_id,
            kind=client.kind,
            note=spent.note,
        )
    return Registered(client, issued_at or 0, access_token, secret)


async def register_stranger(runtime: Runtime, members: Mapping[str, Any], *, network: str) -> Registered:
    """A new client of anybody's, where registration is open: within limits, and gone after a day in which no person
    gave it anything. Raises Rejected, TooMany, StoreUnavailable."""
    limit = runtime.settings.client_registration_network
    buckets = [*network_buckets("registration", network, limit), Bucket("registrations", limit * EVERYBODYS_FACTOR)]
    async with within_limit(runtime, buckets, "registration", "open_registrations"):
        return await _register_stranger(runtime, members)


async def _register_stranger(runtime: Runtime, members: Mapping[str, Any]) -> Registered:
    client_id = runtime.entropy(16).hex()
    access_token = base64url_encode(runtime.entropy(32))
    service = await manage_clients.registrants_service(runtime)
    nobody = new_stranger(client_id, digest_of(access_token), strangers_of(runtime))
    client, secret = _judged(runtime, service, members, nobody)
    async with runtime.db.transaction(seconds=10) as connection:
        await clients.add(connection, client)
        await stranger_clients.note_read(connection, client_id)
        issued_at = await registration_tokens.issued_at(connection, client_id)
        await audit.record(connection, "client_registered", "anybody", client_id=client_id, kind=client.kind, note="")
    return Registered(client, issued_at or 0, access_token, secret)


async def authenticate_registration(runtime: Runtime, client_id: str, token: str, *, network: str) -> Client:
    """The client whose registration this token is for. Raises BearerRejected, TooMany, StoreUnavailable."""
    pair = f"/register/{client_id[:128]} {network}"
    if len(client_id) <= 128 and "\0" not in client_id and is_base64url_of_32(token):
        refuse_flood(runtime, pair)
        client = await clients.by_id(runtime.db, client_id)
        if client is not None and _is_its_token(client, token):
            return client
    refuse_blocked(runtime, pair)
    await count_failure(runtime, pair, network)
    raise _not_admitted("registration_access_token_wrong")


async def read_registration(runtime: Runtime, client: Client, token: str) -> Registered:
    """As it is now (RFC 7592 section 2.1). Raises StoreUnavailable."""
    issued_at = await registration_tokens.issued_at(runtime.db, client.id)
    if issued_at is None:
        raise _not_admitted("registration_access_token_wrong")
    return Registered(client, issued_at, token)


async def change_registration(runtime: Runtime, client_id: str, token: str, members: Mapping[str, Any]) -> Registered:
    """All of it anew (section 2.2), but for what an operator gave. A secret is made where it had none.

    Raises Rejected, BearerRejected, StoreUnavailable.
    """
    service = await manage_clients.registrants_service(runtime)
    await _judge_sector(runtime, service, client_id, members)
    async with runtime.db.transaction(seconds=10) as connection:
        known = await clients.lock(connection, client_id)
        if known is None or not _is_its_token(known, token):
            raise _not_admitted("registration_access_token_wrong")
        if refused := judge_change(members, known) or _judge_secret(members, known):
            raise rejected(refused)
        client, secret = _judged(runtime, service, members, known)
        await clients.replace(connection, client)
        issued_at = await registration_tokens.issued_at(connection, client_id)
        await audit.record(connection, "client_changed", f"client:{client_id}", client_id=client_id, kind=client.kind)
    return Registered(client, issued_at or 0, token, secret)


async def end_registration(runtime: Runtime, client: Client) -> None:
    """Gone with its grants, and its tokens are void (section 2.3). Raises BearerRejected, StoreUnavailable."""
    if await manage_clients.remove(runtime, f"client:{client.id}", client.id, seconds=REQUEST_SECONDS):
        raise _not_admitted("registration_access_token_wrong")


def _judged(runtime: Runtime, service: Service, members: Mapping[str, Any], known: Client) -> tuple[Client, str | None]:
    """The client with other metadata, and its secret where one was made for it. Raises Rejected."""
    asked = read_metadata(members, known)
    if isinstance(asked, Refused):
        raise rejected(asked)
    client = manage_clients.judged(asked, "registrant", service, known)
    if isinstance(client, Refused):
        raise rejected(client)
    if refused := judge_stranger(client):
        raise rejected(refused)
    if client.authentication.token_endpoint_auth_method not in SECRET_METHODS or client.authentication.secret_hashes:
        return client, None
    secret = base64url_encode(runtime.entropy(32))
    authentication = replace(client.authentication, secret_hashes=(digest_of(secret),))
    return replace(client, authentication=authentication), secret


async def _judge_sector(runtime: Runtime, service: Service, client_id: str, members: Mapping[str, Any]) -> None:
    """Before the row is locked: a host may take its time. What of the client it bears on is in `members` alone, so that
    it is the same in the row that will be locked. Raises Rejected, StoreUnavailable."""
    if members.get("sector_identifier_uri") is None:
        return
    known = await clients.by_id(runtime.db, client_id)
    if known is None:
        raise _not_admitted("registration_access_token_wrong")
    client, _ = _judged(runtime, service, members, known)
    if refused := await judge_sector(runtime, client, known):
        raise rejected(refused)


def _judge_secret(members: Mapping[str, Any], client: Client) -> Refused | None:
    """RFC 7592 section 2.2: a client may say its secret, and cannot choose one."""
    secret = members.get("client_secret")
    if secret is None or (
        isinstance(secret, str) and is_one_of(digest_of(secret), client.authentication.secret_hashes)
    ):
        return None
    return Refused("invalid_client_metadata", "The client_secret is not that of this client.", "client_secret_other")


def _is_its_token(client: Client | None, token: str) -> bool:
    """An operator's client has none."""
    known = client.authentication.registration_hash if client else None
    return known is not None and is_one_of(digest_of(token), (known,))


def _not_admitted(reason: str) -> BearerRejected:
    return BearerRejected(
        reason,
        error="invalid_token",
        description="The token is unknown, expired or used up, or is for another client.",
    )
