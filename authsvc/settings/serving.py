"""Settings of the process and its sockets."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from authsvc.settings.kinds import boolean, issuer, metrics_place, networks, number, one_of, setting, whole, words


@dataclass(frozen=True, kw_only=True)
class Serving:
    issuer: str = setting(issuer, help="public URL of this service; every token and link carries it")
    host: str = setting(str, "127.0.0.1", help="address to listen on")
    port: int = setting(whole(0, 65_535), 8000, help="port to listen on")
    workers: int = setting(whole(1, 64), 1, help="processes; one a core")
    metrics: str = setting(metrics_place, "127.0.0.1:9464", help="HOST:PORT of /metrics, `main` (public port) or `off`")
    log_level: str = setting(one_of("debug", "info", "warning", "error"), "info", help="least level that is logged")
    log_format: str = setting(one_of("json", "console"), "json", help="json lines, or console for people")
    trusted_proxies: tuple[IPv4Network | IPv6Network | str, ...] = setting(
        networks, (), help="networks (or `unix`) whose X-Forwarded-For is believed"
    )
    allowed_hosts: tuple[str, ...] = setting(words, (), help="Host headers answered; empty: any (none is ever used)")
    drain_seconds: int = setting(whole(0, 300), 5, help="after SIGTERM: unready but still serving, for balancers")
    clock_offset_seconds: float = setting(number(), 0.0, help="shifts this process's clock; for fault tests only")
    dev_mode: bool = setting(boolean, False, help="set by `authsvc dev`")
