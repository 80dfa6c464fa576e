"""The verdicts on trial: the very functions of `keys` that production calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from authsvc.keys import due_steps, phases, plans, policy

Judge = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Judges:
    """A test replaces one of them by a broken one, to see that the simulation notices."""

    plan_step: Judge = due_steps.plan_step
    due_at: Judge = due_steps.due_at
    plan_generate: Judge = plans.plan_generate
    plan_rotate: Judge = plans.plan_rotate
    plan_withdraw: Judge = plans.plan_withdraw
    crowded: Judge = plans.crowded
    apply_changes: Judge = plans.apply_changes
    signer: Judge = phases.signer
    published: Judge = phases.published
    next_change: Judge = phases.next_change
    last_change: Judge = phases.last_change
    policy_of: Judge = policy.policy_of
