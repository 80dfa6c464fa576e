"""Which secret a client may have (RFC 6749 appendix A.2), and what is kept of it."""

from __future__ import annotations

from authsvc.rules.client_record import Digest
from authsvc.rules.clients.limits import SECRET_CHARACTERS
from authsvc.rules.refused import Refused
from authsvc.rules.secret_digest import digest_of


def digest_of_secret(secret: str) -> Digest | Refused:
    """SHA-256 of a secret that is long enough and of visible ASCII characters; nothing else of it is ever stored."""
    least, most = SECRET_CHARACTERS
    if not least <= len(secret) <= most:
        return Refused(
            "invalid_client_secret",
            f"the secret has {len(secret)} characters; it must have {least} to {most}",
            "secret_length",
        )
    if not all("!" <= char <= "~" for char in secret):
        return Refused(
            "invalid_client_secret",
            "the secret must be of visible ASCII characters, without spaces",
            "secret_characters",
        )
    return digest_of(secret)
