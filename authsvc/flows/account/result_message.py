"""What the account page says after a form was posted: sealed into the address of the redirect, so that nobody can
make the page say what did not happen, and a minute later it says nothing."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from authsvc.records import frozen
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


@frozen
class ResultMessage:
    """`count`: the number in others_ended."""

    kind: Kind
    count: int = 0


def seal_result(runtime: Runtime, session_id: UUID, message: ResultMessage) -> str:
    """A message as sealed text for the address of the redirect; it opens for this session alone."""
    return runtime.seal_dated(_PURPOSE, message.kind, message.count, str(session_id))


def open_result(runtime: Runtime, session_id: UUID, sealed: str) -> ResultMessage | None:
    """Open what `seal_result` wrote. None: not ours, of another session, or older than a minute."""
    opened = runtime.open_dated(_PURPOSE, sealed, seconds=SECONDS)
    if opened is None:
        return None
    kind, count, owner = opened
    return ResultMessage(kind, count) if owner == str(session_id) else None
