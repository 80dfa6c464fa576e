"""The operator's part in the life of clients: add, change redirect URIs or algorithms, rotate a secret, remove, let
others register some. Workers follow within a second.

Whatever comes is judged by `rules/clients`, whoever brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from authsvc.clock import monotonic
from authsvc.flows.caller.client_certificate import offered_tls_methods
from authsvc.flows.caller.client_keys import with_judged_keys
from authsvc.flows.keys.served_settings import in_force
from authsvc.flows.keys.sign import offered_algorithms
from authsvc.flows.operator.read_sector import judge_sector
from authsvc.flows.session.publish_revocation import publish_rows
from authsvc.jose.client_certificates import has_certificate, is_distinguished_name
from authsvc.keys.phases import signer
from authsvc.records import frozen
from authsvc.rules.caller.certificate import SELF_SIGNED
from authsvc.rules.client_record import Client, Digest
from authsvc.rules.clients import changes
from authsvc.rules.clients.changes import unknown_client
from authsvc.rules.clients.judge_client import Service, Who, judge_client
from authsvc.rules.clients.tls_authentication import subjects_of
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.caller import clients
from authsvc.store.errors import StoreUnavailable
from authsvc.store.keys import signing_keys
from authsvc.store.revocation.revocations import Revocation


@frozen
class Stored:
    """`without_key`: algorithms of the client with which no key signs now; its tokens are refused until one does."""

    client: Client
    without_key: tuple[str, ...]


def judged(client: Client, who: Who, service: Service, known: Client | None = None) -> Client | Refused:
    """The client as it may be stored. `known`: as it is registered now."""
    found = judge_client(client, who, service, known)
    if isinstance(found, Refused):
        return found
    found = with_judged_keys(found)
    if isinstance(found, Refused):
        return found
    return _certificate_refused(found) or found


def _certificate_refused(client: Client) -> Refused | None:
    """What the rules cannot read: a distinguished name, and the certificates in a set of keys."""
    proof = client.authentication
    if proof.tls_client_auth_subject_dn is not None and not is_distinguished_name(proof.tls_client_auth_subject_dn):
        told = "The tls_client_auth_subject_dn is no distinguished name as RFC 4514 writes it (CN=bank,O=Bank,C=DE)."
        return Refused("invalid_client_metadata", told, "tls_client_auth_subject_dn")
    if proof.token_endpoint_auth_method == SELF_SIGNED and proof.jwks is not None and not has_certificate(proof.jwks):
        told = "The jwks must have a key with its certificate in x5c."
        return Refused("invalid_client_metadata", told, "x5c_missing")
    return None


async def add(runtime: Runtime, actor: str, client: Client) -> Stored | Refused:
    """Raises StoreUnavailable."""
    fit = judged(client, "operator", await _operators_service(runtime))
    if isinstance(fit, Refused):
        return fit
    if refused := await judge_sector(runtime, fit):
        return refused
    async with runtime.db.transaction(seconds=10) as connection:
        if not await clients.add(connection, fit):
            description = f"there is a client {fit.id} already: `authsvc clients list` shows it"
            return Refused("conflict", description, "client_taken")
        await audit.record(connection, "client_added", actor, client_id=fit.id, kind=fit.kind)
    return await _stored(runtime, fit)


async def choose_algorithms(
    runtime: Runtime, actor: str, client_id: str, *, id_tokens: str | None = None, access_tokens: str | None = None
) -> Stored | Refused:
    """None: as it is. Raises StoreUnavailable."""
    service = await _operators_service(runtime)
    client = await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.choose_algorithms(known, id_tokens, access_tokens, service),
        "client_algorithms_chosen",
        lambda client: {
            "id_tokens": client.tokens.id_token_signed_response_alg,
            "access_tokens": client.tokens.access_token_signed_response_alg,
        },
    )
    return client if isinstance(client, Refused) else await _stored(runtime, client)


async def change_redirect_uris(
    runtime: Runtime, actor: str, client_id: str, added: Sequence[str], removed: Sequence[str]
) -> Client | Refused:
    """The client as it is now. Raises StoreUnavailable."""
    service = _service(runtime, algorithms=())  # none is judged: what the replicas make keys of need not be read
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.change_redirect_uris(known, added, removed, service),
        "client_redirect_uris_changed",
        lambda client: {"redirect_uris": client.login.redirect_uris},
    )


async def change_origins(
    runtime: Runtime, actor: str, client_id: str, added: Sequence[str], removed: Sequence[str]
) -> Client | Refused:
    """The client as it is now. Raises StoreUnavailable."""
    service = _service(runtime, algorithms=())
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.change_origins(known, added, removed, service),
        "client_origins_changed",
        lambda client: {"origins": client.login.origins},
    )


async def choose_login(
    runtime: Runtime,
    actor: str,
    client_id: str,
    *,
    mail_code_login: bool | None = None,
    pkce: str | None = None,
    refresh: bool | None = None,
) -> Client | Refused:
    """How people may log in at a client from now on, and whether that gives a refresh token without offline_access;
    None: as it is. Raises StoreUnavailable."""
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.choose_login(known, mail_code_login, pkce, refresh),
        "client_login_chosen",
        lambda client: {
            "mail_code_login": client.login.mail_code_login,
            "pkce": client.login.pkce,
            "refresh_without_offline_access": client.tokens.refresh_without_offline_access,
        },
    )


async def choose_id_tokens(
    runtime: Runtime,
    actor: str,
    client_id: str,
    *,
    claims: bool | None = None,
    aliases: bool | None = None,
    on_refresh: bool | None = None,
    seconds: int | None = None,
) -> Client | Refused:
    """What the client's ID tokens say, when it gets one, how long one is good; None: as it is. Raises
    StoreUnavailable."""
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.choose_id_tokens(known, claims, aliases, on_refresh, seconds),
        "client_id_tokens_chosen",
        lambda client: {
            "claims": client.tokens.id_token_claims,
            "aliases": client.tokens.claim_aliases,
            "on_refresh": client.tokens.id_token_on_refresh,
            "seconds": client.tokens.id_token_seconds,
        },
    )


async def choose_access_tokens(runtime: Runtime, actor: str, client_id: str, typ: str) -> Client | Refused:
    """Of which `typ` the client's access tokens are. Raises StoreUnavailable."""
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.choose_access_tokens(known, typ),
        "client_access_tokens_chosen",
        lambda client: {"access_token_typ": client.tokens.access_token_typ},
    )


async def choose_assertions(
    runtime: Runtime, actor: str, client_id: str, *, audience: str | None = None, seconds: int | None = None
) -> Client | Refused:
    """Which assertions the client may send; None: as it is. Raises StoreUnavailable."""
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.choose_assertions(known, audience, seconds),
        "client_assertions_chosen",
        lambda client: {
            "audience": client.authentication.assertion_audience,
            "seconds": client.authentication.assertion_seconds,
        },
    )


async def choose_certificates(
    runtime: Runtime,
    actor: str,
    client_id: str,
    *,
    method: str | None = None,
    subjects: Mapping[str, str],
    bound: bool | None = None,
) -> Client | Refused:
    """By which certificate the client proves itself, and whether its tokens are bound to it
    (`changes.choose_certificates`). Raises StoreUnavailable."""
    service = _service(runtime, algorithms=())

    def judge(known: Client) -> Client | Refused:
        changed = changes.choose_certificates(known, method, subjects, bound, service)
        return changed if isinstance(changed, Refused) else _certificate_refused(changed) or changed

    return await _change(
        runtime,
        actor,
        client_id,
        judge,
        "client_certificates_chosen",
        lambda client: {
            "method": client.authentication.token_endpoint_auth_method,
            "subject": subjects_of(client.authentication),
            "bound": client.tokens.tls_client_certificate_bound_access_tokens,
        },
    )


async def choose_profile(runtime: Runtime, actor: str, client_id: str, profile: str) -> Client | Refused:
    """What the client keeps to (`PROFILES`). Raises StoreUnavailable."""
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.choose_profile(known, profile),
        "client_profile_chosen",
        lambda client: {"profile": client.profile},
    )


async def choose_introspection(runtime: Runtime, actor: str, client_id: str, about: str) -> Client | Refused:
    """`about`: none, own, all. Raises StoreUnavailable."""
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.choose_introspection(known, about),
        "client_introspection_chosen",
        lambda client: {"about": about},
    )


async def choose_trusted_device_days(runtime: Runtime, actor: str, client_id: str, days: int) -> Client | Refused:
    """`days`: for how long people may trust a device there. Raises StoreUnavailable."""
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.choose_trusted_device_days(known, days),
        "client_trusted_devices_chosen",
        lambda client: {"days": days},
    )


async def change_audiences(
    runtime: Runtime, actor: str, client_id: str, added: Sequence[str], removed: Sequence[str]
) -> Client | Refused:
    """Who takes the client's tokens from its next grants on. The client as it is now. Raises StoreUnavailable."""
    return await _change(
        runtime,
        actor,
        client_id,
        lambda known: changes.change_audiences(known, added, removed),
        "client_audiences_changed",
        lambda client: {"audiences": client.tokens.audiences},
    )


async def add_secret(runtime: Runtime, actor: str, client_id: str, digest: Digest) -> Client | Refused:
    """A new secret beside the one in use. Raises StoreUnavailable."""
    return await _change(
        runtime, actor, client_id, lambda known: changes.add_secret(known, digest), "client_secret_added"
    )


async def drop_old_secret(runtime: Runtime, actor: str, client_id: str) -> Client | Refused:
    """Only the newest secret is good from now on. Raises StoreUnavailable."""
    return await _change(runtime, actor, client_id, changes.drop_old_secret, "client_secret_dropped")


async def remove(runtime: Runtime, actor: str, client_id: str, *, seconds: float | None = None) -> Refused | None:
    """Gone with its grants, and its tokens are void. The grants go first, in batches: nothing bounds their number, and
    a statement has a deadline. `seconds`: None for as long as it takes. Raises StoreUnavailable; the next try finds
    less to do."""
    began = monotonic()
    while await clients.remove_grants(runtime.db, client_id):
        if seconds is not None and monotonic() - began > seconds:
            raise StoreUnavailable("postgresql", "still_ending")
    async with runtime.db.transaction(seconds=60) as connection:
        removed = await clients.remove(connection, client_id)
        if removed is None:
            return unknown_client(client_id)
        await audit.record(connection, "client_removed", actor, client_id=client_id)
    await publish_rows(
        runtime, [Revocation("client", client_id, removed.not_before, removed.keep_seconds)], removed.epoch
    )
    return None


async def _change(
    runtime: Runtime,
    actor: str,
    client_id: str,
    judge: Callable[[Client], Client | Refused],
    event: str,
    audited: Callable[[Client], dict[str, Any]] = lambda client: {},
) -> Client | Refused:
    """Load and lock, judge, store, audit: nothing of it where the client is as it was."""
    async with runtime.db.transaction(seconds=10) as connection:
        known = await clients.lock(connection, client_id)
        if known is None:
            return unknown_client(client_id)
        changed = judge(known)
        if not isinstance(changed, Refused) and changed != known:
            await clients.replace(connection, changed)
            await audit.record(connection, event, actor, client_id=client_id, **audited(changed))
        return changed


async def registrants_service(runtime: Runtime) -> Service:
    """What a client may choose that registers itself: of algorithms, those with which a key signs; of names, those that
    people do not know as somebody else's. Raises StoreUnavailable."""
    taken = (runtime.settings.brand_name, *await clients.operators_names(runtime.db))
    return replace(_service(runtime, offered_algorithms(runtime)), taken_names=taken)


async def _operators_service(runtime: Runtime) -> Service:
    """An operator may choose an algorithm before a key of it signs, out of those that all replicas make keys of."""
    return _service(runtime, (await in_force(runtime)).life.algorithms)


def _service(runtime: Runtime, algorithms: Sequence[str]) -> Service:
    return Service(
        algorithms,
        loopback=runtime.settings.dev_mode,
        may_ask=runtime.outgoing.may_ask,
        tls_methods=offered_tls_methods(runtime.settings),
    )


def algorithms_of(client: Client) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys((client.tokens.id_token_signed_response_alg, client.tokens.access_token_signed_response_alg))
    )


async def _stored(runtime: Runtime, client: Client) -> Stored:
    rows, now = await signing_keys.everything(runtime.db), runtime.clock.now()
    return Stored(client, tuple(alg for alg in algorithms_of(client) if signer(rows, now, alg) is None))
