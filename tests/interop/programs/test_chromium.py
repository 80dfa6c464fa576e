"""react-oidc-context in a page of its own, and Streamlit, as docs/clients.md shows them: both need a real browser."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.interop.conftest import Provider
from tests.interop.programs.running import Program, trusting
from tests.interop.programs.shown import Shown
from tests.interop.programs.workshop import HERE, Workshop, run
from tests.support.replicas import free_port

PAGE = """<!doctype html><title>Shop</title><link rel="icon" href="data:,">
<div id="root"></div><script type="module" src="shop.js"></script>
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(directory: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def visited(script: str, address: str, workshop: Workshop, place: Path) -> dict[str, Any]:
    """What a script beside this file reports of its visit."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: what needs a browser was not tried")
    stage = place / "stage"
    stage.mkdir()
    for name in (script, "in_chromium.mjs"):
        shutil.copy(HERE / name, stage)
    (stage / "node_modules").symlink_to(workshop.npm("playwright") / "node_modules")
    told: dict[str, Any] = json.loads(run(["node", script, chromium, address], stage, seconds=180))
    return told


def test_react_oidc_context_logs_in_renews_and_logs_out(workshop: Workshop, provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(workshop.npm("react") / "node_modules")
    site = tmp_path / "site"
    site.mkdir()
    with served(site) as url:
        shown = Shown("react-oidc-context", provider, "react", url).registered()
        (tmp_path / "shop.jsx").write_text(shown.block("jsx"))
        bundle = ["shop.jsx", "--bundle", "--jsx=automatic", "--format=esm", f"--outfile={site / 'shop.js'}"]
        run(["node_modules/.bin/esbuild", *bundle], tmp_path)
        (site / "index.html").write_text(PAGE)
        told = visited("single_page.mjs", f"{url}/", workshop, tmp_path)
    assert told["email"] == told["kept"] == "test@example.com"
    assert told["first"] != told["second"]
    assert told["said"] == []
    assert not provider.active(told["second"]), "logging out there logs out here"


def test_streamlit_logs_in_and_out(workshop: Workshop, provider: Provider, tmp_path: Path) -> None:
    port = free_port()
    shown = Shown("Streamlit", provider, "streamlit", f"http://localhost:{port}").registered()
    python = workshop.python("streamlit")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit/secrets.toml").write_text(shown.block("toml"))
    (tmp_path / "wiki.py").write_text(shown.block("python"))
    words = ["--server.port", "{port}", "--server.address", "127.0.0.1", "--server.headless", "true"]
    command = [str(python), "-m", "streamlit", "run", "wiki.py", *words, "--browser.gatherUsageStats", "false"]
    with Program(command, tmp_path, trusting(provider), port) as wiki:
        try:
            told = visited("streamlit.mjs", f"http://localhost:{port}/", workshop, tmp_path)
        finally:
            print(wiki.log.read_text()[-3000:])
    assert told["who"] == "Test test@example.com"
    assert told["hints"] == [True], "logging out there logs out here, and nobody is asked"
