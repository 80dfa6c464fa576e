"""A device without a browser asks to be allowed (RFC 8628 section 3.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import field
from functools import partial
from uuid import UUID

from authsvc.device_name import MAX_DEVICE_INFO, MAX_USER_AGENT, UNKNOWN, device_name
from authsvc.flows.caller.limits import network_buckets, within_limit
from authsvc.flows.caller.prove_possession import (
    Proof,
    certificate_of,
    judge_proof_of,
    key_of,
    spend_dpop_proof,
)
from authsvc.records import frozen
from authsvc.rules.caller.certificate import SentCertificate
from authsvc.rules.client_record import Client
from authsvc.rules.clients.fapi2 import refuse_unmet
from authsvc.rules.device.codes import GRANT_TYPE, USER_CODE_KEY, encode, shown_user_code, user_code, user_code_digest
from authsvc.rules.device.polling import CODE_SECONDS, INTERVAL_SECONDS
from authsvc.rules.errors import Rejected, Unavailable, rejected
from authsvc.rules.mac_token import Code
from authsvc.rules.resource import as_registered, read_resources
from authsvc.rules.scope import parse_scope, registered_part
from authsvc.rules.token.audience import granted_audience, resources_of
from authsvc.runtime import Runtime
from authsvc.store.device import requests

_TRIES = 5


@frozen
class Asked:
    """Section 3.2. Seconds."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    expires_in: int
    interval: int


async def authorize_device(
    runtime: Runtime,
    client: Client,
    *,
    scope: str,
    resource: str,
    user_agent: str,
    address: str,
    network: str,
    proof: Proof | None,
    certificate: SentCertificate | None = None,
) -> Asked:
    """A request that waits for a person. `resource`: space-separated. `proof`: of the key that the code is bound to;
    `certificate`: likewise, of a client whose tokens are bound to its certificate. Raises Rejected, TooMany,
    StoreUnavailable."""
    if GRANT_TYPE not in client.grant_types:
        raise Rejected("unauthorized_client", "This client may not use device codes.", "grant_type_not_allowed")
    if refused := refuse_unmet(client, GRANT_TYPE):
        raise rejected(refused)
    asked = parse_scope(scope)
    given = None if asked is None else registered_part(client.tokens.scopes, asked)
    if given is None:
        raise Rejected(
            "invalid_scope", "The scope is malformed, or none of it is registered for this client.", "scope_not_allowed"
        )
    issuer = runtime.settings.issuer
    known = resources_of(client, issuer)
    resources = as_registered(read_resources(resource), known)
    if not set(resources) <= known:
        raise Rejected("invalid_target", "The resource is not known for this client.", "resource_not_allowed")
    if proof is not None:
        judge_proof_of(client, proof)
    ask = partial(
        requests.ask,
        runtime.db,
        client_id=client.id,
        scope=given,
        audience=granted_audience(client, issuer, scope=given, resource=resources),
        device_info=_readable(client, user_agent),
        ip_address=address,
        user_agent=user_agent[:MAX_USER_AGENT] or None,
        bound_to=certificate_of(client, certificate) if proof is None else key_of(proof),
    )
    buckets = network_buckets("device-request", network, runtime.settings.device_network_requests)
    async with within_limit(runtime, buckets, "device_request", "device_requests"):
        if proof is not None:
            await spend_dpop_proof(runtime, proof)
        return await _asked(runtime, client, ask)


async def _asked(runtime: Runtime, client: Client, ask: Callable[..., Awaitable[bool]]) -> Asked:
    for _ in range(_TRIES):
        code = Code(runtime.master.current_id, UUID(bytes=runtime.entropy(16)), runtime.entropy(16))
        shown = user_code(runtime.entropy(16))
        user_hash = user_code_digest(runtime.current_key(USER_CODE_KEY), shown)
        if await ask(request_id=code.id, device_hash=code.secret_hash, user_hash=user_hash):
            device_code = encode(code, runtime.device_mac_key, client.id)
            return Asked(device_code, shown_user_code(shown), CODE_SECONDS, INTERVAL_SECONDS)
    raise Unavailable("user_codes_taken")


def _readable(client: Client, user_agent: str) -> str:
    """What the person reads on the page and among their sessions. Nothing of it is the device's own free text: who
    sends a stranger a code would choose the words (RFC 8628 section 5.4)."""
    name = device_name(user_agent)
    return (client.name if name == UNKNOWN else f"{client.name} ({name})")[:MAX_DEVICE_INFO]
