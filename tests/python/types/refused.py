"""What a strict type checker refuses, line by line: behind each such line is mypy's name of the error that it is."""

from __future__ import annotations

import asyncio
import ssl

import bine
import bine.twisted


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


# Guests and Twisted.

bine.Guest()  # error: call-arg
bine.Guest(nothing())  # error: arg-type
bine.twisted.install(1)  # error: arg-type
bine.twisted.reactor.run()  # error: attr-defined
