"""The public keys of a client (RFC 7517 section 5, RFC 7591 section 2), whoever brings them: judged before any is used.

Bounded in number and size, because whoever names the keys also chooses what checking a signature costs us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authsvc.jose.algorithms import ALGORITHMS, KeyRefused, checking
from authsvc.jose.jwk import PRIVATE_MEMBERS, read_public
from authsvc_jws.compact import Unverified, is_plain

MAX_BYTES: Final = 65_536
MAX_KEYS: Final = 10
MAX_RSA_BITS: Final = 8192
MAX_KID: Final = 256
_KEPT: Final = ("kty", "n", "e", "crv", "x", "y", "kid", "alg", "use")
_ALGORITHM_OF: Final = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}


def read_client_jwks(value: object) -> dict[str, Any]:
    """{"keys": [...]} of 1 to 10 public keys that all can verify signatures. Raises `KeyRefused`, to be shown."""
    keys = _members(value)
    if not 1 <= len(keys) <= MAX_KEYS:
        raise KeyRefused("not a JWKS of 1 to 10 keys")
    return {"keys": [_usable(key, place) for place, key in enumerate(keys, start=1)]}


def usable_client_jwks(value: object) -> dict[str, Any]:
    """As `read_client_jwks`, of a set that is published for others too: keys that are not for us (other kinds, for
    encryption) are left out, as section 5 says. A private or symmetric key still refuses the whole."""
    keys = _members(value)
    found = []
    for place, key in enumerate(keys, start=1):
        _refuse_private(key, place)
        try:
            found.append(_usable(key, place))
        except KeyRefused:
            continue
    if not 1 <= len(found) <= MAX_KEYS:
        raise KeyRefused("not a JWKS with 1 to 10 usable keys")
    return {"keys": found}


def is_signed(found: Unverified, jwks: Mapping[str, Any]) -> bool:
    """Whether one of these keys of a client made the signature; its unverified header says which it may be."""
    alg, kid = found.header.get("alg"), found.header.get("kid")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        return False
    for key in jwks.get("keys", [])[:MAX_KEYS]:
        if (kid is not None and key.get("kid") != kid) or key.get("alg", alg) != alg:
            continue
        try:
            holds = checking(read_public(key, alg), alg)
        except KeyRefused:
            continue
        if holds(found.signing_input, found.signature):
            return True
    return False


def _members(value: object) -> list[dict[str, Any]]:
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys) or len(keys) > 10 * MAX_KEYS:
        raise KeyRefused("not a JWKS of 1 to 10 keys")
    return keys


def _refuse_private(key: Mapping[str, Any], place: int) -> None:
    if not PRIVATE_MEMBERS.isdisjoint(key) or key.get("kty") == "oct":
        raise KeyRefused(f"key {place} is a private or symmetric key; only public ones belong here")


def _usable(key: Mapping[str, Any], place: int) -> dict[str, Any]:
    _refuse_private(key, place)
    kid, kind = key.get("kid", ""), key.get("kty")
    if not isinstance(kid, str) or len(kid) > MAX_KID or not is_plain(kid):
        raise KeyRefused(f"key {place} has a kid that is none")
    alg = key.get("alg") or (_ALGORITHM_OF.get(kind) if isinstance(kind, str) else None)
    if not isinstance(alg, str) or alg not in ALGORITHMS or key.get("use", "sig") != "sig":
        raise KeyRefused(f"key {place} must be for signatures by one of {', '.join(ALGORITHMS)}")
    kept = {name: key[name] for name in _KEPT if name in key}
    try:
        read_public(kept, alg, MAX_RSA_BITS)
    except KeyRefused as refused:
        raise KeyRefused(f"key {place} cannot be used: {refused}") from None
    return kept
