"""`authsvc keys simulate`: needs no database, and says what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authsvc.cli.keys import run_simulation
from authsvc.keys.simulation.scene import Judges, Scene
from tests.cli.conftest import answer, terminal
from tests.keys.simulation.scenes import published_when_it_signs

NOWHERE = terminal({})


def test_it_needs_no_settings_and_no_store() -> None:
    text = NOWHERE("keys", "simulate", "--rotations", "30", "--seed", "7").stdout
    assert "RS256: announce 1 d, sign 90 d, keep 2 d, backup 1 d; JWKS max-age 5 min, tokens 30 min" in text
    assert "3 replicas, 6 verifiers." in text
    rows = dict(
        line.rsplit(maxsplit=1) for line in text.splitlines() if line.startswith(("seed", "rot", "viol", "sig"))
    )
    assert (rows["seed"], rows["violations"]) == ("7", "0")
    assert int(rows["rotations"]) >= 30
    assert int(rows["signatures"].replace(",", "")) > 300
    for name in ("verifications", "virtual time", "wall time"):
        assert f"\n{name} " in text


def test_json_has_all_of_it_and_a_seed_plays_the_same_again() -> None:
    words = ("keys", "simulate", "--rotations", "20", "--replicas", "2", "--verifiers", "4", "--json")
    first = answer(NOWHERE(*words))
    again = answer(NOWHERE(*words, "--seed", str(first["seed"])))
    assert first.pop("wall_seconds") > 0
    assert again.pop("wall_seconds") > 0
    assert first == again
    assert (first["violations"], first["first_violations"]) == (0, [])
    assert (first["replicas"], first["verifiers"]) == (2, 4)
    assert first["rotations"] >= 20
    assert first["virtual_seconds"] > 86_400 * 90
    assert first["policy"]["sign"] == 90 * 86_400
    assert first["surroundings"] == {"jwks_max_age": 300, "longest_token": 1800, "skew": 60}


def test_it_plays_the_policy_and_the_settings_in_force(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('sign = "30 d"\nalgorithms = ["RS256", "ES256"]')
    env = {"AUTHSVC_KEY_POLICY_FILE": str(file), "AUTHSVC_JWKS_MAX_AGE": "60", "AUTHSVC_ACCESS_TOKEN_SECONDS": "600"}
    words = ("keys", "simulate", "--rotations", "10", "--seed", "1", "--json")
    found = answer(terminal(env)(*words))
    assert found["policy"]["sign"] == 30 * 86_400
    assert found["policy"]["algorithms"] == ["RS256", "ES256"]
    assert found["surroundings"] == {"jwks_max_age": 60, "longest_token": 600, "skew": 60}
    other = tmp_path / "other.toml"
    other.write_text('sign = "40 d"')
    assert answer(terminal(env)(*words, "--policy", str(other)))["policy"]["sign"] == 40 * 86_400


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('keep = "1 h"', "keep: 1 h is less than 24 h 31 min"),
        ('sign = "soon"', "sign: 'soon' is not a duration"),
    ],
)
def test_a_policy_that_would_be_refused_is_not_played(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    assert f"--policy: {says}" in NOWHERE("keys", "simulate", "--policy", str(file), code=2).stderr
    env = {"AUTHSVC_KEY_POLICY_FILE": str(file)}
    assert f"AUTHSVC_KEY_POLICY_FILE: {says}" in terminal(env)("keys", "simulate", code=2).stderr


def test_what_the_calendar_cannot_hold_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('sign = "3650 d"')
    said = NOWHERE("keys", "simulate", "--policy", str(file), code=1).stderr
    assert said == "authsvc: at most 990 rotations fit the calendar where a key signs for 3650 d: ask for fewer\n"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world whose keys are published only when they sign."""
    whole: Callable[..., Scene] = run_simulation.scene_of

    def scene_of(*words: Any) -> Scene:
        return replace(whole(*words), judges=Judges(published=published_when_it_signs))

    monkeypatch.setattr(run_simulation, "scene_of", scene_of)


@pytest.mark.usefixtures("broken")
def test_a_violation_is_told_with_who_held_what_since_when() -> None:
    done = NOWHERE("keys", "simulate", "--rotations", "50", "--seed", "7", code=1)
    assert "no valid token is refused." in done.stdout
    for words in ("token ", "of key k", "good until", "was refused (unknown_kid) by verifier", "its cache held k"):
        assert words in done.stdout, words
    assert done.stdout.count("Broken at") == 3
    assert done.stderr.count("\n") == 1
    assert "`--seed 7` with the same options shows it again" in done.stderr
    found = NOWHERE("keys", "simulate", "--rotations", "50", "--seed", "7", "--json", code=1)
    assert answer(found)["violations"] >= 10
    assert answer(found)["first_violations"][0]["promise"] == "no valid token is refused"
