"""How a rule says no."""

from __future__ import annotations

from authsvc.records import frozen


@frozen
class Refused:
    """A rule's no. `error`: the specification's word, or `conflict` and `not_found` where it depends on what is stored.
    `description`: one line for whoever asked. `reason`: lower_snake, for log, metric and test."""

    error: str
    description: str
    reason: str
