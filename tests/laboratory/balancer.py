"""HAProxy, as deploy/proxies has it, but in the clear and for three replicas."""

from __future__ import annotations

from tests.deploy.proxies import changed


def haproxy(bind: str, replicas: list[str]) -> str:
    """Its configuration; addresses as HOST:PORT."""
    one, two, three = replicas
    text = changed(
        "haproxy.cfg",
        **{
            "bind :443 ssl crt /etc/authsvc/tls/haproxy.pem alpn h2,http/1.1": f"bind {bind}",
            "127.0.0.1:8000": one,
            "# server two": "server two",
            "127.0.0.1:8001": two,
        },
    )
    lines = []
    for line in text.splitlines():
        lines.append(line)
        if line.strip().startswith("server two"):
            lines.append(line.replace("two", "three").replace(two, three))
    return "\n".join(lines) + "\n"
