"""Who asks for passkeys: this service, under one domain and on its own pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from authsvc.rules.factors.passkeys import Expected
from authsvc.rules.factors.rp_id import is_domain
from authsvc.runtime import Runtime
from authsvc.settings import Settings


def rp_id_of(settings: Settings) -> str:
    """The domain that passkeys are made for; "" where the issuer is an IP address, which can have none."""
    host = settings.passkey_rp_id or urlsplit(settings.issuer).hostname or ""
    return host if is_domain(host) else ""


def expected_of(runtime: Runtime, type_: str, challenge: bytes) -> Expected:
    """What an answer to this challenge must say."""
    settings = runtime.settings
    parts = urlsplit(settings.issuer)
    return Expected(
        type_, challenge, rp_id_of(settings), (f"{parts.scheme}://{parts.netloc}", *settings.passkey_origins)
    )
