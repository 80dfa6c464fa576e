"""Which client is calling (RFC 6749 section 3.2.1). Costs no round trip for a client that is remembered and right.

Guesses are limited (`client_failures`), and only guesses: what was right from this network before, and what nobody can
guess, is let in beside a neighbour who fails.
"""

from __future__ import annotations

from collections import OrderedDict

from authsvc.flows.caller.client_certificate import certificate_problem
from authsvc.flows.caller.client_documents import client_of_document, has_read
from authsvc.flows.caller.client_failures import count_failure, is_blocked, refuse_blocked, refuse_flood
from authsvc.flows.caller.client_keys import KeysMissing, keys_of
from authsvc.jose.algorithms import ALGORITHMS
from authsvc.jose.client_signatures import Wanted, judge_assertion, unverified_subject
from authsvc.jose.verify import Invalid
from authsvc.reason import Reason
from authsvc.rules.caller.certificate import METHODS as TLS_METHODS
from authsvc.rules.caller.client_authentication import Credentials, Presented, read_credentials
from authsvc.rules.client_record import FAPI2, MAX_DOCUMENT_URL, Client, names_document
from authsvc.rules.clients.fapi2 import ALGORITHMS as FAPI2_ALGORITHMS
from authsvc.rules.clients.limits import ASSERTION_USUAL_SECONDS
from authsvc.rules.errors import not_authenticated, rejected
from authsvc.rules.refused import Refused
from authsvc.rules.secret_digest import can_be_guessed, digest_of, is_one_of
from authsvc.runtime import Memory, Runtime
from authsvc.store.caller.replay import spend
from authsvc_jws.compact import unverified_kid

_MOST_PROVED = 10_000

_proved = Memory(OrderedDict[tuple[bytes, str], Client])
"""Cache: what was right, as its SHA-256, and the network that it came from -> the client that it authenticated. Of an
Authorization header it is the header's; of a secret in the body, that of client and secret."""


async def authenticate_client(runtime: Runtime, sent: Credentials, *, network: str) -> Client:
    """The client, proved where it is confidential. Raises Rejected (invalid_client), TooMany, StoreUnavailable."""
    if known := _remembered_client(runtime, sent, network):
        return known
    assertion = sent.client_assertion
    presented = read_credentials(sent, assertion_subject=unverified_subject(assertion) if assertion else None)
    if isinstance(presented, Refused):
        if presented.error == "invalid_client":
            raise not_authenticated(presented.reason, presented.description)
        raise rejected(presented)
    pair = f"{presented.client_id[:MAX_DOCUMENT_URL]} {network}"
    if is_blocked(runtime, pair):
        _keep_cheap(runtime, pair, sent, presented)
    named = await _named(runtime, presented.client_id, network)
    client = None if isinstance(named, Refused) else named
    problem = named.reason if isinstance(named, Refused) else await _problem(runtime, client, sent, presented)
    if problem is None:  # a public client has no secret that a neighbour could have been guessing
        assert client is not None
        if presented.secrets:
            proof = _proof(sent, presented), network
            if can_be_guessed(presented.secrets[0]) and proof not in _proved.of(runtime):
                refuse_blocked(runtime, pair)
            _remember(runtime, proof, client)
        return client
    refuse_blocked(runtime, pair)
    await count_failure(runtime, pair, network)
    told = _wanted(runtime, client).told if client else {}
    raise not_authenticated(problem, told.get(problem, "Client authentication failed."))


def _remembered_client(runtime: Runtime, sent: Credentials, network: str) -> Client | None:
    """The client of an Authorization header that was right before, if it still is: nothing else was sent, and the
    client is the very record whose secret this was."""
    if sent.authorization is None or not sent.in_header_only:
        return None
    known = _proved.of(runtime).get((digest_of(sent.authorization), network))
    return known if known and runtime.clients.remembered(known.id) is known else None


async def _named(runtime: Runtime, client_id: str, network: str) -> Client | Refused | None:
    """The client that a request names. None: there is none; Refused: why its document makes none."""
    if names_document(client_id):
        return await client_of_document(runtime, client_id, network=network, last_known=True)
    return await runtime.clients.get(client_id)


def _keep_cheap(runtime: Runtime, pair: str, sent: Credentials, presented: Presented) -> None:
    """A flood of guesses asks no store for clients that nobody has seen, and has few signatures checked. Raises
    TooMany."""
    if not (runtime.clients.has_seen(presented.client_id) or has_read(runtime, presented.client_id)):
        refuse_blocked(runtime, pair)
    if presented.assertion is not None or sent.certificate is not None:
        refuse_flood(runtime, pair)


async def _problem(runtime: Runtime, client: Client | None, sent: Credentials, presented: Presented) -> Reason | None:
    if client is None:
        return "client_unknown"
    if presented.method == "none" and client.authentication.token_endpoint_auth_method in TLS_METHODS:
        return await certificate_problem(runtime, client, sent.certificate)
    if client.profile == FAPI2 and presented.method != "private_key_jwt":
        return "profile_auth_method"
    if presented.method == "none":
        return "client_not_authenticated" if client.confidential else None
    if not client.confidential:
        return "public_client_with_credentials"
    if client.authentication.token_endpoint_auth_method not in (None, presented.method):  # RFC 7591 section 2
        return "client_auth_method_not_registered"
    if presented.secrets:
        right = [is_one_of(digest_of(secret), client.authentication.secret_hashes) for secret in presented.secrets]
        return None if any(right) else "client_secret_wrong"
    return await _assertion_problem(runtime, client, presented.assertion or "")


async def _assertion_problem(runtime: Runtime, client: Client, assertion: str) -> Reason | None:
    try:
        jwks = await keys_of(runtime, client, unverified_kid(assertion))
    except KeysMissing as missing:
        if client.authentication.jwks_uri is None:
            return missing.reason
        # Nobody has guessed at anything: it is not counted, or the client would be blocked when its host is back.
        raise not_authenticated(missing.reason, missing.description) from None
    verdict = judge_assertion(assertion, jwks, _wanted(runtime, client), runtime.clock.now())
    if isinstance(verdict, Invalid):
        return verdict.reason
    return None if await spend(runtime.db, verdict.digest, verdict.seconds) else "assertion_replayed"


def _wanted(runtime: Runtime, client: Client) -> Wanted:
    """Which assertions the client may send. With `token-endpoint` also those for the address of /token or /par, which
    RFC 7523 section 3 and RFC 9126 section 2 let clients name."""
    issuer, policy = runtime.settings.issuer, client.authentication
    lax = policy.assertion_audience == "token-endpoint"
    audiences = (issuer, f"{issuer}/token", f"{issuer}/par") if lax else (issuer,)
    life = policy.assertion_seconds or ASSERTION_USUAL_SECONDS
    algorithms = FAPI2_ALGORITHMS if client.profile == FAPI2 else tuple(ALGORITHMS)
    return Wanted(client.id, audiences, life, runtime.settings.clock_skew_seconds, algorithms)


def _proof(sent: Credentials, presented: Presented) -> bytes:
    return digest_of(sent.authorization or f"{presented.client_id}\0{presented.secrets[0]}")


def _remember(runtime: Runtime, proof: tuple[bytes, str], client: Client) -> None:
    proved = _proved.of(runtime)
    proved[proof] = client
    proved.move_to_end(proof)
    if len(proved) > _MOST_PROVED:
        proved.popitem(last=False)
