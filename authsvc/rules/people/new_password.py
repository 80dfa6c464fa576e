"""Which new password a person may choose, and which an operator may give."""

from __future__ import annotations

from typing import Literal

from authsvc.rules.refused import Refused

LEAST = 8
"""Characters, where a person chooses; bytes, where an operator does."""
MOST_BYTES = 1024

# What everybody tries first, of eight characters and more; with digits and signs behind it, it is no better.
_KNOWN = frozenset(
    """
    password passwort passw0rd p@ssword p@ssw0rd pa$$word motdepasse letmein welcome willkommen changeme default secret
    geheim administrator admin adminadmin root toor test testtest testing master login guest user qwertyuiop qwertzuiop
    qwerty qwertz asdfghjkl asdfgh zxcvbnm yxcvbnm 1q2w3e4r 1qaz2wsx q1w2e3r4 zaq12wsx 1q2w3e4r5t qazwsxedc
    iloveyou ichliebedich sunshine princess prinzessin football fussball baseball basketball superman batman spiderman
    starwars pokemon dragon monkey shadow michael jennifer jordan ashley charlie daniel thomas andrea nicole
    jessica whatever computer internet trustno1 hallo hallo123 schatz sommer winter summer spring autumn herbst
    january february march april november december freedom liverpool chelsea arsenal mustang corvette mercedes
    samsung android google facebook linkedin microsoft windows chocolate cookie flower butterfly
    """.split()  # noqa: SIM905
)
_ROWS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")

Fault = Literal["missing", "password_mismatch", "password_short", "password_long", "password_same", "password_common"]


def judge_new_password(current: str, new: str, repeated: str, account: str) -> Fault | None:
    """What is wrong with it, None where nothing is. `account`: the e-mail address, the first thing anybody tries."""
    if not current or not new or not repeated:
        return "missing"
    if new != repeated:
        return "password_mismatch"
    if len(new) < LEAST:
        return "password_short"
    if len(new.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return "password_long"
    if new == current:
        return "password_same"
    return "password_common" if _is_guessed(new.casefold(), account) else None


def judge_given_password(password: str) -> Refused | None:
    """What is wrong with a password that an operator gives: its size alone, for whoever gets it may change it."""
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        return Refused("invalid_password", "the password is not UTF-8 text", "password_not_text")
    if LEAST <= size <= MOST_BYTES:
        return None
    return Refused(
        "invalid_password", f"the password has {size} bytes; it must have {LEAST} to {MOST_BYTES}", "password_size"
    )


def _is_guessed(folded: str, account: str) -> bool:
    name, _, domain = account.partition("@")
    rows = [*_ROWS, *(row[::-1] for row in _ROWS)]
    bare = folded.rstrip("0123456789!?.,;:*#$%&+-_=")
    return (
        len(set(folded)) < 3
        or folded in (account, name, domain)
        or folded in _KNOWN
        or bare in _KNOWN
        or bare in (account, name)
        or any(folded in row * 2 for row in rows)
    )
