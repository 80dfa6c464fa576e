"""`authsvc doctor`: passwords, and how people come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from authsvc.cli.doctor import Finding
from authsvc.rules.people.new_password import LEAST_ALONE
from authsvc.settings import Settings


def people(settings: Settings) -> Iterator[Finding]:
    """What the settings say of passwords and of joining."""
    least = settings.password_characters
    found = f"{least} characters at least"
    if least < LEAST_ALONE:
        found += f"; NIST SP 800-63B-4 wants {LEAST_ALONE} where a password is the only proof"
    yield Finding("passwords", "ok", found)
    if settings.breached_passwords_dir:
        yield _leaked(Path(settings.breached_passwords_dir))
    if settings.registration != "off" and not settings.smtp_url:
        do = "set AUTHSVC_SMTP_URL, or AUTHSVC_REGISTRATION=off"
        yield Finding("registration", "FAIL", f"{settings.registration}, but no mail can be sent", do)


def _leaked(directory: Path) -> Finding:
    check = "leaked passwords"
    try:
        one = next((path for path in directory.iterdir() if len(path.stem) == 5), None)
    except OSError as error:
        return Finding(check, "FAIL", f"{directory} cannot be read: {error.strerror}", "name a directory, or none")
    if one is None:
        do = "it needs files called by five hex digits of SHA-1, such as 00000.txt"
        return Finding(check, "FAIL", f"{directory} holds no list", do)
    return Finding(check, "ok", f"looked up in {directory}")
