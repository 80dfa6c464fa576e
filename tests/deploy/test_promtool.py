"""The rules of deploy/prometheus by promtool itself: each alert fires over its case, and not over the other."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.judges import PROGRAMS
from tests.support.reference import PLACE
from tests.support.sight.alerts import ALERTS
from tests.support.source_words import rows_of

RULES = Path(__file__).parents[2] / "deploy/prometheus"


def promtool(*words: str, within: Path = RULES) -> tuple[int, str]:
    """Its exit code, and what it says. `AUTHSVC_TEST_PROMTOOL` names one that is not on the PATH."""
    places = (os.environ.get("AUTHSVC_TEST_PROMTOOL"), shutil.which("promtool"), shutil.which(PROGRAMS / "promtool"))
    program = next((place for place in places if place), None)
    if program is None:
        pytest.skip("no promtool (`scripts/setup deploy` on Debian, or AUTHSVC_TEST_PROMTOOL): it was not tried")
    done = subprocess.run([program, *words], cwd=within, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_every_alert_fires_over_its_case_and_not_over_the_other() -> None:
    code, said = promtool("check", "rules", "rules.yaml")
    assert (code, f"{len(ALERTS)} rules found" in said) == (0, True), said
    tested = yaml.safe_load((RULES / "rules_test.yaml").read_text())["tests"]
    assert len(tested) == 2 * len(ALERTS)
    code, said = promtool("test", "rules", "rules_test.yaml")
    assert code == 0, said


@pytest.mark.parametrize(("written", "instead"), [("> 0.01", "> 0.2"), ("> 0.01", "> 0.001"), ("for: 5m", "for: 30m")])
def test_a_rule_that_was_made_wrong_is_noticed(tmp_path: Path, written: str, instead: str) -> None:
    asked = yaml.safe_load((RULES / "rules_test.yaml").read_text())
    asked["tests"] = [test for test in asked["tests"] if test["name"].startswith("AuthsvcFailsRequests ")]
    (tmp_path / "rules_test.yaml").write_text(yaml.safe_dump(asked))
    (tmp_path / "rules.yaml").write_text((RULES / "rules.yaml").read_text().replace(written, instead))
    code, said = promtool("test", "rules", "rules_test.yaml", within=tmp_path)
    assert code != 0 and "AuthsvcFailsRequests" in said


def test_the_events_that_an_alert_names_are_written() -> None:
    pages = ("log-events.md", "audit-events.md")
    known = {row[0].strip("`") for page in pages for row in rows_of((PLACE / page).read_text())}
    assert [name for alert in ALERTS for name in alert.events if name not in known] == []
