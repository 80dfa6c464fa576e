"""The rules. Pure: no await, no clock, no randomness, no I/O; `now` and random bytes come in as arguments.

A rule returns a verdict and never raises for what a caller sent. Flows load, ask a rule, apply the verdict, commit,
and only then speak: a replayed refresh token must COMMIT the end of its session and still fail the request, and an
exception inside the transaction would undo exactly that.
"""
