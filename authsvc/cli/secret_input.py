"""Passwords and secrets from a prompt or from standard input; never from the command line or the environment."""

from __future__ import annotations

import sys

import click

from authsvc.cli.command_runtime import granted
from authsvc.rules.people.new_password import judge_given_password
from authsvc.rules.people.person import normal_email
from authsvc.rules.secret_digest import digest_of_secret


def ask_password(email: str, *, from_stdin: bool) -> str:
    """A new password for somebody. Raises UsageError."""
    password = _line() if from_stdin else _prompt()
    granted(judge_given_password(password, normal_email(email), ""))  # before anything is opened for it
    return password


def read_secret() -> str:
    """A client secret from standard input. Raises UsageError."""
    secret = _line()
    granted(digest_of_secret(secret), lambda said: f"{said} (leave --secret-stdin away, and a good one is made)")
    return secret


def _prompt() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: give it on standard input with --password-stdin")
    answer: str = click.prompt("New password", hide_input=True, confirmation_prompt="Again", err=True)
    return answer


def _line() -> str:
    """All of standard input, which is one line; its end is not part of the secret."""
    data = sys.stdin.buffer.read(1 << 16)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise click.UsageError("standard input is not UTF-8 text") from None
    line = text.removesuffix("\n").removesuffix("\r")
    if "\n" in line or "\r" in line:
        raise click.UsageError("standard input holds more than one line")
    return line
