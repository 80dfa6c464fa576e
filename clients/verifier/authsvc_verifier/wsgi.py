"""For any WSGI application: a middleware in front of all of it. Knows no framework.

The claims are in `environ["authsvc.claims"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from authsvc_verifier.adapter import BaseMiddleware
from authsvc_verifier.certificate import Connection, FindCertificate
from authsvc_verifier.claims import Claims
from authsvc_verifier.errors import TokenMissing, VerifierError
from authsvc_verifier.presented import read_request
from authsvc_verifier.require import NOTHING, Requirement
from authsvc_verifier.sync import SyncVerifier

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

CLAIMS = "authsvc.claims"
JUDGED = "authsvc.judged"
"""As in `asgi`."""


def authenticate(
    verifier: SyncVerifier,
    environ: Environ,
    need: Requirement = NOTHING,
    external_url: str = "",
    certificate: FindCertificate | None = None,
) -> Claims:
    """The claims of the request's token; kept in `environ`. `external_url`, `certificate`: as in `asgi`. Raises
    Refused, Unavailable, NotConfigured."""
    token, shown = read_request(
        [environ["HTTP_AUTHORIZATION"]] if "HTTP_AUTHORIZATION" in environ else [],
        [environ["HTTP_DPOP"]] if "HTTP_DPOP" in environ else [],
        environ["REQUEST_METHOD"],
        _url(environ, external_url),
        judged=environ.get(JUDGED) is verifier,
    )
    claims = verifier.verify(token, need, dpop=shown, certificate=certificate and certificate(connection(environ)))
    environ[CLAIMS], environ[JUDGED] = claims, verifier
    return claims


class BearerMiddleware(BaseMiddleware[App, SyncVerifier]):
    """See `BaseMiddleware`."""

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if resource := self.describes(environ["REQUEST_METHOD"], path):
            headers, body = resource.answer()
            start_response("200 OK", list(headers.items()))
            return [body]
        if path not in self.public:
            try:
                authenticate(self.verifier, environ, self.need, self.external_url, self.certificate)
            except TokenMissing as missing:
                if not self.optional:
                    return refuse(self.led(missing), start_response)
            except VerifierError as error:
                return refuse(self.led(error), start_response)
        return self.app(environ, start_response)


def refuse(error: VerifierError, start_response: Any) -> Iterable[bytes]:
    """Answer instead of the application."""
    headers, body = error.answer()
    start_response(f"{error.status} {HTTPStatus(error.status).phrase}", list(headers.items()))
    return [body]


def connection(environ: Environ) -> Connection:
    """What `environ` says of the connection; the server, and no caller, writes what has no HTTP_ before its name."""

    def header(name: str) -> list[str]:
        key = "HTTP_" + name.upper().replace("-", "_")
        return [environ[key]] if key in environ else []

    return Connection(environ.get("REMOTE_ADDR") or None, header, environ.get("SSL_CLIENT_CERT", ""))


def _url(environ: Environ, external_url: str) -> str:
    """As in `asgi`."""
    if not external_url:
        return ""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return external_url.rstrip("/") + quote(path.encode("latin-1"), safe="/~!$&'()*+,;=:@")
