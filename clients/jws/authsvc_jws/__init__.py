"""Strict reading of compact JWS and DPoP proofs, the same for the service and for its verifier.

Law: pure functions, standard library only; no clock, no I/O, no memory. Nothing here checks a signature, so all that is
read is still unproved. What two readers could understand in two ways is not read at all.

    base64url       RFC 7515 section 2
    compact         a compact JWS: header, claims, signature (RFC 7515 section 7.1)
    thumbprint      the name that a key gives itself (RFC 7638)
    dpop            the URL and the token hash of a DPoP proof (RFC 9449 sections 4.2 and 4.3)
"""
