"""The image that `scripts/image` built, by buildah: what it is, and a container of it as one would run it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from authsvc_devkit.processes import is_alive, process_table

ROOT = Path(__file__).parents[2]
STORE = ROOT / ".image"
NAME = "localhost/authsvc:latest"
READ_ONLY = """
mount -o remount,bind,ro /
user=${1%:*} group=${1#*:}
export HOME=/home/authsvc
shift
exec setpriv --reuid "$user" --regid "$group" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
"""
"""Inside of the container, before its own command: buildah knows no `--read-only`."""


def buildah(*words: str) -> list[str]:
    store = ["--root", str(STORE / "root"), "--runroot", str(STORE / "run"), "--storage-driver", "vfs"]
    return ["buildah", *store, *words]


def say(*words: str) -> str:
    done = subprocess.run(buildah(*words), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout.strip()


def is_built() -> bool:
    if shutil.which("buildah") is None or not STORE.exists():
        return False
    return not subprocess.run(buildah("inspect", "--type", "image", NAME), capture_output=True, timeout=60).returncode


@dataclass(frozen=True)
class Image:
    config: dict[str, Any]
    layers: int
    size: str

    @classmethod
    def read(cls) -> Image:
        about = json.loads(say("inspect", "--type", "image", NAME))
        [listed] = json.loads(say("images", "--json", NAME))
        return cls(about["Docker"]["config"], len(about["OCIv1"]["rootfs"]["diff_ids"]), listed["size"])


@dataclass(frozen=True)
class Container:
    """`root`: its root file system, as this machine sees it. `user`: the image's own, uid:gid."""

    name: str
    root: Path
    user: str

    def command(self, *words: str, env: dict[str, str], volumes: dict[Path, str]) -> list[str]:
        """As `docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --network host`.
        `volumes`: directories of this machine, and where they are seen."""
        options = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
        options += [word for ours, theirs in volumes.items() for word in ("--volume", f"{ours}:{theirs}")]
        options += ["--mount", "type=tmpfs,destination=/tmp", "--user", "0:0", "--cap-add", "CAP_SYS_ADMIN"]
        command = ["sh", "-ec", READ_ONLY, "image", self.user, *words]
        return buildah("run", "--isolation", "chroot", "--network", "host", *options, self.name, "--", *command)


@contextmanager
def container() -> Iterator[Container]:
    name = say("from", "--pull-never", NAME)
    try:
        yield Container(name, Path(say("mount", name)), Image.read().config["User"])
    finally:
        subprocess.run(buildah("umount", name), capture_output=True, timeout=60)
        subprocess.run(buildah("rm", name), capture_output=True, timeout=60)


def inside(pid: int) -> list[int]:
    """The processes of the container that a `buildah run` started: the first is the one that it was given."""
    table = process_table()
    found, ways = [], [pid]
    while ways:
        parent = ways.pop(0)
        children = sorted(child for child, (above, state) in table.items() if above == parent and state != "Z")
        ways += children
        found += [child for child in children if "python" in Path(f"/proc/{child}/exe").resolve().name]
    return found


def end(process: subprocess.Popen[str]) -> None:
    """Whatever is left of it."""
    for pid in [*inside(process.pid), process.pid]:
        if is_alive(pid):
            subprocess.run(["kill", "-s", str(int(signal.SIGKILL)), str(pid)], check=False)
    process.communicate()
