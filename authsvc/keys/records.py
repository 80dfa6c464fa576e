"""Rows as the store knows them. Data only: `phases` reads the times of a signing key, `seal` opens its private part,
`settings_in_force` judges what replicas serve by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from authsvc.records import frozen


@frozen
class SigningKey:
    """A row of `signing_keys`. All times are aware and UTC.

    - `kid`: RFC 7638 thumbprint of `public_jwk`, so that no kid can ever name two keys.
    - `alg`: a JWS algorithm (RFC 7518 section 3.1); a property of the key, never of a token's header.
    - `public_jwk`: RFC 7517 members of the public half, as `jwk.public_jwk` writes them.
    - `sealed`: the private half, as `seal.seal` writes it. Not printed.
    - `announced_at`: in the JWKS since then.
    - `signs_from`, `signs_until`: signs in [signs_from, signs_until) unless a newer key signs; None = until a
      successor takes over.
    - `drop_after`: leaves the JWKS then, when its last token is dead; None while open-ended.
    - `withdrawn_at`: leaked or unwanted: neither signs nor verifies, whatever the other times say.
    """

    kid: str
    alg: str
    public_jwk: dict[str, str]
    sealed: bytes = field(repr=False)
    announced_at: datetime
    signs_from: datetime
    signs_until: datetime | None = None
    drop_after: datetime | None = None
    withdrawn_at: datetime | None = None


@frozen
class ServedSettings:
    """A row of `served_settings`: `replica` served by `settings`, as `settings_in_force` writes them, at `heard_at`."""

    replica: str
    settings: Mapping[str, Any]
    heard_at: datetime
