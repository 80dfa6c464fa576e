"""Where the issuer's endpoints are (OpenID Connect Discovery section 4, RFC 8414 section 3). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"https": 443, "http": 80}


class BadMetadata(Exception):
    """The document is not this issuer's, or names what we must not ask. The message is a lower_snake word."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Addresses; '' for what the issuer has not."""

    jwks_uri: str
    token_endpoint: str = ""
    introspection_endpoint: str = ""
    stream: str = ""
    """`revocations_stream_endpoint`, ours."""


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Where the metadata of an issuer may be. The two places, in the order in which they are tried."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    return f"{origin}{path}/.well-known/openid-configuration", f"{origin}/.well-known/oauth-authorization-server{path}"


def may_ask(url: str, *, allow_http: bool) -> bool:
    """Whether a URL may be asked: it is https, or plain http to this machine."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and (allow_http or host in _LOOPBACK))


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454 section 4) of an address that we `may_ask`."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def read_metadata(document: object, issuer: str, *, allow_http: bool) -> Metadata:
    """Read the endpoints from a metadata document. Raises BadMetadata. The issuer must be the very same text (RFC 8414
    section 3.3): anything else is another's."""
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise BadMetadata("other_issuer")

    def url(name: str) -> str:
        value = document.get(name, "")
        if value and not (isinstance(value, str) and may_ask(value, allow_http=allow_http)):
            raise BadMetadata(f"bad_{name}")
        return str(value)

    if not url("jwks_uri"):
        raise BadMetadata("no_jwks_uri")
    return Metadata(
        url("jwks_uri"), url("token_endpoint"), url("introspection_endpoint"), url("revocations_stream_endpoint")
    )
