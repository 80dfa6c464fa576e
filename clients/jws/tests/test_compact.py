"""What two readers could understand in two ways is not read."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc_jws.base64url import base64url_decode, base64url_encode
from authsvc_jws.compact import is_plain, is_type, json_object, read_jws, segments, unverified_kid


def part(value: object) -> str:
    return base64url_encode(json.dumps(value).encode())


HEADER, CLAIMS, SIGNATURE = part({"alg": "ES256", "kid": "k"}), part({"sub": "s"}), base64url_encode(b"sig")
TOKEN = f"{HEADER}.{CLAIMS}.{SIGNATURE}"


@settings(deadline=None)
@given(st.binary())
def test_bytes_come_back_from_their_one_text(raw: bytes) -> None:
    text = base64url_encode(raw)
    assert text == urlsafe_b64encode(raw).decode().rstrip("=")
    assert base64url_decode(text.encode()) == raw


@settings(deadline=None)
@given(st.text(alphabet="ABCXYZabcxyz0189-_.=+/ \n", max_size=12).map(str.encode))
def test_no_two_texts_are_the_same_bytes(text: bytes) -> None:
    raw = base64url_decode(text)
    assert raw == b"" or base64url_encode(raw).encode() == text


@pytest.mark.parametrize("text", [b"A", b"AB==", b"AB", b"QUI=", b"QU JD", b"QUJD\n", b"QU+D", b"QU/D", b"\xff"])
def test_what_is_no_canonical_base64url_is_empty(text: bytes) -> None:
    """`AB` has spare bits: `AA` is the canonical text of the same byte."""
    assert base64url_decode(text) == b""


def test_a_jws_is_read_and_its_parts_are_told() -> None:
    found = read_jws(TOKEN, limit=len(TOKEN))
    assert found is not None
    assert (found.header["kid"], found.claims, found.signature) == ("k", {"sub": "s"}, b"sig")
    assert found.signing_input == f"{HEADER}.{CLAIMS}".encode()
    assert segments(b"a..c") == (b"a", b"", b"c", b"a.")


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{HEADER}.{CLAIMS}",
        f"{TOKEN}.{SIGNATURE}",
        f"{HEADER}.{CLAIMS}.",
        f"{HEADER}.{part([1])}.{SIGNATURE}",
        f"{part('x')}.{CLAIMS}.{SIGNATURE}",
        f"{HEADER}=.{CLAIMS}.{SIGNATURE}",
        f" {TOKEN}",
        f"{TOKEN}é",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert read_jws(text, limit=1000) is None


def test_a_jws_longer_than_the_limit_is_not_read() -> None:
    assert read_jws(TOKEN, limit=len(TOKEN) - 1) is None


@pytest.mark.parametrize(
    "raw", [b"", b"1", b"[]", b'"x"', b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b'{"a":NaN}', b'{"a":-Infinity}', b"{"]
)
def test_only_a_json_object_in_which_no_name_occurs_twice_is_read(raw: bytes) -> None:
    assert json_object(raw) is None


def test_json_in_another_encoding_or_without_end_is_none() -> None:
    assert json_object('{"a":"é"}'.encode("latin-1")) is None
    assert json_object(b'{"a":' + b"[" * 100_000) is None
    assert json_object('{"a":"é"}'.encode()) == {"a": "é"}


@pytest.mark.parametrize(
    ("given", "types", "same"),
    [
        ("at+jwt", ("at+jwt",), True),
        ("application/AT+JWT", ("at+jwt",), True),
        ("jwt", ("at+jwt", "JWT"), True),
        ("at", ("at+jwt",), False),
        ("text/at+jwt", ("at+jwt",), False),
        (None, ("at+jwt",), False),
        (["at+jwt"], ("at+jwt",), False),
        ("at+jwt", (), False),
    ],
)
def test_types_compare_as_media_types(given: object, types: tuple[str, ...], same: bool) -> None:
    assert is_type(given, *types) is same


@pytest.mark.parametrize(
    ("text", "kid"),
    [
        (TOKEN, "k"),
        (HEADER, "k"),
        (f"{part({'kid': 1})}.{CLAIMS}.{SIGNATURE}", None),
        (f"{part({})}.", None),
        ("\ud800", None),
        (f"{part({'kid': 'k', 'x': 'y' * 5000})}.", None),
    ],
)
def test_the_kid_is_told_before_anything_is_proved(text: str, kid: str | None) -> None:
    assert unverified_kid(text) == kid


@pytest.mark.parametrize(("text", "plain"), [("é\n", True), ("", True), ("a\0", False), ("\ud83d", False)])
def test_text_that_no_store_takes_is_not_plain(text: str, plain: bool) -> None:
    assert is_plain(text) is plain
