"""How long the steps of a key's life take: `keys/policy.toml`, and the least that the world around it demands. Pure.

The waits are not free to choose. A key must be in every cache before the first token that it signed arrives, in a
backup before it signs, and in the JWKS until its last token is dead. `problems` does the sums and shows them.
"""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from typing import Any, Final

from authsvc.jose.names import ALGORITHM_NAMES, DEFAULT_ALG
from authsvc.records import frozen

PROPAGATION: Final = timedelta(seconds=25)
"""Until whoever is asked for the JWKS has a new key: the transaction that announces it may take 10 s; a replica reads
at least once a second; one that is cut off from PostgreSQL says after 3 s that it is unready, and a balancer that looks
every 10 s asks it no more."""
FETCH_PAUSE: Final = timedelta(seconds=30)
"""Common verifiers (PyJWT's, jose) ask for the JWKS no sooner again, whatever its max-age and whatever comes."""
SIGNS_WHILE_CUT_OFF: Final = timedelta(minutes=1)
"""A replica that is cut off gives tokens for this long, also by a key whose time has just begun: with the database
lost, it must be in the backup already."""
MAX_PUBLISHED_KEYS: Final = 60
"""Keys in the JWKS. Every verifier fetches and parses all of them."""

_UNITS: Final = {"d": 86_400, "h": 3600, "min": 60, "s": 1}
_SPAN: Final = re.compile(r"\s*([0-9]{1,6})\s*(d|h|min|s)\s*")
_DURATIONS: Final = ("announce", "sign", "keep", "backup")


class PolicyError(Exception):
    """The policy cannot be used. `problems`: one line each, with the sum that decides."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@frozen
class KeyLife:
    """What `keys/policy.toml` says; the defaults are the file's.

    `algorithms`: a line of keys each. `bits`: of new RSA keys. `announce`: in the JWKS before it signs. `sign`: signs.
    `keep`: in the JWKS after it signed. `backup`: the longest time between two backups of the database.
    """

    algorithms: tuple[str, ...] = (DEFAULT_ALG,)
    bits: int = 2048
    announce: timedelta = timedelta(hours=24)
    sign: timedelta = timedelta(days=90)
    keep: timedelta = timedelta(days=2)
    backup: timedelta = timedelta(hours=24)


DEFAULT: Final = KeyLife()


@frozen
class Surroundings:
    """What settings and clients demand. `longest_token`: of any client. `skew`: clock difference of verifiers."""

    jwks_max_age: timedelta
    longest_token: timedelta
    skew: timedelta


@frozen
class KeyPolicy:
    """The waits that plans and steps go by: what a policy says, and never less than its surroundings demand. A client
    with longer tokens than `life.keep` foresees makes keys stay longer."""

    life: KeyLife
    around: Surroundings

    @property
    def skew(self) -> timedelta:
        """Clock difference of verifiers, and until everybody has heard of a change."""
        return self.around.skew + PROPAGATION

    @property
    def seen_by_all(self) -> timedelta:
        """After this long in the JWKS, a key is in every cache."""
        return max(self.around.jwks_max_age, FETCH_PAUSE) + self.skew

    @property
    def may_sign_after(self) -> timedelta:
        """After this long in the JWKS a key may sign: in every cache, and in a backup, so that no restore loses it."""
        backup = self.life.backup
        return max(self.seen_by_all, backup + SIGNS_WHILE_CUT_OFF if backup else backup)

    @property
    def wait(self) -> timedelta:
        """From announcing to signing: what the policy says, and never less than `may_sign_after`."""
        return max(self.life.announce, self.may_sign_after)

    @property
    def keep(self) -> timedelta:
        """From the last signature to leaving the JWKS: until the last token is dead everywhere. A restored backup may
        know an earlier last signature than there was, but by no more than the time between two."""
        return max(self.life.keep, self.around.longest_token + self.may_sign_after)

    @property
    def published(self) -> int:
        """How many keys of a line are in the JWKS at once, where nobody hurries it."""
        return (self.wait + self.life.sign + self.keep) // self.life.sign + 1


def read_policy(text: str) -> KeyLife:
    """The text of a policy file. What it leaves out is the default. Raises `PolicyError` with every problem."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"not TOML: {error}"]) from None
    problems: list[str] = []
    values: dict[str, Any] = {}
    readers = {"algorithms": _algorithms, "bits": _bits} | dict.fromkeys(_DURATIONS, read_span)
    for name, value in said.items():
        try:
            if name not in readers:
                raise ValueError(f"unknown; the names are {', '.join(readers)}")
            values[name] = readers[name](value)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise PolicyError(problems)
    return KeyLife(**values)


def problems(life: KeyLife, around: Surroundings) -> list[str]:
    """Why a policy would break a promise in these surroundings: one line each, with the sum. Empty: it would not."""
    found = []
    policy = KeyPolicy(life, around)
    seen = f"{cached(around.jwks_max_age)} + clock skew {said(around.skew)} + propagation {said(PROPAGATION)}"
    if life.announce < policy.seen_by_all:
        found.append(
            f"announce: {said(life.announce)} is less than {said(policy.seen_by_all)} ({seen}): "
            "verifiers would meet tokens of a key that their cache lacks"
        )
    if life.announce < life.backup:
        found.append(
            f"announce: {said(life.announce)} is less than backup {said(life.backup)}: "
            "a restored database would lack the key that signs"
        )
    least = around.longest_token + policy.may_sign_after
    if life.keep < least:
        most = (
            seen
            if policy.may_sign_after == policy.seen_by_all
            else f"backup {said(life.backup)} + {said(SIGNS_WHILE_CUT_OFF)}"
        )
        found.append(
            f"keep: {said(life.keep)} is less than {said(least)} (longest token {said(around.longest_token)} + {most})"
            ": a key would leave the JWKS before its last token is dead"
        )
    if life.sign < timedelta(seconds=1):
        found.append(f"sign: {said(life.sign)} is less than 1 s")
        return found
    if (number := len(life.algorithms) * policy.published) > MAX_PUBLISHED_KEYS:
        lines = f" of {len(life.algorithms)} algorithms" if len(life.algorithms) > 1 else ""
        found.append(
            f"sign: with announce {said(life.announce)} + sign {said(life.sign)} + keep {said(life.keep)} the JWKS "
            f"would hold {number} keys{lines}, more than {MAX_PUBLISHED_KEYS}: let keys sign longer"
        )
    return found


def read_span(value: object) -> timedelta:
    """'90 d', '1 h 30 min', '45 s' -> a duration. Raises ValueError."""
    text, seconds, end = str(value), 0, 0
    while match := _SPAN.match(text, end):
        seconds, end = seconds + int(match[1]) * _UNITS[match[2]], match.end()
    if not isinstance(value, str) or not text or end != len(text):
        raise ValueError(f"{text[:40]!r} is not a duration such as '90 d', '1 h 30 min' or '45 s'")
    return timedelta(seconds=seconds)


def cached(jwks_max_age: timedelta) -> str:
    """How long caches go by a JWKS, for people."""
    if jwks_max_age < FETCH_PAUSE:
        return f"{said(FETCH_PAUSE)} until verifiers ask for the JWKS again"
    return f"JWKS max-age {said(jwks_max_age)}"


def said(span: timedelta) -> str:
    """A duration for people: '23 h 59 min', '4 min 30 s', '12 s'."""
    seconds = max(0, round(span.total_seconds()))
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    shown = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(shown) or "0 s"


def _algorithms(value: object) -> tuple[str, ...]:
    listed = tuple(value) if isinstance(value, list) else ()
    if not listed or len(set(listed)) < len(listed) or not set(listed) <= set(ALGORITHM_NAMES):
        raise ValueError(f"must be a list out of {', '.join(ALGORITHM_NAMES)}")
    if DEFAULT_ALG not in listed:
        raise ValueError(f"{DEFAULT_ALG} must be among them: every verifier understands it")
    return listed


def _bits(value: object) -> int:
    if type(value) is not int or not 2048 <= value <= 8192:
        raise ValueError("must be a whole number from 2048 to 8192")
    return value
