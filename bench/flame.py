"""Where the worker's time goes: py-spy's flame graph, on demand. py-spy is no dependency of ours."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from bench.service import CHAINS, Scenario, Service, send

SECONDS = 5
MOST_A_SECOND = 1_000
"""Codes that are made before, where the load is of codes: they live for a minute."""
FORMATS = {".svg": "flamegraph", ".json": "speedscope", ".txt": "raw"}


def _program() -> str | None:
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def check(file: Path | None) -> None:
    """Ends the process where a graph is wanted and cannot be drawn: before minutes of measuring, not after."""
    if file and file.suffix not in FORMATS:
        raise SystemExit(f"bench: --flame writes {', '.join(FORMATS)}, not {file.name}")
    if file and not _program():
        raise SystemExit("bench: --flame needs py-spy: python3 -m pip --python .venv/bin/python install py-spy")


def draw(service: Service, scenario: Scenario, file: Path) -> None:
    """Sample the worker under full load, and write a file beside FILE, with the scenario in its name."""
    assert service.process
    named = file.with_stem(f"{file.stem}-{scenario.name.replace(',', '').replace(' ', '-')}")
    chains = service.refresh_tokens(CHAINS) if scenario.chains else []
    # Not --native: stacks inside OpenSSL's assembly cannot be unwound, and a signature would seem to be half as dear.
    command = [str(_program()), "record", "--rate", "200", "--format", FORMATS[file.suffix]]
    command += ["--output", str(named), "--duration", "120", "--pid", str(service.process.pid)]
    spies: list[subprocess.Popen[str]] = []

    def began() -> None:  # what is asked before the load is not what shall be seen
        spies.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))

    send(service, scenario, SECONDS, None, chains, likely=MOST_A_SECOND, began=began)
    [spy] = spies
    spy.send_signal(signal.SIGINT)  # it writes what it has
    _, told = spy.communicate(timeout=60)
    print(f"  {named}" if named.exists() else f"  py-spy drew nothing: {told[-500:]}", file=sys.stderr)
