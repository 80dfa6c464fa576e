"""JSON as it is signed and sent: ASCII, and without white space. Whoever splits a text at what Unicode calls a line end
finds none in it, and no terminal is told anything by a name."""

from __future__ import annotations

import json

import orjson

_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def compact_json(value: object) -> bytes:
    """Of what `json.dumps` takes; NaN and infinities become null. Raises ValueError, TypeError for anything else. By
    orjson, but for what it says beyond ASCII, and what it refuses: integers of more than 64 bits, halves of surrogate
    pairs."""
    try:
        said = orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError:
        said = b"\xff"
    if said.isascii():
        return said
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
