"""What becomes of the database, and what it will run out of: a part of `authsvc doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from authsvc.cli.console import duration
from authsvc.cli.doctor import Finding
from authsvc.rules.restore.position import lost_seconds
from authsvc.store.restore.life import Life
from authsvc.store.upkeep.foresight import Foresight

WRAPAROUND = 2_100_000_000
WARN_TRANSACTIONS, FAIL_TRANSACTIONS = 1_000_000_000, 1_600_000_000
"""autovacuum freezes by force at 200 million (`autovacuum_freeze_max_age`): five times that is no busy hour."""
WARN_PART, FAIL_PART = 0.5, 0.9
MOST_DEAD = 100_000
MOST_HELD, TOO_MUCH_HELD = 2 * 2**30, 20 * 2**30
"""Bytes of the log that a slot may hold."""


def judge_life(life: Life) -> Finding:
    """Whether replicas take it for a restored backup."""
    if life.suspected_of is None:
        return Finding("history", "ok", "nobody has seen it further on")
    lost = duration(timedelta(seconds=lost_seconds(life.suspected_of, life.position)))
    found = f"it went backwards, {lost} are lost: a backup was restored, and replicas serve nobody"
    return Finding("history", "FAIL", found, "authsvc restore fence --end-sessions (`authsvc restore fence --help`)")


def foresee(found: Foresight, sweep_interval: float) -> Iterator[Finding]:
    """Growth, and what PostgreSQL will run out of."""
    yield judge_growth(found)
    yield judge_clean_up(found, sweep_interval)
    yield judge_numbers(found)
    yield judge_log(found)


def judge_growth(found: Foresight) -> Finding:
    """How large it is, and whether what is dead is cleared away."""
    table, dead, live = found.dead
    if dead > MOST_DEAD and dead > live:
        text = f"{table} holds {dead:,} dead rows beside {live:,} live ones: autovacuum does not keep up"
        return Finding("growth", "warn", text, "look for long transactions; let autovacuum work more often")
    name, size = found.largest
    return Finding("growth", "ok", f"{_size(found.bytes)}, of which {name} {_size(size)}")


def judge_clean_up(found: Foresight, sweep_interval: float) -> Finding:
    """Rows go an hour after their end, with the next clean-up."""
    if found.overdue <= 3600 + 3 * sweep_interval + 3600:
        return Finding("clean-up", "ok", "keeps up")
    age = duration(timedelta(seconds=found.overdue))
    text = f"rows are still here that were over {age} ago"
    return Finding("clean-up", "warn", text, "let a replica run, or authsvc sweep")


def judge_numbers(found: Foresight) -> Finding:
    """Transaction ids and sequences, which end."""
    if found.transactions > FAIL_TRANSACTIONS or found.sequence > FAIL_PART:
        state = "FAIL"
    elif found.transactions > WARN_TRANSACTIONS or found.sequence > WARN_PART:
        state = "warn"
    else:
        return Finding("numbers", "ok", f"{found.transactions / WRAPAROUND:.0%} of the way to wraparound")
    if found.sequence > WARN_PART:
        text = f"a sequence is used up by {found.sequence:.0%}"
        return Finding("numbers", state, text, "no table of ours has one that ends: look at pg_sequences")
    text = f"{found.transactions:,} transactions unfrozen: PostgreSQL stops taking writes at some {WRAPAROUND:,}"
    do = "VACUUM FREEZE; look for what holds it back: long transactions, prepared ones, slots"
    return Finding("numbers", state, text, do)


def judge_log(found: Foresight) -> Finding:
    """What keeps the write-ahead log, and so fills its disk."""
    if found.archive_fails:
        return Finding("log", "warn", "the last try to archive it failed: it piles up", "look at pg_stat_archiver")
    held = [slot for slot in found.slots if (slot.held or 0) > MOST_HELD or not slot.active]
    if not held:
        return Finding("log", "ok", "nobody holds it back")
    slot = max(held, key=lambda slot: slot.held or 0)
    size = f"{_size(slot.held)} of it" if slot.held is not None else "it"
    text = f"slot {slot.name} holds {size}{'' if slot.active else ', and nobody reads it'}"
    do = "bring its reader back, or pg_drop_replication_slot(); max_slot_wal_keep_size sets a limit"
    return Finding("log", "FAIL" if (slot.held or 0) > TOO_MUCH_HELD else "warn", text, do)


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"
