"""JSON as it is signed and sent: ASCII, and without white space. Whoever splits a text at what Unicode calls a line end
finds none in it, and no terminal is told anything by a name."""

from __future__ import annotations

import json

import orjson

_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def compact_json(value: object) -> bytes:
    """Raises ValueError, TypeError for what JSON cannot say, as NaN. By orjson where that is the same: it writes beyond
    ASCII, refuses integers of more than 64 bits and halves of surrogate pairs, and calls NaN null."""
    try:
        said = orjson.dumps(value, option=_OPTIONS)
        if said.isascii() and b"null" not in said:
            return said
    except orjson.JSONEncodeError:
        pass
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
