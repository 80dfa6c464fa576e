"""The browser module without a browser: its size, its types, its package, and its own tests in node."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "authsvc/web/pages/static/authsvc.js"
BESIDE = (MODULE.with_name("authsvc-step-up.js"), MODULE.with_name("authsvc-first-party.js"))
PACKAGE = ROOT / "clients/browser"
MAX_GZIPPED = 6 * 1024
STRICT = {
    "strict": True,
    "noEmit": True,
    "noUncheckedIndexedAccess": True,
    "target": "es2022",
    "module": "nodenext",
    "lib": ["es2022", "dom"],
    "types": [],
    "skipLibCheck": False,
}


def _run(command: list[str], directory: Path, **env: str) -> str:
    done = subprocess.run(
        command, cwd=directory, env={**os.environ, **env}, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_at_most_6_kilobytes_gzipped() -> None:
    for module in (MODULE, *BESIDE):
        assert len(gzip.compress(module.read_bytes(), 9, mtime=0)) <= MAX_GZIPPED, module.name


def test_it_asks_for_no_other_module() -> None:
    text = "".join(module.read_text() for module in (MODULE, *BESIDE))
    assert "import " not in text and "import(" not in text and "require(" not in text


async def test_the_service_serves_it_to_pages_of_every_origin(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/static/authsvc.js", headers={"Origin": "https://any.example"})
    assert (answer.status_code, answer.content) == (200, MODULE.read_bytes())
    expected = {
        "content-type": "text/javascript; charset=utf-8",
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "no-cache",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert "set-cookie" not in answer.headers
    again = await http.get("/static/authsvc.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    pinned = await http.get(f"/static/authsvc.{answer.headers['etag'].strip(chr(34))}.js")
    assert pinned.content == answer.content
    assert pinned.headers["cache-control"] == "public, max-age=31536000, immutable"
    sheet = await http.get("/static/authsvc.css")
    assert sheet.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in sheet.headers


def test_the_wheel_carries_it(tmp_path: Path) -> None:
    """And declares what it is to be installed with; what the verifier shares comes with a wheel of its own."""
    for place in (ROOT, ROOT / "clients/jws", ROOT / "clients/verifier"):
        _run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)], place)
    wheels = {path.name.partition("-")[0]: zipfile.ZipFile(path) for path in tmp_path.glob("*.whl")}
    assert wheels["authsvc"].read("authsvc/web/pages/static/authsvc.js") == MODULE.read_bytes()
    for name in ("authsvc", "authsvc_verifier"):
        [metadata] = [member for member in wheels[name].namelist() if member.endswith("/METADATA")]
        assert "Requires-Dist: authsvc-jws" in wheels[name].read(metadata).decode().splitlines()
        assert not [member for member in wheels[name].namelist() if member.startswith("authsvc_jws/")]
    assert "authsvc_jws/compact.py" in wheels["authsvc_jws"].namelist()


def test_the_tree_has_it_once() -> None:
    """Also after `npm pack`: what is packed is copied for the moment, and git ignores it."""
    listed = _run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], ROOT).split()
    assert [path for path in listed if Path(path).name == MODULE.name] == [str(MODULE.relative_to(ROOT))]


def test_its_own_tests_pass_in_node(packages: Path) -> None:
    """clients/browser/test, with axios itself."""
    tests = sorted(str(path) for path in (PACKAGE / "test").glob("*.test.mjs"))
    said = _run(
        ["node", "--test", "--test-reporter=tap", *tests],
        PACKAGE,
        AXIOS=(packages / "node_modules/axios/index.js").as_uri(),
    )
    counts = dict(
        line[2:].split(" ", 1) for line in said.splitlines() if line.startswith("# ") and line.count(" ") == 2
    )
    assert int(counts["pass"]) >= 51 and counts["skipped"] == counts["fail"] == "0"
    named = json.loads((PACKAGE / "package.json").read_text())["scripts"]["test"]
    assert all(f"test/{Path(path).name}" in named for path in tests)


def test_the_package_is_the_module_and_its_types(packages: Path, tmp_path: Path) -> None:
    """What `npm pack` makes; TypeScript checks the sample against it, and node imports it."""
    copy = tmp_path / "clients/browser"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("authsvc*.js", "*.tgz"))
    (tmp_path / "authsvc/web/pages/static").mkdir(parents=True)
    for module in (MODULE, *BESIDE):
        shutil.copy(module, tmp_path / "authsvc/web/pages/static")
    _run(["npm", "pack", "--pack-destination", str(tmp_path)], copy)
    assert not (copy / "authsvc.js").exists()
    [archive] = tmp_path.glob("*.tgz")
    app = packages / "app"
    unpacked = app / "node_modules/authsvc-browser"
    unpacked.mkdir(parents=True)
    with tarfile.open(archive) as packed:
        packed.extractall(app, filter="data")
    names = {path.name for path in (app / "package").iterdir()}
    assert names == {
        "authsvc.js",
        "authsvc.d.ts",
        "authsvc-step-up.js",
        "authsvc-step-up.d.ts",
        "authsvc-first-party.js",
        "authsvc-first-party.d.ts",
        "package.json",
        "README.md",
        "LICENSE",
    }
    assert (app / "package/authsvc.js").read_bytes() == MODULE.read_bytes()
    shutil.copytree(app / "package", unpacked, dirs_exist_ok=True)
    shutil.copy(PACKAGE / "test/sample.ts", app)
    (app / "package.json").write_text('{"private": true, "type": "module"}')
    (app / "tsconfig.json").write_text(json.dumps({"compilerOptions": STRICT, "files": ["sample.ts"]}))
    _run(["node", str(packages / "node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"], app)
    script = 'import * as all from "authsvc-browser"; console.log(Object.keys(all).join())'
    assert _run(["node", "--input-type=module", "-e", script], app).strip() == "AuthError,createClient"


def test_the_declared_client_is_the_real_one(packages: Path, tmp_path: Path) -> None:
    """Each member of `Client` in the declaration is there, and nothing else."""
    (tmp_path / "authsvc.mjs").write_bytes(MODULE.read_bytes())
    script = (
        'import { createClient } from "./authsvc.mjs"; globalThis.addEventListener = globalThis.removeEventListener = '
        "() => {}; const client = createClient("
        '{ issuer: "https://a.example", clientId: "x", redirectUri: "https://b.example" });'
        "console.log(Object.keys(client).join()); client.close();"
    )
    real = set(_run(["node", "--input-type=module", "-e", script], tmp_path).strip().split(","))
    text = (PACKAGE / "authsvc.d.ts").read_text()
    body = text.partition("export interface Client {")[2].partition("\n}")[0]
    declared = {
        line.strip().removeprefix("readonly ").partition("(")[0].partition(":")[0]
        for line in body.splitlines()
        if line.startswith("  ") and line[2].isalpha()
    }
    assert declared == real
