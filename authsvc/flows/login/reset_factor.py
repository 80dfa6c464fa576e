"""Who resets a password by mail proves their second factor before it is changed. What the hosted page and JSON share.

What waits holds the secret of the proof, and a second step that is bound to the old password. It is sealed under a
purpose of its own, so that it opens nothing at a login.
"""

from __future__ import annotations

from dataclasses import field, replace

from authsvc.flows.login.second_step import (
    Answer,
    SecondStep,
    asked_again,
    begin_second_step,
    check_second_step,
    ways_after_password,
)
from authsvc.flows.proofs.spend_proof import Shown
from authsvc.records import frozen
from authsvc.rules.errors import Rejected
from authsvc.rules.proofs.proof import SHORT_SECONDS
from authsvc.rules.sealed_value_lifetimes import SECOND_STEP_SECONDS
from authsvc.runtime import Runtime

_WAITS = "reset that waits for a second factor"
_PROVED = "reset whose second factor is proved"


@frozen
class WaitingReset:
    """A reset that waits, opened: the secret of its proof, and its second step as that was sealed."""

    secret: str = field(repr=False)
    step: str = field(repr=False)


async def begin_factor(runtime: Runtime, shown: Shown, *, client_id: str, holder: str) -> SecondStep | None:
    """Let a reset wait for the second factor. None: a login with the password would ask for none. Raises
    StoreUnavailable."""
    ways = await ways_after_password(runtime, None, shown.user) if shown.user else ()
    if shown.user is None or not ways:
        return None
    proof = shown.user.password_hash or ""
    step = await begin_second_step(runtime, shown.user, ways, client_id=client_id, holder=holder, proof=proof)
    return replace(step, sealed=runtime.seal_dated(_WAITS, shown.secret, step.sealed))


def open_waiting_reset(runtime: Runtime, sealed: str) -> WaitingReset | None:
    """What waits. None: not ours, altered, or over."""
    opened = runtime.open_dated(_WAITS, sealed, seconds=SECOND_STEP_SECONDS)
    return WaitingReset(*opened) if opened else None


async def prove_on_page(runtime: Runtime, shown: Shown, answer: Answer, *, browser: str) -> str:
    """The second factor of a reset on the hosted page. What is returned says to `is_proved` that it was right. Raises
    Rejected (invalid_grant where the step is void, invalid_credentials), TooMany, StoreUnavailable."""
    waiting = open_waiting_reset(runtime, answer.sealed)
    if waiting is None or waiting.secret != shown.secret:
        raise reset_void("second_step_expired")
    passed = await check_second_step(runtime, replace(answer, sealed=waiting.step), client_id="", holder=browser)
    return runtime.seal_dated(_PROVED, shown.secret, browser, passed.user.factor_generation)


def is_proved(runtime: Runtime, shown: Shown, sealed: str, *, browser: str) -> bool:
    """Whether the second factor was proved for this proof, in this browser, and none was removed since. It is good as
    long as the proof, which is spent once."""
    opened = runtime.open_dated(_PROVED, sealed, seconds=SHORT_SECONDS)
    generation = shown.user.factor_generation if shown.user else None
    return opened == [shown.secret, browser, generation]


async def factor_asked_again(runtime: Runtime, shown: Shown, sealed: str) -> SecondStep | None:
    """The same step once more, after an answer that was wrong; None: it is over. Raises StoreUnavailable."""
    waiting = open_waiting_reset(runtime, sealed)
    step = await asked_again(runtime, waiting.step, None) if waiting else None
    return replace(step, sealed=sealed) if step else None


def reset_void(reason: str) -> Rejected:
    """One answer for whatever a reset lacks."""
    return Rejected("invalid_grant", "This reset has expired, was used, or is not yours: begin again.", reason)
