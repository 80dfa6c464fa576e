"""X.509 certificates in files (RFC 7468): when they end."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509


def soonest_end(pem: bytes) -> datetime | None:
    """When the first of these certificates ends; None: there is none that can be read."""
    try:
        return min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(pem))
    except ValueError:
        return None


def latest_end(pem: bytes) -> datetime | None:
    """When the last of these certificates ends, of a file of authorities: one of them suffices. None: as above."""
    try:
        return max(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(pem))
    except ValueError:
        return None
