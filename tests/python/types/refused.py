"""What a strict type checker refuses, line by line: behind each such line is mypy's name of the error that it is."""

from __future__ import annotations

import asyncio
import ssl

import bine
import bine.sim
import bine.twisted
from bine import http


async def nothing() -> None:
    pass


class Shout(asyncio.Protocol):
    pass


# Loops.

number: int = bine.run(nothing())  # error: assignment
bine.run(nothing)  # error: arg-type
bine.run(nothing(), debug="yes")  # error: arg-type
bine.EventLoop("epoll")  # error: call-arg
bine.EventLoop(reactor="kqueue")  # error: arg-type
loop = bine.new_event_loop()
loop.call_soon(print, nothing=1)  # error: call-arg
loop.call_later("1", print)  # error: arg-type
loop.call_soon(nothing, 1)  # error: arg-type
loop.no_such_thing()  # error: attr-defined
loop.driver = "epoll"  # error: misc
policy: asyncio.AbstractEventLoop = bine.EventLoopPolicy()  # error: assignment
bine.install(loop)  # error: call-arg
bine.no_such_thing()  # error: attr-defined


# Endpoints and TLS.


async def use_endpoints(context: ssl.SSLContext) -> None:
    bine.listen("tcp:0", Shout)  # error: unused-coroutine
    await bine.listen(7000, Shout)  # error: arg-type
    await bine.listen("tcp:0", Shout())  # error: arg-type
    await bine.listen("tcp:0", Shout, ssl=context)  # error: call-arg
    await bine.listen("tcp:0", Shout, tls=context)  # error: arg-type
    port = await bine.listen("tcp:0", Shout)
    port.address = ("127.0.0.1", 1)  # error: misc
    port.wait_closed()  # error: unused-coroutine
    await port.close()  # error: func-returns-value misc
    transport, protocol = await bine.connect("tcp:localhost:1", Shout, server_hostname=b"localhost")  # error: arg-type
    transport.write("text")  # error: arg-type
    protocol.no_such_thing()  # error: attr-defined
    await bine.connect("tcp:localhost:1", asyncio.Transport)  # error: type-var
    await bine.start_server("tcp:0", nothing)  # error: arg-type arg-type
    reader, writer = await bine.open_connection("tcp:localhost:1", limit="all")  # error: arg-type
    writer.write(await reader.readline(1))  # error: call-arg


bine.TLSContext("cert.pem", "key.pem", True)  # error: call-arg
bine.TLSContext(ca=ssl.create_default_context())  # error: arg-type
bine.TLSContext(alpn=[b"h2"])  # error: list-item
bine.TLSContext(minimum="TLSv1.1")  # error: arg-type
bine.TLSContext(client_certificate=True)  # error: arg-type
bine.TLSContext.self_signed(["localhost"])  # error: arg-type
bine.TLSContext.self_signed("localhost", days="30")  # error: arg-type
bine.StreamTransport.no_such_thing  # error: attr-defined


class MyContext(bine.TLSContext):  # error: misc
    pass


# HTTP.

router = http.Router()


@router.get("/pattern")  # error: type-var
def number_of(request: http.Request) -> int:
    return 1


@router.post("/pattern", streamed=True)  # error: call-arg
async def upper(request: http.Request) -> str:
    return request.body.upper()  # error: return-value


@router.get("/pattern")  # error: type-var
async def without_request() -> str:
    return ""


async def use_http(request: http.Request) -> None:
    http.get("http://localhost/")  # error: unused-coroutine
    await http.get(b"http://localhost/")  # error: arg-type
    await http.get("http://localhost/", parameters={})  # error: call-arg
    await http.get("http://localhost/", timeout="10")  # error: arg-type
    await http.post("http://localhost/", {"a": 1})  # error: arg-type
    answer = await http.post("http://localhost/", json={"a": 1}, headers={"X-A": 1})  # error: arg-type
    answer.status = "200"  # error: assignment
    answer.body()  # error: operator
    for piece in answer:  # error: attr-defined
        pass
    answer.headers["X-A"] = "b"  # error: index
    http.Client(connections=10)  # error: call-arg
    await http.serve(router)  # error: call-arg
    await http.serve("tcp:80", router)  # error: arg-type arg-type
    await http.serve(router, "tcp:80", tls=ssl.create_default_context())  # error: arg-type
    http.Response(1)  # error: arg-type
    http.Response("text", 200)  # error: call-arg
    raise http.HTTPError("404")  # error: arg-type


# Simulated worlds.


async def program(world: bine.sim.World) -> int:
    world.check(world.now)  # error: call-arg
    world.must(lambda: True, "something")  # error: unused-coroutine
    world.host("server").run(nothing())  # error: arg-type
    world.choose(3, "which")  # error: arg-type arg-type
    return 42


text: str = bine.sim.run(program).result  # error: assignment
bine.sim.run(nothing)  # error: arg-type
bine.sim.run(program, seeds=7)  # error: call-arg
bine.sim.explore(program, seed=7)  # error: call-arg
bine.sim.Network(latency=1)  # error: call-arg
bine.sim.Network().buffer = 1  # error: misc

# Guests and Twisted.

bine.Guest()  # error: call-arg
bine.Guest(nothing())  # error: arg-type
bine.twisted.install(1)  # error: arg-type
bine.twisted.reactor.run()  # error: attr-defined
