"""Hosts as network namespaces: each has an address and a cable to one switch, which can be pulled; what a host sends
to another can be lost on its way. Linux and root; nothing of it is seen by the machine's own network."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from authsvc_devkit.unix_users import Account

NETWORK = "10.77.0"
CLONE_NEWNET = 0x40000000
PREFIX = "authsvc-lab"


def why_not() -> str:
    """What is missing for network namespaces here; empty: nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for name in ("ip", "iptables", "setpriv"):
        if shutil.which(name) is None:
            return f"{name} is not installed"
    tried = subprocess.run(["ip", "netns", "add", f"{PREFIX}-{os.getpid()}-try"], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "delete", f"{PREFIX}-{os.getpid()}-try"], capture_output=True)
    return f"ip netns: {tried.stderr.strip()}" if tried.returncode else ""


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def as_account(account: Account) -> list[str]:
    """Options of setpriv."""
    return ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]


class Network:
    """`hosts`: how many; host n has the address 10.77.0.n, from 1 on. A context manager."""

    def __init__(self, hosts: int) -> None:
        self.numbers = range(1, hosts + 1)
        self._switch = f"{PREFIX}-{os.getpid()}-switch"

    def namespace(self, number: int) -> str:
        return f"{PREFIX}-{os.getpid()}-{number}"

    @staticmethod
    def address(number: int) -> str:
        return f"{NETWORK}.{number}"

    def within(self, number: int, account: Account | None = None) -> list[str]:
        """What runs a command on that host, as that user; it dies with us."""
        become = as_account(account) if account else []
        return ["ip", "netns", "exec", self.namespace(number), "setpriv", *become, "--pdeathsig", "KILL"]

    def __enter__(self) -> Self:
        self._remove_leftovers()
        _run("ip", "netns", "add", self._switch)
        self._on_switch("ip", "link", "add", "br0", "type", "bridge")
        self._on_switch("ip", "link", "set", "br0", "up")
        for number in self.numbers:
            space, port = self.namespace(number), f"port{number}"
            _run("ip", "netns", "add", space)
            self._on_switch("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
            self._on_switch("ip", "link", "set", port, "master", "br0", "up")
            self._on(number, "ip", "address", "add", f"{self.address(number)}/24", "dev", "eth0")
            self._on(number, "ip", "link", "set", "lo", "up")
            self._on(number, "ip", "link", "set", "eth0", "up")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for name in (*map(self.namespace, self.numbers), self._switch):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)

    def pull(self, number: int) -> None:
        """The cable of this host."""
        self._on_switch("ip", "link", "set", f"port{number}", "down")

    def lose(self, sender: int, receiver: int) -> None:
        """Whatever one sends to the other is lost on its way; the other direction stays."""
        self._on(receiver, "iptables", "-A", "INPUT", "-s", self.address(sender), "-j", "DROP")

    def heal(self) -> None:
        for number in self.numbers:
            self._on_switch("ip", "link", "set", f"port{number}", "up")
            self._on(number, "iptables", "-F")

    def enter(self, number: int) -> None:
        """This thread, and those that it starts, are on that host from now on, as far as sockets are concerned."""
        with Path(f"/run/netns/{self.namespace(number)}").open() as space:
            if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def _on(self, number: int, *command: str) -> None:
        _run("ip", "netns", "exec", self.namespace(number), *command)

    def _on_switch(self, *command: str) -> None:
        _run("ip", "netns", "exec", self._switch, *command)

    @staticmethod
    def _remove_leftovers() -> None:
        """Of a run that was killed."""
        for line in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.splitlines():
            name = line.split()[0]
            if name.startswith(f"{PREFIX}-"):
                with suppress(ValueError):
                    if not Path(f"/proc/{int(name.removeprefix(f'{PREFIX}-').split('-')[0])}").exists():
                        subprocess.run(["ip", "netns", "delete", name], capture_output=True)
