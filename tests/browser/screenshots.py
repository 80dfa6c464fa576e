"""Draw every page in Chromium: `scripts/screenshots [--out DIR] [--all] [--theme THEME] [PAGE ...]`, or `--frontends`.

The pages come from sample data through a small server on a free loopback port. `look.mjs` writes
PAGE-THEME-WIDTH.png, runs axe-core on each and fails on a serious violation, a console error or a breach of the
Content-Security-Policy. `--all` also draws German, 320 px and every variant; without it the pages for the documents.
`--frontends` draws the sample frontends instead (`frontends.mjs`), as `scripts/demo` serves them, and examines them
likewise.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from authsvc.settings import Settings
from authsvc.web.http.reply import Reply, json_reply
from authsvc.web.pages.brand import look_of, static_file
from tests.browser.conftest import played
from tests.browser.demo import running_demo
from tests.browser.sample_mails import MAILS
from tests.browser.samples import PAGES, draw

ROOT = Path(__file__).parents[2]
THEMES = ("light", "dark")
PACKAGES = ("playwright-core@1", "axe-core@4", "upng-js@2")
DOCUMENTED = (
    "login",
    "login-wrong",
    "login-passkey",
    "second-step",
    "signup",
    "signup-password",
    "reset",
    "reset-sent",
    "reset-password",
    "reset-factor",
    "address-change",
    "not-me",
    "consent",
    "account",
    "account-events",
    "account-profile",
    "account-delete",
    "factors",
    "factors-setting-up",
    "recovery-codes",
    "passkey-new",
    "dev-mail",
    "letter-registration",
    "letter-notice_theft",
    "device",
    "device-confirm",
    "device-done",
    "logout",
    "logout-done",
    "turned-away",
    "error",
    "form-post",
)


def settings(color: str = "#3b5bdb") -> Settings:
    return Settings(
        issuer="https://auth.example.com",
        database_url="",
        redis_url="",
        master_key="",
        brand_name="Nightjar",
        brand_color=color,
    )


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """/PAGE?lang=de&color=%23ff0000, /static/..., and an empty answer to what forms post."""
    if scope["type"] != "http":
        return
    await receive()
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    brand = settings(query.get("color", "#3b5bdb"))
    path = scope["path"].lstrip("/")
    reply: Response | None
    if path.startswith("static/"):
        # The colours are in the file's address here, for one server to show several.
        reply = _static(path.removeprefix("static/"))
    else:
        language = query.get("lang", "en")
        reply = draw(brand, language, PAGES[path]) if path in PAGES else None
        reply = MAILS[path](brand, language) if path in MAILS else reply
        if reply:
            _known.append(look_of(brand))
    if path == "login/passkey":  # what the page's script asks for; the authenticator is never there
        reply = json_reply({"options": {"challenge": "AA", "allowCredentials": []}, "challenge": "closed-box"})
    reply = reply or Reply(404, b"nothing here", [(b"content-type", b"text/plain")])
    await reply(scope, receive, send)


_known = [look_of(settings())]


def _static(name: str) -> Reply | None:
    for look in _known:
        if any(file.url == f"/static/{name}" for file in look.files.values()):
            return static_file(look, name)
    return None


def serve() -> tuple[uvicorn.Server, int]:
    """A server of the samples, and its port; it ends by `should_exit`."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    return server, listener.getsockname()[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description="Draw and examine the pages.")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"of {', '.join((*PAGES, *MAILS))}")
    parser.add_argument("--out", type=Path, help="where to; else docs/screenshots, or docs/frontends")
    parser.add_argument("--all", action="store_true", help="every page, German and 320 px too")
    parser.add_argument("--theme", action="append", choices=THEMES, help="one theme only; may be repeated")
    parser.add_argument("--frontends", action="store_true", help="the sample frontends instead of the hosted pages")
    asked = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium or not shutil.which("npm"):
        print("screenshots: chromium and npm are needed (Debian: apt-get install chromium npm)", file=sys.stderr)
        return 2
    out = (asked.out or ROOT / "docs" / ("frontends" if asked.frontends else "screenshots")).resolve()
    out.mkdir(parents=True, exist_ok=True)
    with _stage() as stage:
        return _frontends(stage, chromium, out) if asked.frontends else _hosted(stage, chromium, out, asked)


@contextmanager
def _stage() -> Iterator[Path]:
    """The scripts of this directory, with npm's packages beside them."""
    with tempfile.TemporaryDirectory(prefix="authsvc-screenshots-") as place:
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", place, *PACKAGES]
        subprocess.run(install, check=True)
        for script in Path(__file__).parent.glob("*.mjs"):
            shutil.copy(script, place)
        yield Path(place)


def _hosted(stage: Path, chromium: str, out: Path, asked: argparse.Namespace) -> int:
    server, port = serve()
    job = {
        "base": f"http://127.0.0.1:{port}",
        "chromium": chromium,
        "out": str(out),
        "pages": asked.pages or list((*PAGES, *MAILS) if asked.all else DOCUMENTED),
        "themes": asked.theme or list(THEMES),
        "languages": ["en", "de"] if asked.all else ["en"],
        "widths": [1280, 390, 320] if asked.all else [1280, 390],
    }
    done = subprocess.run(["node", "look.mjs", json.dumps(job)], cwd=stage, check=False)
    server.should_exit = True
    return done.returncode


def _frontends(stage: Path, chromium: str, out: Path) -> int:
    # At port 8000: an address in the pictures that people know.
    with running_demo("--port", "8000") as demo:
        try:
            found = played(stage, "frontends.mjs", {"chromium": chromium, "out": str(out), **demo.places})
        except AssertionError as fault:
            print(fault, file=sys.stderr)
            return 1
    print(f"{found['drawn']} pictures, 0 faults")
    return 0


if __name__ == "__main__":
    sys.exit(main())
