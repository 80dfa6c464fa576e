"""Why the service cannot listen, or cannot go on."""

from __future__ import annotations


class CannotServe(Exception):
    """The message is one line and says what to do."""
