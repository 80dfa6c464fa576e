"""Sockets to listen on, and what the kernel has let in there."""

from __future__ import annotations

import socket

from authsvc.serving.listening import last_connections, listen, port_of


def test_connections_that_wait_are_accepted_and_nobody_is_waited_for() -> None:
    listening = listen("127.0.0.1", 0)
    clients = [socket.create_connection(("127.0.0.1", port_of(listening))) for _ in range(3)]
    accepted = last_connections(listening)
    assert {one.getpeername() for one in accepted} == {one.getsockname() for one in clients}
    assert [one.getblocking() for one in accepted] == [False] * 3
    assert [one.fileno() for one in listening] == [-1] * len(listening)
    assert last_connections(listening) == [], "sockets that are closed have none"
    for one in (*clients, *accepted):
        one.close()
