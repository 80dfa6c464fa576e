"""Every page and every mail on the smallest phone, in both languages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.browser.sample_mails import MAILS
from tests.browser.samples import PAGES
from tests.browser.screenshots import serve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_no_page_is_wider_than_the_smallest_phone(chromium: str, stage: Path) -> None:
    """320 px: also WCAG 2.2's reflow (1.4.10). axe-core finds nothing serious, Chromium has nothing to say."""
    server, port = serve()
    job = {
        "base": f"http://127.0.0.1:{port}",
        "chromium": chromium,
        "pages": [*PAGES, *MAILS],
        "themes": ["light"],
        "languages": ["en", "de"],
        "widths": [320],
    }
    command = ["node", "look.mjs", json.dumps(job)]
    done = subprocess.run(command, cwd=stage, capture_output=True, text=True, timeout=200, check=False)
    server.should_exit = True
    assert done.returncode == 0, done.stderr
    pages = 2 * len(job["pages"]) - 1  # the page of mails of `authsvc dev` has one language
    assert done.stdout.splitlines()[-1] == f"{pages} pages, 0 faults"
