"""JSON as it is signed and sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.compact_json import compact_json

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_TEXT = st.text(st.characters(exclude_categories=()))
_VALUES = st.recursive(
    _LEAVES | _TEXT, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(_TEXT, inner)
)


@dataclass
class Record:
    secret: str = "s"


@given(_VALUES)
def test_it_means_what_python_would_say(value: object) -> None:
    said = compact_json(value)
    assert said.isascii()
    assert json.loads(said) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, b"{}"),
        (
            {"b": [1, -2.5, True, False, None, {"a": []}], "a": ("x", "y")},
            b'{"b":[1,-2.5,true,false,null,{"a":[]}],"a":["x","y"]}',
        ),
        ('\x00"\\/', b'"\\u0000\\"\\\\/"'),
        ("ä\u2028€\U0001f511", b'"\\u00e4\\u2028\\u20ac\\ud83d\\udd11"'),
        ({"a": "\ud83d", "ä": 1}, b'{"a":"\\ud83d","\\u00e4":1}'),
        (2**64 - 1, b"18446744073709551615"),
        (2**70, b"1180591620717411303424"),
        ([None, "null", "ä"], b'[null,"null","\\u00e4"]'),
    ],
)
def test_it_is_said_without_white_space(value: object, said: bytes) -> None:
    assert compact_json(value) == said


@pytest.mark.parametrize("value", [{"a": {1}}, {(): 1}, b"bytes", Record(), datetime(2026, 12, 1, tzinfo=UTC), 1j])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        compact_json(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [None, -float("inf")]}, ["ä", float("nan")]])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        compact_json(value)
