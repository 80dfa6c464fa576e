"""Whether the role of AUTHSVC_DATABASE_URL may do what it must, and no more: a part of `authsvc doctor`."""

from __future__ import annotations

from authsvc.cli.doctor import Finding
from authsvc.store.health import Rights

SHOWN = 5


def judge_rights(found: Rights) -> Finding:
    """All that serving does is asked for here, and nothing found missing at work."""
    if not found.missing:
        return Finding("rights", "ok", f"{found.role} has those that serving needs")
    shown = ", ".join(found.missing[:SHOWN])
    more = f" and {len(found.missing) - SHOWN} more" if len(found.missing) > SHOWN else ""
    do = "grant it as the owner of the tables: deploy/serve-role.sql does"
    return Finding("rights", "FAIL", f"{found.role} lacks {shown}{more}", do)


def judge_role(found: Rights, *, dev_mode: bool) -> Finding:
    """Whoever breaks into a replica has what its role has."""
    what = ", a superuser" if found.superuser else ", the owner of the tables" if found.owner else ""
    if not what or dev_mode:
        return Finding("database role", "ok", found.role + what)
    do = "serve as a role with rights to rows alone (deploy/serve-role.sql), and keep this one for `authsvc migrate`"
    return Finding("database role", "warn", found.role + what, do)


def judge_identity(knows_cluster: bool) -> Finding:
    """How a restored or promoted database is noticed."""
    if knows_cluster:
        return Finding("cluster", "ok", "known by its identifier and timeline")
    found = (
        "the control functions are refused: known by its last start, so each restart has Redis filled anew and "
        "subscribers of the feed read it anew"
    )
    functions = "pg_control_system(), pg_control_checkpoint(), pg_control_recovery()"
    return Finding(
        "cluster", "warn", found, f"GRANT EXECUTE ON FUNCTION {functions} to the owner of the tables; not on Aurora"
    )
