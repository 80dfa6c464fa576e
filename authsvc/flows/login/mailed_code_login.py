"""A person logs in on the hosted page by a mailed code or its link, in the browser that asked for it: a browser
session, as after a password."""

from __future__ import annotations

from functools import partial

from authsvc import metrics
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.enter_by_proof import BrowserLogin, enter_by_proof
from authsvc.flows.login.mailed_code import (
    hold_passed,
    mailed_code_void,
    person_of,
    said_in,
    spend_and_wait,
    spend_mailed,
)
from authsvc.flows.login.second_step import Passed, SecondStep, void, ways_after_mail
from authsvc.flows.proofs.spend_proof import Shown
from authsvc.rules.client_record import Client
from authsvc.runtime import Runtime


async def mailed_code_login(
    runtime: Runtime, client: Client, attempt: Attempt, shown: Shown, *, old_cookie: str | None, browser: str
) -> BrowserLogin | SecondStep:
    """`browser`: what stands for this browser in what we seal. Raises Rejected (proof_void, or that more is needed),
    StoreUnavailable. Roles that the client wants are judged by `authorize`."""
    user = person_of(runtime, client, shown, browser)
    attempt = said_in(shown.proof.detail, attempt)
    if ways := await ways_after_mail(runtime, user):
        return await spend_and_wait(runtime, client, attempt, shown, ways, holder=browser)
    done = await enter_by_proof(
        runtime,
        client,
        attempt,
        user.id,
        partial(spend_mailed, runtime, client, shown),
        old_cookie=old_cookie,
        otherwise=mailed_code_void(),
    )
    metrics.logins.labels("ok").inc()
    return done


async def enter_after_second_step(
    runtime: Runtime, client: Client | None, attempt: Attempt, passed: Passed, *, old_cookie: str | None
) -> BrowserLogin:
    """The login of who has done the second step after a mailed code. Raises Rejected, StoreUnavailable."""
    done = await enter_by_proof(
        runtime,
        client,
        attempt,
        passed.user.id,
        partial(hold_passed, runtime, client, passed),
        old_cookie=old_cookie,
        otherwise=void("second_step_outdated"),
    )
    metrics.logins.labels("ok").inc()
    return done
