"""Code that a paper shows, taken from there to be run."""

from __future__ import annotations

import re
from pathlib import Path


def snippet(file: Path, language: str, mark: str) -> str:
    """The one block of code in this language with `mark` in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", file.read_text(), re.MULTILINE | re.DOTALL)
    [found] = [block for block in blocks if mark in block]
    return str(found)
