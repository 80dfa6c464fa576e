"""When certificates in files end: a part of `authsvc doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from authsvc.cli.console import relative
from authsvc.cli.doctor import Finding
from authsvc.jose.certificates import latest_end, soonest_end
from authsvc.settings import Settings

SOON = timedelta(days=21)
"""Who renews by itself (ACME) does so 30 days before; who has to ask somebody needs some weeks."""

AUTHORITIES = ("sslrootcert", "ssl_ca_certs")
OWN = ("sslcert", "ssl_certfile")


def named_files(settings: Settings, tls_cert: Path | None) -> Iterator[tuple[str, Path, bool]]:
    """(what it is for, the file, whether it holds authorities) of all certificates that settings name."""
    if tls_cert:
        yield "--tls-cert", tls_cert, False
    if settings.client_ca_file:
        yield "AUTHSVC_CLIENT_CA_FILE", Path(settings.client_ca_file), True
    for name, url in (("database", settings.database_url), ("Redis", settings.redis_url)):
        for key, value in parse_qsl(urlsplit(url).query):
            if key in (*AUTHORITIES, *OWN) and value != "system":
                yield f"{key} of the {name} URL", Path(value), key in AUTHORITIES


def certificates(files: Sequence[tuple[str, Path, bool]], now: datetime) -> Iterator[Finding]:
    """What becomes of each, and that all is well if it is."""
    ends = []
    for what, path, authorities in files:
        try:
            pem = path.read_bytes()
        except OSError as error:
            yield Finding("certificates", "FAIL", f"{what}: {path} cannot be read: {error.strerror}", "correct it")
            continue
        ends.append(end := latest_end(pem) if authorities else soonest_end(pem))
        if (found := judge_certificate(what, end, now)) is not None:
            yield found
    if ends and all(end is not None and judge_certificate("", end, now) is None for end in ends):
        first = min(end for end in ends if end is not None)
        yield Finding("certificates", "ok", f"{len(ends)}, the first ends {relative(first, now)}")


def judge_certificate(what: str, end: datetime | None, now: datetime) -> Finding | None:
    """None: good for weeks."""
    if end is None:
        return Finding("certificates", "FAIL", f"{what}: no certificate in PEM", "name a file with one")
    if end - now > SOON:
        return None
    state = "FAIL" if end <= now else "warn"
    verb = "ended" if end <= now else "ends"
    return Finding("certificates", state, f"{what} {verb} {relative(end, now)}", "renew it, and restart the replicas")
