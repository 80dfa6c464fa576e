"""Backups of a private PostgreSQL: its files, copied while it stands still, and put back for what came since."""

from __future__ import annotations

import shutil
from pathlib import Path

from authsvc_devkit.servers import Servers
from authsvc_devkit.unix_users import servers_account


class Backup:
    """The data as they are now. The server is stopped for it, and started again."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._data = servers.data_dir / "postgres/data"
        self._kept = servers.data_dir / "postgres/backup"
        servers.postgres.stop()
        self._copy(self._data, self._kept)
        servers.postgres.start()

    def restore(self, *, promoted: bool = False) -> None:
        """Put it back and start it. `promoted`: as a standby that was this far when its primary died, on a timeline of
        its own; somebody still has to call pg_promote()."""
        self._servers.postgres.kill()
        self._copy(self._kept, self._data)
        if promoted:
            self._own(self._data / "standby.signal", touch=True)
        self._servers.postgres.start()

    def _copy(self, source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, symlinks=True)
        target.chmod(0o700)
        for path in (target, *target.rglob("*")):
            self._own(path)

    @staticmethod
    def _own(path: Path, *, touch: bool = False) -> None:
        if touch:
            path.touch()
        if (account := servers_account()) is not None:
            shutil.chown(path, account.pw_uid, account.pw_gid)
