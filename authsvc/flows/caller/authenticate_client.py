"""Which client is calling (RFC 6749 section 3.2.1). Costs no round trip for a client that is remembered and right.

Failures are counted a client and network, and a network; successes are not. A blocked pair is remembered here, so
that a flood of wrong secrets does not even reach Redis.
"""

from __future__ import annotations

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.flows.caller.client_keys import KeysMissing, keys_of
from authsvc.jose.client_signatures import judge_assertion, unverified_subject
from authsvc.jose.verify import Invalid
from authsvc.rules.caller.client_authentication import Credentials, Presented, read_credentials
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected, TooMany, rejected
from authsvc.rules.refused import Refused
from authsvc.rules.secret_digest import digest_of, is_one_of
from authsvc.runtime import Memory, Runtime
from authsvc.store.caller.attempts import Bucket
from authsvc.store.caller.replay import spend
from authsvc_jws.compact import unverified_kid

_NETWORK_FACTOR = 10
_BLOCKED_PAIRS = 100_000
_AUTHENTICATED_HEADERS = 10_000

_blocked_until = Memory(dict[str, float])
"""Until when (monotonic s) a pair of client and network is refused, by `count_failure`'s name for it."""
_authenticated_headers = Memory(dict[bytes, Client])
"""Cache: SHA-256 of an Authorization header -> the client that it authenticated."""


async def authenticate_client(runtime: Runtime, sent: Credentials, *, network: str) -> Client:
    """The client, proved where it is confidential. Raises Rejected (invalid_client), TooMany, StoreUnavailable."""
    if known := _remembered_client(runtime, sent):
        return known
    assertion = sent.client_assertion
    presented = read_credentials(sent, assertion_subject=unverified_subject(assertion) if assertion else None)
    if isinstance(presented, Refused):
        if presented.error == "invalid_client":
            raise _not_authenticated(presented.reason, presented.description)
        raise rejected(presented)
    pair = f"{presented.client_id[:128]} {network}"
    if presented.method != "none":
        refuse_blocked(runtime, pair)
    client = await runtime.clients.get(presented.client_id)
    problem = await _problem(runtime, client, presented)
    if problem is None:  # blocked or not: a public client has no secret that a neighbour could have been guessing
        assert client is not None
        if presented.method == "client_secret_basic":
            _remember(runtime, sent.authorization or "", client)
        return client
    refuse_blocked(runtime, pair)
    await count_failure(runtime, pair, network)
    raise _not_authenticated(problem, "Client authentication failed.")


def _remembered_client(runtime: Runtime, sent: Credentials) -> Client | None:
    """The client of an Authorization header that was right before, if it still is: nothing else was sent, nobody is
    blocked, and the client is the very record whose secret this was."""
    if sent.authorization is None or not sent.in_header_only or _blocked_until.of(runtime):
        return None
    known = _authenticated_headers.of(runtime).get(digest_of(sent.authorization))
    return known if known and runtime.clients.remembered(known.id) is known else None


async def _problem(runtime: Runtime, client: Client | None, presented: Presented) -> str | None:
    if client is None:
        return "client_unknown"
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


async def _assertion_problem(runtime: Runtime, client: Client, assertion: str) -> str | None:
    try:
        jwks = await keys_of(runtime, client, unverified_kid(assertion))
    except KeysMissing as missing:
        if client.authentication.jwks_uri is None:
            return missing.reason
        # Nobody has guessed at anything: it is not counted, or the client would be blocked when its host is back.
        raise _not_authenticated(missing.reason, missing.description) from None
    verdict = judge_assertion(
        assertion,
        jwks,
        client_id=client.id,
        issuer=runtime.settings.issuer,
        skew_seconds=runtime.settings.clock_skew_seconds,
        now=runtime.clock.now(),
    )
    if isinstance(verdict, Invalid):
        return verdict.reason
    return None if await spend(runtime.redis, runtime.db, verdict.digest, verdict.seconds) else "assertion_replayed"


def _remember(runtime: Runtime, authorization: str, client: Client) -> None:
    headers = _authenticated_headers.of(runtime)
    if len(headers) >= _AUTHENTICATED_HEADERS:
        headers.clear()
    headers[digest_of(authorization)] = client


def refuse_blocked(runtime: Runtime, pair: str) -> None:
    """Whether too many failures of this pair were counted before. Raises TooMany."""
    blocked_until = _blocked_until.of(runtime)
    wait = blocked_until.get(pair, 0) - monotonic() if blocked_until else 0
    if wait > 0:
        raise _too_many(int(wait) + 1)


async def count_failure(runtime: Runtime, pair: str, network: str) -> None:
    """`pair`: who failed, a space, and the network that it came from. Raises TooMany where that was one too many."""
    limit = runtime.settings.client_failures
    buckets = [Bucket(f"client:{pair}", limit), Bucket(f"client-network:{network}", limit * _NETWORK_FACTOR)]
    wait = await runtime.attempts.take(buckets, runtime.entropy(8).hex())
    if wait:
        blocked_until = _blocked_until.of(runtime)
        if len(blocked_until) >= _BLOCKED_PAIRS:
            blocked_until.clear()
        blocked_until[pair] = monotonic() + wait
        raise _too_many(wait)


def _too_many(wait: int) -> TooMany:
    metrics.rate_limited.labels("client").inc()
    return TooMany("client_failures", retry_after=wait)


def _not_authenticated(reason: str, description: str) -> Rejected:
    # RFC 6749 section 5.2: 401, and the scheme that would have served. (authlib's own header lacks the realm.)
    return Rejected("invalid_client", description, reason, status=401, challenge='Basic realm="authsvc"')
