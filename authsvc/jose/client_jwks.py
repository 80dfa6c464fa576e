"""The public keys of a client (RFC 7517 section 5, RFC 7591 section 2), whoever brings them: judged before any is used,
and remembered of a client with a `jwks_uri`.

Bounded in number and size, because whoever names the keys also chooses what checking a signature costs us. A set that
was fetched serves for ten minutes, and for a day where the client's host is away. A `kid` that is not in it is a reason
to ask, but nobody can make us ask more often than once in 30 seconds, whatever is sent and however it ends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authsvc.jose.algorithms import ALGORITHMS, KeyRefused
from authsvc.jose.client_certificates import certificate_of_key
from authsvc.jose.jwk import PRIVATE_MEMBERS, read_public
from authsvc_jws.compact import is_plain

MAX_BYTES: Final = 65_536
MAX_KEYS: Final = 10
MAX_RSA_BITS: Final = 8192
MAX_KID: Final = 256
_KEPT: Final = ("kty", "n", "e", "crv", "x", "y", "kid", "alg", "use")
_ALGORITHM_OF: Final = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}

FRESH_SECONDS: Final = 600.0
STALE_SECONDS: Final = 86_400.0
PAUSE_SECONDS: Final = 30.0
MAX_SETS: Final = 1000


def read_client_jwks(value: object) -> dict[str, Any]:
    """{"keys": [...]} of the 1 to 10 keys of a set that can verify signatures; those that are not for us (other kinds,
    for encryption, damaged) are left out, as RFC 7517 section 5 says. Of an `x5c` the first certificate is kept, where
    it is the key's. Raises KeyRefused, to be shown: a private or symmetric key refuses the whole; where no key is left,
    it says what is wrong with the first."""
    found, wrong = [], None
    for place, key in enumerate(_members(value), start=1):
        _refuse_private(key, place)
        try:
            found.append(_usable(key, place))
        except KeyRefused as refused:
            wrong = wrong or refused
    if wrong and not found:
        raise wrong
    if not 1 <= len(found) <= MAX_KEYS:
        raise KeyRefused("not a JWKS of 1 to 10 keys")
    return {"keys": found}


def _members(value: object) -> list[dict[str, Any]]:
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys) or len(keys) > 10 * MAX_KEYS:
        raise KeyRefused("not a JWKS of 1 to 10 keys")
    return keys


def _refuse_private(key: Mapping[str, Any], place: int) -> None:
    if not PRIVATE_MEMBERS.isdisjoint(key) or key.get("kty") == "oct":
        raise KeyRefused(f"key {place} is a private or symmetric key; only public ones belong here")


def _usable(key: Mapping[str, Any], place: int) -> dict[str, Any]:
    kid, kind = key.get("kid", ""), key.get("kty")
    if not isinstance(kid, str) or len(kid) > MAX_KID or not is_plain(kid):
        raise KeyRefused(f"key {place} has a kid that is none")
    alg = key.get("alg") or (_ALGORITHM_OF.get(kind) if isinstance(kind, str) else None)
    uses = key.get("key_ops", ["verify"])  # RFC 7517 section 4.3
    verifies = isinstance(uses, list) and "verify" in uses and key.get("use", "sig") == "sig"
    if not isinstance(alg, str) or alg not in ALGORITHMS or not verifies:
        raise KeyRefused(f"key {place} must be for signatures by one of {', '.join(ALGORITHMS)}")
    kept = {name: key[name] for name in _KEPT if name in key}
    try:
        public = read_public(kept, alg, MAX_RSA_BITS)
    except KeyRefused as refused:
        raise KeyRefused(f"key {place} cannot be used: {refused}") from None
    certificate = certificate_of_key(key.get("x5c"), public)
    return kept if certificate is None else {**kept, "x5c": [certificate]}


Place = tuple[str, str]
"""Client id and jwks_uri: a client that names another place is asked for there at once."""


@dataclass(slots=True)
class KeySet:
    """What is known of a set, and when to ask for it again; times are monotonic seconds. `jwks`: the last good answer,
    None before the first. `failure`: why the last try failed, '' where it did not."""

    jwks: Mapping[str, Any] | None = None
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    failure: str = ""

    def must_ask(self, kid: str | None, now: float) -> bool:
        """Whether the client's host is to be asked before a signature by `kid` is judged."""
        if now - self.tried_at < PAUSE_SECONDS:
            return False
        if self.jwks is None or now - self.fetched_at >= FRESH_SECONDS:
            return True
        return kid is not None and all(key.get("kid") != kid for key in self.jwks["keys"])

    def usable(self, now: float) -> Mapping[str, Any] | None:
        return self.jwks if now - self.fetched_at < STALE_SECONDS else None

    def answered(self, jwks: Mapping[str, Any], now: float) -> None:
        self.jwks, self.fetched_at, self.tried_at, self.failure = jwks, now, now, ""

    def failed(self, reason: str, now: float) -> None:
        self.tried_at, self.failure = now, reason


@dataclass(slots=True)
class RemoteKeys:
    """The sets of this worker; the one that was asked for longest ago is forgotten first."""

    sets: OrderedDict[Place, KeySet] = field(default_factory=OrderedDict)

    def of(self, place: Place) -> KeySet:
        known = self.sets.setdefault(place, KeySet())
        self.sets.move_to_end(place)
        if len(self.sets) > MAX_SETS:
            self.sets.popitem(last=False)
        return known
