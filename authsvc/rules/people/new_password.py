"""Which password a person may have, whoever chooses it: the person on the account page, or an operator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal
from unicodedata import normalize

from authsvc.rules.people.common_passwords import common_words
from authsvc.rules.refused import Refused

LEAST = 8
"""Characters: code points of what is hashed (form NFC). Two emoji are two, though they have eight bytes."""
LEAST_ALONE = 15
"""What NIST SP 800-63B-4 section 3.1.1.2 wants where a password is the only proof."""
MOST_BYTES = 1024

_ROWS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")
_BEHIND = "0123456789!?.,;:*#$%&+-_= "
_LOOKALIKES = (str.maketrans("013457@$!", "oieastasi"), str.maketrans("013457@$!", "oleastasl"))

Fault = Literal["missing", "password_mismatch", "password_short", "password_long", "password_same", "password_common"]


def judge_new_password(
    current: str | None, new: str, repeated: str, account: str, brand: str, *, name: str = "", least: int = LEAST
) -> Fault | None:
    """What is wrong with what a person typed, None where nothing is. `current`: None where there is none to type.
    Otherwise as `judge_password`."""
    if current == "" or not new or not repeated:
        return "missing"
    if new != repeated:
        return "password_mismatch"
    fault = judge_password(new, account, brand, name=name, least=least)
    if fault is None and current is not None and normalize("NFC", new) == normalize("NFC", current):
        return "password_same"
    return fault


def judge_password(password: str, account: str, brand: str, *, name: str = "", least: int = LEAST) -> Fault | None:
    """What is wrong with a password. `account`: the e-mail address, `name`: the person's, `brand`: that of the house;
    the first things that anybody tries (ASVS 6.2.1, 6.2.4, 6.2.11). `least`: how many characters it must have."""
    if len(normalize("NFC", password)) < least:
        return "password_short"
    if len(password.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return "password_long"
    folded = normalize("NFKC", password).casefold()
    return "password_common" if _is_guessed(folded, account, brand, name) else None


def judge_given_password(
    password: str, account: str, brand: str, *, name: str = "", least: int = LEAST
) -> Refused | None:
    """What is wrong with a password that an operator gives: the same rule, in an operator's words."""
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        return Refused("invalid_password", "the password is not UTF-8 text", "password_not_text")
    fault = judge_password(password, account, brand, name=name, least=least)
    if fault == "password_short":
        return Refused("invalid_password", f"the password has fewer than {least} characters", "password_short")
    if fault == "password_long":
        return Refused("invalid_password", f"the password has {size} bytes; it may have {MOST_BYTES}", "password_long")
    return known_to_attackers() if fault == "password_common" else None


def known_to_attackers() -> Refused:
    """What an operator is told of a password that attackers try first, or that a list of leaked ones holds."""
    problem = "the password is one of those that attackers try first; `openssl rand -base64 15` makes a good one"
    return Refused("invalid_password", problem, "password_common")


def _is_guessed(folded: str, account: str, brand: str, name: str) -> bool:
    local, _, domain = account.partition("@")
    own = {account, local, domain, *domain.split(".")}
    for words in (brand, name):
        known = normalize("NFKC", words).casefold()
        own |= {known, re.sub(r"[\s_-]", "", known), *re.split(r"[\s_-]+", known)}
    own.discard("")  # what is digits and signs alone has no word in it
    rows = [*_ROWS, *(row[::-1] for row in _ROWS)]
    return (
        len(set(folded)) < 3
        or any(folded in row * 2 for row in rows)
        or any(word in own or word in common_words() for word in _words_of(folded))
    )


def _words_of(folded: str) -> Iterator[str]:
    """The words that a password may be made of: without what people put behind and between, with the letters that
    digits stand for, and once where it stands there twice."""
    for whole in (folded, re.sub(r"[\s_-]", "", folded)):
        for bare in (whole, whole.rstrip(_BEHIND), whole.strip(_BEHIND)):
            for word in (bare, *(bare.translate(table) for table in _LOOKALIKES)):
                yield word
                half = len(word) // 2
                if word[:half] == word[half:]:
                    yield word[:half]
