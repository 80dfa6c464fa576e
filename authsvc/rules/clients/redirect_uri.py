"""Which redirect URIs a client may register (RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 2.1)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from authsvc.rules.clients.limits import MAX_URI

_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?@!$&'()+,;=%\[\]-]+").fullmatch  # RFC 3986, without the asterisk
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


def registration_problem(uri: str) -> str | None:
    """What is wrong with a redirect URI, for people; None: it may be registered.

    Allowed: https; http on loopback, for development and native applications; a private-use scheme with a dot, as
    RFC 8252 section 7.1 has it (com.example.app:/callback), for `javascript:` and its kind have none.
    """
    if "#" in uri:
        return "has a fragment (#...), which a redirect URI must not have"
    if len(uri) > MAX_URI or not _CHARACTERS(uri):
        return "holds characters that a URI does not have, or a wildcard: register each URI exactly as it is used"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URI"
    if parts.username is not None or parts.password is not None:
        return "names a user before the host"
    if parts.scheme == "https":
        return None if host else "has no host"
    if parts.scheme == "http":
        return None if host in _LOOPBACK else "is plain http: use https (http only for localhost, 127.0.0.1 and [::1])"
    if "." not in parts.scheme:
        return "must be https, http on localhost, or have a private scheme with a dot (com.example.app:/callback)"
    return None if parts.path.strip("/") or host else "has neither host nor path"
