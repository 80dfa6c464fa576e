"""A person logs in on the hosted page with a passkey alone: a browser session, as after a password and a second factor.

No wrong answer is counted against anybody: a signature is not found by guessing, and a wrong one leaves no row behind.
What a network asks for is counted: so many challenges, and no more. A challenge is spent in the transaction that begins
the session, or not at all.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from authsvc import metrics
from authsvc.flows.caller.limits import network_buckets, within_limit
from authsvc.flows.factors.passkey_assertion import Sent, Shown, begin_assertion, judge_answer, refused, take
from authsvc.flows.factors.passkey_challenge import Purpose
from authsvc.flows.login.authenticate_person import Attempt, Authenticated
from authsvc.flows.login.enter_by_proof import BrowserLogin, enter_by_proof
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected
from authsvc.runtime import Runtime
from authsvc.store.postgres import Connection

PURPOSE: Purpose = "passkey log in"


async def begin_passkey_login(runtime: Runtime, *, browser: str, network: str) -> tuple[dict[str, Any], str]:
    """The options for whichever passkey the person has, and what must come back with the answer. Raises TooMany."""
    return await challenge(runtime, PURPOSE, browser, network=network)


async def challenge(runtime: Runtime, purpose: Purpose, holder: str, *, network: str) -> tuple[dict[str, Any], str]:
    """As `begin_passkey_login`, of our page or a frontend's: all that a network asks for counts together."""
    buckets = network_buckets("passkey-challenge", network, runtime.settings.passkey_network_requests)
    async with within_limit(runtime, buckets, "passkey_challenge", "passkey_challenges"):
        return begin_assertion(runtime, purpose, holder)


async def passkey_login(
    runtime: Runtime, client: Client | None, attempt: Attempt, sent: Sent, *, old_cookie: str | None, browser: str
) -> BrowserLogin:
    """`client`: who asked for the login, None where the person came to one of our own pages. `browser`: the mark of the
    browser, for which the challenge was made. Of the attempt neither address nor password count. Raises Rejected
    (invalid_credentials), StoreUnavailable. Roles are judged by `authorize`."""
    try:
        shown = await judge_answer(runtime, PURPOSE, browser, sent)
        taking = partial(take_shown, runtime, shown)
        gone = refused("factor_removed")
        done = await enter_by_proof(
            runtime, client, attempt, shown.user.id, taking, old_cookie=old_cookie, otherwise=gone
        )
    except Rejected as rejected:
        metrics.logins.labels(rejected.reason).inc()
        raise
    metrics.logins.labels("ok").inc()
    return done


async def take_shown(runtime: Runtime, shown: Shown, connection: Connection) -> Authenticated:
    """As `take`: who has proved a passkey, and nothing else."""
    await take(runtime, connection, shown)
    return Authenticated(shown.user, None, shown.proved)
