"""What a run says at its end of tests that were run more than once, and what it leaves for the next run to say.

`pytest_terminal_summary` names the tests that a busy machine made fail (tests/support/busy.py), and keeps why a test
failed in pytest's cache. `python -m tests.support.outcomes DIRECTORY` (a copy of that cache) names those that failed,
for .ci/run, which runs them once more.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

CACHED = "authsvc/failures"
LONGEST = 200


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    stats = terminalreporter.stats
    for report in stats.get("rerun", ()):
        terminalreporter.write_line(f"busy, run again: {report.nodeid}: {first_line(report)}")
    if config.pluginmanager.hasplugin("cacheprovider") and config.cache is not None:
        known = dict(config.cache.get(CACHED, {}))
        for report in stats.get("passed", ()):
            known.pop(report.nodeid, None)
        for report in (*stats.get("error", ()), *stats.get("failed", ())):
            known[report.nodeid] = first_line(report)
        config.cache.set(CACHED, known)


def first_line(report: Any) -> str:
    """Where the test failed (its own line, not a helper's), and the first line of what was said."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        said = str(report.longrepr).strip().splitlines() or ["it says nothing"]
        return said[-1][:LONGEST]
    place = getattr(report.longrepr.reprtraceback.reprentries[0], "reprfileloc", None) or crash
    message = str(crash.message).splitlines() or [""]
    return f"{Path(place.path).name}:{place.lineno}: {message[0]}"[:LONGEST]


def repeated(cache: Path) -> list[str]:
    """One line for each test that failed in the run of which `cache` is pytest's."""
    failed = json.loads((cache / "v/cache/lastfailed").read_text())
    file = cache / "v" / CACHED
    why = json.loads(file.read_text()) if file.exists() else {}
    return [f"ci: repeated: {name} (first failure: {why.get(name, 'see above')})" for name in sorted(failed)]


if __name__ == "__main__":
    print("\n".join(repeated(Path(sys.argv[1]))), file=sys.stderr)
