"""The bytes of an answer: no value breaks out of its header (RFC 9110 section 5.5)."""

from __future__ import annotations

import pytest

from authsvc.serving.head import whole_answer


def test_an_answer_is_its_status_its_headers_and_its_body() -> None:
    answer = whole_answer(200, [(b"a", b"1"), (b"b", b"two\twords \xe9")], b"body\r\n")
    assert answer == b"HTTP/1.1 200 OK\r\na: 1\r\nb: two\twords \xe9\r\n\r\nbody\r\n"
    assert whole_answer(204, [], b"").endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "broken", [bytes([code]) for code in (*range(9), *range(10, 32), 127)] + [b"\r\n", b"\r\nb: 2"]
)
def test_a_value_with_a_control_character_is_no_answer(broken: bytes) -> None:
    for headers in ([(b"a", b"1" + broken)], [(b"a", broken + b"1"), (b"b", b"2")]):
        with pytest.raises(RuntimeError):
            whole_answer(200, headers, b"body")
