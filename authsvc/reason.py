"""Why a request was answered as it was, in one word of lower_snake: for the access log, error pages and tests. Never
what a caller or a person wrote. docs/reference/reasons.md lists them: it is made of the functions that return one."""

from __future__ import annotations

Reason = str
