"""`scripts/demo`."""

from __future__ import annotations

from pathlib import Path

import click

from authsvc.cli.console import CONTEXT, Refused
from authsvc.serving import CannotServe
from authsvc_devkit.servers import default_data_dir
from bar.demo import Options, run
from bar.pages import EXAMPLES

_port = click.IntRange(0, 65_535)


@click.command(context_settings=CONTEXT)
@click.option("--port", type=_port, default=8000, show_default=True, help="Port of the service; 0: any free one.")
@click.option("--api-port", type=_port, default=8001, show_default=True, help="Port of the bar's API.")
@click.option(
    "--frontend-port",
    type=click.IntRange(0, 65_532),
    default=5173,
    show_default=True,
    help="Port of the customer's frontend; bartender, admin and terminal have the next three.",
)
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where the data stay.")
@click.option("--token-seconds", type=click.IntRange(10, 86_400), help="Life of access tokens.  [default: 1800]")
@click.option("--verbose", is_flag=True, help="Show what the service logs.")
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as JSON, for scripts.")
def main(
    port: int,
    api_port: int,
    frontend_port: int,
    data_dir: Path | None,
    token_seconds: int | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """A bar with three frontends and a terminal, its API, and authsvc behind them. Ctrl-C ends all of it.

    The data of the service stay in .authsvc-demo/ (for a root whose checkout others cannot reach: in
    /var/lib/authsvc-demo); orders are forgotten. Loopback only: everybody knows its passwords.

    \b
    Examples:
      scripts/demo
      scripts/demo --token-seconds 10      tokens that are renewed while one watches
      scripts/demo --port 8010 --api-port 8011 --frontend-port 5180
      scripts/demo --verbose
    """
    if data_dir is None:
        usual = default_data_dir(EXAMPLES.parents[2])
        data_dir = usual.with_name(f"{usual.name}-demo")
    taken = [number for number in (port, api_port) if frontend_port and frontend_port <= number <= frontend_port + 3]
    if taken or (port and port == api_port):
        raise Refused("service, API and the four frontends need a port each")
    try:
        run(Options(port, api_port, frontend_port, data_dir.resolve(), token_seconds, verbose, as_json))
    except CannotServe as error:
        raise Refused(str(error)) from None


if __name__ == "__main__":
    main(prog_name="scripts/demo")
