"""The pages' scripts without a browser: their types, and the terminal's rules in node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bar.pages import EXAMPLES, Pages, Place
from tests.support.npm import installed

FRONTENDS = {"customer": "index.html", "bartender": "index.html", "admin": "index.html"}
STRICT = {
    "strict": True,
    "noEmit": True,
    "noUncheckedIndexedAccess": True,
    "allowJs": True,
    "checkJs": True,
    "types": [],
    "target": "es2022",
    "module": "es2022",
    "moduleResolution": "bundler",
    "lib": ["es2022", "dom", "dom.iterable"],
}


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("examples"), ("typescript@5",))


def _run(command: list[str], directory: Path) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_scripts_have_the_types_that_they_say(npm: Path) -> None:
    """Laid out as they are served, with the declaration of the module in its place."""
    for name in FRONTENDS:
        shutil.copytree(EXAMPLES / name, npm / "pages" / name)
        shutil.copytree(EXAMPLES / "common", npm / "pages" / name / "common")
        for declared in EXAMPLES.parent.glob("authsvc*.d.ts"):
            text = declared.read_text().replace('"authsvc-browser"', '"./authsvc.js"')
            (npm / "pages" / name / "common" / declared.name).write_text(text)
    (npm / "tsconfig.json").write_text(json.dumps({"compilerOptions": STRICT, "include": ["pages/**/*.js"]}))
    listed = _run(["node", "node_modules/typescript/bin/tsc", "-p", "tsconfig.json", "--listFiles"], npm)
    checked = {line for line in listed.splitlines() if line.endswith(".js")}
    assert checked == {str(path) for path in (npm / "pages").rglob("*.js")}


def test_the_terminal_asks_as_the_specification_wants(npm: Path) -> None:
    """RFC 8628 section 3.5, in node (`npm` skips where there is none)."""
    said = _run(["node", "--test", "--test-reporter=tap", str(Path(__file__).with_name("device.test.mjs"))], npm)
    assert re.search(r"^# pass 14$", said, re.MULTILINE), said


def test_every_file_that_a_page_asks_for_is_there_and_nothing_comes_from_elsewhere() -> None:
    for name, page in (*FRONTENDS.items(), ("bartender", "terminal.html")):
        pages = Pages(name, page, Place("http://localhost:1", "http://localhost:2"))
        texts = {
            path: file.read_text() for path, file in pages._files.items() if file.suffix in (".html", ".js", ".css")
        }
        for path, text in texts.items():
            if path == "/common/authsvc.js":
                continue
            asked = re.findall(r'(?:href|src)="([^"]+)"', text) + re.findall(r'^import .* from "([^"]+)"', text, re.M)
            for reference in asked if not path.endswith(".css") else []:
                base = path.rpartition("/")[0]
                found = reference if reference.startswith("/") else f"{base}/{reference.removeprefix('./')}"
                assert found in pages._files, (path, reference)
            assert not re.search(r"https?://(?!localhost|www\.w3\.org/2000/svg)[a-z]", text), path
            assert "innerHTML" not in text.replace("without innerHTML", ""), path
