"""YAML by the library in C, where PyYAML has it: openapi.yaml takes a second otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """What a file with one document says."""
    return yaml.load(path.read_text(), _LOADER)
