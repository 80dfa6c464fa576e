"""JSON as it is signed and sent: ASCII, without white space, and without the NaN that JSON has no word for."""

from __future__ import annotations

import json
from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]  # CPython's own

_public = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False)
# JSONEncoder makes one of these for each value: 0.8 of its 2.3 µs for the claims of a token. Where there is no C, None.
_pieces = c_make_encoder and c_make_encoder(
    None, _public.default, encode_basestring_ascii, None, ":", ",", False, False, False
)


def compact_json(value: object) -> bytes:
    """Raises ValueError, TypeError for what JSON cannot say."""
    text = _public.encode(value) if _pieces is None else "".join(_pieces(value, 0))
    return text.encode("ascii")
