"""Which initial access tokens (RFC 7591 section 3) an operator may make."""

from __future__ import annotations

from authsvc.rules.clients.limits import MAX_NOTE, REGISTRATION_TOKEN_SECONDS, REGISTRATION_TOKEN_USES
from authsvc.rules.refused import Refused


def judge_registration_token(uses: int, seconds: int, note: str) -> Refused | None:
    """`uses`: how many clients it registers. `seconds`: how long it is good. `note`: repeated in audit events."""
    for name, value, (least, most) in (
        ("uses", uses, REGISTRATION_TOKEN_USES),
        ("seconds", seconds, REGISTRATION_TOKEN_SECONDS),
    ):
        if not least <= value <= most:
            return Refused(
                "invalid_request", f"the {name} must be from {least} to {most}", f"registration_token_{name}"
            )
    if len(note) > MAX_NOTE or not note.isprintable():
        return Refused(
            "invalid_request", f"--note has at most {MAX_NOTE} printable characters", "registration_token_note"
        )
    return None
