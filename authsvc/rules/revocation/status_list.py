"""Token Status List (draft-ietf-oauth-status-list-20): the lists, their names, and which list a token is in.

A list belongs to a slice of time in which its tokens expire at the latest, and is forgotten with it: storage is
bounded, and no index ever means another token. Every list is as long as it can become from its first day, so that a
copy which is kept for its `ttl` has room for tokens that are issued meanwhile. Indices are given in blocks.

    revoked --- until its index is written --> in every list built --- age at which a list is sent no more -->
            --- `ttl` of the copy that was fetched last --> refused             all three together: `within` seconds

A copy is kept for `ttl` after it was fetched (section 13.7), so what the server keeps must come out of the same sum.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import Any

from authsvc.records import frozen
from authsvc_jws.base64url import base64url_decode, base64url_encode

STATUS_LIST_TYPE = "statuslist+jwt"
CAPACITY = 2**20
"""Indices of a list: 128 KiB before compression, some 200 bytes while no token of it is void."""
BLOCK = 1024
BLOCKS = CAPACITY // BLOCK
SLICE_SECONDS = 600
LONGEST_SECONDS = 86_400
"""The longest life of an access token that can be set."""
REQUEST_SECONDS = 60
"""Longer than any request for a token takes."""
LEVEL = 6
"""Of compression (section 4.1). The highest takes five times as long for a few bytes in a hundred."""

_NAME = re.compile(r"([1-9][0-9]{0,11})-([0-9a-f]{16})-(0|[1-9][0-9]{0,5})").fullmatch


@frozen
class ListName:
    """`ends_at`: end of the slice, seconds since 1970. `salt`: 16 hexadecimal digits that tell the slices of two
    databases apart. `part`: from 0 on; a slice has another list when one is full."""

    ends_at: int
    salt: str
    part: int

    def __str__(self) -> str:
        return f"{self.ends_at}-{self.salt}-{self.part}"


@frozen
class Waits:
    """Seconds that make up the time within which a revocation shows in every copy of a list."""

    ttl: int
    """A copy may be used so long after it was asked for."""
    sent: float
    """A list may be sent so long after PostgreSQL was asked for it."""


def waits(within: int, sync_interval: float) -> Waits:
    """`within`: the sum; `sync_interval`: an index is written down twice so long after its token at the latest."""
    ttl = within // 2
    return Waits(ttl, within - ttl - 2 * sync_interval)


def read_name(text: str, now: float) -> ListName | None:
    """What a path names; None: no list that can be in use at `now` (seconds since 1970)."""
    found = _NAME(text)
    if not found:
        return None
    name = ListName(int(found[1]), found[2], int(found[3]))
    known = now < name.ends_at <= now + LONGEST_SECONDS + 3 * SLICE_SECONDS and name.ends_at % SLICE_SECONDS == 0
    return name if known else None


def slice_end(expires_at: float) -> int:
    """The end of the slice for tokens that expire at `expires_at` at the latest (seconds since 1970)."""
    return int(-(-expires_at // SLICE_SECONDS)) * SLICE_SECONDS


def place_of(block: int) -> tuple[int, int]:
    """(part, first index) of a slice's block, counted from 0."""
    part, place = divmod(block, BLOCKS)
    return part, place * BLOCK


def encode(void: Iterable[int], size: int = CAPACITY) -> str:
    """`lst` of a list with one bit a token (sections 4.1 and 4.2): 1 (INVALID) at the indices in `void`, else 0."""
    packed = bytearray((size + 7) // 8)
    for index in void:
        packed[index >> 3] |= 1 << (index & 7)
    return base64url_encode(zlib.compress(packed, LEVEL))


def decode(lst: str) -> frozenset[int]:
    """The indices whose bit is 1, of a `lst` that we made: nothing limits what it unpacks to."""
    packed = zlib.decompress(base64url_decode(lst.encode("ascii")))
    return frozenset(at * 8 + bit for at, byte in enumerate(packed) if byte for bit in range(8) if byte >> bit & 1)


def uri_of(issuer: str, name: ListName) -> str:
    return f"{issuer}/statuslists/{name}"


def status_claim(issuer: str, name: ListName, index: int) -> dict[str, Any]:
    """The claim `status` of an access token (section 6.1)."""
    return {"status_list": {"idx": index, "uri": uri_of(issuer, name)}}


def status_list_claims(
    *, issuer: str, name: ListName, lst: str, issued_at: int, ttl_seconds: int, exp_seconds: int
) -> dict[str, Any]:
    """Claims of a status list token (section 5.1). `exp_seconds`: after which nobody may believe it, whatever became of
    `ttl`."""
    return {
        "sub": uri_of(issuer, name),
        "iat": issued_at,
        "exp": issued_at + exp_seconds,
        "ttl": ttl_seconds,
        "status_list": {"bits": 1, "lst": lst},
    }
