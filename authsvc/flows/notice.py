"""What the account page says after a form was posted, carried in the address of the redirect by a closed box: nobody
can make the page say what did not happen, and a minute later it says nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from authsvc.keys.sealed_value import close_box, open_box
from authsvc.runtime import Runtime

SECONDS = 60
_PURPOSE = "account notice"

Kind = Literal["session_ended", "others_ended", "password_changed", "app_revoked"]


@dataclass(frozen=True, slots=True)
class Notice:
    """`count`: the number in others_ended."""

    kind: Kind
    count: int = 0


def close_notice(runtime: Runtime, session_id: UUID, notice: Notice) -> str:
    payload = json.dumps([notice.kind, notice.count, str(session_id), runtime.clock.seconds()]).encode()
    return close_box(runtime.master, _PURPOSE, payload, runtime.entropy)


def open_notice(runtime: Runtime, session_id: UUID, box: str) -> Notice | None:
    """None: not ours, of another session, or older than a minute."""
    payload = open_box(runtime.master, _PURPOSE, box)
    if payload is None:
        return None
    kind, count, owner, made_at = json.loads(payload)
    fresh = owner == str(session_id) and made_at >= runtime.clock.seconds() - SECONDS
    return Notice(kind, count) if fresh else None
