"""What a person may be, whoever adds them: address, name and roles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import field
from uuid import UUID

import idna

from authsvc.records import frozen
from authsvc.rules.readable_text import is_readable, one_line
from authsvc.rules.refused import Refused

MAX_EMAIL = 320
MAX_NAME = 256
MAX_ROLES = 50
_ROLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}").fullmatch


@frozen
class Person:
    """Somebody who may be added. `email` in its normal form; `password_hash`: argon2id or bcrypt, None: no password;
    `id`: the one that they had in another system, None: they get a new one; `totp_secret`: of their authenticator
    app."""

    email: str
    name: str
    roles: tuple[str, ...]
    password_hash: str | None = field(repr=False, default=None)
    email_verified: bool = False
    id: UUID | None = None
    totp_secret: bytes | None = field(repr=False, default=None)


def normal_email(text: str) -> str:
    """The form in which an address is stored, compared, counted and shown: one form for all its spellings. The domain
    is Unicode, also where it came as `xn--` (UTS 46, as browsers do it: ß stays)."""
    local, at, domain = unicodedata.normalize("NFKC", text).strip().rpartition("@")
    return _folded(local) + at + _normal_domain(domain)


def ascii_email(email: str) -> str:
    """A normal address with its domain in ASCII, `xn--` where it must be: how it may have been stored by 0.2.0."""
    local, at, domain = email.rpartition("@")
    if domain.isascii():
        return email
    try:
        return local + at + idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return email


def _normal_domain(domain: str) -> str:
    lower = domain.lower()
    if lower.isascii() and "xn--" not in lower:
        return lower
    try:
        return idna.decode(domain, uts46=True)
    except (idna.IDNAError, UnicodeError):  # no name that could be registered
        return _folded(domain)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


def judge_person(email: str, name: str, roles: Sequence[str]) -> Person | Refused:
    """The person as they are stored: a normal address, a name on one line, each role once."""
    person = Person(normal_email(email), one_line(name.strip()), tuple(dict.fromkeys(roles)))
    for reason, problem in (
        ("email", _email_problem(person.email)),
        ("role", next(filter(None, map(role_problem, person.roles)), None)),
        ("name", _name_problem(person.name)),
        ("roles_too_many", f"more than {MAX_ROLES} roles" if len(person.roles) > MAX_ROLES else None),
    ):
        if problem:
            return Refused("invalid_person", problem, reason)
    return person


def judge_name(name: str) -> str | Refused:
    """A name as it is stored: on one line."""
    stored = one_line(name.strip())
    problem = _name_problem(stored)
    return Refused("invalid_person", problem, "name") if problem else stored


def role_problem(role: str) -> str | None:
    """What is wrong with a role; None: it can be a person's, or be required by a client."""
    return None if _ROLE(role) else f"{role[:80]!r} is not a role: letters, digits, and . _ : - (64 at most)"


def _email_problem(email: str) -> str | None:
    local, at, domain = email.rpartition("@")
    if not (local and at and domain) or "@" in local or len(email) > MAX_EMAIL:
        return f"{email[:80]!r} is not an e-mail address"
    if not email.isprintable() or any(char.isspace() for char in email):
        return f"{email[:80]!r} holds spaces or control characters"
    return None


def _name_problem(name: str) -> str | None:
    if len(name) <= MAX_NAME and is_readable(name):
        return None
    return f"the name is longer than {MAX_NAME} characters, or holds controls or changes of direction"
