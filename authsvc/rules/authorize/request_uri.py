"""The reference to a pushed request (RFC 9126 section 2.2). No other request_uri is ever followed."""

from __future__ import annotations

PREFIX = "urn:ietf:params:oauth:request_uri:"
_LENGTH = 43
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def reference_in(request_uri: str) -> str | None:
    """The reference in a request_uri of our form; None: somebody else's."""
    reference = request_uri.removeprefix(PREFIX)
    ours = request_uri.startswith(PREFIX) and len(reference) == _LENGTH and _ALPHABET.issuperset(reference)
    return reference if ours else None
