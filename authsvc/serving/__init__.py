"""The process and its sockets: listening, HTTP/1.1 limits, one worker, and the supervisor of several.

Law: imports nothing of `cli`, and knows no route, no rule and no table: it runs the ASGI application that `app` makes.

    listening     sockets, opened before anything else; TLS
    core_dumps    none is left
    protocol      HTTP/1.1 limits that uvicorn lacks
    exchange      one request and its answer, for the application
    head          what is wrong with a request's head; pure
    worker        one process that serves, and its graceful end
    supervisor    several workers on the same sockets
    failure_text  what an exception tells the operator, and the exit code
"""

from __future__ import annotations


class CannotServe(Exception):
    """The service cannot listen, or cannot go on. The message is one line and says what to do."""
