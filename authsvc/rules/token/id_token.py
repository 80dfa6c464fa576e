"""The ID token and the claims about a person (OpenID Connect Core sections 2, 3.1.3.6 and 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256, sha512
from typing import Any

from authsvc.rules.client_record import Client
from authsvc.rules.levels import stated
from authsvc.rules.person_record import Login, User
from authsvc.rules.token.exchange import ROLES_SCOPE
from authsvc.rules.token.granted import Granted
from authsvc_jws.base64url import base64url_encode

ID_TOKEN_TYPE = "JWT"  # noqa: S105 - a media type
ID_TOKEN_SECONDS = 300
PRESENT, ABSENT = frozenset({"azp", "at_hash"}), frozenset({"scope"})
"""What every ID token of ours says, and what none does: an access token of the type JWT is none."""


def half_hash(token: str, alg: str) -> str:
    """at_hash and c_hash: the left half of the hash that `alg` itself signs (section 3.1.3.6). Ed25519 is made with
    SHA-512 (RFC 8032 section 5.1); the working group settled on it (openid/connect issue 1125), and clients compare."""
    digest = (sha512 if alg in ("EdDSA", "Ed25519") else sha256)(token.encode("ascii")).digest()
    return base64url_encode(digest[: len(digest) // 2])


def id_token_claims(
    granted: Granted, *, issuer: str, client: Client, sub: str, jti: str, at_hash: str
) -> dict[str, Any]:
    """Section 2, of a grant that has a login and `identified`. `nonce` byte for byte as it came; `sid` for back-channel
    logout."""
    login, identified, issued_at = granted.subject, granted.identified, int(granted.now.timestamp())
    assert isinstance(login, Login)
    assert identified is not None
    claims: dict[str, Any] = {
        **identified.about,
        "iss": issuer,
        "sub": sub,
        "aud": client.id,
        "azp": client.id,
        "iat": issued_at,
        "exp": issued_at + (client.tokens.id_token_seconds or ID_TOKEN_SECONDS),
        "auth_time": int(login.auth_time.timestamp()),
        "acr": stated(login.amr, login.acr_values),
        "amr": list(login.amr),
        "sid": login.sid,
        "at_hash": at_hash,
        "jti": jti,
    }
    if identified.nonce is not None:
        claims["nonce"] = identified.nonce
    return claims


def claims_about(
    user: User, scope: Sequence[str], names: Sequence[str] = (), *, aliases: bool = False
) -> dict[str, Any]:
    """Section 5.4: what each scope opens; and the single claims of `names` (section 5.5). `aliases`: the client's
    policy."""
    known: dict[str, Any] = {
        "name": user.name or None,
        "locale": user.locale or None,
        "email": user.email,
        "email_verified": user.email_verified,
        "roles": list(user.roles),
    }
    told = {
        name: value for name, value in known.items() if value is not None and (name in names or SCOPE_OF[name] in scope)
    }
    if aliases:
        told |= {
            name: known[of] for name, (of, opened_by) in ALIASES.items() if name in names or opened_by.issubset(scope)
        }
    return told


SCOPE_OF = {"name": "profile", "locale": "profile", "email": "email", "email_verified": "email", "roles": ROLES_SCOPE}
"""The claims that can be asked for one by one, and the scope that opens each."""

ALIASES = {"preferred_username": ("email", {"profile", "email"}), "groups": ("roles", {ROLES_SCOPE})}
"""Second names, by which other providers' clients ask: what each is of, and the scopes that open it, all of them. An
account has no login name but its address, which no other account has at the same time; section 5.4 opens
`preferred_username` by `profile`, and who may not know the address hears none."""
