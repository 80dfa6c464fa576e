"""The DPoP header (RFC 9449), proved by `flows/caller/prove_possession`. A request without one costs one look-up."""

from __future__ import annotations

from authsvc.flows.caller.prove_possession import Proof, Shown, check_proof, nonce
from authsvc.rules.errors import Rejected
from authsvc.web.http.request import Request


def shown_proof(request: Request) -> Shown | None:
    """The proof as it was sent; the answer will carry a fresh nonce (section 8.2). Raises Rejected for two of them."""
    proofs = request.header_values(b"dpop")
    if not proofs:
        return None
    offer_nonce(request)
    if len(proofs) > 1:  # section 4.3, check 1
        raise Rejected("invalid_dpop_proof", "Send one DPoP header.", "dpop_several")
    return Shown(proofs[0].decode("latin-1"), request.scope["method"], request.scope["path"])


def checked_proof(request: Request) -> Proof | None:
    """The proof that was sent, good but not spent yet; None where there is none. Raises Rejected."""
    shown = shown_proof(request)
    return None if shown is None else check_proof(request.runtime, shown)


def offer_nonce(request: Request) -> None:
    """Let the answer carry a fresh nonce, whatever it will be."""
    request.answer_with((b"dpop-nonce", nonce(request.runtime).encode("ascii")))
