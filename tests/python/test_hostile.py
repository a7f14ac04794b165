"""Programs that do what one should not, and interrupts at every place: an error at most, never a crash, and nothing left behind."""

import asyncio
import gc
import signal
import socket
import sys
import threading
import tracemalloc  # noqa: F401  # a warning would import it, and an interrupt come in the middle of that
import unittest
import warnings

import bine
from support import PATIENCE, Echo, LoopCase, Recorder, StreamCase, echo_server, is_sanitized, open_descriptors, tcp_pair, until

KINDS = (ZeroDivisionError, asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)
METHODS = ("connection_made", "data_received", "eof_received", "pause_writing", "resume_writing", "connection_lost")


class Told:
    """What a program and its exception handler were told, on one loop."""

    def __init__(self, loop):
        self.loop = loop
        self.told = []
        loop.set_exception_handler(lambda _, context: self.told.append(type(context.get("exception"))))

    def run(self, coroutine):
        task = self.loop.create_task(coroutine)
        while not task.done():
            try:
                self.loop.run_until_complete(asyncio.wait([task], timeout=PATIENCE))
            except (KeyboardInterrupt, SystemExit) as exit:
                self.told.append(("out of the run", type(exit)))
        try:
            task.result()
        except (KeyboardInterrupt, SystemExit) as exit:
            self.told.append(("out of the task", type(exit)))

    def end(self):
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        return self.told


class RaisingEverywhere(unittest.TestCase):
    """The same program on asyncio's own loop says what is right."""

    def test_every_kind_in_every_method_of_a_protocol(self):
        for method in METHODS:
            for kind in KINDS:
                with self.subTest(method, kind=kind.__name__):
                    expected = self.told_when(asyncio.SelectorEventLoop(), method, kind)
                    # asyncio's own loop stumbles over an exit that came out of resume_writing.
                    expected.discard(AssertionError)
                    self.assertTrue(expected)
                    self.assertEqual(self.told_when(bine.new_event_loop(), method, kind), expected)

    def told_when(self, loop, method, kind):
        told = Told(loop)
        told.run(self.a_connection(told, method, kind))
        return set(told.end())

    async def a_connection(self, told, method, kind):
        recorder = Recorder(told.loop)
        ours, theirs = tcp_pair()

        def fail(*_):
            told.told.append(method)
            raise kind(method)

        setattr(recorder, method, fail)
        transport, _ = await told.loop.create_connection(lambda: recorder, sock=ours)
        transport.write(bytes(20_000_000))
        await told.loop.sock_sendall(theirs, b"x")
        if method != "data_received":
            left = 20_000_000
            while left:
                left -= len(await told.loop.sock_recv(theirs, 100_000))
        theirs.shutdown(socket.SHUT_WR)  # close() could reset it, which nobody is told of as an end
        if method != "connection_lost":
            await until(lambda: told.told)
        theirs.close()
        transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)


class Interrupts(unittest.TestCase):
    """SIGINT's exception in the n-th call of a function, for every n of a program's life."""

    async def echo(self):
        # Nothing is awaited where an exception passes: that would keep it from coming out of the run.
        server = await asyncio.get_running_loop().create_server(lambda: Echo(set()), "127.0.0.1", 0)
        try:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x" * 100_000)
            await writer.drain()
            await reader.readexactly(100_000)
            writer.close()
            await writer.wait_closed()
            await asyncio.sleep(0.0001)
        finally:
            server.close()

    def test_at_every_call_of_an_echo(self):
        sys.unraisablehook, before_hook = lambda _: None, sys.unraisablehook
        self.addCleanup(setattr, sys, "unraisablehook", before_hook)
        filters = warnings.catch_warnings()
        filters.__enter__()
        self.addCleanup(filters.__exit__, None, None, None)
        warnings.simplefilter("ignore", ResourceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        self.interrupted(0)
        before = len(open_descriptors())
        number = 0
        while self.interrupted(number):
            number += 1 if not is_sanitized() else 7
        self.assertGreater(number, 150)
        gc.collect()
        self.assertEqual(len(open_descriptors()), before)
        bine.run(self.echo())

    def interrupted(self, number):
        """Whether the program lived long enough."""
        loop = bine.new_event_loop()
        loop.set_exception_handler(lambda *_: None)
        task = loop.create_task(self.echo())
        left = number

        def count(frame, event, argument):
            nonlocal left
            if event == "call" and left >= 0:
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt

        came = False
        sys.setprofile(count)
        try:
            loop.run_until_complete(asyncio.wait([task], timeout=PATIENCE))
        except KeyboardInterrupt:
            came = True
        finally:
            sys.setprofile(None)
        # One that came in a finalizer is lost, as Python loses all that are raised there.
        self.assertTrue(came or task.done(), f"the interrupt in call {number} was lost")
        self.end(loop)
        return left < 0

    @staticmethod
    def end(loop):
        for _ in range(3):
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False
        loop.close()

    def test_real_ones_come_out_of_a_run_that_waits_and_of_one_that_works(self):
        def busy():
            loop.call_soon(busy)

        for start in (lambda: None, busy):
            loop = bine.new_event_loop()
            start()
            thread = threading.Thread(target=lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT))
            loop.call_later(0.001, thread.start)
            with self.assertRaises(KeyboardInterrupt):
                loop.run_forever()
            thread.join()
            loop.close()


class WrongThreads(StreamCase):
    """While the loop waits in one thread, another one does what is not its to do."""

    def elsewhere(self, function):
        """What the function raised, in another thread, while this one waits in the loop; null: nothing."""
        raised = []

        def call():
            try:
                function()
                raised.append(None)
            except Exception as exception:
                raised.append(exception)
            self.loop.call_soon_threadsafe(lambda: None)

        thread = threading.Thread(target=call)
        self.loop.call_soon(thread.start)
        self.complete(until(lambda: raised))
        thread.join()
        return raised[0]

    def test_what_would_touch_the_network_is_refused(self):
        recorder, theirs = self.complete(self.connected())
        ours, other = tcp_pair()
        transport = recorder.transport
        calls = [lambda: transport.write(b"x"), lambda: transport.writelines([b"x"]), transport.write_eof,
                 transport.pause_reading, transport.resume_reading, lambda: transport.set_write_buffer_limits(1),
                 lambda: self.loop.add_reader(ours, print), lambda: self.loop.add_writer(ours, print)]
        for call in calls:
            refusal = self.elsewhere(call)
            self.assertIsInstance(refusal, RuntimeError)
            self.assertIn("call_soon_threadsafe", str(refusal))
        self.loop.add_reader(ours, print)
        self.assertIsInstance(self.elsewhere(lambda: self.loop.remove_reader(ours)), RuntimeError)
        self.assertTrue(self.loop.remove_reader(ours))
        transport.write(b"well")
        transport.close()
        self.assertEqual(self.complete(self.receive_all(theirs)), b"well")
        self.complete(recorder.lost)
        ours.close()
        other.close()

    def test_what_only_looks_is_allowed(self):
        recorder, _ = self.complete(self.connected())
        transport = recorder.transport
        for call in (transport.is_closing, transport.is_reading, transport.get_write_buffer_size, transport.get_protocol,
                     transport.get_write_buffer_limits, lambda: transport.get_extra_info("peername"), lambda: repr(transport),
                     lambda: repr(self.loop), self.loop.time, self.loop.is_running):
            self.assertIsNone(self.elsewhere(call))
        transport.close()
        self.complete(recorder.lost)

    def test_a_transport_can_be_closed_as_the_collector_may_do(self):
        for method in ("close", "abort"):
            recorder, theirs = self.complete(self.connected())
            if method == "close":
                recorder.transport.write(b"before")
            self.assertIsNone(self.elsewhere(getattr(recorder.transport, method)))
            self.complete(recorder.lost)
            self.assertEqual(self.complete(self.receive_all(theirs)), b"before" if method == "close" else b"")

    def test_a_timer_is_heard_of_at_once(self):
        called = []
        thread = threading.Thread(target=lambda: self.loop.call_later(0.001, lambda: (called.append(1), self.loop.stop())))
        self.loop.call_soon(thread.start)
        self.loop.call_later(PATIENCE, self.loop.stop)
        self.loop.run_forever()
        thread.join()
        self.assertEqual(called, [1])

    def test_several_at_once_do_no_harm(self):
        over = threading.Event()

        def meddle():
            while not over.is_set():
                self.loop.call_later(0.00001, int).cancel()
                self.loop.call_later(0.00001, int)
                self.loop.call_soon(int)
                self.loop.call_soon_threadsafe(int).cancel()
                for transport in list(transports):
                    repr(transport)
                    transport.get_write_buffer_size()
                    transport.close()

        async def main():
            async with echo_server() as address:
                for thread in threads:
                    thread.start()
                try:
                    for _ in range(12):
                        recorder = Recorder(self.loop)
                        transport, _ = await self.loop.create_connection(lambda: recorder, *address)
                        transports.append(transport)
                        transport.write(b"x")
                        await recorder.lost
                        transports.clear()
                finally:
                    over.set()
                    for thread in threads:
                        await self.loop.run_in_executor(None, thread.join)

        transports = []
        threads = [threading.Thread(target=meddle) for _ in range(2)]
        self.complete(main())
        self.complete(self.loop.shutdown_default_executor())


class WrongTimes(LoopCase):
    def test_what_is_closed_can_be_closed_again(self):
        async def main():
            server = await self.loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
            server.close()
            server.close()
            await server.wait_closed()
            await server.wait_closed()
            recorder = Recorder(self.loop)
            ours, theirs = tcp_pair()
            transport, _ = await self.loop.create_connection(lambda: recorder, sock=ours)
            for method in ("close", "close", "abort", "abort", "close"):
                getattr(transport, method)()
            self.assertEqual(recorder.events, ["made"])
            await recorder.lost
            for method in ("close", "abort"):
                getattr(transport, method)()
            theirs.close()

        self.complete(main())
        self.loop.close()
        self.loop.close()

    def test_a_running_loop_is_neither_closed_nor_run(self):
        refused = []

        def wrong():
            coroutine = asyncio.sleep(0)
            for call in (self.loop.close, self.loop.run_forever, lambda: self.loop.run_until_complete(coroutine)):
                try:
                    call()
                except RuntimeError:
                    refused.append(call)
            coroutine.close()
            other = bine.new_event_loop()
            try:
                other.run_forever()
            except RuntimeError:
                refused.append(other)
            other.close()
            self.loop.stop()

        self.loop.call_soon(wrong)
        self.loop.run_forever()
        self.assertEqual(len(refused), 4)

    def test_a_closed_loop_refuses_and_its_transports_are_quiet(self):
        recorder = Recorder(self.loop)
        ours, theirs = tcp_pair()
        transport, _ = self.complete(self.loop.create_connection(lambda: recorder, sock=ours))
        with self.assertWarns(ResourceWarning):
            self.loop.close()
        for call in (lambda: transport.write(b"x"), transport.close, transport.abort, transport.write_eof, transport.pause_reading,
                     transport.resume_reading, transport.get_write_buffer_size, lambda: transport.set_protocol(recorder),
                     lambda: transport.get_extra_info("socket"), lambda: repr(transport)):
            call()
        self.assertEqual(theirs.recv(1) if theirs.fileno() < 0 else b"", b"")
        with self.assertRaises(RuntimeError):
            self.loop.call_soon(print)
        with self.assertRaises(RuntimeError):
            self.loop.add_reader(theirs, print)
        theirs.close()

    def test_a_callback_that_ends_everything_it_can_reach(self):
        async def main():
            async with echo_server() as address:
                for what in ("close", "abort", "write_eof", "pause_reading"):
                    recorder = Recorder(self.loop)
                    transport, _ = await self.loop.create_connection(lambda: recorder, *address)

                    class Ending(asyncio.Protocol):
                        def data_received(self, data):
                            getattr(transport, what)()
                            transport.set_protocol(recorder)
                            transport.get_extra_info("socket")
                            transport.close()
                            gc.collect()

                    transport.set_protocol(Ending())
                    transport.write(b"x" * 100_000)
                    await recorder.lost

        self.complete(main())


if __name__ == "__main__":
    unittest.main()
