"""Whether the stored passkeys can still be used: a part of `authsvc doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.cli.doctor import Finding

if TYPE_CHECKING:
    from authsvc.runtime import Runtime


async def examine_passkeys(runtime: Runtime) -> Finding:
    """Raises StoreUnavailable."""
    from authsvc.flows.factors.relying_party import rp_id_of
    from authsvc.rules.factors.rp_id import orphans
    from authsvc.store.factors import passkeys
    from authsvc.webauthn import is_public_suffix

    check, rp_id = "passkeys", rp_id_of(runtime.settings)
    counts = await passkeys.counts_by_rp_id(runtime.db)
    if not rp_id:
        do = "give the issuer a host name; until then nobody can have a passkey" if counts else ""
        return Finding(check, "warn" if counts else "ok", "none: the issuer is an IP address", do)
    if is_public_suffix(rp_id):
        do = f"set AUTHSVC_PASSKEY_RP_ID to a domain below {rp_id}"
        return Finding(check, "warn", f"{rp_id} is a public suffix: browsers make no passkeys for it", do)
    if lost := orphans(counts, rp_id):
        shown = ", ".join(f"{count} for {made_for}" for made_for, count in sorted(lost.items())[:5])
        do = "set AUTHSVC_PASSKEY_RP_ID back, or tell these people to add new ones; nothing else helps"
        return Finding(check, "warn", f"made for another domain than {rp_id}, so that they open nothing: {shown}", do)
    return Finding(check, "ok", f"{sum(count for _, count in counts)}, all for {rp_id}")
