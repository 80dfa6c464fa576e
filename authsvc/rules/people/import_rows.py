"""Which people of another system may be imported, with the password hashes that they have there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field, replace
from typing import Literal
from uuid import UUID

from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError

from authsvc.records import frozen
from authsvc.rules.factors.totp import secret_in
from authsvc.rules.people.person import Person, judge_person
from authsvc.rules.refused import Refused

BCRYPT_COSTS = range(4, 16)
MOST_ARGON2_KIB = 1_048_576
MOST_ARGON2_PASSES = 20
EXAMPLE_ID = "3f0c5f6e-9d0b-4a7b-8f0e-2f6f5d9d1c11"
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}").fullmatch


Unit = Literal["line", "entry"]
"""How the rows of a file are counted: the entries of a JSON list may share a line."""


@frozen
class ImportRow:
    """One person of a file, as they were read: in its line `line`, or as its entry of this number. `password_hash`: ''
    for a person without a password; `id`: '' for a new one; `totp_secret`: base32, '' for no authenticator app."""

    line: int
    email: str
    name: str = ""
    roles: tuple[str, ...] = ()
    password_hash: str = field(repr=False, default="")
    email_verified: bool = False
    id: str = ""
    totp_secret: str = field(repr=False, default="")
    unit: Unit = "line"


@frozen
class Unreadable:
    """A line or an entry that is no row; `problem` is for people."""

    line: int
    problem: str
    unit: Unit = "line"


@frozen
class JudgedRows:
    """`people` by their lines, `refused` likewise. Whoever imports imports all or nobody."""

    people: dict[int, Person]
    refused: dict[int, Refused]


def judge_rows(rows: Iterable[ImportRow | Unreadable]) -> JudgedRows:
    """Every row is judged, so that one reading tells everything that is wrong with a file."""
    judged = JudgedRows({}, {})
    first_line: dict[str | UUID, int] = {}
    for row in rows:
        person = _judge_row(row)
        if isinstance(person, Person) and (first := first_line.setdefault(person.email, row.line)) != row.line:
            person = Refused("invalid_person", f"{person.email} stands in {row.unit} {first} already", "email_repeated")
        elif (
            isinstance(person, Person)
            and person.id
            and ((first := first_line.setdefault(person.id, row.line)) != row.line)
        ):
            person = Refused(
                "invalid_person", f"the id {person.id} stands in {row.unit} {first} already", "id_repeated"
            )
        if isinstance(person, Person):
            judged.people[row.line] = person
        else:
            judged.refused[row.line] = person
    return judged


def _judge_row(row: ImportRow | Unreadable) -> Person | Refused:
    if isinstance(row, Unreadable):
        return Refused("invalid_person", row.problem, "unreadable")
    person = judge_person(row.email, row.name, row.roles)
    if isinstance(person, Refused):
        return person
    person = replace(person, email_verified=row.email_verified)
    if given := row.id.strip():
        if not _UUID(given) or not int(given.replace("-", ""), 16):
            return Refused("invalid_person", f"{given[:80]!r} is not a UUID such as {EXAMPLE_ID}", "id")
        person = replace(person, id=UUID(given))
    if row.totp_secret.strip():
        person = replace(person, totp_secret=secret_in(row.totp_secret))
        if person.totp_secret is None:
            return Refused("invalid_person", "the totp_secret is not 80 to 512 bits in base32", "totp_secret")
    password_hash = row.password_hash.strip()
    if not password_hash:
        return person
    if problem := _hash_problem(password_hash):
        return Refused("invalid_person", problem, "password_hash")
    return replace(person, password_hash=password_hash)


def _hash_problem(password_hash: str) -> str | None:
    """What is wrong with a password hash of another system; None: logins can check it."""
    if bcrypt := _BCRYPT(password_hash):
        cost = int(bcrypt[1])
        lowest, highest = BCRYPT_COSTS[0], BCRYPT_COSTS[-1]
        return None if cost in BCRYPT_COSTS else f"a bcrypt cost of {cost} is not from {lowest} to {highest}"
    if not password_hash.startswith("$argon2"):
        return "the password_hash is neither bcrypt ($2a$, $2b$, $2y$) nor argon2id"
    try:
        found = extract_parameters(password_hash)
        password_hash.encode("ascii")
    except (InvalidHashError, ValueError):
        return "the argon2 hash is damaged"
    if not password_hash.isprintable():
        return "the argon2 hash is damaged"
    if found.type is not Type.ID:
        return "the argon2 hash is not argon2id"
    if found.memory_cost > MOST_ARGON2_KIB or found.time_cost > MOST_ARGON2_PASSES:
        return "the argon2id hash costs more than a login may (1 GiB, 20 passes)"
    return None
