"""The span of a statement. Its name says which tables it changes or reads, and nothing of its values, which are
parameters."""

from __future__ import annotations

import re
from functools import lru_cache

from authsvc.traces.spans import CLIENT, NOTHING, AnySpan, current, span

_CHANGES = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM)\s+([a-z_]+)")
_READS = re.compile(r"\bFROM\s+([a-z_]+)\b(?!\s*[(.])")
_CALLS = re.compile(r"\bSELECT\s+([a-z_]+)\(")
MOST = 3
"""Tables in a name."""


@lru_cache(maxsize=1024)
def summary(sql: str) -> str:
    """`UPDATE grants`, `SELECT users`: low-cardinality, as `db.query.summary` wants it. `sql` is a text of ours."""
    changes = dict.fromkeys(f"{verb.partition(' ')[0]} {table}" for verb, table in _CHANGES.findall(sql))
    if changes:
        return " ".join(list(changes)[:MOST])
    found = _READS.search(sql) or _CALLS.search(sql)
    return f"SELECT {found[1]}" if found else sql.split(None, 1)[0]


def statement(sql: str) -> AnySpan:
    """The span of a statement, or of a `TRANSACTION`."""
    if current.get() is None:
        return NOTHING
    found = span(summary(sql), CLIENT)
    found.set("db.system.name", "postgresql")
    found.set("db.query.summary", summary(sql))
    return found
