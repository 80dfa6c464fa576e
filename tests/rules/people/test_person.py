"""What a person may be, as tables; and what an import may bring."""

from __future__ import annotations

from collections.abc import Sequence

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.rules.people.import_rows import ImportRow, Unreadable, judge_rows
from authsvc.rules.people.person import MAX_ROLES, Person, ascii_email, judge_person, normal_email
from authsvc.rules.refused import Refused

BCRYPT = bcrypt.hashpw(b"old password", bcrypt.gensalt(4)).decode()
NIL = "00000000-0000-0000-0000-000000000000"
ARGON2ID = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (" Ann@Example.COM\n", "ann@example.com"),
        ("\uff41nn@example.com", "ann@example.com"),
        ("Stra\u00dfe@example.com", "strasse@example.com"),
        ("ann@example.com", "ann@example.com"),
        ("ann@b\u00fccher.example", "ann@b\u00fccher.example"),
        ("ann@B\u00dcCHER.example", "ann@b\u00fccher.example"),
        ("ann@bu\u0308cher.example", "ann@b\u00fccher.example"),
        ("ann@xn--bcher-kva.example", "ann@b\u00fccher.example"),
        ("Ann@XN--Bcher-KVA.Example", "ann@b\u00fccher.example"),
        ("ann@stra\u00dfe.example", "ann@stra\u00dfe.example"),
        ("ann@xn--strae-oqa.example", "ann@stra\u00dfe.example"),
        ("ann@b\u00fccher\u3002example", "ann@b\u00fccher.example"),
        ("ann@ex\u00adample.com", "ann@example.com"),
        ("ann@foo_bar.example", "ann@foo_bar.example"),
        ("ann@xn--zzzzzz999.example", "ann@xn--zzzzzz999.example"),
        ("xn--bcher-kva@example.com", "xn--bcher-kva@example.com"),
    ],
)
def test_an_address_has_one_form(text: str, stored: str) -> None:
    assert normal_email(text) == stored
    person = judge_person(text, " Ann ", ["staff", "customer", "staff"])
    assert person == Person(stored, "Ann", ("staff", "customer"), None)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Ann\u00a0Ash", "Ann Ash"),
        ("\u3000東\u3000京 ", "東 京"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("क्\u200dष", "क्\u200dष"),
    ],
)
def test_a_name_is_spelt_as_people_spell_it(typed: str, stored: str) -> None:
    person = judge_person("ann@example.com", typed, ())
    assert isinstance(person, Person), person
    assert person.name == stored


@pytest.mark.parametrize(
    ("email", "former"),
    [
        ("ann@example.com", "ann@example.com"),
        ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
        ("ann@\u2603.example", "ann@\u2603.example"),
    ],
)
def test_an_address_has_a_former_spelling_in_ascii(email: str, former: str) -> None:
    assert ascii_email(email) == former


@given(text=st.text(max_size=40))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_the_normal_form_of_the_normal_form_is_itself(text: str) -> None:
    assert normal_email(normal_email(text)) == normal_email(text)


@pytest.mark.parametrize(
    ("email", "name", "roles", "reason"),
    [
        *((email, "", (), "email") for email in ("", "ann", "ann@", "@example.com", "a@b@c", "x" * 312 + "@e.example")),
        *(
            (email, "", (), "email")
            for email in (
                "a nn@example.com",
                "ann@\u202eexample.com",
                "a\0@example.com",
                "\ud800@example.com",
                "ann@\x1b[2Jexample.com",
            )
        ),
        *(("ann@example.com", name, (), "name") for name in ("x" * 257, "a\0b", "\x1b[31mred", "\u202e", "\ud800")),
        *(("ann@example.com", "", (role,), "role") for role in ("", "a b", "-a", "x" * 65, "r\u00f4le", "a\n")),
        ("ann@example.com", "", [str(number) for number in range(MAX_ROLES + 1)], "roles_too_many"),
    ],
)
def test_who_is_nobody(email: str, name: str, roles: Sequence[str], reason: str) -> None:
    refused = judge_person(email, name, roles)
    assert isinstance(refused, Refused)
    assert (refused.error, refused.reason) == ("invalid_person", reason)
    assert len(refused.description) < 500


@pytest.mark.parametrize("roles", [["a"], ["A.b_c:d-1"], ["x" * 64], [str(number) for number in range(MAX_ROLES)]])
def test_which_roles_somebody_may_have(roles: list[str]) -> None:
    assert isinstance(judge_person("x" * 308 + "@example.com", "x" * 256, roles), Person)


@pytest.mark.parametrize(
    ("password_hash", "why"),
    [
        ("5f4dcc3b5aa765d61d8327deb882cf99", "neither bcrypt"),
        (BCRYPT.replace("$04$", "$03$"), "bcrypt cost of 3"),
        (BCRYPT.replace("$04$", "$16$"), "bcrypt cost of 16 is not from 4 to 15"),
        (BCRYPT + "x", "neither bcrypt"),
        (ARGON2ID.replace("argon2id", "argon2i"), "not argon2id"),
        (ARGON2ID.replace("m=64", "m=1048577"), "costs more"),
        (ARGON2ID.replace("t=1", "t=21"), "costs more"),
        ("$argon2id$v=19$", "damaged"),
        (ARGON2ID.replace("c29t", "c\0\0t"), "damaged"),
        (ARGON2ID.replace("c29t", "c\ud800\ud800t"), "damaged"),
    ],
)
def test_which_hashes_no_login_could_check(password_hash: str, why: str) -> None:
    judged = judge_rows([ImportRow(7, "ann@example.com", password_hash=password_hash)])
    assert judged.people == {}
    assert why in judged.refused[7].description
    assert password_hash not in judged.refused[7].description


@pytest.mark.parametrize(
    "given", ["17", "{3f0c5f6e-9d0b-4a7b-8f0e-2f6f5d9d1c11}", "3f0c5f6e9d0b4a7b8f0e2f6f5d9d1c11", NIL]
)
def test_an_id_is_a_uuid_as_everybody_writes_it(given: str) -> None:
    judged = judge_rows([ImportRow(2, "ann@example.com", id=given)])
    assert judged.refused[2].reason == "id"


def test_every_row_is_judged_and_an_address_stands_once() -> None:
    judged = judge_rows(
        [
            ImportRow(2, "Ann@example.com", "Ann", ("staff",), BCRYPT.replace("$2b$", "$2y$")),
            Unreadable(3, "not a JSON object"),
            ImportRow(4, "nobody"),
            ImportRow(5, "ANN@example.com"),
            ImportRow(6, "bob@example.com", password_hash=f" {ARGON2ID} "),
            ImportRow(7, "cat@example.com", password_hash="  "),
        ]
    )
    assert {line: refused.reason for line, refused in judged.refused.items()} == {
        3: "unreadable",
        4: "email",
        5: "email_repeated",
    }
    assert judged.refused[5].description == "ann@example.com stands in line 2 already"
    assert [person.password_hash for person in judged.people.values()] == [
        BCRYPT.replace("$2b$", "$2y$"),
        ARGON2ID,
        None,
    ]
