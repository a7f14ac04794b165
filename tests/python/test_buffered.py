"""Transports whose protocols have buffers of their own."""

import asyncio
import socket
import unittest

from support import Recorder, StreamCase, pattern


class Sipper(asyncio.BufferedProtocol):
    """Offers `size` bytes at a time."""

    def __init__(self, loop, size):
        self.memory = bytearray(size)
        self.received = b""
        self.lost = loop.create_future()
        self.after_update = lambda: None

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, hint):
        return self.memory

    def buffer_updated(self, count):
        self.received += self.memory[:count]
        self.after_update()

    def eof_received(self):
        pass

    def connection_lost(self, exception):
        self.lost.set_result(exception)


class Buffered(StreamCase):
    def sip(self, size, amount, prepare=lambda sipper: None):
        async def main():
            sipper, theirs = await self.connected(Sipper(self.loop, size))
            prepare(sipper)
            data = pattern(amount)
            await self.loop.sock_sendall(theirs, data)
            theirs.shutdown(socket.SHUT_WR)
            exception = await sipper.lost
            return exception, sipper.received, data

        return self.complete(main())

    def test_every_size_of_buffer_gets_everything(self):
        for size, amount in ((1, 1000), (7, 100_000), (65_536, 1_000_000), (10_000_000, 1_000_000)):
            with self.subTest(size=size):
                exception, received, data = self.sip(size, amount)
                self.assertIsNone(exception)
                self.assertEqual(received, data)

    def test_reading_may_be_paused_between_two_buffers(self):
        def prepare(sipper):
            def pause():
                sipper.transport.pause_reading()
                self.loop.call_soon(sipper.transport.resume_reading)

            sipper.after_update = pause

        exception, received, data = self.sip(997, 200_000, prepare)
        self.assertIsNone(exception)
        self.assertEqual(received, data)

    def test_a_plain_protocol_may_follow_in_the_middle(self):
        recorder = Recorder(self.loop)

        def prepare(sipper):
            sipper.after_update = lambda: sipper.transport.set_protocol(recorder)

        async def main():
            sipper, theirs = await self.connected(Sipper(self.loop, 10))
            prepare(sipper)
            await self.loop.sock_sendall(theirs, pattern(100_000))
            theirs.close()
            self.assertIsNone(await recorder.lost)
            self.assertEqual(sipper.received + recorder.received, pattern(100_000))
            self.assertEqual(len(sipper.received), 10)

        self.complete(main())

    def test_a_protocol_may_follow_while_it_is_asked_for_a_buffer(self):
        async def main():
            recorder = Recorder(self.loop)
            sipper, theirs = await self.connected(Sipper(self.loop, 10))

            class Leaving(Sipper):
                def get_buffer(self, hint):
                    sipper.transport.set_protocol(recorder)
                    return super().get_buffer(hint)

            sipper.transport.set_protocol(Leaving(self.loop, 10))
            await self.loop.sock_sendall(theirs, pattern(100))
            theirs.close()
            self.assertIsNone(await recorder.lost)
            self.assertEqual(recorder.received, pattern(100)[10:])

        self.complete(main())

    def test_a_protocol_is_a_buffered_one_by_its_methods_alone(self):
        class Alone(asyncio.BaseProtocol):
            get_buffer, buffer_updated, eof_received = Sipper.get_buffer, Sipper.buffer_updated, Sipper.eof_received
            connection_made, connection_lost, __init__ = Sipper.connection_made, Sipper.connection_lost, Sipper.__init__

        async def main():
            alone, theirs = await self.connected(Alone(self.loop, 7))
            await self.loop.sock_sendall(theirs, pattern(1000))
            theirs.close()
            self.assertIsNone(await alone.lost)
            self.assertEqual(alone.received, pattern(1000))

        self.complete(main())

    def test_buffers_that_are_none_end_the_connection(self):
        for wrong in (bytearray(0), b"not to be written", None):
            with self.subTest(wrong=wrong):
                exception, received, _ = self.sip(1, 10, lambda sipper: setattr(sipper, "memory", wrong))
                self.assertIsInstance(exception, (RuntimeError, TypeError, BufferError))
                self.assertEqual(received, b"")
                self.take_error(type(exception))

    def test_a_buffer_stays_usable_while_it_is_filled(self):
        def prepare(sipper):
            sipper.after_update = lambda: sipper.memory.extend(b"more")  # fails while somebody holds it

        exception, received, data = self.sip(10, 1000, prepare)
        self.assertIsNone(exception)
        self.assertEqual(received, data)

    def test_an_exception_in_its_methods_ends_the_connection(self):
        for method in ("get_buffer", "buffer_updated"):
            async def main():
                sipper = Sipper(self.loop, 10)
                setattr(sipper, method, lambda *_: 1 / 0)
                _, theirs = await self.connected(sipper)
                await self.loop.sock_sendall(theirs, b"x")
                return await sipper.lost

            with self.subTest(method):
                self.assertIsInstance(self.complete(main()), ZeroDivisionError)
                self.take_error(ZeroDivisionError)


if __name__ == "__main__":
    unittest.main()
