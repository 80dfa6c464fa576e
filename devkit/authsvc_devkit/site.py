"""Where the two servers of one data directory live, as whom, and with which password."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from authsvc_devkit.unix_users import Account


@dataclass(frozen=True, slots=True)
class Site:
    """A data directory with the names and passwords of its two servers."""

    data_dir: Path
    socket_dir: Path
    account: Account | None
    password: str = field(repr=False)
    durable: bool
