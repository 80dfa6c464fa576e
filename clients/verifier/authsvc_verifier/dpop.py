"""Proof of possession at a resource (RFC 9449 sections 4.3 and 7). Pure, but for the memory of proofs seen."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

from authsvc_verifier.discovery import PORTS
from authsvc_verifier.errors import DPOP_ALGORITHMS
from authsvc_verifier.jws import decoded, is_type, json_object
from authsvc_verifier.keys import FITTING, Key, KeyRefused, read_key

MAX_LENGTH = 4096
PAST_SECONDS = 60.0
"""How old a proof may be, beside the leeway."""
MAX_SEEN = 100_000
_TYPES = frozenset({"dpop+jwt"})
_ALGORITHMS = frozenset(DPOP_ALGORITHMS)
_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Shown:
    """What came with the token: the header `DPoP`, the method, and the URL as the caller wrote it."""

    proof: str = field(repr=False)
    method: str
    url: str


@dataclass(frozen=True, slots=True)
class Proved:
    """Good if it is the first time: `digest` names the proof, of consequence until `until` (seconds since 1970)."""

    digest: bytes
    until: float


def judge_proof(shown: Shown, token: str, jkt: object, now: float, leeway: float) -> Proved | str:
    """A reason (str) when the proof does not show that the sender of `token` holds the key with thumbprint `jkt`."""
    text = shown.proof
    if len(text) > MAX_LENGTH or not text.isascii() or text.count(".") != 2:
        return "dpop_malformed"
    signing_input, _, signature_text = text.encode("ascii").rpartition(b".")
    header_text, _, payload_text = signing_input.partition(b".")
    header, claims = json_object(decoded(header_text)), json_object(decoded(payload_text))
    if header is None or claims is None or "crit" in header or not is_type(header.get("typ"), _TYPES):
        return "dpop_malformed"
    key = _own_key(header)
    if key is None:
        return "dpop_jwk"
    if thumbprint(header["jwk"]) != jkt:
        return "dpop_other_key"
    if not key.check(signing_input, decoded(signature_text)):
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


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 section 3, of a key that was read before."""
    assert any(kty == jwk["kty"] for kty, _ in FITTING)
    members = {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return urlsafe_b64encode(sha256(canonical).digest()).decode("ascii").rstrip("=")


def token_hash(token: str) -> str:
    """`ath` (RFC 9449 section 4.2)."""
    return urlsafe_b64encode(sha256(token.encode("ascii")).digest()).decode("ascii").rstrip("=")


def normal_url(url: object) -> tuple[str, str, int | None, str] | None:
    """(scheme, host, port, path) after RFC 3986 sections 6.2.2 and 6.2.3; query and fragment do not count."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or "@" in parts.netloc or "\\" in url:
        return None
    return parts.scheme, parts.hostname, PORTS.get(parts.scheme) if port is None else port, _normal_path(parts.path)


def _normal_path(path: str) -> str:
    """Escapes of unreserved characters undone, others in upper case."""
    pieces = path.split("%")
    normal = [pieces[0]]
    for piece in pieces[1:]:
        char = unquote("%" + piece[:2])
        normal.append((char if char in _UNRESERVED else "%" + piece[:2].upper()) + piece[2:])
    return "".join(normal) or "/"


@dataclass(slots=True)
class Seen:
    """Proofs of the last minutes, of this process. When it is full, no proof is believed until some are over."""

    until: dict[bytes, float] = field(default_factory=dict)
    swept_at: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def first_time(self, proved: Proved, now: float) -> bool:
        with self.lock:
            if now - self.swept_at >= 10.0:
                self.swept_at = now
                self.until = {digest: until for digest, until in self.until.items() if until >= now}
            if proved.digest in self.until or len(self.until) >= MAX_SEEN:
                return False
            self.until[proved.digest] = proved.until
            return True
