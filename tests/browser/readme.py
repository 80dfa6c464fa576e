"""The pages that the READMEs show, as somebody saves them who reads on: only addresses and names are other ones."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES = 10


def html_of(readme: Path) -> str:
    """The one block of HTML in a README."""
    [page] = re.findall(r"```html\n(.*?)```", readme.read_text(), re.DOTALL)
    return str(page)


def pages_shown(app: str, issuer: str) -> dict[str, str]:
    """Path -> HTML: /README is the project's, /package the module's own."""
    first = html_of(ROOT / "README.md").replace("http://localhost:8000", issuer)
    second = html_of(ROOT / "clients/browser/README.md").replace("https://auth.example.com", issuer)
    return {
        "/README": first.replace("http://localhost:5173/", f"{app}/README"),
        "/package": second.replace("https://shop.example.com/", f"{app}/package").replace('"shop"', '"house"'),
    }
