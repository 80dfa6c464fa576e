"""Three hosts, each with a replica: the first has PostgreSQL's primary, the second Valkey, the third a standby of
PostgreSQL. A fourth is where callers are, and HAProxy."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

import asyncpg

from authsvc.keys.master import MasterKeys
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc_devkit.programs import find_postgres, find_redis
from authsvc_devkit.unix_users import Account, servers_account
from tests.conftest import ISSUER, TEMPLATE, _make_template
from tests.deploy.proxies import program
from tests.laboratory.balancer import haproxy
from tests.laboratory.network import NETWORK, Network, as_account
from tests.laboratory.world import ENV

PRIMARY, CACHE, STANDBY, CALLERS = 1, 2, 3, 4
REPLICAS = (1, 2, 3)
PORT = 8000
SECRET = "laboratory"
INITDB = ("-U", "authsvc", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
HBA = f"local all all trust\nhost all all {NETWORK}.0/24 trust\nhost replication all {NETWORK}.0/24 trust\n"


class Hosts:
    """A context manager; `runtime` is the operator's, beside PostgreSQL."""

    def __init__(self) -> None:
        self.network = Network(4)
        self._stack = ExitStack()
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        account = servers_account()
        assert account is not None, "network namespaces need root"
        with ExitStack() as stack:
            self.network = stack.enter_context(self.network)
            self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="authsvc-hosts-", dir="/tmp")))
            self.directory.chmod(0o711)
            stack.callback(self._end_all)
            self._start_stores(account)
            self.env = self._settings(f"{self.directory}/primary")
            asyncio.run(self._fill())
            serving = self._settings(Network.address(PRIMARY))
            for number in REPLICAS:
                self._serve(number, serving)
            self._balance()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _spawn(self, number: int, *command: str, account: Account | None = None, name: str, **env: str) -> None:
        log = (self.directory / f"{name}.log").open("wb")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AUTHSVC_")}
        self._processes.append(
            subprocess.Popen(
                [*self.network.within(number, account), *command], stdout=log, stderr=log, env={**clean, **env}
            )
        )

    def _end_all(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start_stores(self, account: Account) -> None:
        bin_dir, _ = find_postgres(self.directory / "bin", account, None)
        for name in ("primary", "standby", "valkey"):
            (self.directory / name).mkdir(mode=0o700)
            shutil.chown(self.directory / name, account.pw_uid, account.pw_gid)
        data = self.directory / "primary/data"
        made = subprocess.run(
            ["setpriv", *as_account(account), str(bin_dir / "initdb"), "-D", str(data), *INITDB],
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert made.returncode == 0, made.stderr
        (data / "pg_hba.conf").write_text(HBA)
        copy = self.directory / "standby/data"
        shutil.copytree(data, copy)
        (copy / "standby.signal").touch()
        for path in (copy, *copy.rglob("*")):
            shutil.chown(path, account.pw_uid, account.pw_gid)
        copy.chmod(0o700)
        self._postgres(PRIMARY, bin_dir, account, "primary")
        source = f"primary_conninfo=host={Network.address(PRIMARY)} user=authsvc"
        self._postgres(STANDBY, bin_dir, account, "standby", "-c", source)
        valkey = str(find_redis(self.directory / "bin", account))
        options = ["--bind", Network.address(CACHE), "--port", "6379", "--requirepass", SECRET, "--save", ""]
        options += ["--maxmemory-policy", "noeviction", "--dir", str(self.directory / "valkey")]
        self._spawn(CACHE, valkey, *options, account=account, name="valkey")

    def _postgres(self, number: int, bin_dir: Path, account: Account, name: str, *options: str) -> None:
        place = self.directory / name
        settings = [f"listen_addresses={Network.address(number)}", f"unix_socket_directories={place}", "fsync=off"]
        settings += ["max_connections=100", "wal_keep_size=64MB", "hot_standby=on", "dynamic_shared_memory_type=mmap"]
        given = [word for setting in settings for word in ("-c", setting)]
        command = [str(bin_dir / "postgres"), "-D", str(place / "data"), *given, *options]
        self._spawn(number, *command, account=account, name=name)

    def _settings(self, host: str) -> dict[str, str]:
        return {
            **ENV,
            "AUTHSVC_ISSUER": ISSUER,
            "AUTHSVC_DATABASE_URL": f"postgresql://authsvc@/{TEMPLATE}?host={host}",
            "AUTHSVC_REDIS_URL": f"redis://:{SECRET}@{Network.address(CACHE)}:6379/0",
            "AUTHSVC_MASTER_KEY": self._master_key,
            "AUTHSVC_TRUSTED_PROXIES": f"{Network.address(CALLERS)}/32",
            "AUTHSVC_STATE_DIR": str(self.directory),
        }

    _master_key = MasterKeys.generate(os.urandom)

    async def _fill(self) -> None:
        self.admin_url = f"postgresql://authsvc@/postgres?host={self.directory}/primary"
        ends = monotonic() + 30
        while True:
            try:
                await (await asyncpg.connect(self.admin_url)).close()
                break
            except (OSError, asyncpg.PostgresError):
                assert monotonic() < ends, (self.directory / "primary.log").read_text()[-2000:]
                await asyncio.sleep(0.05)
        await _make_template(self, self.env)  # type: ignore[arg-type]  # of servers it takes admin_url alone
        self.runtime = open_runtime(load(self.env))

    def _serve(self, number: int, env: dict[str, str]) -> None:
        serve = [sys.executable, "-m", "authsvc", "serve", "--host", Network.address(number), "--port", str(PORT)]
        self._spawn(number, *serve, name=f"replica-{number}", **{**env, "AUTHSVC_STATE_DIR": ""})

    def _balance(self) -> None:
        config = self.directory / "haproxy.cfg"
        replicas = [f"{Network.address(number)}:{PORT}" for number in REPLICAS]
        config.write_text(haproxy(f"{Network.address(CALLERS)}:{PORT}", replicas))
        self._spawn(CALLERS, program("haproxy"), "-db", "-f", str(config), name="haproxy")
