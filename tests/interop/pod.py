"""What a process meets in a pod of Kubernetes: the variables of the namespace's Services, secrets as mounted files, a
root file system that is read-only, and a user without a name or a right."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from authsvc_devkit.processes import Guard
from tests.cli.conftest import clean_environment

USERS = ("10001", "0")
"""As the image has it; root, without any of its rights, where others cannot read the interpreter."""
READ_ONLY = """
mount --make-rprivate /
for place in $(awk '$2 !~ "^/(dev|proc|sys)(/|$)" { print $2 }' /proc/self/mounts); do
  mount -o remount,bind,ro "$place" 2>/dev/null || true
done
mount -t tmpfs -o size=16m,mode=1777 tmpfs "$TMPDIR"
if touch "$PWD/written" 2>/dev/null; then echo "the file system can be written to"; exit 1; fi
user=$1; shift
exec setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
"""
"""For `unshare --mount sh -ec`: everything is read-only from here on but `TMPDIR`, which is empty and in memory."""


def service_variables(name: str, address: str, **ports: int) -> dict[str, str]:
    """What the kubelet sets in each pod for one Service, by the names of its ports: its own form and Docker's."""
    prefix = name.upper().replace("-", "_")
    found = {f"{prefix}_SERVICE_HOST": address}
    for port_name, number in ports.items():
        url = f"tcp://{address}:{number}"
        found.setdefault(f"{prefix}_SERVICE_PORT", str(number))
        found.setdefault(f"{prefix}_PORT", url)
        found[f"{prefix}_SERVICE_PORT_{port_name.upper()}"] = str(number)
        link = f"{prefix}_PORT_{number}_TCP"
        found |= {link: url, f"{link}_PROTO": "tcp", f"{link}_PORT": str(number), f"{link}_ADDR": address}
    return found


def by_tcp(url: str, port: int, **changed: str) -> str:
    """As in a cluster, where no store has a socket in the file system."""
    credentials = urlsplit(url).netloc.rpartition("@")[0]
    return urlunsplit(urlsplit(url)._replace(netloc=f"{credentials}@127.0.0.1:{port}", **changed))


def mounted(directory: Path, user: str | None, **contents: str) -> dict[str, Path]:
    """A Secret as the kubelet mounts it: links to files in a directory that is changed as a whole. `user`: whose group
    may read it (`fsGroup`, `defaultMode: 0440`)."""
    data = directory / "..2026_11_29_03_00_00.1234567890"
    data.mkdir(parents=True)
    (directory / "..data").symlink_to(data.name)
    found = {}
    for name, content in contents.items():
        (data / name).write_text(content)
        (data / name).chmod(0o440)
        if user:
            os.chown(data / name, 0, int(user))
        found[name] = directory / name
        found[name].symlink_to(f"..data/{name}")
    return found


class Pod:
    """`user`: who it is, without any right, on a file system that is read-only; None: as this process is."""

    def __init__(self, env: dict[str, str], directory: Path, user: str | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        scratch = directory / "tmp"
        scratch.mkdir(exist_ok=True)
        self.env = {**clean_environment(), **env, "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/"}
        self.before = ["unshare", "--mount", "sh", "-ec", READ_ONLY, "pod", user] if user else []
        self.log = directory / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        return [*self.before, sys.executable, "-m", "authsvc", *words]

    def run(self, *words: str) -> str:
        """A command to its end, as an init container or by `kubectl exec`."""
        done = subprocess.run(self.command(*words), env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def serve(self, port: int) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command("serve", "--host", "127.0.0.1", "--port", str(port)),
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._guard = Guard(signal.SIGKILL, self.process.pid)
        return self.process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self._guard.dismiss()


def unprivileged(directory: Path) -> str:
    """The user of a pod that may write nothing; raises LookupError, with the reason, where none can be had here."""
    missing = [name for name in ("unshare", "setpriv", "awk") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        raise LookupError(f"{', '.join(missing)} is missing" if missing else "only root may unshare mounts")
    asked = "import os, sys, authsvc.app; open(os.environ['TMPDIR'] + '/probe', 'w'); print(sys.base_prefix)"
    for user in USERS:
        probe = Pod({}, directory, user)
        words = [*probe.before, sys.executable, "-c", asked]
        done = subprocess.run(words, env=probe.env, capture_output=True, text=True, timeout=60)
        if done.stdout == f"{sys.base_prefix}\n":
            return user
    raise LookupError((done.stderr or done.stdout).strip()[-200:])
