"""The papers say what is so: no dead link, no file that is gone, no number that nobody gave."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]


# The licence

DISTRIBUTIONS = ("devkit", "clients/verifier", "clients/browser")


def test_every_distribution_carries_the_licence() -> None:
    """A wheel or an npm package is built from its own directory, so each has a copy."""
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text
    assert [place for place in DISTRIBUTIONS if (ROOT / place / "LICENSE").read_text() != text] == []
    for place in (".", "devkit", "clients/verifier"):
        assert 'license-files = ["LICENSE"]' in (ROOT / place / "pyproject.toml").read_text(), place
