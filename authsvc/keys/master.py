"""The master keys: what seals the signing keys, and the root of every derived secret (refresh-token MAC, ...).

They live in a file outside PostgreSQL, so that a copy of the database alone forges nothing. This module reads and
writes the file's text; somebody else touches the disk. Neither an error nor a repr ever contains key material.

    # one key a line: an id from 1 to 255, and 32 bytes in base64url; the first line is current
    2 <43 characters>
    1 <43 characters>
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from authsvc_jws.base64url import base64url_decode, base64url_encode

KEY_BYTES = 32
_LINE = re.compile(r"([0-9]{1,3})[ \t]+([A-Za-z0-9_-]+)={0,2}")
_HEAD = """\
# authsvc master keys: an id from 1 to 255, and 32 bytes in base64url. The first line is current; the lines below it
# only open what they once closed. Whoever reads this file and the database can sign tokens: mode 0600, own backup.
"""


class MasterKeyError(Exception):
    """The master key file cannot be used. The message names the line, never what stands in it."""


class MasterKeys:
    """The keys of the file, by id. Immutable but for its cache of derived keys."""

    __slots__ = ("_derived", "_keys", "current_id", "ids")

    current_id: int
    """Seals and derives whatever is new."""
    ids: tuple[int, ...]
    """Every id of the file, the current one first."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """`keys`: id (1..255) -> 32 bytes; the first is current. Prefer `parse`."""
        if not keys:
            raise MasterKeyError("the master key file holds no key")
        self._keys = dict(keys)
        self.ids = tuple(self._keys)
        self.current_id = self.ids[0]
        self._derived: dict[tuple[int, str, int], bytes] = {}

    def __repr__(self) -> str:
        return f"MasterKeys(current_id={self.current_id}, ids={self.ids})"

    def __reduce__(self) -> str:
        raise TypeError("master keys are not pickled")

    @classmethod
    def parse(cls, text: str) -> MasterKeys:
        """Read the text of a master key file. `#` starts a comment. Raises `MasterKeyError`."""
        keys: dict[int, bytes] = {}
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
            content = _content(line)
            if not content:
                continue
            key_id, key = _entry(content, number)
            if key_id in keys:
                raise MasterKeyError(f"master key file, line {number}: id {key_id} was already given")
            keys[key_id] = key
        return cls(keys)

    @staticmethod
    def generate(entropy: Callable[[int], bytes]) -> str:
        """Text of a new file with one key, id 1. `entropy(n)` gives n bytes from a cryptographic source."""
        return _HEAD + _new_line(1, entropy)

    def derive(self, key_id: int, purpose: str, length: int = KEY_BYTES) -> bytes:
        """`length` bytes for one purpose (HKDF-SHA256, RFC 5869), so that no key ever serves two purposes.

        The same answer on every replica and after every restart. Raises `MasterKeyError` for an id not in the file.
        """
        derived = self._derived.get((key_id, purpose, length))
        if derived is None:
            if key_id not in self._keys:
                raise MasterKeyError(f"master key {key_id} is not in the master key file")
            info = f"authsvc {purpose} v1".encode()
            derived = HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(self._keys[key_id])
            self._derived[key_id, purpose, length] = derived
        return derived


def with_new_key(text: str, entropy: Callable[[int], bytes]) -> tuple[str, int]:
    """The file with one key more, and its id. It comes last: it opens, and nothing is made with it until it is first,
    so that every replica may learn of it before any replica uses it. Raises `MasterKeyError`."""
    ids = MasterKeys.parse(text).ids
    free = [key_id for key_id in (*range(max(ids) + 1, 256), *range(1, 256)) if key_id not in ids]
    if not free:
        raise MasterKeyError("the master key file holds 255 keys: drop the old ones first")
    return text.rstrip() + "\n" + _new_line(free[0], entropy), free[0]


def with_first(text: str, key_id: int) -> str:
    """The file with this key as its current one. Raises `MasterKeyError`."""
    lines = _lines(text, key_id)
    ids = [other for other, _ in lines]
    first = next(place for place, other in enumerate(ids) if other)
    lines.insert(first, lines.pop(ids.index(key_id)))
    return "".join(line for _, line in lines)


def without(text: str, key_id: int) -> str:
    """The file without this key, which must not be the current one. Raises `MasterKeyError`."""
    lines = _lines(text, key_id)
    if MasterKeys.parse(text).current_id == key_id:
        raise MasterKeyError(f"master key {key_id} is the current one: put another first")
    return "".join(line for other, line in lines if other != key_id)


def _lines(text: str, key_id: int) -> list[tuple[int, str]]:
    """Each line of a file that holds `key_id`, with its line feed, behind the id of its key; 0: it holds none."""
    if key_id not in MasterKeys.parse(text).ids:
        raise MasterKeyError(f"master key {key_id} is not in the master key file")
    lines = text.removeprefix("\ufeff").splitlines()
    return [(int(content.split()[0]) if (content := _content(line)) else 0, f"{line}\n") for line in lines]


def _content(line: str) -> str:
    """A line without its comment."""
    return line.partition("#")[0].strip()


def _new_line(key_id: int, entropy: Callable[[int], bytes]) -> str:
    return f"{key_id} {base64url_encode(entropy(KEY_BYTES))}\n"


def _entry(content: str, number: int) -> tuple[int, bytes]:
    """One line of the file -> (id, key)."""
    match = _LINE.fullmatch(content)
    if match is None:
        raise MasterKeyError(
            f"master key file, line {number}: expected an id from 1 to 255, a space and a base64url key"
        )
    key_id = int(match[1])
    if not 1 <= key_id <= 255:
        raise MasterKeyError(f"master key file, line {number}: the id must be from 1 to 255")
    encoded = match[2]
    key = base64url_decode(encoded.encode())  # its canonical form alone, or two texts could be one key
    if len(key) != KEY_BYTES:
        raise MasterKeyError(
            f"master key file, line {number}: the key of id {key_id} must be {KEY_BYTES} bytes in base64url "
            f"(43 characters, not {len(encoded)})"
        )
    return key_id, key
