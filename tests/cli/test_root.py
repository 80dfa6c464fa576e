"""The command line as a whole: help, exit codes, and what it never takes."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from authsvc.cli import COMMANDS, root
from tests.cli.conftest import Cli, clean_environment, terminal
from tests.conftest import with_database
from tests.support.busy import again_when_busy, prompt


def every_command(
    group: click.Group = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*path, name), found
        if isinstance(found, click.Group):
            yield from every_command(found, (*path, name))


ALL = dict(every_command())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself_with_an_example(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(root, [*path, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert f"authsvc {path[0]}" in result.stdout


def test_a_group_is_introduced_with_all_its_commands_and_no_other() -> None:
    """Twice: in the list of `authsvc --help`, and by its own."""
    for path, group in ALL.items():
        if isinstance(group, click.Group):
            commands = {words[-1] for words in ALL if words[:-1] == path}
            for text in (COMMANDS[path[0]], (group.help or "").partition("\n\n")[0]):
                words = set(re.findall(r"[a-z][a-z-]+", text))
                assert commands - words == set(), path
                assert {word for word in words if "-" in word} - commands == set(), path


def test_no_option_takes_a_password_or_a_secret_as_its_value() -> None:
    words = ("password", "secret", "token-value", "passphrase")
    for path, command in ALL.items():
        for parameter in command.params:
            named = " ".join([parameter.name or "", *parameter.opts])
            if any(word in named for word in words):
                assert isinstance(parameter, click.Option), path
                assert parameter.is_flag, path


def test_whatever_prints_data_prints_json_too() -> None:
    without = {
        ("serve",),
        ("dev",),
        ("keys", "export-public"),
        ("keys", "generate-master"),
        ("keys", "promote-master"),
        ("keys", "drop-master"),
    }
    for path, command in ALL.items():
        if not isinstance(command, click.Group) and path not in without:
            assert any("--json" in parameter.opts for parameter in command.params), path


@again_when_busy
def test_help_is_instant_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['authsvc', '--help']\n"
        "from authsvc.cli import main\n"
        "try:\n  main()\nfinally:\n"
        "  heavy = {'asyncpg', 'uvicorn', 'redis', 'cryptography', 'starlette', 'asyncio'}\n"
        "  assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    durations = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, env=clean_environment())
        durations.append(time.perf_counter() - started)
    prompt(min(durations) < 0.4)  # 0.05 s on a machine at rest


def test_a_command_that_fails_imports_nothing_that_serves(settings_env: dict[str, str]) -> None:
    """It has one line to say, and had imported the whole service for it."""
    script = (
        "import sys; sys.argv = ['authsvc', 'clients', 'list']\n"
        "from authsvc.cli import main\n"
        "try:\n  main()\nfinally:\n"
        "  assert not {'authsvc.app', 'starlette', 'uvicorn', 'jinja2'} & set(sys.modules)\n"
    )
    env = clean_environment(**{**settings_env, "AUTHSVC_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"})
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("authsvc: PostgreSQL is unavailable")


@pytest.mark.parametrize("words", [["nonsense"], ["keys", "nonsense"], ["serve", "--port", "x"], ["keys", "withdraw"]])
def test_wrong_usage_is_one_line_and_2(words: list[str]) -> None:
    result = CliRunner().invoke(root, words)
    assert result.exit_code == 2
    assert result.stderr.startswith("authsvc: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_settings_at_fault_are_all_named_at_once_and_2() -> None:
    result = terminal({"AUTHSVC_PORT": "x", "AUTHSVC_TYPO": "1"})("keys", "list", code=2)
    for name in ("AUTHSVC_PORT", "AUTHSVC_TYPO", "AUTHSVC_ISSUER", "AUTHSVC_DATABASE_URL", "AUTHSVC_MASTER_KEY"):
        assert f"authsvc: {name}" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("words", [["keys", "list"], ["users", "list"], ["sweep"], ["migrate"]])
def test_a_store_that_is_away_is_named_in_one_line_and_3(settings_env: dict[str, str], words: list[str]) -> None:
    url = "postgresql://somebody:hunter2hunter2@127.0.0.1:1/authsvc"
    result = terminal({**settings_env, "AUTHSVC_DATABASE_URL": url})(*words, code=3)
    assert result.stderr.startswith("authsvc: PostgreSQL is unavailable (")
    assert result.stderr.count("\n") == 1
    assert "hunter2" not in result.output


def test_a_database_that_is_behind_is_said_with_the_command_to_run(settings_env: dict[str, str]) -> None:
    empty = with_database(settings_env["AUTHSVC_DATABASE_URL"], "postgres")
    result = terminal({**settings_env, "AUTHSVC_DATABASE_URL": empty})("keys", "list", code=1)
    assert "authsvc migrate" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_malformed_redis_url_is_a_setting_at_fault(settings_env: dict[str, str]) -> None:
    result = terminal({**settings_env, "AUTHSVC_REDIS_URL": "http://secretpassword@x"})("keys", "list", code=2)
    assert result.stderr.startswith("authsvc: AUTHSVC_REDIS_URL: ")
    assert "secretpassword" not in result.output


def test_a_reader_that_leaves_early_is_no_error(cli: Cli, settings_env: dict[str, str]) -> None:
    command = f"{sys.executable} -m authsvc settings --help | head -1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, env=clean_environment(**settings_env)
    )
    assert done.stderr == ""


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(root, ["--version"]).stdout.startswith("authsvc 0.")
