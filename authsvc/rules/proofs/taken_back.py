"""What becomes of somebody's factors when they take the account back: "this was not me", or a change of address that is
undone. The letter speaks of a moment, and the account gets the strength back that it had then: not less, for whoever
reads the mail may be a thief, and not more, or a thief's factor would shut its owner out.

    what is there now        and at that moment                     it
    a passkey                was not there                          is removed: it would log its maker in
    recovery codes           were not there                         are removed
    an authenticator app     was not there, and no other was        is removed: nobody else could log in
    an authenticator app     was not there, but another was         stays: the mail alone would do from now on
    whatever                 was there                              stays
"""

from __future__ import annotations

from datetime import datetime, timedelta

SLACK = timedelta(seconds=10)
"""A letter is made a moment after what it tells of: longer than a transaction of such a change may take."""


def moment_of(made_at: datetime) -> datetime:
    """From when on something was added that a letter of this time may take away."""
    return made_at - SLACK


def removes_app(confirmed_at: datetime | None, moment: datetime, *, had_one: bool) -> bool:
    """Whether the authenticator app goes. `confirmed_at`: None where there is none; `had_one`: whether the person had
    one at the moment."""
    return confirmed_at is not None and confirmed_at >= moment and not had_one
