"""Jinja2 for the pages of one language.

What a template says with nothing but a key of the catalogue is put in when it is compiled, once for each language: a
call from a template is 1.5 µs of CPU, and the login page had 14 of them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, Protocol
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.templating import Jinja2Templates

from authsvc.web.pages.account_rows import app_names, passkey_rows, session_rows, trusted_rows
from authsvc.web.pages.catalogue import LANGUAGES
from authsvc.web.pages.language import Words, named, plain, strong, words

_FIXED = re.compile(r'{{ t\("([a-z_.]+)"\) }}')


class _FixedTexts(Extension):
    """Our own texts, in the place of calls that name one and say no more."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        texts: Words = self.environment.texts  # type: ignore[attr-defined]
        return _FIXED.sub(lambda found: texts.text(found[1]), source)


class _Context(Context):
    """Calls functions as they are. Jinja2 looks first whether they want its context, for longer than most take: none
    that our templates call does."""

    def call(self, called: Any, *values: Any, **named_values: Any) -> Any:
        if type(called) not in (FunctionType, MethodType):
            return super().call(called, *values, **named_values)
        named_values.pop("_block_vars", None)
        named_values.pop("_loop_vars", None)
        return called(*values, **named_values)


@cache
def templates_in(language: str) -> Jinja2Templates:
    """One of LANGUAGES. Each template is compiled when it is first used."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        finalize=_encodable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.context_class = _Context
    environment.extend(texts=words(language))
    environment.add_extension(_FixedTexts)
    environment.globals.update(
        named=named,
        strong=strong,
        plain=plain,
        link=_link,
        host_of=_host,
        problem_text=_problem_text,
        session_rows=session_rows,
        app_names=app_names,
        passkey_rows=passkey_rows,
        trusted_rows=trusted_rows,
        languages=LANGUAGES,
    )
    return Jinja2Templates(env=environment)


class _Problem(Protocol):
    """As `views.Problem`, which renders by this module."""

    @property
    def kind(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def retry_after(self) -> int: ...


def _problem_text(texts: Words, problem: _Problem) -> Markup:
    if problem.kind == "password_short":
        return texts.counted("problem.password_short", problem.count)
    if problem.kind in ("too_many", "unavailable"):
        return texts.text(f"problem.{problem.kind}", wait=texts.wait(problem.retry_after))
    return texts.text(f"problem.{problem.kind}")


def _host(uri: str) -> str:
    """Where the person goes next, "" for an app on their own device (RFC 8252)."""
    parts = urlsplit(uri)
    loopback = parts.hostname in ("127.0.0.1", "::1", None)
    return "" if parts.scheme not in ("http", "https") or loopback else parts.netloc.rpartition("@")[2]


def _link(uri: str | None) -> str:
    """A URI that may stand in href, else "": nothing but http(s), so nothing that runs."""
    try:
        parts = urlsplit(uri or "")
    except ValueError:
        return ""
    return uri or "" if parts.scheme in ("http", "https") and parts.hostname else ""


def _encodable(value: object) -> object:
    """A lone surrogate becomes "?": Starlette encodes strictly."""
    return value.encode(errors="replace").decode() if type(value) is str and not value.isascii() else value
