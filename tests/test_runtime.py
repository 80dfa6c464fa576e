"""The runtime: what flows remember is theirs alone, one for each runtime, and is closed with it."""

from __future__ import annotations

from authsvc.runtime import Memory, Runtime, open_runtime
from authsvc.settings import load


class Closed:
    def __init__(self) -> None:
        self.times = 0

    def close(self) -> None:
        self.times += 1


class ClosedLater:
    def __init__(self) -> None:
        self.times = 0

    async def close(self) -> None:
        self.times += 1


def test_a_memory_is_made_once_for_a_runtime(runtime: Runtime) -> None:
    one, other = Memory(dict[str, int]), Memory(dict[str, int])
    one.of(runtime)["a"] = 1
    assert one.of(runtime) == {"a": 1}
    assert other.of(runtime) == {}


async def test_two_runtimes_share_no_memory_and_each_closes_its_own(settings_env: dict[str, str]) -> None:
    plain, waits, never_used = Memory(Closed), Memory(ClosedLater), Memory(Closed)
    here, there = open_runtime(load(settings_env)), open_runtime(load(settings_env))
    mine, theirs, mine_too = plain.of(here), plain.of(there), waits.of(here)
    assert mine is not theirs
    await here.close()
    assert (mine.times, mine_too.times, theirs.times) == (1, 1, 0)
    assert never_used not in here.memories
    await there.close()
    assert theirs.times == 1
