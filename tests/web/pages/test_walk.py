"""docs/accounts.md leads people through the pages by words that stand on them."""

from __future__ import annotations

import re
from pathlib import Path

from authsvc.web.pages.catalogue import TEXT

PAPER = Path(__file__).parents[3] / "docs/accounts.md"


def test_every_bold_word_of_the_walk_is_on_a_page() -> None:
    """But for what names a step, which ends with a full stop, and the word that says so."""
    bold = {word.replace("\n", " ") for word in re.findall(r"\*\*([^*]+)\*\*", PAPER.read_text())}
    labels = {word for word in bold if not word.endswith(".") and word != "Bold"}
    assert len(labels) > 10
    assert labels - {english for english, _ in TEXT.values()} == set()
