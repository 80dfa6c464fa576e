"""What people choose, and attackers try, first: words of eight characters and more, and shorter ones that become
passwords with digits or signs behind them.

The list was written by hand for this service, from general knowledge of what is found in leaked collections: names,
teams, music, films, games, cars, places, animals, rows of keys, words of love and abuse, mostly English, also German,
Spanish, French, Italian, Portuguese. It is no copy of a published list, has no order, and claims no frequencies.
"""

from __future__ import annotations

from functools import cache

from authsvc.rules.people.common_passwords import a_to_l, m_to_z


@cache
def common_words() -> frozenset[str]:
    """All of them, casefolded; made at the first use."""
    return frozenset(f"{a_to_l.WORDS} {m_to_z.WORDS}".split())
