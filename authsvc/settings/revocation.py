"""Settings of status lists."""

from __future__ import annotations

from dataclasses import dataclass

from authsvc.settings.kinds import setting, whole, words


@dataclass(frozen=True, kw_only=True)
class Revocation:
    status_list_seconds: int = setting(
        whole(2, 300), 30, help="a revocation shows in every copy of a status list within this; half is their ttl"
    )
    status_list_audiences: tuple[str, ...] = setting(
        words, (), help="audiences whose tokens name a status list, whichever client asked for them"
    )
