"""Names of algorithms (RFC 7518 section 3.1; RFC 8037), for those who need no arithmetic. It imports nothing."""

from __future__ import annotations

from typing import Final

ALGORITHM_NAMES: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""What our keys may sign with (EdDSA: Ed25519)."""
DEFAULT_ALG: Final = "RS256"
"""The algorithm of clients that named none: its line of keys is always there (OpenID Connect Core section 15.1)."""
