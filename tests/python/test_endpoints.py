"""Endpoint strings in Python, on bine's own loop and as a guest of asyncio's."""

import asyncio
import gc
import os
import tempfile
import unittest

import bine
from support import LoopCase

LOCAL = "tcp:0:interface=127.0.0.1"


def place_of(port):
    return f"tcp:127.0.0.1:{port.address[1]}"


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Client(asyncio.Protocol):
    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.made = self.lost = 0
        self.received = b""
        self.changed = self.loop.create_future()

    def connection_made(self, transport):
        self.made += 1
        self.transport = transport

    def data_received(self, data):
        self.received += data
        self._tell()

    def connection_lost(self, exc):
        self.lost += 1
        self._tell()

    def _tell(self):
        self.changed.set_result(None)
        self.changed = self.loop.create_future()

    async def until(self, condition):
        while not condition(self):
            await self.changed


class EndpointCases:
    """What holds on every loop."""

    def test_bytes_travel_both_ways(self):
        async def main():
            async with await bine.listen(LOCAL, Echo) as port:
                self.assertEqual(port.endpoint, LOCAL)
                self.assertEqual(port.address[0], "127.0.0.1")
                transport, protocol = await bine.connect(place_of(port), Client)
                self.assertEqual(protocol.made, 1)
                self.assertEqual(transport.get_extra_info("peername"), port.address)
                self.assertIsNone(transport.get_extra_info("sslcontext"))
                self.assertIsNone(transport.get_extra_info("cipher"))
                transport.write(b"hello ")
                transport.writelines([b"wor", b"ld"])
                await protocol.until(lambda client: client.received == b"hello world")
                self.assertEqual(port.connections, 1)
                transport.close()
                await protocol.until(lambda client: client.lost)
            self.assertFalse(port.is_open)

        self.complete(main())

    def test_streams_are_as_those_of_asyncio(self):
        async def serve(reader, writer):
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        async def main():
            async with await bine.start_server(serve, LOCAL) as port:
                reader, writer = await bine.open_connection(place_of(port))
                writer.write(b"a line\n")
                self.assertEqual(await reader.read(), b"A LINE\n")
                writer.close()
                await writer.wait_closed()

        self.complete(main())

    def test_much_is_sent_no_faster_than_it_is_read(self):
        much = os.urandom(1 << 20) * 8

        async def serve(reader, writer):
            await asyncio.sleep(0.05)
            writer.write(len(await reader.readexactly(len(much))).to_bytes(8, "big"))
            writer.close()

        async def main():
            async with await bine.start_server(serve, LOCAL) as port:
                reader, writer = await bine.open_connection(place_of(port))
                writer.write(much)
                await writer.drain()
                self.assertEqual(int.from_bytes(await reader.read(), "big"), len(much))
                writer.close()

        self.complete(main())

    def test_unix_sockets(self):
        async def main():
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "socket")
                async with await bine.listen(f"unix:{path}", Echo) as port:
                    self.assertEqual(port.address, path)
                    transport, protocol = await bine.connect(f"unix:{path}", Client)
                    transport.write(b"over a file")
                    await protocol.until(lambda client: client.received == b"over a file")
                    transport.close()
                    await protocol.until(lambda client: client.lost)

        self.complete(main())

    def test_the_proxy_protocol_names_the_client(self):
        async def main():
            seen = asyncio.get_running_loop().create_future()

            class Tell(asyncio.Protocol):
                def connection_made(self, transport):
                    seen.set_result(transport.get_extra_info("peername"))
                    transport.close()

            async with await bine.listen(f"haproxy:{LOCAL}", Tell) as port:
                transport, _ = await bine.connect(place_of(port), Client)
                transport.write(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n")
                self.assertEqual(await seen, ("192.0.2.7", 4711))
                transport.close()

        self.complete(main())

    def test_an_endpoint_that_nobody_understands_says_what_would_do(self):
        async def main():
            for endpoint, words in (("tcp:port", "port"), ("smoke:7", "tcp"), ("", "endpoint"), ("tcp:80:colour=red", "colour")):
                with self.assertRaisesRegex((ValueError, OSError), words):
                    await bine.listen(endpoint, Echo)
            with self.assertRaisesRegex(OSError, "smoke.*(tcp|unix)"):
                await bine.connect("smoke:7", Echo)

        self.complete(main())

    def test_an_address_in_use_is_an_oserror(self):
        async def main():
            async with await bine.listen(LOCAL, Echo) as port:
                with self.assertRaises(OSError):
                    await bine.listen(f"tcp:{port.address[1]}:interface=127.0.0.1", Echo)

        self.complete(main())

    def test_whom_nobody_answers_is_a_refusal(self):
        async def main():
            async with await bine.listen(LOCAL, Echo) as port:
                place = place_of(port)
            with self.assertRaises(ConnectionRefusedError):
                await bine.connect(place, Client)

        self.complete(main())

    def test_what_the_factory_of_a_client_raises_goes_to_who_connects(self):
        wrong = LookupError("no protocol")

        def refuse():
            raise wrong

        async def main():
            async with await bine.listen(LOCAL, Echo) as port:
                with self.assertRaises(LookupError) as caught:
                    await bine.connect(place_of(port), refuse)
                self.assertIs(caught.exception, wrong)

        self.complete(main())

    def test_giving_up_ends_the_attempt(self):
        async def main():
            for _ in range(3):
                async with await bine.listen(LOCAL, Echo) as port:
                    task = asyncio.ensure_future(bine.connect(place_of(port), Client))
                    await asyncio.sleep(0)
                    task.cancel()
                    with self.assertRaises(asyncio.CancelledError):
                        await task

        self.complete(main())

    def test_a_port_that_nobody_keeps_goes_on(self):
        async def main():
            ended = asyncio.Event()

            class Ending(Echo):
                def connection_lost(self, exc):
                    ended.set()

            place = place_of(await bine.listen(LOCAL, Ending))
            gc.collect()
            transport, protocol = await bine.connect(place, Client)
            transport.write(b"still there")
            await protocol.until(lambda client: client.received == b"still there")
            transport.close()
            await ended.wait()

        self.complete(main())

    def test_wait_closed_ends_with_close(self):
        async def main():
            port = await bine.listen(LOCAL, Echo)
            waiting = asyncio.ensure_future(port.wait_closed())
            await asyncio.sleep(0.01)
            self.assertFalse(waiting.done())
            port.close()
            await waiting
            await port.wait_closed()
            port.close()

        self.complete(main())


class OnBine(EndpointCases, LoopCase):
    pass


class AsGuest(EndpointCases, unittest.TestCase):
    """The same on asyncio's own loop."""

    def complete(self, awaitable):
        async def main():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: reports.append(context))
            try:
                return await asyncio.wait_for(awaitable, 60)
            finally:
                guest = bine._guest.loop_here()
                self.assertIsInstance(guest, bine.Guest)
                guest.close()

        reports = []
        asyncio.run(main())
        gc.collect()
        self.assertEqual(reports, [])

    def test_a_guest_that_nobody_closes_ends_with_its_host(self):
        async def main():
            await bine.listen(LOCAL, Echo)

        asyncio.run(main())
        gc.collect()


if __name__ == "__main__":
    unittest.main()
