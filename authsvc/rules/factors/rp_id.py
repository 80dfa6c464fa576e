"""What passkeys are made for: the RP ID (WebAuthn Level 3 section 5.1.3)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit


def may_be_rp_id(rp_id: str, host: str) -> bool:
    """Whether pages of a host may use an RP ID: the host itself, or a domain that it is in. Which domains are public
    suffixes browsers know, and `authsvc doctor`."""
    return rp_id == host or ("." in rp_id and host.endswith("." + rp_id))


def pages_within(rp_id: str, origins: Iterable[str]) -> tuple[str, ...]:
    """Those of some origins whose pages may use an RP ID: browsers offer passkeys in secure contexts alone, which is
    https, and this machine. "": nobody's."""
    return tuple(sorted(one for one in origins if rp_id and _is_page_within(rp_id, one)))


def _is_page_within(rp_id: str, origin: str) -> bool:
    parts = urlsplit(origin)
    host = parts.hostname or ""
    secure = parts.scheme == "https" or (parts.scheme == "http" and may_be_rp_id("localhost", host))
    return secure and may_be_rp_id(rp_id, host)


def is_domain(host: str) -> bool:
    """Whether a host can be an RP ID at all: an IP address cannot."""
    try:
        ip_address(host)
    except ValueError:
        return bool(host)
    return False


def orphans(counts: Iterable[tuple[str, int]], rp_id: str) -> dict[str, int]:
    """What stored passkeys were made for besides this, and how many: they open nothing now."""
    return {made_for: count for made_for, count in counts if made_for != rp_id}
