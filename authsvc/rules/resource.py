"""Who shall accept a token (RFC 8707 section 2), as clients write it and as an operator registered it.

Resources are URIs, so two that differ only in what RFC 3986 sections 6.2.2 and 6.2.3 call the same are one: the case of
scheme and host, the default port, an empty path, escapes and dot segments. (`new URL(x).href` adds the slash of an
empty path.) Another path or query is another resource. A token's `aud` is always the registered spelling, for verifiers
compare it as text.
"""

from __future__ import annotations

from collections.abc import Iterable

from authsvc_jws.dpop import normal_url


def read_resources(text: str) -> tuple[str, ...]:
    """The values of `resource`, each once (RFC 8707)."""
    return tuple(dict.fromkeys(text.split()))


def as_registered(asked: Iterable[str], registered: Iterable[str]) -> tuple[str, ...]:
    """What was asked for, each once: in its registered spelling where it is registered, else as it came."""
    once, exact = dict.fromkeys(asked), frozenset(registered)
    if once.keys() <= exact:  # as nearly always, and at every refresh
        return tuple(once)
    same: dict[object, str] = {}
    for name in sorted(exact):
        same.setdefault(_normal(name), name)
    return tuple(dict.fromkeys(name if name in exact else same.get(_normal(name), name) for name in once))


def overlap(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether one resource is named on both sides, in whatever spelling: both are what operators wrote."""
    some, others = set(some), set(others)
    return not (some.isdisjoint(others) and set(map(_normal, some)).isdisjoint(map(_normal, others)))


def _normal(name: str) -> object:
    """What is equal for equal URIs; the text itself where it is no URL that can be compared so."""
    base, mark, query = name.partition("?")
    url = None if "#" in name else normal_url(base)
    if url is None:
        return name
    scheme, host, port, path = url
    return scheme, host, port, _without_dots(path), mark, query


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
