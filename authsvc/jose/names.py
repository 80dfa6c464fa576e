"""Names of algorithms (RFC 7518 section 3.1, RFC 8037, RFC 9864), for who needs no arithmetic. It imports nothing."""

from __future__ import annotations

from typing import Final

ALGORITHM_NAMES: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""What our keys may sign with, and those of others. The last two are one algorithm, by its older and its newer name."""
DEFAULT_ALG: Final = "RS256"
"""The algorithm of clients that named none: its line of keys is always there (OpenID Connect Core section 15.1)."""
ED25519_NAMES: Final = frozenset({"EdDSA", "Ed25519"})
"""Both names of the signature of RFC 8032 section 5.1 (RFC 8037 section 3.1; RFC 9864 section 2.2)."""


def same_algorithm(one: str, other: str) -> bool:
    """Whether two names mean one algorithm: clients may name a key by one of them and its signatures by the other."""
    return one == other or {one, other} <= ED25519_NAMES
