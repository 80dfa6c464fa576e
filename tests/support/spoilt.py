"""Values with one character or bit changed, whatever it was: a fixed ending would now and then be the right one."""

from __future__ import annotations


def spoilt(text: str) -> str:
    """Another character in the fourth place from the end: in base64url each bit of it counts."""
    return text[:-4] + ("A" if text[-4] != "A" else "B") + text[-3:]


def spoilt_bytes(data: bytes) -> bytes:
    """The last bit turned over."""
    return data[:-1] + bytes((data[-1] ^ 1,))
