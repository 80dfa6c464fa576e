"""What the doctor says of a pooler between authsvc and PostgreSQL: PgBouncer, or one of its kind."""

from __future__ import annotations

from collections.abc import Sequence

from authsvc.cli.doctor import Finding


def judge_pooler(lacking: Sequence[str], statements: int | None) -> Finding:
    """`lacking`: deadlines that its connections have not; `statements`: as AUTHSVC_DB_STATEMENT_CACHE_SIZE is set."""
    found = "behind PgBouncer or another pooler"
    if lacking:
        do = "have it begin its connections with them: `connect_query` in deploy/pgbouncer.ini, or ALTER ROLE ... SET"
        return Finding("pooler", "warn", f"{found}, whose connections have no {', '.join(lacking)}", do)
    if statements is None:
        do = "in session mode, or with `max_prepared_statements` (1.21), AUTHSVC_DB_STATEMENT_CACHE_SIZE=100 saves time"
        return Finding("pooler", "ok", f"{found}; prepared statements are not kept", do)
    return Finding("pooler", "ok", f"{found}; {statements} prepared statements a connection are kept")
