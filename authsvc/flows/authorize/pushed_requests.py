"""Pushed authorization requests (RFC 9126), plain or as an object that the client signed (RFC 9101): kept, and used."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

from authsvc.flows.authorize.pending_request import PendingRequest
from authsvc.flows.caller.client_keys import KeysMissing, keys_of
from authsvc.flows.caller.limits import network_buckets, within_limit
from authsvc.flows.caller.prove_possession import Proof, judge_proof_of, spend_dpop_proof
from authsvc.jose.client_signatures import verify_request_object
from authsvc.jose.verify import Invalid
from authsvc.rules.authorize.request import REQUEST_URI, Asked, Proved, judge, prove, read_pairs, reference_in
from authsvc.rules.authorize.request_object import Use, invalid_object, read_request_object, use_of
from authsvc.rules.client_record import FAPI2, Client
from authsvc.rules.clients.fapi2 import allows_algorithm, refuse_unmet
from authsvc.rules.discovery import ASSERTION_ALGORITHMS
from authsvc.rules.errors import Rejected, rejected
from authsvc.rules.refused import Refused
from authsvc.rules.sealed_value_lifetimes import PENDING_REQUEST_SECONDS
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store.authorize import pushed_requests
from authsvc.store.caller.replay import spend
from authsvc_jws.base64url import base64url_encode
from authsvc_jws.compact import unverified_kid

REQUEST_SECONDS = 60


async def push_request(
    runtime: Runtime, client: Client, form: Mapping[str, str], *, network: str, proof: Proof | None
) -> str:
    """Judge a request as /authorize would, and keep it for REQUEST_SECONDS: its request_uri (RFC 9126 section 2.2).
    `proof`: of the key that the client holds; the code will be bound to it (RFC 9449 section 10.1). Raises Rejected,
    TooMany, StoreUnavailable."""
    if refused := refuse_unmet(client, "authorization_code"):
        raise rejected(refused)
    asked, use = await _asked(runtime, client, form)
    asked = replace(asked, pushed=True)
    if proof is not None:
        judge_proof_of(client, proof)
        key = proof.confirmation.thumbprint
        if asked.parameters.get("dpop_jkt", key) != key:
            raise Rejected("invalid_dpop_proof", "The dpop_jkt is not the key of the proof.", "dpop_other_key")
        asked = replace(asked, parameters={**asked.parameters, "dpop_jkt": key})
    proved = prove(asked.parameters, client)
    if not isinstance(proved, Proved):
        raise Rejected("invalid_request", "The redirect_uri cannot be used.", proved.reason)
    request = judge(asked, client, proved, issuer=runtime.settings.issuer)
    if isinstance(request, Refused):
        raise rejected(request)
    buckets = network_buckets("pushed-request", network, runtime.settings.push_network_requests)
    limit = within_limit(runtime, buckets, "pushed_request", "pushed_requests")
    async with nullcontext() if client.confidential else limit:
        if proof is not None:
            await spend_dpop_proof(runtime, proof)
        return REQUEST_URI + await _keep(runtime, client, asked, use)


async def _keep(runtime: Runtime, client: Client, asked: Asked, use: Use | None) -> str:
    reference = base64url_encode(runtime.entropy(32))
    digest = digest_of(reference)
    registered, seconds = not client.by_document, REQUEST_SECONDS
    await pushed_requests.push(runtime.db, digest, client.id, asked.parameters, seconds, registered=registered)
    # Last, so that an outage or a wrong key before it leaves the object good; a replay's reference is never told.
    if use and not await spend(runtime.db, use.digest, use.seconds):
        raise rejected(invalid_object("request_object_replayed"))
    return reference


def _algorithms(client: Client) -> tuple[str, ...]:
    return tuple(alg for alg in ASSERTION_ALGORITHMS if allows_algorithm(client, alg))


async def _asked(runtime: Runtime, client: Client, form: Mapping[str, str]) -> tuple[Asked, Use | None]:
    """The client is the one that authenticated. With an object nothing outside it counts (RFC 9101 section 6.3), and
    its use is to be remembered."""
    if "request_uri" in form:  # RFC 9126 section 2.1
        raise Rejected("invalid_request", "A request_uri cannot be pushed.", "request_uri_pushed")
    if "request" not in form:
        if client.login.require_signed_request_object:  # RFC 9101 section 10.5
            raise Rejected("invalid_request", "The request must be signed.", "request_object_missing")
        asked = read_pairs(form.items())
        return replace(asked, parameters={**asked.parameters, "client_id": client.id}), None
    try:
        jwks = await keys_of(runtime, client, unverified_kid(form["request"]))
    except KeysMissing as missing:
        raise rejected(Refused("invalid_request_object", missing.description, missing.reason)) from None
    signed = verify_request_object(form["request"], jwks, _algorithms(client))
    if isinstance(signed, Invalid):
        raise rejected(invalid_object(signed.reason))
    skew, now = runtime.settings.clock_skew_seconds, runtime.clock.seconds()
    parameters = read_request_object(
        signed,
        client_id=client.id,
        issuer=runtime.settings.issuer,
        skew_seconds=skew,
        now=now,
        fapi2=client.profile == FAPI2,
    )
    if isinstance(parameters, Refused):
        raise rejected(parameters)
    return Asked(parameters), use_of(signed, client_id=client.id, skew_seconds=skew, now=now)


def is_reference(asked: Asked) -> bool:
    """Whether a request only refers to one that was pushed."""
    return asked.parameters.get("request_uri", "").startswith(REQUEST_URI)


async def resolve_request(runtime: Runtime, asked: Asked) -> Asked | None:
    """Fetch the parameters that a request only refers to; a plain one is returned as it came. Of a pushed request only
    what was pushed counts (RFC 9126 section 4), for its own client, until it was answered: a browser may load the page
    again, and `answer_once` decides (FAPI 2.0 Security Profile section 5.3.2.2 note 3).

    None: it has expired or was used, and nobody can be answered but the person. Raises Rejected, StoreUnavailable. A
    foreign request_uri, or an object in `request`, stays in the parameters and is refused by `judge`.
    """
    if not is_reference(asked):
        return asked
    if asked.repeated or "request" in asked.parameters:
        raise Rejected("invalid_request", "The request is ambiguous.", "request_uri_ambiguous")
    reference, client_id = reference_in(asked.parameters["request_uri"]), asked.parameters.get("client_id")
    parameters = None
    if reference and client_id:
        parameters = await pushed_requests.read(runtime.db, digest_of(reference), client_id)
    return None if parameters is None else Asked(parameters, pushed=True, reference=reference or "")


async def answer_once(runtime: Runtime, pending: PendingRequest) -> bool:
    """Spend a pushed request with its answer, the code or the person's no; False: it was answered before, and whatever
    was made for this answer must not be told. Always True of a request that was not pushed. Raises StoreUnavailable."""
    if not pending.reference:
        return True
    return await spend(runtime.db, digest_of(pending.reference), REQUEST_SECONDS + PENDING_REQUEST_SECONDS)


async def client_named(runtime: Runtime, asked: Asked) -> Client | None:
    """Whose client a request says that it is, without any proof; None where that is nobody, or a client that registered
    itself: anybody may name one, and it is no place to send people to. Raises StoreUnavailable."""
    client_id = asked.parameters.get("client_id")
    client = await runtime.clients.get(client_id) if client_id else None
    return client if client is not None and client.authentication.registration_hash is None else None
