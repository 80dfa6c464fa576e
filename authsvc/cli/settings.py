"""`authsvc settings`: what this environment resolves to."""

from __future__ import annotations

import os
from dataclasses import MISSING, fields

import click

from authsvc.cli.console import answer, json_option, table
from authsvc.settings import Settings, load, variable


class _ListsThem(click.Command):
    """Its help lists every variable, made from the settings themselves."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for item in fields(Settings):
            secret = item.metadata["secret"]
            default = "required" if item.default is MISSING else "empty" if item.default in ("", ()) else item.default
            name = variable(item.name) + ("[_FILE]" if secret else "")
            rows.append((name, f"{item.metadata['help']}  [{default}]"))
        with formatter.section("Variables, with their defaults"):
            formatter.write_dl(rows, col_max=40)


@click.command(cls=_ListsThem)
@json_option
def command() -> None:
    """Show all settings and what they resolve to, secrets masked.

    Exit code 2 when they cannot be served, with every problem at once. A secret may come from a file:
    AUTHSVC_DATABASE_URL_FILE instead of AUTHSVC_DATABASE_URL. Names that nobody knows are refused, but for
    those that Kubernetes and Docker set for a Service or container called authsvc (AUTHSVC_SERVICE_HOST and the like).

    \b
    Examples:
      authsvc settings
      authsvc settings --json | jq -r .AUTHSVC_ISSUER
    """
    rows = load(os.environ).table()
    answer({name: value for name, value, _ in rows}, table(("VARIABLE", "VALUE", "MEANING"), rows))
