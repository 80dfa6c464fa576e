"""What a protected resource says of itself (RFC 9728): its metadata, and how a refusal leads there. Pure.

A client that knows nothing but the address of this service finds the rest by it: the refusal names the metadata, these
name the authorization server, and that one gives the token. Agents (MCP) come this way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from authsvc_jws.dpop import normal_url
from authsvc_verifier.errors import DPOP_ALGORITHMS, Refused, TokenMissing, VerifierError
from authsvc_verifier.require import NOTHING, Requirement, require

WELL_KNOWN = "/.well-known/oauth-protected-resource"
CACHE_SECONDS = 300
_LOCAL = ("localhost", "127.0.0.1", "::1")
_PLAIN = frozenset(map(chr, range(0x21, 0x7F))) - set('"\\')

Failure = TypeVar("Failure", bound=VerifierError)


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """A service with its address, `resource` (section 1.2): https, plain http on this machine only, without query and
    fragment. It is what tokens call the service, so make it the verifier's `audience`.

    `authorization_servers`: issuers that give tokens for it; `scopes_supported`: those that a client may ask for, ()
    says none; `more`: other members, as section 2 has them (`resource_documentation`, `resource_policy_uri`). Raises
    ValueError."""

    resource: str
    authorization_servers: tuple[str, ...]
    scopes_supported: tuple[str, ...] = ()
    resource_name: str = ""
    dpop_bound_access_tokens_required: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for called, url in (("resource", self.resource), *(("issuer", one) for one in self.authorization_servers)):
            if problem := _problem(url):
                raise ValueError(f"the {called} {problem}")
        if not self.authorization_servers or isinstance(self.authorization_servers, str):
            raise ValueError("authorization_servers names at least one issuer, in a tuple")
        require(scope=self.scopes_supported)

    @property
    def metadata_path(self) -> str:
        """Where the metadata are: the well-known part comes between host and path (section 3.1)."""
        return WELL_KNOWN + _path(self.resource)

    @property
    def metadata_url(self) -> str:
        parts = urlsplit(self.resource)
        return f"{parts.scheme}://{parts.netloc}{self.metadata_path}"

    def metadata(self) -> dict[str, Any]:
        """The JSON object at `metadata_url` (section 2). What is empty is left away (section 3.2)."""
        said: dict[str, Any] = {
            "resource": self.resource,
            "authorization_servers": list(self.authorization_servers),
            "scopes_supported": list(self.scopes_supported),
            "bearer_methods_supported": ["header"],
            "resource_name": self.resource_name,
        }
        if self.dpop_bound_access_tokens_required:
            said["dpop_bound_access_tokens_required"] = True
            said["dpop_signing_alg_values_supported"] = list(DPOP_ALGORITHMS)
        return {**{name: value for name, value in said.items() if value}, **self.more}

    def answer(self) -> tuple[dict[str, str], bytes]:
        """Headers and content of the answer at `metadata_path`, to whoever asks: nothing in it is secret, and pages of
        other origins may read it."""
        content = json.dumps(self.metadata()).encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            "Cache-Control": f"public, max-age={CACHE_SECONDS}",
            "Access-Control-Allow-Origin": "*",
        }
        return headers, content

    def leads(self, error: Failure, need: Requirement = NOTHING) -> Failure:
        """The same failure, whose challenge leads here (section 5.1): `resource_metadata`; where a token is missing or
        void also the scope that the route wants (RFC 6750 section 3), where none was sent else all that are supported.
        What is no refusal stays as it is."""
        if isinstance(error, Refused):
            error.more["resource_metadata"] = self.metadata_url
            wanted = need.scope or (self.scopes_supported if isinstance(error, TokenMissing) else ())
            if error.status == 401 and error.error in (None, "invalid_token") and wanted:
                error.more["scope"] = " ".join(wanted)
        return error


def protected_resource(
    resource: str, issuer: str | Iterable[str], scopes: str | Iterable[str] = (), **more: Any
) -> ProtectedResource:
    """A `ProtectedResource` of one issuer or several, and of scopes in one text or a list. Raises ValueError."""
    issuers = (issuer,) if isinstance(issuer, str) else tuple(issuer)
    words = tuple(scopes.split()) if isinstance(scopes, str) else tuple(scopes)
    return ProtectedResource(resource, issuers, words, **more)


def _path(resource: str) -> str:
    """The path of a resource; a slash alone is none."""
    path = urlsplit(resource).path
    return "" if path == "/" else path


def _problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOCAL):
        return "is an https URL (http:// on this machine only)"
    if not host or "@" in parts.netloc or "?" in url or "#" in url or not _PLAIN.issuperset(url):
        return "has a host, and neither user, query nor fragment"
    return None if normal_url(url) else "is no URL"
