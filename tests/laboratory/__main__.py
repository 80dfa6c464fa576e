"""scripts/faults: break the service by a seed and judge what everybody was answered."""

from __future__ import annotations

import argparse
import random
import signal
import sys
from collections.abc import Sequence

from tests.laboratory import campaign
from tests.laboratory.breakages import BREAKAGES
from tests.laboratory.commands import COMMANDS
from tests.laboratory.world import World, in_world

SHORT_SECONDS = 150.0
"""With the servers and replicas to be started, three minutes on a busy machine."""

EXAMPLES = """\
examples:
  scripts/faults                                    100 schedules of a seed that it prints
  scripts/faults --short                            as many as three minutes give
  scripts/faults --long --seconds 10                every link between three hosts, each way
  scripts/faults --schedules 10000 --seed 7         the paper's number
  scripts/faults --seed 7 --first 812 --schedules 1 one schedule again: the one that failed as 7-812
  scripts/faults --only "redis flushed" --only "postgresql killed" --schedules 50
  scripts/faults rolling --requests 20000           one figure; each has a --help of its own:
  fail-points, mutants, rolling, herd, overload, stuffing, slow-sockets, soak, partitions

A schedule that failed leaves its history in a directory, which is named; the exit code is 1 then.
docs/faults.md says what is broken and what must hold.
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "scripts/faults", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--short", action="store_true", help="three minutes, as in CI")
    made.add_argument("--long", action="store_true", help="partitions of three hosts, network namespaces; needs root")
    made.add_argument("--seconds", type=float, default=60.0, help="of each partition of --long (60)")
    made.add_argument("--schedules", type=int, metavar="N", help="how many (100)")
    made.add_argument("--seed", help="of all of them; drawn and printed where none is given")
    made.add_argument("--first", type=int, default=0, metavar="N", help="number of the first schedule (0)")
    made.add_argument("--only", action="append", default=[], choices=list(BREAKAGES), metavar="FAULT", help="of these")
    made.add_argument("--json", action="store_true", help="the report as JSON")
    made.add_argument("--list", action="store_true", help="name the faults and end")
    return made


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](list(arguments[1:]))
    asked = parser().parse_args(arguments)
    if asked.long:
        return COMMANDS["partitions"](["--seconds", str(asked.seconds)])
    if asked.list:
        print("\n".join(BREAKAGES))
        return 0
    seed = asked.seed or str(random.SystemRandom().randrange(1, 2**32))

    async def work(world: World) -> campaign.Report:
        limits = {"seconds": SHORT_SECONDS} if asked.short else {"schedules": asked.schedules or 100}
        return await campaign.run(world, seed, first=asked.first, only=asked.only, **limits)

    report: campaign.Report = in_world(work)
    print(report.as_json() if asked.json else "\n" + report.text())
    return 0 if report.good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing that it started is left behind
    sys.exit(main(sys.argv[1:]))
