"""The polls of a device (RFC 8628 section 3.5): it asks until somebody has decided, and gets its tokens once.

The same judgement stands in SQL (`store/device/requests`), where the row lock makes it the decision. `judge_poll` is
its readable twin: a property test holds both to the same verdict and the same row. The first line that fits is said:

    the request                          verdict
    is bound to another DPoP key         other_key
    gave its tokens already              used
    is over                              expired
    was denied                           denied
    was allowed by somebody who is gone  ended      disabled, logged out, without the role: the code is spent, too
    was allowed                          redeemed   the device gets a session of its own
    was asked about too soon             slow_down  the interval grows
    waits for a person                   pending
    does not exist                       unknown    no row to judge
    was not made by us for this client   forged     nobody asks for a row
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from authsvc.reason import Reason
from authsvc.records import frozen
from authsvc.rules.confirmation import Confirmation

CODE_SECONDS = 600
INTERVAL_SECONDS = 5
SLOWER_SECONDS = 5
"""What `slow_down` adds to the interval (RFC 8628 section 3.5)."""

LONGEST_INTERVAL = 60
ALLOWANCE = timedelta(milliseconds=500)
"""For the network: a device that waits for its interval exactly is not told to slow down."""


class PollVerdict(StrEnum):
    """What is said of a poll, by the rule, the statement and the log alike."""

    OTHER_KEY = "other_key"
    USED = "used"
    EXPIRED = "expired"
    DENIED = "denied"
    ENDED = "ended"
    REDEEMED = "redeemed"
    SLOW_DOWN = "slow_down"
    PENDING = "pending"
    UNKNOWN = "unknown"
    FORGED = "forged"

    @property
    def reason(self) -> Reason:
        """The `reason` of the log line where this refuses the request."""
        return "device_code_forged_or_foreign" if self is PollVerdict.FORGED else f"device_{self}"


class RequestState(StrEnum):
    PENDING = "pending"
    ALLOWED = "allowed"
    DENIED = "denied"
    REDEEMED = "redeemed"


@frozen
class PolledRequest:
    """A device's request. `bound_to`: what must be proved; `polled_at`: the last poll."""

    state: RequestState
    bound_to: Confirmation
    interval_seconds: int
    polled_at: datetime
    expires_at: datetime


@frozen
class Allower:
    """The person who allowed a request, and the session in which they did."""

    disabled: bool
    roles: tuple[str, ...]
    session_active: bool
    session_expires_at: datetime


def judge_poll(
    request: PolledRequest, allower: Allower | None, *, proved: Confirmation, required_role: str | None, now: datetime
) -> tuple[PollVerdict, PolledRequest]:
    """Judge a poll with a genuine code: the verdict, and the request's row afterwards.

    `allower`: None where nobody has decided, or person or session are deleted. `proved`: what the device
    proved, '' for none. `required_role`: of the client's people.
    """
    verdict = _judge_request(request, proved, now)
    after = replace(request, polled_at=max(now, request.polled_at))
    if verdict is PollVerdict.SLOW_DOWN:
        after = replace(after, interval_seconds=min(request.interval_seconds + SLOWER_SECONDS, LONGEST_INTERVAL))
    elif verdict is PollVerdict.REDEEMED:
        after = replace(after, state=RequestState.REDEEMED)
        if allower is None or not _may_allow(allower, required_role, now):
            verdict = PollVerdict.ENDED
    return verdict, after


def _judge_request(request: PolledRequest, proved: Confirmation, now: datetime) -> PollVerdict:
    if not proved.satisfies(request.bound_to):
        return PollVerdict.OTHER_KEY
    if request.state is RequestState.REDEEMED:
        return PollVerdict.USED
    if request.expires_at <= now:
        return PollVerdict.EXPIRED
    if request.state is RequestState.DENIED:
        return PollVerdict.DENIED
    if request.state is RequestState.ALLOWED:
        return PollVerdict.REDEEMED
    if now - request.polled_at < timedelta(seconds=request.interval_seconds) - ALLOWANCE:
        return PollVerdict.SLOW_DOWN
    return PollVerdict.PENDING


def _may_allow(allower: Allower, required_role: str | None, now: datetime) -> bool:
    """Whether the person may still log in, and the session in which they allowed it lives."""
    has_role = required_role is None or required_role in allower.roles
    return not allower.disabled and has_role and allower.session_active and allower.session_expires_at > now
