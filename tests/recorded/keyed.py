"""A client that proves itself by its key (RFC 7523), and tokens that are bound to a key (RFC 9449).

The keys are of the tests alone, fixed, and open nothing anywhere.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.recorded.transcript import Transcript

KEY = ec.derive_private_key(0x5EED, ec.SECP256R1())
JWK: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
KEYED: dict[str, Any] = {"jwks": json.dumps({"keys": [{**JWK, "kid": "k", "alg": "ES256", "use": "sig"}]})}
ISSUER = "http://localhost:8000"


def assertion(**changed: Any) -> dict[str, str]:
    now = int(time.time())
    claims = {
        "iss": "rec-keyed",
        "sub": "rec-keyed",
        "aud": ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
    }
    signed = jwt.encode({**claims, **changed}, KEY, "ES256", headers={"kid": "k"})
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"grant_type": "client_credentials", "client_assertion_type": kind, "client_assertion": signed}


def proof(url: str, method: str = "POST", **changed: Any) -> dict[str, str]:
    claims = {"jti": str(uuid.uuid4()), "htm": method, "htu": url, "iat": int(time.time()), **changed}
    return {"DPoP": jwt.encode(claims, KEY, "ES256", headers={"typ": "dpop+jwt", "jwk": JWK})}


async def keyed(to: Transcript) -> None:
    now, token = int(time.time()), f"{ISSUER}/token"
    await to.ask("assertion", "POST", "/token", data=assertion())
    used = assertion()
    await to.http.post("/token", data=used)
    bad = {
        "for the token endpoint": assertion(aud=token),
        "an hour ahead": assertion(exp=now + 3600),
        "expired": assertion(exp=now - 3600),
        "of another client": assertion(sub="rec-svc"),
        "used": used,
    }
    for name, form in bad.items():
        await to.ask(f"assertion: {name}", "POST", "/token", data=form)
    answer = await to.ask("dpop: no nonce", "POST", "/token", data=assertion(), headers=proof(token))
    nonce = answer.headers["dpop-nonce"]
    answer = await to.ask("dpop", "POST", "/token", data=assertion(), headers=proof(token, nonce=nonce))
    stale = {
        "old": proof(token, iat=now - 7200, nonce=nonce),
        "of another address": proof(f"{ISSUER}/par", nonce=nonce),
        "GET": proof(token, "GET", nonce=nonce),
        "a nonce of nobody": proof(token, nonce="rubbish"),
    }
    for name, headers in stale.items():
        await to.ask(f"dpop: {name}", "POST", "/token", data=assertion(), headers=headers)
    bound = {"Authorization": f"DPoP {answer.json()['access_token']}"}
    await to.ask("dpop: a token without a proof", "GET", "/userinfo", headers=bound)
    await to.ask(
        "dpop: a token as a bearer",
        "GET",
        "/userinfo",
        headers={"Authorization": bound["Authorization"].replace("DPoP", "Bearer")},
    )
