"""What the account page says after a form was posted: sealed into the address of the redirect, so that nobody can
make the page say what did not happen, and a minute later it says nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from authsvc.keys.seal import open_value, seal_value
from authsvc.runtime import Runtime

SECONDS = 60
_PURPOSE = "account notice"

Kind = Literal[
    "session_ended",
    "others_ended",
    "password_changed",
    "password_changed_ending",
    "app_revoked",
    "passkey_added",
    "passkey_renamed",
    "passkey_removed",
    "factor_removed",
    "profile_changed",
    "trusted_device_ended",
]


@dataclass(frozen=True, slots=True)
class ResultMessage:
    """`count`: the number in others_ended."""

    kind: Kind
    count: int = 0


def seal_result(runtime: Runtime, session_id: UUID, message: ResultMessage) -> str:
    """A message as sealed text for the address of the redirect; it opens for this session alone."""
    payload = json.dumps([message.kind, message.count, str(session_id), runtime.clock.seconds()]).encode()
    return seal_value(runtime.master, _PURPOSE, payload, runtime.entropy)


def open_result(runtime: Runtime, session_id: UUID, sealed: str) -> ResultMessage | None:
    """Open what `seal_result` wrote. None: not ours, of another session, or older than a minute."""
    payload = open_value(runtime.master, _PURPOSE, sealed)
    if payload is None:
        return None
    kind, count, owner, made_at = json.loads(payload)
    fresh = owner == str(session_id) and made_at >= runtime.clock.seconds() - SECONDS
    return ResultMessage(kind, count) if fresh else None
