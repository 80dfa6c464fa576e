"""Proof of possession at a resource (RFC 9449 sections 4.3 and 7). Pure, but for the memory of proofs seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Any, Literal

from authsvc_jws.base64url import base64url_decode
from authsvc_jws.compact import is_type, json_object, segments
from authsvc_jws.dpop import normal_url, token_hash
from authsvc_jws.thumbprint import thumbprint
from authsvc_verifier.errors import DPOP_ALGORITHMS
from authsvc_verifier.keys import Key, KeyRefused, read_key

MAX_LENGTH = 4096
PAST_SECONDS = 60.0
"""How old a proof may be, beside the leeway."""
MAX_SEEN = 200_000
FEW = 100
SUBJECT_SHARE = 3
SLOT_SECONDS = 10
"""Proofs are forgotten together, so that forgetting stops nobody."""
_ALGORITHMS = frozenset(DPOP_ALGORITHMS)


@dataclass(frozen=True, slots=True)
class Shown:
    """What came with the token: the header `DPoP` and the method. `url`: where callers reach this resource, from what
    the service knows of itself and the path of the request. Never from the header `Host`: a proof made for another
    service would open this one. '' where the service does not know it: then no proof is believed. `judged`: the same
    verifier let this very request in with it before, so it need not be new."""

    proof: str = field(repr=False)
    method: str
    url: str
    judged: bool = False


@dataclass(frozen=True, slots=True)
class Proved:
    """Good if it is the first time: `digest` names the proof, of consequence until `until` (seconds since 1970)."""

    digest: bytes
    until: float


def judge_proof(shown: Shown, token: str, jkt: object, now: float, leeway: float) -> Proved | str:
    """A reason (str) when the proof does not show that the sender of `token` holds the key with thumbprint `jkt`."""
    text = shown.proof
    parts = segments(text.encode("ascii")) if text.isascii() and len(text) <= MAX_LENGTH else None
    if parts is None:
        return "dpop_malformed"
    header, claims = json_object(base64url_decode(parts.header)), json_object(base64url_decode(parts.payload))
    if header is None or claims is None or "crit" in header or not is_type(header.get("typ"), "dpop+jwt"):
        return "dpop_malformed"
    key = _own_key(header)
    if key is None:
        return "dpop_jwk"
    own = thumbprint(header["jwk"])
    if own is None or own != jkt:
        return "dpop_other_key"
    if not key.check(parts.signing_input, base64url_decode(parts.signature)):
        return "dpop_signature"
    return _judge_claims(claims, shown, token, str(jkt), now, leeway)


def _judge_claims(
    claims: Mapping[str, Any], shown: Shown, token: str, jkt: str, now: float, leeway: float
) -> Proved | str:
    jti, iat = claims.get("jti"), claims.get("iat")
    if not isinstance(jti, str) or not 0 < len(jti) <= 256:
        return "dpop_jti"
    if claims.get("htm") != shown.method:
        return "dpop_htm"
    given, wanted = normal_url(claims.get("htu")), normal_url(shown.url)
    if given is None or given != wanted:
        return "dpop_htu"
    if claims.get("ath") != token_hash(token):
        return "dpop_ath"
    if isinstance(iat, bool) or not isinstance(iat, int | float) or not -PAST_SECONDS - leeway <= iat - now <= leeway:
        return "dpop_iat"
    return Proved(sha256(f"{jkt}\0{jti}".encode("utf-8", "surrogatepass")).digest()[:16], iat + PAST_SECONDS + leeway)


def _own_key(header: Mapping[str, Any]) -> Key | None:
    jwk, alg = header.get("jwk"), header.get("alg")
    if not isinstance(jwk, dict) or not isinstance(alg, str) or alg not in _ALGORITHMS:
        return None
    try:
        return next(iter(read_key({"kty": jwk.get("kty"), **jwk, "kid": ""}, frozenset({alg}))), None)
    except KeyRefused:
        return None


@dataclass(slots=True)
class _Slot:
    """The proofs that are over within the same seconds, and how many of them each subject and each key has."""

    digests: set[bytes] = field(default_factory=set)
    held: Counter[bytes] = field(default_factory=Counter)


@dataclass(slots=True)
class Seen:
    """Proofs of the last minutes, of this process: each is taken once.

    Nobody can fill it for the others. A tenth is for whoever holds less than `FEW`. Of the rest a key may hold as much
    as it leaves free, and a subject, whatever number of keys its tokens are bound to, `SUBJECT_SHARE` times as much.
    """

    slots: dict[int, _Slot] = field(default_factory=dict)
    held: Counter[bytes] = field(default_factory=Counter)
    number: int = 0
    lock: Lock = field(default_factory=Lock)

    def take(self, proved: Proved, subject: str, jkt: str, now: float) -> Literal["taken", "replayed", "crowded"]:
        """`subject`: of the token; `jkt`: the key that it is bound to. "crowded": not taken; the same proof may come
        again."""
        names = _tag(subject), _tag(f"{subject}\0{jkt}")
        with self.lock:
            self._forget(now)
            slot = self.slots.setdefault(int(proved.until // SLOT_SECONDS), _Slot())
            if proved.digest in slot.digests:
                return "replayed"
            free = MAX_SEEN - self.number
            for name, share in zip(names, (SUBJECT_SHARE, 1), strict=True):
                most = max(FEW, share * (free - MAX_SEEN // 10))
                if not free or self.held[name] >= most:
                    return "crowded"
            slot.digests.add(proved.digest)
            self.number += 1
            for name in names:
                slot.held[name] += 1
                self.held[name] += 1
            return "taken"

    def _forget(self, now: float) -> None:
        """A slot goes when the last of its proofs is too old to be believed."""
        for end in [number for number in self.slots if (number + 1) * SLOT_SECONDS <= now]:
            slot = self.slots.pop(end)
            self.number -= len(slot.digests)
            for name, number in slot.held.items():
                self.held[name] -= number
                if not self.held[name]:
                    del self.held[name]


def _tag(name: str) -> bytes:
    return sha256(name.encode("utf-8", "surrogatepass")).digest()[:12]
