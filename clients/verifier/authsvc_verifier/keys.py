"""The issuer's keys: which of a JWKS (RFC 7517) may prove a token, and when the issuer is asked again. Pure.

The key decides what it may prove: a header only names one that we know. Symmetric keys are never read, so there is
neither `none` nor HMAC to be talked into (RFC 8725 section 3.1). Times of `KeyCache` are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

Check = Callable[[bytes, bytes], bool]
"""(signing input, signature) -> does it hold?"""

FITTING: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
}
"""Algorithms by kty and crv (RFC 7518 section 3.1, RFC 8037, RFC 9864)."""
ALGORITHMS: Final = frozenset(name for names in FITTING.values() for name in names)
SAFE: Final = frozenset({"RS256", "PS256", "ES256", "EdDSA", "Ed25519"})
"""Accepted unless the caller says otherwise."""
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
RSA_BITS: Final = range(2048, 8193)
MAX_KEYS: Final = 100

FRESH_SECONDS: Final = (60.0, 300.0, 3600.0)
"""How long a set is fresh: at least, where the issuer does not say, at most."""
USABLE_SECONDS: Final = 86_400.0
"""How long the last good set is used while the issuer is away."""
UNKNOWN_KID_SECONDS: Final = 30.0
"""Between two requests that a kid we do not know may cause, whoever sends how many."""
RETRY_SECONDS: Final = (1.0, 30.0)


class KeyRefused(Exception):
    """No key for a signature, or none that we may use."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key for one algorithm, and the check of a signature by it."""

    kid: str
    alg: str
    check: Check = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """What one JWKS gave. `named`: header segments as they came -> the key, so that each is read once; a new set starts
    a new one."""

    keys: Mapping[tuple[str, str], Key]
    kids: frozenset[str]
    named: dict[bytes, Key] = field(default_factory=dict, repr=False, compare=False)

    def find(self, kid: str, alg: str) -> Key | None:
        """`kid` '': the only key for the algorithm, if there is but one."""
        if kid:
            return self.keys.get((kid, alg))
        able = [key for key in self.keys.values() if key.alg == alg]
        return able[0] if len(able) == 1 else None


def read_jwks(document: object, allowed: frozenset[str]) -> KeySet:
    """Read the keys of a JWKS that may prove a token. Keys that we cannot or may not use are passed over (RFC 7517
    section 5). Raises KeyRefused for no JWKS at all."""
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise KeyRefused("not a JWKS")
    keys: dict[tuple[str, str], Key] = {}
    for number, entry in enumerate(entries):
        try:
            for key in read_key(entry, allowed):
                # Two keys of one name: no token can tell which it means. The first stays. Nameless ones stay apart.
                keys.setdefault((key.kid or f"\0{number}", key.alg), key)
        except KeyRefused:
            continue
    return KeySet(keys, frozenset(key.kid for key in keys.values()))


def read_key(entry: object, allowed: frozenset[str]) -> Iterator[Key]:
    """One key for each algorithm that this JWK may prove. Raises KeyRefused."""
    if not isinstance(entry, dict) or not PRIVATE_MEMBERS.isdisjoint(entry):
        raise KeyRefused("not a public JWK")
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise KeyRefused("the JWK is for something else")
    kid = entry.get("kid", "")
    if not isinstance(kid, str):
        raise KeyRefused("kid is no text")
    kty = str(entry.get("kty"))
    fitting = FITTING.get((kty, "" if kty == "RSA" else str(entry.get("crv"))), ())
    algs = [alg for alg in fitting if alg in allowed and entry.get("alg", alg) == alg]
    if not algs:
        raise KeyRefused("no algorithm in common")
    key = public_key(entry, algs[0])
    for alg in algs:
        yield Key(kid, alg, checking(key, alg))


def public_key(entry: Mapping[str, Any], alg: str) -> Any:
    """The public key of a JWK for one algorithm. Raises KeyRefused."""
    try:
        key = _arithmetic(alg).from_jwk(dict(entry))
    except Exception:  # PyJWT and cryptography raise a dozen kinds here, and all mean this
        raise KeyRefused("not a public key") from None
    if isinstance(key, RSAPublicKey) and (key.key_size not in RSA_BITS or key.public_numbers().e >= 2**32):
        raise KeyRefused("an RSA key that is too weak, or too slow")
    return key


def checking(key: Any, alg: str) -> Check:
    """The verification function of a key: (signing input, signature) -> does it hold?"""
    verify = _arithmetic(alg).verify

    def check(signing_input: bytes, signature: bytes) -> bool:
        return bool(verify(signing_input, key, signature))

    return check


def _arithmetic(alg: str) -> Any:
    return jwt.get_algorithm_by_name("EdDSA" if alg == "Ed25519" else alg)  # PyJWT knows the older name alone


def fresh_seconds(cache_control: str) -> float:
    """How long an answer is fresh (RFC 9111 section 5.2.2.1), within our bounds."""
    least, unsaid, most = FRESH_SECONDS
    for directive in cache_control.lower().replace(" ", "").split(","):
        name, _, value = directive.partition("=")
        if name == "max-age" and value.isdecimal() and len(value) < 10:
            return min(max(float(value), least), most)
        if name in ("no-cache", "no-store"):
            return least
    return unsaid


@dataclass(slots=True)
class KeyCache:
    """What is known of the issuer's keys. `failures`: tries in a row that gave nothing."""

    keys: KeySet | None = None
    etag: str = ""
    fresh_for: float = 0.0
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    asked_at: float = float("-inf")
    failures: int = 0

    def usable(self, now: float) -> KeySet | None:
        return self.keys if now - self.fetched_at < USABLE_SECONDS else None

    def due(self, now: float) -> float:
        """Seconds until the set should be read again, before it is old; after failures with growing pauses."""
        if self.failures:
            least, most = RETRY_SECONDS
            return self.tried_at + min(most, least * 2.0 ** min(self.failures - 1, 10)) - now
        return self.fetched_at + 0.8 * self.fresh_for - now

    def may_ask(self, now: float) -> bool:
        """Whether an unknown kid is worth a request. True once in 30 seconds, and the answer True spends it."""
        if self.keys is None:
            return now - self.tried_at >= RETRY_SECONDS[0]
        if now - self.asked_at < UNKNOWN_KID_SECONDS:
            return False
        self.asked_at = now
        return True

    def answered(self, keys: KeySet | None, etag: str, fresh_for: float, now: float) -> None:
        """`keys` None: not modified."""
        if keys is not None:
            self.keys, self.etag = keys, etag
        self.fetched_at = self.tried_at = now
        self.fresh_for, self.failures = fresh_for, 0

    def failed(self, now: float) -> None:
        self.tried_at = now
        self.failures += 1
