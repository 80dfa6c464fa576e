"""The life of signing keys goes on by itself: each worker looks whether something is due, and does it under the lock.

Looking costs no round trip: phases and steps are functions of the rows that the worker holds. Every 20 s a worker says
what it serves by, and hears what others do. A verdict on rows that are out of date does no harm, for `manage_keys.step`
judges again on those that it locked.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.flows.keys import served_settings
from authsvc.flows.keys.manage_keys import Generated, step
from authsvc.keys.plans import plan_step
from authsvc.keys.policy import KeyPolicy
from authsvc.keys.settings_in_force import RECORD_SECONDS
from authsvc.logs import get_logger
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable

ACTOR = "authsvc"
PAUSE_SECONDS = 5.0
"""After something went wrong: the next key is due a day before it is needed."""

log = get_logger()


@dataclass(slots=True)
class Known:
    """The policy as it was read: of this database, for these clients (one with longer tokens makes keys stay longer),
    and when (by `monotonic`): other replicas may serve by stricter settings."""

    policy: KeyPolicy | None = None
    epoch_and_clients: tuple[str, int] = ("", -1)
    read_at: float = float("-inf")


async def keep_for_ever(runtime: Runtime) -> None:
    """Do what is due in the life of keys, until cancelled."""
    known = Known()
    while True:
        pause = runtime.settings.sync_interval_seconds
        try:
            await keep_once(runtime, known)
        except StoreUnavailable as error:
            log.warning("key_step_postponed", reason=error.kind)
            pause = PAUSE_SECONDS
        except Exception as error:  # whoever stops here lets the service run out of keys
            log.error("key_step_failed", error_type=type(error).__name__, exc_info=True)
            pause = PAUSE_SECONDS
        await asyncio.sleep(pause * random.uniform(0.8, 1.0))  # noqa: S311


async def keep_once(runtime: Runtime, known: Known) -> Generated | None:
    """Do one thing where something is due. The key that was made, if any. Raises StoreUnavailable."""
    following = runtime.following
    if following.keys_version < 0 or following.age() > PAUSE_SECONDS:
        return None  # nothing was read yet, or PostgreSQL is away: what is due will be due then
    now_of, fresh = (following.keys_epoch, runtime.clients.version), monotonic() - known.read_at < RECORD_SECONDS
    if known.policy is None or known.epoch_and_clients != now_of or not fresh:
        known.policy = (await served_settings.record(runtime)).policy
        known.epoch_and_clients, known.read_at = now_of, monotonic()
    if plan_step(following.keys, runtime.clock.now(), known.policy, runtime.keyring.life.algorithms) is None:
        return None
    done = await step(runtime, known.policy, ACTOR)
    if isinstance(done, Generated):
        metrics.keys_announced.inc()
        log.info("key_announced", kid=done.kid)
        return done
    return None
