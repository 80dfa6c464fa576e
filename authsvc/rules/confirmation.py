"""What a token or a grant is bound to, and what a caller proves to hold (`cnf`: RFC 7800 section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authsvc.records import frozen


@frozen
class Confirmation:
    """One method of proof and the thumbprint of what is held. `method` is the member of `cnf`: `jkt` for a DPoP key
    (RFC 9449 section 6.1), `x5t#S256` for a certificate (RFC 8705 section 3.1), '' for none."""

    method: str
    thumbprint: str

    @property
    def claims(self) -> dict[str, Any]:
        """The claim `cnf`, or no claim."""
        return {"cnf": {self.method: self.thumbprint}} if self.method else {}

    @property
    def token_type(self) -> str:
        """How a token that is bound so is to be sent (RFC 9449 section 5): with a proof, or as Bearer."""
        return "DPoP" if self.method == "jkt" else "Bearer"

    @property
    def stored(self) -> str:
        """As the columns `dpop_jkt` hold it: the thumbprint of a DPoP key, that of a certificate behind its method, ''
        for none. authsvc of the version before takes the latter for a key that nobody has, and refuses."""
        return f"{CERTIFICATE}:{self.thumbprint}" if self.method == CERTIFICATE else self.thumbprint

    def satisfies(self, bound_to: Confirmation) -> bool:
        """Whether who proved this may use what is bound to `bound_to`."""
        return bound_to in (UNBOUND, self)


CERTIFICATE = "x5t#S256"
UNBOUND = Confirmation("", "")


def dpop_key(thumbprint: str) -> Confirmation:
    """`thumbprint`: of the key's JWK (RFC 7638); '' for UNBOUND."""
    return Confirmation("jkt", thumbprint) if thumbprint else UNBOUND


def certificate(thumbprint: str) -> Confirmation:
    """`thumbprint`: SHA-256 of the certificate's DER, in base64url."""
    return Confirmation(CERTIFICATE, thumbprint)


def from_stored(text: str) -> Confirmation:
    """What `Confirmation.stored` wrote."""
    method, colon, thumbprint = text.partition(":")
    return certificate(thumbprint) if colon and method == CERTIFICATE else dpop_key(text)


def confirmation_in(claims: Mapping[str, Any]) -> Confirmation:
    """What the claims of an access token that we signed bind it to."""
    cnf = claims.get("cnf")
    if not isinstance(cnf, dict):
        return UNBOUND
    return certificate(cnf[CERTIFICATE]) if CERTIFICATE in cnf else dpop_key(cnf.get("jkt", ""))
