"""Traces of requests and of deliveries are sent to a collector, where the settings ask for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from authsvc import __version__, metrics
from authsvc.logs import get_logger
from authsvc.runtime import Memory, Runtime
from authsvc.traces import Tracer
from authsvc.traces.export import Exporter
from authsvc.traces.sampling import sampler

log = get_logger()


@dataclass(slots=True)
class _Sending:
    tracer: Tracer | None = None
    exporter: Exporter | None = None


_sending = Memory(_Sending)


def tracer_of(runtime: Runtime) -> Tracer | None:
    """What begins traces; None while they are off."""
    return _sending.of(runtime).tracer


def begin(runtime: Runtime) -> None:
    """Trace from now on, where the settings say so. Raises ExtraMissing."""
    settings, sending = runtime.settings, _sending.of(runtime)
    if settings.traces == "off":
        return
    sending.exporter = Exporter(
        __version__, on_sent=metrics.spans_sent.inc, on_dropped=metrics.spans_dropped.inc, on_change=_told
    )
    chosen = sampler(settings.otel_traces_sampler, float(settings.otel_traces_sampler_arg))
    sending.tracer = Tracer(chosen, sending.exporter.give)


async def end(runtime: Runtime) -> None:
    """Send what waits, for a moment at most; nothing is traced any more."""
    sending = _sending.of(runtime)
    sending.tracer = None
    if sending.exporter is not None:
        await asyncio.to_thread(sending.exporter.close)


def _told(reachable: bool) -> None:
    if reachable:
        log.warning("traces_sent_again")
    else:
        log.warning("traces_not_sent")
