"""A page of the papers as a shell reads it: its blocks, with places of a test, and stand-ins for a whole machine's
programs."""

from __future__ import annotations

import re
from pathlib import Path


def shell_of(page: Path, heading: str) -> str:
    """The shell of one chapter."""
    chapter = page.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    assert found, heading
    return "".join(found)


def with_places(text: str, places: dict[str, str]) -> str:
    for theirs, ours in places.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    return text


def stand_ins(directory: Path, **scripts: str) -> Path:
    """Programs that go before the machine's own; each notes what it was asked in `calls`."""
    directory.mkdir()
    for name, script in scripts.items():
        file = directory / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {directory.parent}/calls\n{script}\n')
        file.chmod(0o755)
    return directory
