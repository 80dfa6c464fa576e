"""What a caller prefers: Accept and Accept-Language (RFC 9110 sections 12.5.1, 12.5.4), their first 1000 characters."""

from __future__ import annotations

from collections.abc import Iterator

MAX_HEADER = 1000


def prefers(accept: str, wanted: str, usual: str) -> bool:
    """Whether media type `wanted` is named, and weighs at least as much as `usual`. A wildcard asks for the usual."""
    if wanted not in accept.lower():  # nearly everybody: worth 2 % of an introspection
        return False
    weights = dict(weighted(accept))
    return 0 < weights.get(wanted, 0) >= weights.get(usual, 0)


def weighted(header: str) -> Iterator[tuple[str, float]]:
    """The members in lower case, each with its weight; what cannot be read weighs nothing."""
    for item in header[:MAX_HEADER].split(","):
        name, *parameters = (part.strip(" \t").lower() for part in item.split(";"))
        try:
            weight = float(next((text[2:] for text in parameters if text.startswith("q=")), 1))
        except ValueError:
            weight = 0
        yield name, weight if 0 <= weight <= 1 else 0
