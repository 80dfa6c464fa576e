"""Whoever calls holds a key (DPoP, RFC 9449): the proof is genuine, fresh, for this request, and new; or a certificate
(RFC 8705 section 3), as the handshake of its TLS connection showed.

That it is new costs a row: anybody can make a key and sign a proof. So it is spent last, after all that is free to
check, and strangers cannot fill the store with proofs that come with something forged.
"""

from __future__ import annotations

from dataclasses import field

from authsvc.jose.proof import verify_proof
from authsvc.jose.verify import Invalid
from authsvc.records import frozen
from authsvc.rules.caller.certificate import SentCertificate
from authsvc.rules.caller.dpop import Genuine, NonceNeeded, Wanted, judge_proof, make_nonce
from authsvc.rules.client_record import Client, Digest
from authsvc.rules.clients.fapi2 import allows_algorithm
from authsvc.rules.confirmation import UNBOUND, Confirmation, certificate, dpop_key
from authsvc.rules.errors import Rejected
from authsvc.runtime import Runtime
from authsvc.store.caller.replay import spend

_WRONG = "The DPoP proof is invalid."


@frozen
class Shown:
    """A proof as it was sent, and the request that it came with. Nothing of it is proved."""

    proof: str = field(repr=False)
    method: str
    path: str


@frozen
class Proof:
    """A proof that is good if it is the first time: the key it proves, its digest in the replay cache, and for how many
    seconds it must be remembered; `alg`: by which it was signed."""

    confirmation: Confirmation
    digest: Digest
    seconds: int
    alg: str


def check_proof(runtime: Runtime, shown: Shown, *, access_token: str | None = None) -> Proof:
    """What a proof says, without asking a store. `access_token`: what is used with the proof at a resource.

    Raises Rejected (invalid_dpop_proof, use_dpop_nonce). The address is our own, from the settings: a Host header says
    where the caller believes to be, not where it is.
    """
    signed = verify_proof(shown.proof)
    if isinstance(signed, Invalid):
        raise Rejected("invalid_dpop_proof", _WRONG, signed.reason)
    wanted = Wanted(
        method=shown.method,
        urls=tuple(base + shown.path for base in (runtime.settings.issuer, runtime.settings.mtls_url) if base),
        now=runtime.clock.seconds(),
        skew_seconds=runtime.settings.clock_skew_seconds,
        nonce_required=runtime.settings.dpop_nonce_required,
        access_token=access_token,
        nonce_dates=runtime.settings.dpop_nonce_dates,
    )
    verdict = judge_proof(signed.claims, signed.jkt, wanted, runtime.dpop_nonce_key)
    if isinstance(verdict, NonceNeeded):
        raise Rejected("use_dpop_nonce", "Repeat the nonce of the DPoP-Nonce header in the proof.", verdict.reason)
    if not isinstance(verdict, Genuine):
        raise Rejected("invalid_dpop_proof", _WRONG, verdict.reason)
    return Proof(dpop_key(signed.jkt), verdict.digest, verdict.seconds, signed.alg)


def check_proof_for_tokens(runtime: Runtime, client: Client, shown: Shown | None) -> Proof | None:
    """As `check_proof`, for a client that asks for tokens; None where it showed no proof and need not (section 5.2).
    Raises Rejected."""
    if shown is not None:
        proof = check_proof(runtime, shown)
        judge_proof_of(client, proof)
        return proof
    if client.tokens.dpop_bound_access_tokens:
        raise Rejected("invalid_dpop_proof", "This client must send a DPoP proof.", "dpop_missing")
    return None


def judge_proof_of(client: Client, proof: Proof) -> None:
    """What a client gets is bound in one way: which, it has registered. Raises Rejected for a proof of the other, and
    as `judge_algorithm`."""
    judge_algorithm(client, proof)
    if client.tokens.tls_client_certificate_bound_access_tokens:
        raise Rejected(
            "invalid_dpop_proof", "The tokens of this client are bound to its certificate.", "dpop_beside_certificate"
        )


def judge_algorithm(client: Client, proof: Proof) -> None:
    """Raises Rejected for a proof by an algorithm that the client's profile has not."""
    if not allows_algorithm(client, proof.alg):
        raise Rejected("invalid_dpop_proof", _WRONG, "dpop_alg")


def certificate_for_tokens(client: Client, sent: SentCertificate | None) -> Confirmation:
    """The certificate that what the client gets is bound to (RFC 8705 section 3); UNBOUND where it did not register
    that. Raises Rejected where its TLS connection showed none."""
    held = certificate_of(client, sent)
    if client.tokens.tls_client_certificate_bound_access_tokens and held == UNBOUND:
        told = "The tokens of this client are bound to its certificate: it must come with one, by mutual TLS."
        raise Rejected("invalid_request", told, "certificate_missing")
    return held


def certificate_of(client: Client, sent: SentCertificate | None) -> Confirmation:
    """As `certificate_for_tokens`, where it may be left away."""
    if sent is None or not client.tokens.tls_client_certificate_bound_access_tokens:
        return UNBOUND
    return certificate(sent.thumbprint)


def key_of(proof: Proof | None) -> Confirmation:
    """The key that a proof proves, once it is spent; UNBOUND where there is none."""
    return UNBOUND if proof is None else proof.confirmation


async def spend_dpop_proof(runtime: Runtime, proof: Proof) -> None:
    """Take the proof; it is good once (section 11.1). Raises Rejected, StoreUnavailable."""
    if not await spend(runtime.db, proof.digest, proof.seconds):
        raise Rejected("invalid_dpop_proof", "The DPoP proof was used before.", "dpop_replayed")


def nonce(runtime: Runtime) -> str:
    """What the next proof has to repeat."""
    key_id = runtime.master.current_id
    key = runtime.dpop_nonce_key(key_id)
    assert key is not None
    return make_nonce(key_id, key, runtime.clock.seconds())
