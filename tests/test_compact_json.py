"""JSON as it is signed and sent."""

from __future__ import annotations

import json

import pytest

from authsvc.compact_json import compact_json


@pytest.mark.parametrize(
    "value",
    [{}, [], "", {"a": [1, -2.5, True, False, None, {"b": []}], "ä": '\ud83d\x00"\\/\u2028'}, ("x", "y"), 2**70, "€"],
)
def test_it_says_what_python_says_without_white_space(value: object) -> None:
    assert compact_json(value) == json.dumps(value, separators=(",", ":")).encode("ascii")


@pytest.mark.parametrize(
    ("value", "error"), [(float("nan"), ValueError), ({"a": {1}}, TypeError), ({(): 1}, TypeError)]
)
def test_what_json_cannot_say_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        compact_json(value)
