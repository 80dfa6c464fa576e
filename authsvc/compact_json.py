"""JSON as it is signed and sent: UTF-8 (RFC 8259 section 8.1), and without white space."""

from __future__ import annotations

import json

import orjson

_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def compact_json(value: object) -> bytes:
    """Of what `json.dumps` takes, in the same order; NaN and infinities become null. Raises ValueError, TypeError for
    anything else."""
    try:
        return orjson.dumps(value, default=None, option=_OPTIONS)
    except orjson.JSONEncodeError:  # a lone surrogate, an integer of more than 64 bits, a key that is no text
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
