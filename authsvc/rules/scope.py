"""Scope values (RFC 6749 section 3.3)."""

from __future__ import annotations

_TOKEN = frozenset(map(chr, [0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F)]))


def parse_scope(text: str) -> tuple[str, ...] | None:
    """Scope tokens in the order given, without repeats; None where the text breaks the grammar."""
    tokens = text.split(" ") if text else []
    if not all(token and _TOKEN.issuperset(token) for token in tokens):
        return None
    return tuple(dict.fromkeys(tokens))


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
