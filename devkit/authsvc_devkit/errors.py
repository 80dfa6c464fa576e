"""What may go wrong with the servers. The texts are for the person at the terminal: they say what to do."""

from __future__ import annotations


class AlreadyRunning(RuntimeError):
    """Another process (or another `Servers` of this one) runs the servers of this data directory."""


class ServerFailed(RuntimeError):
    """A server cannot run here. The text says why, ends with the server's own last words, and says what to do."""


class PortTaken(ServerFailed):
    """Somebody was faster: another port may do."""
