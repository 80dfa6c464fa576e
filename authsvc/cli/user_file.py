"""A file of people to import: CSV with a head line, or one JSON object a line. Every bad line is reported at once."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError

from authsvc.flows.operator.manage_users import Person
from authsvc.store.account.users import normal_email

COLUMNS = ("email", "name", "roles", "password_hash")
MAX_EMAIL = 320
MAX_NAME = 256
MAX_ROLES = 50
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}").fullmatch
_HIGHEST_BCRYPT_COST = 15
_MOST_ARGON2_KIB = 1_048_576
_MOST_ARGON2_PASSES = 20
_ROLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}").fullmatch


class BadFile(Exception):
    """`problems` is one line a fault, with the number of its line in the file."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_people(data: bytes) -> list[tuple[int, Person]]:
    """(line number, person) of every line. Raises BadFile."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile([f"line {data.count(10, 0, error.start) + 1}: not UTF-8"]) from None
    lines = _json_lines(text) if text.lstrip().startswith("{") else _csv_lines(text)
    people: list[tuple[int, Person]] = []
    problems: list[str] = []
    first_line: dict[str, int] = {}
    for number, fields in lines:
        try:
            person = _person(fields)
            if first := first_line.get(person.email):
                raise ValueError(f"{person.email} stands in line {first} already")
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        first_line[person.email] = number
        people.append((number, person))
    if not people and not problems:
        problems = ["line 1: the file holds nobody"]
    if problems:
        raise BadFile(problems)
    return people


def email_problem(email: str) -> str | None:
    """What is wrong with an address in its normal form; None: it can be stored."""
    local, at, domain = email.rpartition("@")
    if not (local and at and domain) or "@" in local or len(email) > MAX_EMAIL:
        return f"{email[:80]!r} is not an e-mail address"
    if not email.isprintable() or any(char.isspace() for char in email):
        return f"{email[:80]!r} holds spaces or control characters"
    return None


def role_problem(role: str) -> str | None:
    return None if _ROLE(role) else f"{role[:80]!r} is not a role: letters, digits, and . _ : - (64 at most)"


def hash_problem(password_hash: str) -> str | None:
    """What is wrong with a password hash of another system; None: logins can check it."""
    if bcrypt := _BCRYPT(password_hash):
        cost = int(bcrypt[1])
        return None if 4 <= cost <= _HIGHEST_BCRYPT_COST else f"a bcrypt cost of {cost} is not from 4 to 15"
    if password_hash.startswith("$argon2"):
        try:
            found = extract_parameters(password_hash)
        except (InvalidHashError, ValueError):
            return "the argon2 hash is damaged"
        if found.type is not Type.ID:
            return "the argon2 hash is not argon2id"
        if found.memory_cost > _MOST_ARGON2_KIB or found.time_cost > _MOST_ARGON2_PASSES:
            return "the argon2id hash costs more than a login may (1 GiB, 20 passes)"
        return None
    return "the password_hash is neither bcrypt ($2a$, $2b$, $2y$) nor argon2id"


def _person(fields: dict[str, Any]) -> Person:
    unknown = sorted(str(key) for key in fields if key not in COLUMNS)
    if unknown:
        raise ValueError(f"unknown column {unknown[0][:80]!r}: the columns are {', '.join(COLUMNS)}")
    email = normal_email(_text(fields, "email"))
    name = _text(fields, "name").strip()
    roles = _roles(fields.get("roles"))
    password_hash = _text(fields, "password_hash").strip() or None
    problems = [email_problem(email), *map(role_problem, roles)]
    if password_hash is not None:
        problems.append(hash_problem(password_hash))
    if len(name) > MAX_NAME or not (name.isprintable() or not name):
        problems.append(f"the name is longer than {MAX_NAME} characters or holds control characters")
    if len(roles) > MAX_ROLES:
        problems.append(f"more than {MAX_ROLES} roles")
    if found := next((problem for problem in problems if problem), None):
        raise ValueError(found)
    return Person(email, name, roles, password_hash)


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} is not text")
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"{key} holds characters that are not text")
    return value


def _roles(value: Any) -> tuple[str, ...]:
    """A JSON list, or words between spaces, commas or semicolons."""
    if isinstance(value, str):
        value = re.split(r"[\s,;]+", value.strip()) if value.strip() else []
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise ValueError("roles is not a list of words")
    return tuple(dict.fromkeys(value))


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        yield number, value if isinstance(value, dict) else {"not a JSON object": None}


def _csv_lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more fields than the head line", strict=True)
    head = [name.strip().lower() for name in reader.fieldnames or []]
    if "email" not in head:
        raise BadFile([f"line 1: no column `email`; the head line names the columns: {', '.join(COLUMNS)}"])
    if len(set(head)) != len(head):
        raise BadFile(["line 1: a column is named twice"])
    reader.fieldnames = head
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadFile([f"line {reader.reader.line_num}: {error}"]) from None
        yield reader.line_num, fields
