"""W3C Trace Context, which requests are traced, and the names of statements: rules without a service."""

from __future__ import annotations

import subprocess
import sys

import pytest

from authsvc.traces import Tracer, span, trace_id
from authsvc.traces.context import Parent, parent_headers, read_parent
from authsvc.traces.sampling import SAMPLERS, sampler
from authsvc.traces.spans import MOST_SPANS, Span, Trace
from authsvc.traces.statements import summary

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("sent", "sampled"),
    [
        (GOOD, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-comes", True),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (GOOD.upper(), None),
        (f"00-{TRACE}-{SPAN}-1", None),
        (f" {GOOD}", None),
        (f"{GOOD}\n", None),
        ("", None),
    ],
)
def test_a_traceparent_is_read_as_it_is_defined(sent: str, sampled: bool | None) -> None:
    found = read_parent(sent)
    assert (found and found.sampled) is sampled
    if found:
        assert (f"{found.trace_id:032x}", f"{found.span_id:016x}") == (TRACE, SPAN)


def test_a_tracestate_is_passed_on_as_it_came_or_not_at_all() -> None:
    for state, kept in (("a=1,b=2", "a=1,b=2"), ("", ""), ("x" * 513, ""), ("a=1\r\nx: y", ""), ("a=é", "")):
        found = read_parent(GOOD, state)
        assert found is not None and found.state == kept
    assert parent_headers(int(TRACE, 16), int(SPAN, 16), "a=1") == {"traceparent": GOOD, "tracestate": "a=1"}
    assert parent_headers(1, 2, "") == {"traceparent": f"00-{1:032x}-{2:016x}-01"}


PARENT, UNSAMPLED = Parent((9 << 64) + 5, 1, True), Parent((9 << 64) + 5, 1, False)
HIGH = (1 << 64) - 1


@pytest.mark.parametrize(
    ("name", "ratio", "kept"),
    [
        ("always_on", 0.0, (True, True, True, True)),
        ("always_off", 1.0, (False, False, False, False)),
        ("traceidratio", 0.5, (True, False, True, True)),  # the ids of both parents are low
        ("traceidratio", 0.0, (False, False, False, False)),
        ("traceidratio", 1.0, (True, True, True, True)),
        ("parentbased_always_on", 0.0, (True, True, True, False)),
        ("parentbased_always_off", 1.0, (False, False, True, False)),
        ("parentbased_traceidratio", 0.5, (True, False, True, False)),
    ],
)
def test_the_samplers_are_those_of_opentelemetry(name: str, ratio: float, kept: tuple[bool, ...]) -> None:
    """Of a trace that begins here with a low and with a high id, and of those of two callers."""
    judge = sampler(name, ratio)
    assert (judge.keeps(0, None), judge.keeps(HIGH, None), judge.keeps(0, PARENT), judge.keeps(0, UNSAMPLED)) == kept
    assert name in SAMPLERS


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT id FROM users WHERE id = $1", "SELECT users"),
        ("SELECT coalesce(extract(epoch FROM now()), 0) FROM mails", "SELECT mails"),
        ("SELECT end_sessions($1)", "SELECT end_sessions"),
        ("SELECT clock_timestamp()", "SELECT clock_timestamp"),
        (
            "WITH due AS (SELECT id FROM outbox FOR UPDATE SKIP LOCKED) UPDATE outbox SET a = 1 FROM due",
            "UPDATE outbox",
        ),
        ("INSERT INTO proofs (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = 2", "INSERT proofs"),
        ("WITH a AS (DELETE FROM x), b AS (UPDATE y SET z = 1) INSERT INTO w VALUES (1)", "DELETE x UPDATE y INSERT w"),
        ("TRANSACTION", "TRANSACTION"),
    ],
)
def test_a_statement_is_named_by_what_it_does_to_which_table(sql: str, name: str) -> None:
    found = summary(sql)
    assert sorted(found.split()) == sorted(name.split())


def test_what_is_not_sampled_makes_nothing() -> None:
    kept: list[list[Span]] = []
    off = Tracer(sampler("always_off", 1), lambda _trace, spans: kept.append(spans))
    assert off.begin("a") is None
    with span("b") as inner:
        assert not inner
    assert (kept, trace_id()) == ([], None)


def test_a_trace_is_given_away_once_and_a_late_span_alone() -> None:
    kept: list[tuple[Trace, list[str]]] = []
    tracer = Tracer(sampler("always_on", 1), lambda trace, spans: kept.append((trace, [one.name for one in spans])))
    with tracer.begin("first") or pytest.fail("not kept"):
        late = span("late")
        with span("limiter", within=True), span("redis"):
            assert trace_id() is not None
        with pytest.raises(ValueError), span("wrong") as wrong:
            raise ValueError("a secret")
        for _ in range(MOST_SPANS):
            with span("one of many"):
                pass
    late.__exit__(None, None, None)
    assert not span("after"), "a task that goes on after its request is in no trace"
    (trace, names), (same, alone) = kept
    assert trace is same and alone == ["late"]
    assert names[:3] == ["redis", "limiter", "wrong"] and len(names) == MOST_SPANS
    assert isinstance(wrong, Span) and (wrong.error, wrong.attributes) == ("ValueError", {})


def test_without_the_extra_all_works_but_sending() -> None:
    code = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("opentelemetry", "requests", "google"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
import authsvc.app
from authsvc.traces.export import Exporter, ExtraMissing
try:
    Exporter("1", on_sent=print, on_dropped=print, on_change=print)
except ExtraMissing:
    print("missing")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("missing\n", 0), done.stderr
