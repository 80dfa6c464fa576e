"""How a request shows its token (RFC 6750 section 2.1, RFC 9449 section 7.1): in the header, and nowhere else. Pure.

A token in the query ends in logs (RFC 9700 section 4.3.2), one in a form needs the body: neither is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from authsvc_verifier.dpop import Shown
from authsvc_verifier.errors import InvalidProof, InvalidRequest, TokenMissing

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # b64token


def read_request(
    authorization: Sequence[str], dpop: Sequence[str], method: str, url: str, *, judged: bool = False
) -> tuple[str, Shown | None]:
    """Read the access token, and the proof with it, from the headers of a request. (token, proof). `authorization`,
    `dpop`: every value of the header; `url`, `judged`: as in `Shown`. Raises Refused."""
    if not authorization:
        raise TokenMissing
    if len(authorization) > 1:
        raise InvalidRequest("several_tokens", "There is more than one Authorization header.")
    scheme, _, token = authorization[0].partition(" ")
    scheme, token = scheme.lower(), token.strip(" ")
    if scheme not in ("bearer", "dpop"):
        raise TokenMissing
    if not _TOKEN.fullmatch(token):
        raise InvalidRequest("malformed_authorization", "The Authorization header is malformed.")
    if scheme == "bearer":
        return token, None
    if len(dpop) != 1:
        raise InvalidProof("dpop_missing" if not dpop else "dpop_several")
    return token, Shown(dpop[0], method, url, judged)
