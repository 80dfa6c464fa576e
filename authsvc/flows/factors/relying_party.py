"""Who asks for passkeys: this service, under one domain, on its own pages and on those of the house's frontends."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from authsvc.rules.authorize.redirect import origins_of
from authsvc.rules.client_record import Client
from authsvc.rules.factors.passkeys import Expected
from authsvc.rules.factors.rp_id import is_domain, pages_within
from authsvc.runtime import Runtime
from authsvc.settings import Settings


def rp_id_of(settings: Settings) -> str:
    """The domain that passkeys are made for; "" where the issuer is an IP address, which can have none."""
    return _domain_of(settings.passkey_rp_id or settings.issuer)


@lru_cache(maxsize=8)
def _domain_of(place: str) -> str:
    """`place`: a host, or the issuer. Every login page asks for the same one: 14 µs of its CPU, were it not kept."""
    host = (urlsplit(place).hostname or "") if "://" in place else place
    return host if is_domain(host) else ""


def own_origins(settings: Settings) -> tuple[str, ...]:
    """Of the hosted pages, and of those that operators name beside them."""
    parts = urlsplit(settings.issuer)
    return (f"{parts.scheme}://{parts.netloc}", *settings.passkey_origins)


def pages_of(settings: Settings, client: Client) -> tuple[str, ...]:
    """Where people may use their passkeys for a frontend of the house: on its registered pages within the domain."""
    if not client.first_party:
        return ()
    return pages_within(rp_id_of(settings), {*client.login.origins, *origins_of(client.login.redirect_uris)})


def expected_of(runtime: Runtime, type_: str, challenge: bytes, origins: tuple[str, ...] | None = None) -> Expected:
    """What an answer to this challenge must say. `origins`: of the pages that may have asked, None for our own."""
    settings = runtime.settings
    return Expected(type_, challenge, rp_id_of(settings), own_origins(settings) if origins is None else origins)
