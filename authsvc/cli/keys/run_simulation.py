"""`authsvc keys simulate`: the policy in force, played for centuries."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, Final

import click

from authsvc.cli.console import Refused, answer, duration, json_option, plural
from authsvc.clock import monotonic
from authsvc.keys.policy import PolicyError
from authsvc.keys.simulation import run
from authsvc.keys.simulation.scene import Scene
from authsvc.keys.simulation.violations import COUNTED, Account
from authsvc.settings import Settings, SettingsError, load, variable

_VIRTUAL: Final = {
    "AUTHSVC_ISSUER": "https://localhost",
    "AUTHSVC_DATABASE_URL": "postgresql:///",
    "AUTHSVC_REDIS_URL": "redis:///",
    "AUTHSVC_MASTER_KEY": "none",
}
"""Required settings, none of which is asked: the world is virtual."""
_YEAR: Final = 365.25
_SHOWN: Final = 3


@click.command()
@click.option("--rotations", type=click.IntRange(1), default=10_000, show_default=True, help="How many to play.")
@click.option("--seed", type=click.IntRange(0), help="The same seed plays the same world again.")
@click.option("--replicas", type=click.IntRange(1, 20), default=3, show_default=True, help="How many sign and serve.")
@click.option("--verifiers", type=click.IntRange(1, 60), default=6, show_default=True, help="How many, of six kinds.")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Instead of the policy in force (AUTHSVC_KEY_POLICY_FILE).",
)
@json_option
def simulate(rotations: int, seed: int | None, replicas: int, verifiers: int, policy: Path | None) -> None:
    """Play the key policy against faults, before they happen.

    A virtual world, without a database: replicas that crash, are cut off and come back; outages and restores of the
    database; impatient operators and leaked keys; verifiers with caches of six kinds (PyJWT's, jose's, plain HTTP, a
    gateway's, ours with and without the feed). What is due is decided by the functions that decide it in production.
    Exit code 1 where a valid token is refused, a withdrawn key is believed for too long, or nobody signs.

    \b
    Examples:
      authsvc keys simulate
      authsvc keys simulate --policy new-policy.toml --rotations 2000
      authsvc keys simulate --seed 42 --json
    """
    scene = scene_of(os.environ, policy, replicas, verifiers)
    if seed is None:
        seed = secrets.randbelow(1 << 32)
    started = monotonic()
    result = _played(scene, rotations, seed)
    seconds = monotonic() - started
    answer(_document(scene, result, seconds), _report(scene, result, seconds))
    if result.violations:
        raise Refused(
            f"{plural(len(result.violations), 'violation')}: the policy, or authsvc, breaks a promise; `--seed {seed}` "
            "with the same options shows it again"
        )


def scene_of(environ: Mapping[str, str], policy: Path | None, replicas: int, verifiers: int) -> Scene:
    """By the settings of this environment, as far as they are there. Raises SettingsError."""
    from authsvc.runtime import key_surroundings, read_key_life

    required = {variable(item.name) for item in fields(Settings) if item.default is MISSING}
    given = {name: value for name, value in environ.items() if name.removesuffix("_FILE") not in required}
    settings = load(given | _VIRTUAL)
    if policy is not None:
        settings = replace(settings, key_policy_file=str(policy))
    try:
        life = read_key_life(settings)
    except PolicyError as error:
        source = "--policy" if policy is not None else "AUTHSVC_KEY_POLICY_FILE"
        raise SettingsError([f"{source}: {problem}" for problem in error.problems]) from None
    return Scene(life, key_surroundings(settings), replicas, verifiers)


def _played(scene: Scene, rotations: int, seed: int) -> Account:
    hidden = not sys.stderr.isatty()
    steps = max(1, rotations // 500)
    with click.progressbar(
        length=rotations, label="rotations", file=sys.stderr, hidden=hidden, show_pos=True, update_min_steps=steps
    ) as bar:
        try:
            return run.simulate(scene, rotations=rotations, seed=seed, told=lambda seen: bar.update(seen - bar.pos))
        except run.TooLong as error:
            raise Refused(f"{error} where a key signs for {duration(scene.life.sign)}: ask for fewer") from None


def _document(scene: Scene, result: Account, seconds: float) -> dict[str, Any]:
    return {
        "seed": result.seed,
        "rotations": result.rotations,
        "signatures": result.signatures,
        "verifications": result.verifications,
        "violations": len(result.violations),
        "first_violations": result.violations[:_SHOWN],
        "virtual_seconds": result.passed,
        "wall_seconds": round(seconds, 3),
        "counted": result.counted,
        "replicas": scene.replicas,
        "verifiers": scene.verifiers,
        "policy": scene.life,
        "surroundings": scene.around,
    }


def _report(scene: Scene, result: Account, seconds: float) -> Iterator[str]:
    life, around = scene.life, scene.around
    yield (
        f"{' and '.join(life.algorithms)}: announce {duration(life.announce)}, sign {duration(life.sign)}, keep "
        f"{duration(life.keep)}, backup {duration(life.backup)}; JWKS max-age {duration(around.jwks_max_age)}, tokens "
        f"{duration(around.longest_token)}, clocks {duration(around.skew)} apart; {plural(scene.replicas, 'replica')}, "
        f"{plural(scene.verifiers, 'verifier')}.\n"
    )
    years = result.passed.days / _YEAR
    for name, value in {
        "seed": str(result.seed),
        "rotations": f"{result.rotations:,}",
        "signatures": f"{result.signatures:,}",
        "verifications": f"{result.verifications:,}",
        "violations": f"{len(result.violations):,}",
        "virtual time": f"{years:,.0f} years" if years >= 2 else duration(result.passed),
        "wall time": f"{seconds:.1f} s",
    }.items():
        yield f"{name:14}{value:>14}"
    if counted := [(result.counted[name], text) for name, text in COUNTED.items() if result.counted[name]]:
        yield "\nCounted, and no violation:"
        yield from (f"{number:10,}  {text}" for number, text in counted)
    for violation in result.violations[:_SHOWN]:
        yield f"\nBroken at {violation.at:%Y-%m-%d %H:%M:%S}: {violation.promise}."
        yield from (f"  {line}" for line in violation.story)
