"""The Accept header (RFC 9110 section 12.5.1), as far as one question needs it."""

from __future__ import annotations

MAX_HEADER = 1000


def prefers(accept: str, wanted: str, usual: str) -> bool:
    """Whether media type `wanted` is named, and weighs at least as much as `usual`. A wildcard asks for the usual."""
    weights: dict[str, float] = {}
    for item in accept[:MAX_HEADER].split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weights[name] = _weight(parameters)
    return 0 < weights.get(wanted, 0) >= weights.get(usual, 0)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                weight = float(parameter[2:])
            except ValueError:
                return 0
            return weight if 0 <= weight <= 1 else 0
    return 1
