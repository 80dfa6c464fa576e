"""The fault proxy does what the fault tests believe it does."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.faultproxy import FaultProxy

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """Answers every line with the same line; remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.clients = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients += 1
        try:
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(line)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def echo_at(path: Path) -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_unix_server(echo.serve, path)
    try:
        yield echo
    finally:
        server.close()


@pytest.fixture
async def upstream() -> AsyncIterator[tuple[Path, Echo]]:
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        path = Path(directory) / "echo.sock"
        async with echo_at(path) as echo:
            yield path, echo


async def connect(proxy: FaultProxy) -> Client:
    if proxy.port:
        return await asyncio.open_connection("127.0.0.1", proxy.port)
    return await asyncio.open_unix_connection(proxy.path)


async def ask(client: Client, line: bytes) -> bytes:
    reader, writer = client
    writer.write(line)
    await writer.drain()
    return await asyncio.wait_for(reader.readline(), 2)


async def is_silent(awaitable: Awaitable[bytes]) -> bool:
    try:
        await asyncio.wait_for(awaitable, 0.15)
    except TimeoutError:
        return True
    return False


async def eventually(condition: Callable[[], bool]) -> bool:
    for _ in range(200):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False


async def is_closed(client: Client) -> bool:
    try:
        return await asyncio.wait_for(client[0].read(1), 2) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("tcp", [False, True])
async def test_it_forwards_and_counts(upstream: tuple[Path, Echo], tcp: bool) -> None:
    path, _ = upstream
    async with FaultProxy(path, tcp=tcp) as proxy:
        client = await connect(proxy)
        assert await ask(client, b"hello\n") == b"hello\n"
        assert await ask(client, b"x" * 60000 + b"\n") == b"x" * 60000 + b"\n"
        assert (proxy.connections, proxy.cuts) == (1, 0)
        assert proxy.bytes_up == proxy.bytes_down == 60007
        client[1].close()


async def test_the_unix_socket_has_the_name_asked_for_and_goes_away(upstream: tuple[Path, Echo]) -> None:
    async with FaultProxy(upstream[0], name=".s.PGSQL.5432") as proxy:
        assert proxy.path == proxy.directory / ".s.PGSQL.5432"
        assert proxy.path.is_socket()
        assert len(str(proxy.path)) < 60
    assert not proxy.directory.exists()


async def test_it_forwards_to_tcp_servers_too(upstream: tuple[Path, Echo]) -> None:
    async with (
        FaultProxy(upstream[0], tcp=True) as inner,
        FaultProxy(("127.0.0.1", inner.port)) as outer,
    ):
        assert await ask(await connect(outer), b"twice\n") == b"twice\n"


async def test_a_client_that_has_finished_speaking_still_gets_its_answer(upstream: tuple[Path, Echo]) -> None:
    async with FaultProxy(upstream[0]) as proxy:
        reader, writer = await connect(proxy)
        writer.write(b"last words\n")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 2) == b"last words\n"


async def test_delay_holds_each_chunk_both_ways_and_can_change_live(upstream: tuple[Path, Echo]) -> None:
    async with FaultProxy(upstream[0]) as proxy:
        client = await connect(proxy)
        clock = asyncio.get_running_loop().time
        proxy.delay = 0.1
        before = clock()
        assert await ask(client, b"slow\n") == b"slow\n"
        assert clock() - before >= 0.19
        proxy.delay = 0
        before = clock()
        assert await ask(client, b"fast\n") == b"fast\n"
        assert clock() - before < 0.09


async def test_a_black_hole_stalls_open_connections_and_gives_them_back_whole(upstream: tuple[Path, Echo]) -> None:
    path, echo = upstream
    async with FaultProxy(path) as proxy:
        client = await connect(proxy)
        await ask(client, b"before\n")
        proxy.blackhole()
        client[1].write(b"held\n")
        assert await is_silent(client[0].readline())
        assert echo.heard == [b"before\n"]
        proxy.heal()
        assert await asyncio.wait_for(client[0].readline(), 2) == b"held\n"
        assert await ask(client, b"after\n") == b"after\n"
        assert proxy.cuts == 0


async def test_a_black_hole_accepts_and_swallows_new_connections(upstream: tuple[Path, Echo]) -> None:
    path, echo = upstream
    async with FaultProxy(path) as proxy:
        proxy.blackhole()
        client = await connect(proxy)
        client[1].write(b"lost\n" * 100000)
        assert await is_silent(client[0].readline())
        proxy.heal()
        assert await is_closed(client)
        assert (proxy.connections, proxy.cuts, echo.clients) == (1, 1, 0)
        assert await ask(await connect(proxy), b"again\n") == b"again\n"
        assert echo.heard == [b"again\n"]


@pytest.mark.parametrize("tcp", [False, True])
async def test_cut_resets_open_connections_and_welcomes_new_ones(upstream: tuple[Path, Echo], tcp: bool) -> None:
    async with FaultProxy(upstream[0], tcp=tcp) as proxy:
        clients = [await connect(proxy) for _ in range(3)]
        for client in clients:
            await ask(client, b"up\n")
        proxy.cut()
        proxy.cut()
        for client in clients:
            assert await is_closed(client)
        assert proxy.cuts == 3
        assert await ask(await connect(proxy), b"new\n") == b"new\n"


async def test_over_tcp_a_cut_is_a_reset(upstream: tuple[Path, Echo]) -> None:
    async with FaultProxy(upstream[0], tcp=True) as proxy:
        client = await connect(proxy)
        await ask(client, b"up\n")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(client[0].read(1), 2)


async def test_a_connection_cut_in_a_black_hole_is_gone_at_once(upstream: tuple[Path, Echo]) -> None:
    async with FaultProxy(upstream[0]) as proxy:
        client = await connect(proxy)
        await ask(client, b"up\n")
        proxy.blackhole()
        client[1].write(b"held\n")
        proxy.cut()
        assert await is_closed(client)
        assert await eventually(lambda: not proxy._open)


async def test_refuse_closes_new_connections_and_leaves_the_open_ones(upstream: tuple[Path, Echo]) -> None:
    path, echo = upstream
    async with FaultProxy(path) as proxy:
        old = await connect(proxy)
        await ask(old, b"up\n")
        proxy.refuse()
        assert await is_closed(await connect(proxy))
        assert await ask(old, b"still\n") == b"still\n"
        assert (proxy.connections, echo.clients) == (2, 1)
        proxy.heal()
        assert await ask(await connect(proxy), b"new\n") == b"new\n"


async def test_cut_after_request_loses_the_answer_of_work_that_was_done(upstream: tuple[Path, Echo]) -> None:
    path, echo = upstream
    async with FaultProxy(path) as proxy:
        client = await connect(proxy)
        proxy.cut_after_request(b"COMMIT")
        assert await ask(client, b"BEGIN\n") == b"BEGIN\n"
        client[1].write(b"COM")
        await client[1].drain()
        assert await is_silent(client[0].readline())
        client[1].write(b"MIT\n")
        assert await is_closed(client)
        assert echo.heard == [b"BEGIN\n", b"COMMIT\n"]
        assert (proxy.cuts, proxy.bytes_down) == (1, len(b"BEGIN\n"))
        again = await connect(proxy)
        assert await ask(again, b"COMMIT\n") == b"COMMIT\n"


async def test_cut_after_request_loses_as_many_answers_as_it_is_told(upstream: tuple[Path, Echo]) -> None:
    path, echo = upstream
    async with FaultProxy(path) as proxy:
        proxy.cut_after_request(b"COMMIT", times=2)
        for _ in range(2):
            client = await connect(proxy)
            client[1].write(b"COMMIT\n")
            assert await is_closed(client)
        assert await ask(await connect(proxy), b"COMMIT\n") == b"COMMIT\n"
        assert (proxy.cuts, echo.heard) == (2, [b"COMMIT\n"] * 3)


async def test_drop_next_answer_swallows_one_answer_and_keeps_the_connection(upstream: tuple[Path, Echo]) -> None:
    path, echo = upstream
    async with FaultProxy(path) as proxy:
        client = await connect(proxy)
        proxy.drop_next_answer()
        client[1].write(b"one\n")
        assert await is_silent(client[0].readline())
        assert await ask(client, b"two\n") == b"two\n"
        assert (proxy.dropped, proxy.cuts, echo.heard) == (1, 0, [b"one\n", b"two\n"])


async def test_a_banned_request_never_reaches_the_server(upstream: tuple[Path, Echo]) -> None:
    path, echo = upstream
    async with FaultProxy(path) as proxy:
        old = await connect(proxy)
        await ask(old, b"GET /\n")
        proxy.ban_request(b"GET /stream")
        assert await ask(old, b"GET /other\n") == b"GET /other\n"
        old[1].write(b"GET /stream\n")
        assert await is_closed(old)
        again = await connect(proxy)
        again[1].write(b"GET /stream\n")
        assert await is_closed(again)
        assert echo.heard == [b"GET /\n", b"GET /other\n"]
        proxy.heal()
        assert await ask(await connect(proxy), b"GET /stream\n") == b"GET /stream\n"


async def test_several_upstreams_take_turns_past_one_that_is_dead(upstream: tuple[Path, Echo]) -> None:
    path, echo = upstream
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        other = Path(directory) / "other.sock"
        async with echo_at(other) as second, FaultProxy([path, "/tmp/there-is-no-such-socket", other]) as proxy:
            for _ in range(6):
                assert await ask(await connect(proxy), b"up\n") == b"up\n"
            assert echo.clients == 2
            assert second.clients == 4


async def test_a_dead_upstream_closes_the_client() -> None:
    async with FaultProxy("/tmp/there-is-no-such-socket") as proxy:
        assert await is_closed(await connect(proxy))
        assert proxy.bytes_up == 0


async def test_nothing_is_left_behind(upstream: tuple[Path, Echo]) -> None:
    before = asyncio.all_tasks()
    async with FaultProxy(upstream[0]) as proxy:
        clients = [await connect(proxy) for _ in range(3)]
        await ask(clients[0], b"up\n")
        proxy.delay = 60
        clients[1][1].write(b"waiting out a delay\n")
        proxy.blackhole()
        clients.append(await connect(proxy))
        await eventually(lambda: proxy.connections == 4)
    for client in clients:
        assert await is_closed(client)
        client[1].close()
    assert await eventually(lambda: {t for t in asyncio.all_tasks() - before if "Echo" not in repr(t)} == set())


@pytest.mark.parametrize("held", [b"held\n", b""])
async def test_what_is_held_for_a_server_that_is_gone_is_lost_silently(
    upstream: tuple[Path, Echo], held: bytes
) -> None:
    """uvloop refuses to write to what is closed, where asyncio says nothing."""
    async with FaultProxy(upstream[0]) as proxy:
        client = await connect(proxy)
        await ask(client, b"up\n")
        proxy.blackhole()
        if held:
            client[1].write(held)
        else:
            client[1].write_eof()
        await asyncio.sleep(0.05)
        [connection] = proxy._open
        connection._writers[1].transport.abort()
        await asyncio.sleep(0.05)
        proxy.heal()
        await connection.task
        assert await is_closed(client)
        client[1].close()
    assert upstream[1].heard == [b"up\n"]
