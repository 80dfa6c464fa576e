"""Settings: `AUTHSVC_*` variables -> one frozen `Settings`. Read once, at start; nothing else reads the environment.

Each capability has its group in a file of its own; `Settings` is all groups together. Every problem is reported at
once, names that nobody knows are refused (a typo must not silently mean the default), and secrets may come from a file:
`AUTHSVC_X_FILE` instead of `AUTHSVC_X`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from authsvc.settings.clients import Clients
from authsvc.settings.keys import Keys
from authsvc.settings.kinds import LOOPBACK
from authsvc.settings.login import Login
from authsvc.settings.pages import Pages
from authsvc.settings.revocation import Revocation
from authsvc.settings.serving import Serving
from authsvc.settings.stores import Stores
from authsvc.settings.tokens import Tokens

PREFIX = "AUTHSVC_"


class SettingsError(Exception):
    """The environment cannot be served. `problems` is one line for each variable at fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Settings(Serving, Stores, Keys, Tokens, Clients, Login, Revocation, Pages):
    """All that can be set. Durations are whole seconds, sizes are bytes unless the name says otherwise."""

    def table(self) -> list[tuple[str, str, str]]:
        """(variable, value, meaning) for people; secrets and passwords in URLs are masked."""
        return [
            (variable(item.name), _shown(item, getattr(self, item.name)), item.metadata["help"]) for item in declared()
        ]


def declared() -> list[Field[Any]]:
    """Every setting, group by group; `metadata` holds its `kind`, `help` and `secret`."""
    return [item for group in Settings.__bases__ for item in fields(group)]


def variable(name: str) -> str:
    """The environment's name of a setting."""
    return PREFIX + name.upper()


def _shown(item: Field[Any], value: Any) -> str:
    if item.name.endswith("_url") and "://" in str(value):
        parts = urlsplit(value)
        credentials, at, host = parts.netloc.rpartition("@")
        user = credentials.partition(":")[0]
        query = "…" if "password" in parts.query else parts.query
        masked = f"{user}:***" if ":" in credentials else user
        return str(urlunsplit(parts._replace(netloc=masked + at + host, query=query)))
    if item.metadata["secret"]:
        return "***"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def load(environ: Mapping[str, str]) -> Settings:
    """Read `AUTHSVC_*`; raise SettingsError with every problem at once."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    known: set[str] = set()
    for item in declared():
        name = variable(item.name)
        allowed = {name, name + "_FILE"} if item.metadata["secret"] else {name}
        known |= allowed
        given = [key for key in sorted(allowed) if environ.get(key, "") != ""]
        if len(given) > 1:
            problems.append(f"{name}: give either {name} or {name}_FILE, not both")
        elif given:
            try:
                text = environ[name] if given[0] == name else _read(environ[given[0]])
                values[item.name] = item.metadata["kind"](text)
            except ValueError as error:
                problems.append(f"{given[0]}: {error}")
        elif item.default is MISSING:
            file = f" or {name}_FILE" if item.metadata["secret"] else ""
            problems.append(f"{name}{file}: missing ({item.metadata['help']})")
    unknown = sorted(key for key in environ if key.startswith(PREFIX) and key not in known)
    problems += [f"{key}: unknown setting; `authsvc settings --help` lists the names" for key in unknown]
    if not problems:
        problems = _contradictions(settings := Settings(**values))
        if not problems:
            return settings
    raise SettingsError(problems)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


def _contradictions(s: Settings) -> list[str]:
    problems = []
    if s.remember_me_seconds < s.session_seconds:
        problems.append(f"{variable('remember_me_seconds')}: shorter than a session without remember me")
    if s.status_list_seconds // 2 <= 2 * s.sync_interval_seconds:
        problems.append(
            f"{variable('status_list_seconds')}: half of it must be more than twice {variable('sync_interval_seconds')}"
        )
    if s.dev_mode and urlsplit(s.issuer).hostname not in LOOPBACK:
        problems.append(f"{variable('dev_mode')}: is for loopback only, never for {s.issuer}")
    return problems
