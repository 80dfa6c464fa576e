"""Whom the servers run as, and whom their programs are run as.

PostgreSQL refuses to run as root. Started by root, both servers run as the user `authsvc`, or `nobody` where there is
no such user; otherwise as ourselves. No account is made or changed here.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from authsvc_devkit.errors import ServerFailed

NAME = "authsvc"
"""PostgreSQL's superuser, the database, and the system user the servers run as where root starts them."""

Account = pwd.struct_passwd


def servers_account() -> Account | None:
    """The user to drop to; None when we are not root and the servers run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in (NAME, "nobody"):
        with suppress(KeyError):
            if (account := pwd.getpwnam(name)).pw_uid != 0:
                return account
    raise ServerFailed("PostgreSQL does not run as root, and this system has neither a user authsvc nor nobody")


def as_user(account: Account | None) -> dict[str, Any]:
    """What `subprocess` needs to run a program as that user, away from our directory, environment and terminal."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    options: dict[str, Any] = {"cwd": "/", "env": environment, "umask": 0o077, "start_new_session": True}
    if account is not None:
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return options


def reaches(account: Account, directory: Path) -> bool:
    """Asked of the kernel, which alone knows modes, ACLs and mounts."""
    script = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)]
    return subprocess.run(script, capture_output=True, **as_user(account)).returncode == 0  # noqa: S603
