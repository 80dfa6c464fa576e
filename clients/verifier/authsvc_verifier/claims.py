"""What a verified access token says (RFC 9068 section 2.2). All of it was checked for type before (`judge`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def client_of(raw: Mapping[str, Any]) -> str:
    """Whose token it is: '' where an issuer that is not after RFC 9068 names no client; its `azp` counts."""
    return str(raw.get("client_id") or raw.get("azp") or "")


@dataclass(frozen=True, slots=True)
class Claims:
    """`raw`: every claim as it came, read-only; `kid`: the key that signed, '' when the token names none."""

    raw: Mapping[str, Any]
    kid: str
    roles: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Claims(sub={self.sub!r}, client_id={self.client_id!r}, scope={sorted(self.scope)}, exp={self.exp})"

    def __hash__(self) -> int:
        return hash((self.kid, self.jti, self.sub, self.exp))

    @property
    def iss(self) -> str:
        return str(self.raw["iss"])

    @property
    def aud(self) -> tuple[str, ...]:
        aud = self.raw["aud"]
        return (aud,) if isinstance(aud, str) else tuple(aud)

    @property
    def sub(self) -> str:
        """The person; of a client's own token the client. '' only where the verifier does not require it."""
        return str(self.raw.get("sub", ""))

    @property
    def client_id(self) -> str:
        """'' where an issuer that is not after RFC 9068 names none; its `azp` counts."""
        return client_of(self.raw)

    @property
    def scope(self) -> frozenset[str]:
        """`scope`, or the `scp` of issuers before RFC 9068."""
        found = self.raw.get("scope", self.raw.get("scp", ""))
        return frozenset(found.split() if isinstance(found, str) else found)

    @property
    def sid(self) -> str | None:
        """The session; None for a client's own token."""
        return self.raw.get("sid")

    @property
    def jti(self) -> str:
        return str(self.raw.get("jti", ""))

    @property
    def iat(self) -> int | None:
        """Seconds since 1970."""
        iat = self.raw.get("iat")
        return None if iat is None else int(iat)

    @property
    def exp(self) -> int:
        return int(self.raw["exp"])

    @property
    def auth_time(self) -> int | None:
        """When the person logged in, in seconds since 1970."""
        at = self.raw.get("auth_time")
        return None if at is None else int(at)

    @property
    def acr(self) -> str | None:
        return self.raw.get("acr")

    @property
    def amr(self) -> tuple[str, ...]:
        return tuple(self.raw.get("amr", ()))

    @property
    def act(self) -> Mapping[str, Any] | None:
        """Who acts for the subject, nested (RFC 8693 section 4.1)."""
        return self.raw.get("act")

    @property
    def cnf(self) -> Mapping[str, Any] | None:
        """The key that the token is bound to (RFC 7800)."""
        return self.raw.get("cnf")
