"""A program that uses what the package offers, for strict type checkers: they have nothing to say, and it runs."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

import bine
import bine.sim
import bine.twisted
from bine import http

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from twisted.internet.asyncioreactor import AsyncioSelectorReactor
    from typing_extensions import assert_type
else:
    def assert_type(value, kind):
        return value


class Shout(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, bine.StreamTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())


async def forty_two() -> int:
    await asyncio.sleep(0)
    return 42


# Loops.


def run_loops() -> None:
    assert_type(bine.run(forty_two()), int)
    assert_type(bine.run(forty_two(), debug=True), int)
    if sys.version_info >= (3, 12):
        assert_type(asyncio.run(forty_two(), loop_factory=bine.new_event_loop), int)
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=bine.new_event_loop) as runner:
            assert_type(runner.run(forty_two()), int)
    loop = bine.new_event_loop()
    assert_type(loop, bine.EventLoop)
    plain: asyncio.AbstractEventLoop = loop
    assert_type(plain.run_until_complete(forty_two()), int)
    assert_type(loop.run_until_complete(forty_two()), int)
    assert_type(loop.driver, str)
    assert_type(loop.driver_reason, str)
    use_loop(loop)
    loop.close()
    bine.EventLoop(reactor="epoll").close()
    policy: asyncio.AbstractEventLoopPolicy = bine.EventLoopPolicy()
    asyncio.set_event_loop_policy(policy)
    bine.install()
    asyncio.set_event_loop_policy(None)
    assert_type(bine.__version__, str)


def use_loop(loop: bine.EventLoop) -> None:
    context: Context = copy_context()
    handle: asyncio.Handle = loop.call_soon(print, "called", context=context)
    handle.cancel()
    timer: asyncio.TimerHandle = loop.call_later(1, print)
    assert_type(timer.when(), float)
    timer.cancel()
    loop.call_at(loop.time() + 1, print, 1, 2).cancel()
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()
    loop.set_debug(False)
    assert_type(loop.get_debug(), bool)


# Endpoints and TLS.


async def use_endpoints() -> None:
    server_side = bine.TLSContext.self_signed("localhost", days=2)
    assert_type(server_side, bine.TLSContext)
    assert_type(server_side.certificates, list[str])
    assert_type(server_side.key, "str | None")
    client_side = bine.TLSContext(ca=server_side.certificates[0], alpn=["echo"], minimum="TLSv1.3")
    assert_type(client_side.is_server, bool)
    async with await bine.listen("tcp:0:interface=127.0.0.1", Shout, tls=server_side) as port:
        assert_type(port, bine.Port)
        host, number = port.address
        endpoint = f"tcp:{host}:{number}"
        transport, protocol = await bine.connect(endpoint, Shout, tls=client_side, server_hostname="localhost")
        assert_type(transport, bine.StreamTransport)
        assert_type(protocol, Shout)
        assert_type(transport.get_write_buffer_size(), int)
        facts: Any = transport.get_extra_info("version")
        assert facts == "TLSv1.3", facts
        transport.close()
        reader, writer = await bine.open_connection(endpoint, tls=client_side, server_hostname="localhost", limit=100)
        assert_type(reader, asyncio.StreamReader)
        assert_type(writer, asyncio.StreamWriter)
        writer.write(b"hello\n")
        assert await reader.readline() == b"HELLO\n"
        writer.close()
        await writer.wait_closed()
        assert_type(port.connections, int)
        assert_type(port.is_open, bool)


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello, " + await reader.readline())
    writer.close()


async def use_streams() -> None:
    port = await bine.start_server(greet, "tcp:0:interface=127.0.0.1", limit=1000)
    reader, writer = await bine.open_connection(f"tcp:127.0.0.1:{port.address[1]}")
    writer.write(b"you\n")
    assert await reader.read() == b"hello, you\n"
    writer.close()
    port.close()
    await port.wait_closed()


async def use_loops_tls() -> None:
    server_side = bine.TLSContext.self_signed("localhost")
    client_side = bine.TLSContext(ca=server_side.certificates[0])
    loop = asyncio.get_running_loop()
    assert isinstance(loop, bine.EventLoop)
    server = await loop.create_server(Shout, "127.0.0.1", 0, ssl=server_side)
    assert_type(server, asyncio.Server)
    async with server:
        port: int = server.sockets[0].getsockname()[1]
        transport, protocol = await loop.create_connection(Shout, "127.0.0.1", port, ssl=client_side, server_hostname="localhost")
        assert_type(transport, asyncio.Transport)
        assert_type(protocol, Shout)
        transport.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname="localhost")
        writer.write(b"hello\n")
        assert await reader.readline() == b"HELLO\n"
        writer.close()
    with_pythons = ssl.create_default_context()
    (await loop.create_server(Shout, "127.0.0.1", 0, ssl=with_pythons)).close()


# Guests.


async def use_guest() -> None:
    guest = bine.Guest(asyncio.get_running_loop())
    await use_streams()
    guest.close()


# HTTP.

router = http.Router()


@router.get("/users/{id}")
async def user(request: http.Request) -> dict[str, object]:
    if request.params["id"] != "7":
        raise http.HTTPError(404, "there is only user 7", {"X-Reason": "none"})
    return {"id": 7, "name": request.query.get("name", "nobody"), "agent": request.headers.get("user-agent")}


@router.post("/upper", stream=True)
async def upper(request: http.Request) -> AsyncIterator[bytes]:
    async for piece in request:
        assert_type(piece, bytes)
        yield piece.upper()


@router.any("/plain")
def plain(request: http.Request) -> str:
    return f"{request.method} {request.text()}"


async def others(request: http.Request) -> http.Response | None:
    return http.Response({"path": request.path}, status=201, headers=[("X-A", "b")], type="application/json") if request.path else None


async def use_http() -> None:
    still: Callable[[http.Request], Coroutine[Any, Any, dict[str, object]]] = user
    assert still is user
    router.add("GET", "/others", others)
    async with await http.serve(router, "tcp:0:interface=127.0.0.1", limit=1 << 16, idle_timeout=5) as server:
        assert_type(server, http.Server)
        site = f"http://127.0.0.1:{server.address[1]}"
        answer = await http.get(f"{site}/users/7", params={"name": "bine"}, headers={"X-A": "b"}, timeout=10)
        assert_type(answer, http.Answer)
        assert_type(answer.status, int)
        assert_type(answer.ok, bool)
        assert_type(answer.body, bytes)
        assert_type(answer.text(), str)
        assert_type(answer.headers["content-type"], str)
        assert_type(answer.headers.get("x-none"), "str | None")
        assert_type(answer.headers.get_all("x-none"), list[str])
        assert_type(answer.history, list[tuple[int, str]])
        assert answer.json()["name"] == "bine"
        assert (await http.post(f"{site}/plain", "text")).text() == "POST text"
        assert (await http.request("PUT", f"{site}/plain", body=b"bytes")).text() == "PUT bytes"
        assert (await http.put(f"{site}/plain", form={"a": 1})).ok and (await http.delete(f"{site}/plain")).ok
        assert (await http.head(f"{site}/others", redirects=0)).status == 201
        async with http.Client(timeout=10, headers=[("X-A", "b")], limit=1000) as client:
            async with await client.post(f"{site}/upper", b"bit by bit", stream=True) as answer:
                async for piece in answer:
                    assert_type(piece, bytes)
        assert_type(server.requests_answered, int)
        await server.drain()
        await server.wait_closed()
    (await http.serve(lambda request: b"hello", "tcp:0:interface=127.0.0.1", tls=bine.TLSContext.self_signed("localhost"))).close()


# Simulated worlds.


async def serve() -> None:
    server = await asyncio.start_server(greet, None, 7000)
    await server.serve_forever()


async def program(world: bine.sim.World) -> int:
    host = world.host("server")
    host.run(serve)
    assert_type(host.up, bool)
    assert_type(world.now, float)
    await asyncio.sleep(1)
    reader, writer = await asyncio.open_connection("server", 7000)
    writer.write(b"you\n")
    world.check(await reader.read() == b"hello, you\n", "it greets")
    writer.close()
    await world.must(lambda: True, "something")
    assert_type(world.choose("which", 3), int)
    world.sometimes(world.one_in("how often", 2), "this")
    world.call_at(world.now + 1, lambda: world.note("a second later"))
    return 42


def use_worlds() -> None:
    network = bine.sim.Network(longest_latency=0.1)
    run = bine.sim.run(program, seed=7, network=network)
    assert_type(run, bine.sim.Run[int])
    assert_type(run.result, "int | None")
    assert_type(run.choices, list[int])
    explored = bine.sim.explore(program, seeds=3, network=network)
    assert_type(explored, bine.sim.Explored)
    assert_type(explored.reached, dict[str, int])
    try:
        bine.sim.run(program, choices=run.choices)
    except bine.sim.Failed as failed:
        assert_type(failed.run.failure, "str | None")


# Twisted.


def use_twisted() -> AsyncioSelectorReactor:
    return bine.twisted.install(bine.new_event_loop())


def main() -> None:
    run_loops()
    bine.run(use_endpoints())
    bine.run(use_streams())
    bine.run(use_loops_tls())
    bine.run(use_http())
    asyncio.run(use_guest())
    use_worlds()


if __name__ == "__main__":
    main()
