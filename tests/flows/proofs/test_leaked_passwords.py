"""A password that leaked elsewhere is chosen by nobody, where the operator names a list; nothing leaves the machine."""

from __future__ import annotations

from hashlib import sha1
from pathlib import Path
from unicodedata import normalize

import httpx2
import pytest

from authsvc.flows.operator import manage_users
from authsvc.passwords import Passwords
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from tests.support.login_steps import EMAIL, PASSWORD, enter, press

LEAKED = "tr0ubad\u00f6r & co"


def write(directory: Path, password: str, *, name: str = "{}", count: int = 3, end: str = "\r\n") -> None:
    digest = sha1(password.encode()).hexdigest().upper()
    lines = ["0018A45C4D1DEF81644B54AB7F969B88D65:10", f"{digest[5:]}:{count}", "F" * 35 + ":0"]
    (directory / name.format(digest[:5], lower=digest[:5].lower())).write_text(end.join(lines))


@pytest.fixture
def settings_env(settings_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    write(tmp_path, LEAKED)
    return {**settings_env, "AUTHSVC_BREACHED_PASSWORDS_DIR": str(tmp_path)}


@pytest.mark.parametrize("name", ["{}", "{}.txt", "{lower}", "{lower}.txt"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
async def test_files_are_read_as_they_are_distributed(tmp_path: Path, name: str, end: str) -> None:
    passwords = Passwords(memory_kib=64, time_cost=1, parallelism=1, threads=1, queue=5, breached_dir=str(tmp_path))
    assert not await passwords.is_breached(LEAKED)  # no file is no finding
    write(tmp_path, LEAKED, name=name, end=end)
    assert await passwords.is_breached(LEAKED)
    assert await passwords.is_breached(normalize("NFD", LEAKED)), "the same letters"
    assert not await passwords.is_breached(LEAKED + "x")
    write(tmp_path, LEAKED, name=name, count=0)
    assert not await passwords.is_breached(LEAKED), "padding"
    passwords.close()


async def test_without_a_list_no_file_is_opened() -> None:
    passwords = Passwords(memory_kib=64, time_cost=1, parallelism=1, threads=1, queue=5)
    assert not await passwords.is_breached(LEAKED)
    passwords.close()


async def test_neither_a_person_nor_an_operator_chooses_it(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    await enter(http, await http.get("/login"))
    words = {"current_password": PASSWORD, "new_password": LEAKED, "repeat_password": LEAKED}
    page = await press(http, "/account/password", **words)
    assert page.status_code == 400
    assert "known to attackers" in page.text
    done = await manage_users.set_password(runtime, "cli:tests", EMAIL, LEAKED)
    assert isinstance(done, Refused)
    assert done.reason == "password_common"
    added = await manage_users.add(runtime, "cli:tests", email="ann@example.org", password=LEAKED)
    assert isinstance(added, Refused)
