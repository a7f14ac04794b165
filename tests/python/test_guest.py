"""bine.Guest: a reactor on a loop of somebody else's.

The cases run here on asyncio's own loop, and in an interpreter with packages of others on uvloop's, Tornado's and Twisted's, which
is this program again with the name of a host in BINE_TEST_HOST.
"""

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
import unittest
import warnings
import weakref

import bine
from support import PATIENCE, environment, is_sanitized

LOCAL = "tcp:0:interface=127.0.0.1"
HOST = os.environ.get("BINE_TEST_HOST", "asyncio")


class AsyncioHost:
    """Something that runs coroutines, and a loop that is not bine's below."""

    def __init__(self):
        self.loop = self.new_loop()

    def new_loop(self):
        return asyncio.new_event_loop()

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def close(self):
        self.loop.close()


class UvloopHost(AsyncioHost):
    def new_loop(self):
        import uvloop
        return uvloop.new_event_loop()


class TornadoHost(AsyncioHost):
    def new_loop(self):
        from tornado.ioloop import IOLoop
        self.tornado = IOLoop(make_current=False)
        return self.tornado.asyncio_loop

    def run(self, coroutine):
        return self.tornado.run_sync(lambda: coroutine)

    def close(self):
        self.tornado.close()


class TwistedHost(AsyncioHost):
    """A reactor of Twisted's cannot be started again; the loop below can."""

    def run(self, coroutine):
        from twisted.internet.asyncioreactor import AsyncioSelectorReactor
        from twisted.internet.defer import Deferred
        reactor = AsyncioSelectorReactor(self.loop)
        results = []

        def start():
            done = Deferred.fromFuture(self.loop.create_task(coroutine))
            done.addBoth(results.append)
            done.addBoth(lambda _: reactor.stop())

        reactor.callWhenRunning(start)
        reactor.run(installSignalHandlers=False)
        result, = results
        getattr(result, "raiseException", lambda: None)()
        return result


new_host = {"asyncio": AsyncioHost, "uvloop": UvloopHost, "tornado": TornadoHost, "twisted": TwistedHost}[HOST]


def url_of(server):
    return f"http://127.0.0.1:{server.address[1]}/"


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Guests(unittest.TestCase):
    def setUp(self):
        self.host = new_host()
        self.reports = []
        # What is not closed is what some of this is about.
        warnings.simplefilter("ignore", ResourceWarning)
        self.host.loop.set_exception_handler(lambda _, context: self.reports.append(context))

    def tearDown(self):
        self.host.close()
        gc.collect()
        self.assertEqual(self.reports, [])

    def run_here(self, coroutine):
        return self.host.run(asyncio.wait_for(coroutine, PATIENCE))

    async def hears_the_end(self, reader):
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(await reader.read(), b"")

    def test_it_is_on_the_host_that_is_meant(self):
        async def main():
            return asyncio.get_running_loop()

        self.assertIs(self.run_here(main()), self.host.loop)
        self.assertEqual(type(self.host.loop).__module__.split(".")[0], "uvloop" if HOST == "uvloop" else "asyncio")

    def test_connections_and_streams(self):
        async def main():
            async with await bine.listen(LOCAL, Echo) as port:
                pairs = [await bine.open_connection("tcp:%s:%d" % port.address) for _ in range(10)]
                size = 1 << 20
                for reader, writer in pairs:
                    writer.write(bytes(size))
                for reader, writer in pairs:
                    self.assertEqual(len(await reader.readexactly(size)), size)
                    writer.close()
                    await writer.wait_closed()
            bine._guest.loop_here().close()

        self.run_here(main())

    def test_http_among_timers_and_tasks_of_the_host(self):
        async def main():
            ticks = 0

            async def tick():
                nonlocal ticks
                while True:
                    await asyncio.sleep(0.001)
                    ticks += 1

            ticking = asyncio.ensure_future(tick())

            async def handler(request):
                await asyncio.sleep(0.01)
                return await request.read()

            async with await bine.http.serve(handler, LOCAL, stream=True) as server, bine.http.Client() as client:
                bodies = [os.urandom(100_000) for _ in range(20)]
                answers = await asyncio.gather(*(client.post(url_of(server), body) for body in bodies))
                self.assertEqual([answer.body for answer in answers], bodies)
            ticking.cancel()
            self.assertGreater(ticks, 2)
            bine._guest.loop_here().close()

        self.run_here(main())

    def test_timeouts_of_the_reactor_wake_the_host(self):
        async def main():
            async with await bine.http.serve(lambda request: asyncio.sleep(3600), LOCAL) as server:
                with self.assertRaises(TimeoutError):
                    await bine.http.get(url_of(server), timeout=0.02)

        self.run_here(main())

    def test_the_host_stops_and_starts_again(self):
        async def serve():
            async def handler(request):
                await asyncio.sleep(0.005)
                return "hello"

            return await bine.http.serve(handler, LOCAL)

        async def ask():
            return (await bine.http.get(url_of(server))).text()

        async def begin_to_ask():
            return asyncio.ensure_future(bine.http.get(url_of(server)))

        server = self.run_here(serve())
        self.assertEqual([self.run_here(ask()) for _ in range(5)], ["hello"] * 5)
        asking = self.run_here(begin_to_ask())
        self.assertFalse(asking.done())

        async def end():
            return (await asking).text()

        self.assertEqual(self.run_here(end()), "hello")
        server.close()

    def test_a_handler_stops_the_host(self):
        if HOST in ("tornado", "twisted"):
            self.skipTest("who runs the loop would not know")

        async def serve():
            return await bine.http.serve(lambda request: self.host.loop.stop() or "stopped", LOCAL)

        async def ask():
            return (await bine.http.get(url_of(server))).text()

        server = self.run_here(serve())
        asking = self.host.loop.create_task(ask())
        self.host.loop.run_forever()
        self.assertEqual(self.host.loop.run_until_complete(asking), "stopped")
        server.close()

    def test_closing_ends_what_lives(self):
        async def main():
            began, ended = [], []

            async def handler(request):
                began.append("handler")
                try:
                    await asyncio.sleep(3600)
                finally:
                    ended.append("handler")

            server = await bine.http.serve(handler, LOCAL)
            asking = asyncio.ensure_future(bine.http.get(url_of(server)))
            port = await bine.listen(LOCAL, Echo)
            reader, writer = await asyncio.open_connection(*port.address)
            await until(lambda: began and port.connections)
            bine._guest.loop_here().close()
            with self.assertRaises(asyncio.CancelledError):
                await asking
            await self.hears_the_end(reader)
            writer.close()
            await until(lambda: ended)
            # What it leaves behind says that it is over.
            self.assertIsNone(server.address)
            with self.assertRaises(RuntimeError):
                await server.drain()
            server.close()
            port.close()
            await port.wait_closed()
            # The next one is as good as the first.
            async with await bine.http.serve(lambda request: "again", LOCAL) as again:
                self.assertEqual((await bine.http.get(url_of(again))).text(), "again")

        self.run_here(main())

    def test_it_is_closed_by_a_callback_of_its_own(self):
        async def main():
            guest = bine._guest.loop_here()

            class Closes(asyncio.Protocol):
                def data_received(self, data):
                    guest.close()
                    guest.close()

            port = await bine.listen(LOCAL, Closes)
            reader, writer = await asyncio.open_connection(*port.address)
            writer.write(b"x")
            await self.hears_the_end(reader)
            writer.close()
            self.assertIsNone(port.address)
            self.assertIsNot(bine._guest.loop_here(), guest)

            async def handler(request):
                bine._guest.loop_here().close()

            server = await bine.http.serve(handler, LOCAL)
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await self.hears_the_end(reader)
            writer.close()

        self.run_here(main())

    def test_one_of_ones_own_is_closed_alone(self):
        async def main():
            loop = asyncio.get_running_loop()
            of_all = bine._guest.loop_here()
            async with await bine.http.serve(lambda request: "here", LOCAL) as server:
                mine = bine.Guest(loop)
                self.assertIs(bine._guest.loop_here(), mine)
                mine.close()
                self.assertEqual((await bine.http.get(url_of(server))).text(), "here")
            other = bine.Guest(loop)
            of_all.close()
            self.assertIs(bine._guest.loop_here(), other)

        self.run_here(main())

    def test_it_ends_with_its_host(self):
        async def main():
            server = await bine.http.serve(lambda request: "hello", LOCAL)
            await bine.http.get(url_of(server))
            return weakref.ref(bine._guest.loop_here())

        guest = self.run_here(main())
        self.host.close()
        self.host.loop = None
        if HOST == "tornado":
            self.host.tornado = None
        self.host = new_host()
        gc.collect()
        if HOST != "twisted":  # whose reactors nobody ends
            self.assertIsNone(guest())

    def test_each_thread_has_its_own(self):
        results = []

        def work():
            host = new_host()

            async def main():
                async with await bine.http.serve(lambda request: "hello", LOCAL) as server:
                    for _ in range(20):
                        results.append((await bine.http.get(url_of(server))).text())
                bine._guest.loop_here().close()

            host.run(main())
            host.close()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, ["hello"] * 40)

    def test_a_guest_on_a_loop_of_bines_own(self):
        async def main():
            guest = bine.Guest(asyncio.get_running_loop())
            future = bine._bine._listen(guest, LOCAL, Echo, None)
            port = await future
            reader, writer = await bine.open_connection("tcp:%s:%d" % port.address)
            writer.write(b"nested\n")
            self.assertEqual(await reader.readline(), b"nested\n")
            guest.close()
            await self.hears_the_end(reader)
            writer.close()

        bine.run(main())


@unittest.skipUnless(HOST == "asyncio", "this is the program that the others are run by")
@unittest.skipIf(is_sanitized(), "the programs of others are run without the sanitizer")
class OfOthers(unittest.TestCase):
    def run_on(self, host):
        done = subprocess.run([environment() / "python", "-X", "faulthandler", __file__], check=False, capture_output=True, text=True,
                              env=dict(os.environ, BINE_TEST_HOST=host), timeout=2 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Ran ", done.stderr)

    def test_uvloop(self):
        self.run_on("uvloop")

    def test_tornado(self):
        self.run_on("tornado")

    def test_twisted(self):
        self.run_on("twisted")


if __name__ == "__main__":
    unittest.main()
