"""Whether a request is traced, by the names of OpenTelemetry's `OTEL_TRACES_SAMPLER`. Pure."""

from __future__ import annotations

from authsvc.records import frozen
from authsvc.traces.context import Parent

_RATIOS = {"always_on": 1.0, "always_off": 0.0, "traceidratio": None}
_PARENTS = "parentbased_"
SAMPLERS = (*_RATIOS, *(_PARENTS + name for name in _RATIOS))
_ALL = 1 << 64


@frozen
class Sampler:
    """`below`: a trace is kept when the lower 64 bits of its id are less. `follows_parent`: a caller's choice goes
    before that."""

    below: int
    follows_parent: bool

    def keeps(self, low: int, parent: Parent | None) -> bool:
        """`low`: the lower 64 bits that a new trace's id would have."""
        if parent is None:
            return low < self.below
        return parent.sampled if self.follows_parent else parent.trace_id % _ALL < self.below


def sampler(name: str, ratio: float) -> Sampler:
    """`name` is one of SAMPLERS; `ratio`, from 0 to 1, counts for `traceidratio` alone."""
    fixed = _RATIOS[name.removeprefix(_PARENTS)]
    return Sampler(round((ratio if fixed is None else fixed) * _ALL), name.startswith(_PARENTS))
