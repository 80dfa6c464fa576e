"""What the adapters of all frameworks share: how a route says what it wants, and what stands in front of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from typing import Generic, TypeVar

from authsvc_jws.dpop import normal_url
from authsvc_verifier.certificate import FindCertificate
from authsvc_verifier.errors import VerifierError
from authsvc_verifier.require import NOTHING, Requirement, Stale, require
from authsvc_verifier.resource import ProtectedResource

Application = TypeVar("Application")
AnyVerifier = TypeVar("AnyVerifier")
Guarded = TypeVar("Guarded")
Failure = TypeVar("Failure", bound=VerifierError)


def address(external_url: str) -> str:
    """The address under which callers reach a service, as it stands before a path. '' for none. Raises ValueError for
    what no proof could name."""
    parts = normal_url(external_url) if external_url else ("https",)
    if parts is None or parts[0] not in ("https", "http") or "?" in external_url or "#" in external_url:
        raise ValueError("external_url is where callers reach this service, such as https://orders.example.com")
    return external_url.rstrip("/")


class BaseGuard(ABC, Generic[AnyVerifier, Guarded]):
    """`external_url`: scheme and host under which callers reach this service, with the path if a proxy takes one away.
    A DPoP proof is for an address: without our own, none is believed. `certificate`: finds the certificate of the TLS
    client (`from_tls`, `FromClientCert`, or a function of yours); without it, tokens that are bound to one are refused.
    `resource`: what refusals lead to (RFC 9728). Raises ValueError."""

    def __init__(
        self,
        verifier: AnyVerifier,
        *,
        external_url: str = "",
        certificate: FindCertificate | None = None,
        resource: ProtectedResource | None = None,
    ) -> None:
        self.verifier = verifier
        self.certificate = certificate
        self.external_url = address(external_url)
        self.resource = resource

    def led(self, error: Failure, need: Requirement) -> Failure:
        """The failure as it is told here."""
        return self.resource.leads(error, need) if self.resource else error

    def __call__(
        self,
        scope: str | Iterable[str] = (),
        role: str | Iterable[str] = (),
        max_age: int | None = None,
        acr: str | Iterable[str] = (),
        stale: Stale | None = None,
    ) -> Guarded:
        """What the framework puts around or before a route, for what `require.require` makes of the arguments."""
        return self._guarding(require(scope, role, max_age, acr, stale))

    @abstractmethod
    def _guarding(self, need: Requirement) -> Guarded: ...


class BaseMiddleware(Generic[Application, AnyVerifier]):
    """Every request needs a good token that fulfils `need`, but for the paths in `public`. With `optional`, a request
    without a token goes on without claims; a wrong one is refused all the same. `external_url`,
    `certificate`: as in `BaseGuard`. `resource`: refusals lead to its metadata (RFC 9728), and whoever asks for these
    is answered here."""

    def __init__(
        self,
        app: Application,
        verifier: AnyVerifier,
        need: Requirement = NOTHING,
        *,
        public: Collection[str] = (),
        optional: bool = False,
        external_url: str = "",
        certificate: FindCertificate | None = None,
        resource: ProtectedResource | None = None,
    ) -> None:
        self.app = app
        self.verifier = verifier
        self.need = need
        self.public = frozenset(public)
        self.optional = optional
        self.certificate = certificate
        self.external_url = address(external_url)
        self.resource = resource

    def describes(self, method: str, path: str) -> ProtectedResource | None:
        """The resource whose metadata are asked for."""
        asked = self.resource is not None and method in ("GET", "HEAD") and path == self.resource.metadata_path
        return self.resource if asked else None

    def led(self, error: Failure) -> Failure:
        """As in `BaseGuard`."""
        return self.resource.leads(error, self.need) if self.resource else error
