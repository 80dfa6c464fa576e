"""What the adapters of all frameworks share: how a route says what it wants, and what stands in front of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from typing import Generic, TypeVar

from authsvc_verifier.require import NOTHING, Requirement, Stale, require

Application = TypeVar("Application")
AnyVerifier = TypeVar("AnyVerifier")
Guarded = TypeVar("Guarded")


class BaseGuard(ABC, Generic[AnyVerifier, Guarded]):
    """`external_url`: scheme and host under which callers know us, where a proxy changes them."""

    def __init__(self, verifier: AnyVerifier, *, external_url: str = "") -> None:
        self.verifier = verifier
        self.external_url = external_url

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
    without a token goes on without claims; a wrong one is refused all the same. `external_url`: as in `BaseGuard`."""

    def __init__(
        self,
        app: Application,
        verifier: AnyVerifier,
        need: Requirement = NOTHING,
        *,
        public: Collection[str] = (),
        optional: bool = False,
        external_url: str = "",
    ) -> None:
        self.app = app
        self.verifier = verifier
        self.need = need
        self.public = frozenset(public)
        self.optional = optional
        self.external_url = external_url
