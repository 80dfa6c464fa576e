"""Redirect URIs: which a client may register (RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 2.1), and
where an answer may be sent (RFC 9700 section 4.1.3: exact matching; RFC 8252 section 7.3: any port on loopback)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from urllib.parse import SplitResult, urlsplit

MAX_URI = 2000
MAX_ORIGIN = 300
_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?@!$&'()+,;=%\[\]-]+").fullmatch  # RFC 3986, without the asterisk
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?").fullmatch
_NO_ORIGIN = "is not an origin: write it as browsers do, scheme://host or scheme://host:port, in small letters"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OPAQUE = frozenset({"file", "data", "blob", "about", "javascript", "filesystem"})
"""Schemes whose pages call themselves `null`, as anybody's can."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


RUNNING_SCHEMES = frozenset({"javascript", "data", "vbscript", "blob", "file", "about", "filesystem", "view-source"})
"""Schemes whose URIs run in a browser, or open what is on the device: never an app's."""
_PUBLIC_SCHEMES = frozenset({"ftp", "ws", "wss", "mailto", "tel", "sms", "intent", "urn", "ldap", "ssh", "chrome"})
_PRIVATE = "have a private scheme with a dot (com.example.app:/callback)"


def registration_problem(uri: str, *, dotless: bool = False) -> str | None:
    """What is wrong with a redirect URI, for people; None: it may be registered.

    Allowed: https; http on loopback, for development and native applications; a private-use scheme with a dot, as
    RFC 8252 section 7.1 has it (com.example.app:/callback), for `javascript:` and its kind have none. `dotless`: also
    one without, which somebody answers for; never one that runs in a browser or is everybody's.
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
    private = "." in parts.scheme or (dotless and uri.partition(":")[2].startswith("/"))  # localhost:5173/cb is none
    if not parts.scheme or not private or parts.scheme in RUNNING_SCHEMES | _PUBLIC_SCHEMES:
        return f"must be https, http on localhost, or {_PRIVATE}"
    return None if parts.path.strip("/") or host else "has neither host nor path"


def origin_problem(origin: str) -> str | None:
    """What is wrong with an origin (RFC 6454 section 6.2), for people; None: it may be registered.

    Apps in a browser engine have schemes of their own (capacitor://localhost), which need no dot: nothing is ever sent
    there, it is only compared.
    """
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return _NO_ORIGIN
    if not _ORIGIN(origin) or len(origin) > MAX_ORIGIN or parts.scheme in _OPAQUE:
        return _NO_ORIGIN
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return "is plain http: use https (http only for localhost, 127.0.0.1 and [::1])"
    if port is not None and port == _DEFAULT_PORTS.get(parts.scheme):
        return "names the port that its scheme has anyway: browsers leave it away"
    return None


def can_only_be_native(uris: Collection[str]) -> bool:
    """Whether all of these are addresses that a native application has and a web site has not: loopback, private
    schemes."""
    return bool(uris) and all(registration_problem(uri) is None and urlsplit(uri).scheme != "https" for uri in uris)


def dotless_scheme(uri: str) -> str | None:
    """The private scheme of a redirect URI where it has no dot. Any app can take it by accident: nobody owns a word."""
    scheme = urlsplit(uri).scheme
    return scheme if scheme not in ("https", "http") and "." not in scheme else None


def matches(registered: tuple[str, ...], native: bool, asked: str) -> bool:
    """Whether `asked` is registered, character by character; for native clients on loopback whatever its port."""
    if asked in registered:
        return True
    return native and any(_same_but_port(known, asked) for known in registered)


def origins_of(uris: Iterable[str]) -> frozenset[str]:
    """The web origins (RFC 6454 section 6.2) of redirect URIs; those of apps have none."""
    found = set()
    for uri in uris:
        parts = urlsplit(uri)
        if parts.scheme in ("http", "https") and parts.hostname:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            port = f":{parts.port}" if parts.port not in (None, _DEFAULT_PORTS[parts.scheme]) else ""
            found.add(f"{parts.scheme}://{host}{port}")
    return frozenset(found)


def _same_but_port(known: str, asked: str) -> bool:
    left, right = _loopback(known), _loopback(asked)
    if left is None or right is None or asked != _rebuilt(right, asked):
        return False
    return (left.hostname, left.path, left.query) == (right.hostname, right.path, right.query)


def _loopback(uri: str) -> SplitResult | None:
    """The parts of a plain http URI on loopback, without user, fragment or anything else that hides a host."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    plain = parts.username is None and parts.password is None and not parts.fragment and "#" not in uri
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK or not plain or port == 0:
        return None
    return parts


def _rebuilt(parts: SplitResult, uri: str) -> str:
    """The same URI from its parts: what parsing dropped or changed (tabs, case, backslashes) is then seen."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    query = f"?{parts.query}" if "?" in uri else ""
    return f"http://{host}{port}{parts.path}{query}"
