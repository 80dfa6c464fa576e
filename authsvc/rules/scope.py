"""Scope values (RFC 6749 section 3.3)."""

from __future__ import annotations

import re

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*").fullmatch


def parse_scope(text: str) -> tuple[str, ...] | None:
    """Scope tokens in the order given, without repeats; None where the text breaks the grammar."""
    if not text:
        return ()
    return tuple(dict.fromkeys(text.split(" "))) if _SCOPE(text) else None


def narrow(granted: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...] | None:
    """What to give: all of `granted` when nothing is asked, `asked` when it is within, None when it is wider."""
    if not asked:
        return granted
    return asked if set(asked) <= set(granted) else None


def registered_part(registered: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...] | None:
    """What to give of what a client asks for: the words that it is registered for, and all of them where it names none;
    None where nothing is left. Words that are not understood are ignored (OpenID Connect Core section 3.1.2.1), and the
    token response says what was granted (RFC 6749 section 3.3)."""
    if not asked:
        return registered
    return tuple(word for word in asked if word in registered) or None


def missing_consent(asked: tuple[str, ...], allowed: tuple[str, ...]) -> bool:
    """Whether a person must be asked: something is wanted that was never allowed."""
    return not allowed or not set(asked) <= set(allowed)
