"""The operator's terminal, as in tests/cli."""

from __future__ import annotations

from tests.cli.conftest import cli

__all__ = ["cli"]
