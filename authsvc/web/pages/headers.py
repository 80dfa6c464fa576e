"""The headers of every page (SECURITY.md items 32, 33): nothing from elsewhere, nothing inline, no frame, no cache.

Chromium applies form-action to every redirect that follows a POST, so a page whose form ends at a client must name
where that client may send the person next.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

from authsvc.rules.authorize.redirect import RUNNING_SCHEMES

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_HOST = re.compile(r"[a-z0-9._-]+")

_FIXED = {
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), midi=(), "
    "display-capture=()",
}


def page_headers(
    language: str, *, logo_source: str, target: str | None, script: str, module: bool = False
) -> dict[str, str]:
    """`target`: a URI where a form of this page may end, besides ourselves. `script`: text of the one inline script,
    whose page posts to the target alone. `module`: the page has a script in a static file, which may ask us.

    A page within a client's flow (one with a target) may be in a pop-up that the client opened, and
    Cross-Origin-Opener-Policy would cut the two apart for good: the client would never hear the answer. So only the
    other pages have it.
    """
    ends = ([] if script else ["'self'"]) + ([form_source(target)] if target else [])
    policy = [
        "default-src 'none'",
        "style-src 'self'",
        f"img-src 'self' data: {logo_source}".rstrip(),
        f"form-action {' '.join(ends)}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    if script:
        policy.append(f"script-src '{script_hash(script)}'")
    elif module:
        policy += ["script-src 'self'", "connect-src 'self'"]
    return {
        **_FIXED,
        "content-language": language,
        "content-security-policy": "; ".join(policy),
        "cross-origin-opener-policy": "unsafe-none" if target else "same-origin",
    }


def script_hash(script: str) -> str:
    """The CSP source that allows one inline script (CSP Level 3 section 2.3.1)."""
    return "sha256-" + b64encode(sha256(script.encode()).digest()).decode("ascii")


def form_source(uri: str) -> str:
    """The CSP source of a redirect URI: its origin, or its scheme where CSP has no way to write the host (apps' own
    schemes, IPv6 addresses). Raises ValueError for what could run in our page: no such URI may be registered."""
    parts = urlsplit(uri)
    if not _SCHEME.fullmatch(parts.scheme) or parts.scheme in RUNNING_SCHEMES:
        raise ValueError("a form may not end at this URI")
    if parts.scheme not in ("http", "https"):
        return f"{parts.scheme}:"
    host = parts.hostname or ""
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if not _HOST.fullmatch(host):
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
