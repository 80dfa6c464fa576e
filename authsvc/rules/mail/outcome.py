"""What an answer of a mail server means, and when a mail is sent again (RFC 5321 sections 4.2.1 and 4.5.4.1)."""

from __future__ import annotations

from enum import Enum
from typing import Literal

Stage = Literal["connect", "tls", "login", "sender", "recipient", "data"]
"""How far an attempt came."""

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 7200.0
LONGEST_SERVER_PAUSE_SECONDS = 60.0
CLOSING = 421


class Meaning(Enum):
    """What an attempt that failed tells: of the server, which all mails wait for; of this mail for now; or for good."""

    SERVER = "server"
    LATER = "later"
    REFUSED = "refused"


def meaning_of(stage: Stage, status: int | None) -> Meaning:
    """`status`: the code of the answer, None where the connection broke off or nothing came in time."""
    if stage in ("connect", "tls", "login") or status == CLOSING:
        return Meaning.SERVER
    if status is not None and status >= 500 and stage in ("recipient", "data"):
        return Meaning.REFUSED
    return Meaning.LATER  # a sender that is not allowed is the operator's to mend


def pause_after(refusals: int, chance: float) -> float:
    """Seconds until a mail that was put off is tried again: twice as long each time, up to two hours. `chance` (0 to 1)
    spreads what failed together."""
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(max(refusals, 1) - 1, 20), LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + 0.5 * chance)


def server_pause(failures: int, chance: float) -> float:
    """Seconds until a server that failed so often in a row is asked again: a minute at most, so that all goes out soon
    after it is back."""
    longest = min(2.0 ** min(failures, 10), LONGEST_SERVER_PAUSE_SECONDS)
    return longest * (0.5 + 0.5 * chance)
