"""The ends of TLS that asyncio's own protocol makes out of a transport, and what comes when."""

import asyncio
import contextvars
import gc
import ssl
import sys
import unittest
import weakref

from support import Recorder, StreamCase, client_context, make_certificates, pattern, server_context, tcp_pair, until


class Peer:
    """The other side of TLS, by hand: each step is a call."""

    def __init__(self, loop, sock, context):
        self.loop, self.sock = loop, sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    async def do(self, step, *arguments):
        while True:
            try:
                done = step(*arguments)
                await self.send()
                return done
            except ssl.SSLWantReadError:
                await self.send()
                data = await self.loop.sock_recv(self.sock, 65536)
                self.incoming.write(data) if data else self.incoming.write_eof()

    async def send(self):
        if data := self.outgoing.read():
            await self.loop.sock_sendall(self.sock, data)

    async def says(self, data):
        self.tls.write(data)
        await self.send()

    async def hears(self, size):
        heard = bytearray()
        while len(heard) < size:
            heard += await self.do(self.tls.read, size - len(heard))
        return heard

    async def hears_the_end(self):
        """What came before close_notify."""
        heard = bytearray()
        while True:
            try:
                data = await self.do(self.tls.read, 65536)
            except ssl.SSLZeroReturnError:
                return heard
            if not data:
                return heard
            heard += data


@unittest.skipIf(sys.version_info < (3, 11), "Python's own TLS was another one, which is taken as it is")
class TlsEnds(StreamCase):
    @classmethod
    def setUpClass(cls):
        folder = make_certificates(cls)
        cls.server_context = server_context(folder)
        cls.client_context = client_context(folder)

    async def secured(self, protocol=None):
        """A recorder over TLS, and its peer."""
        ours, theirs = tcp_pair()
        self.addCleanup(theirs.close)
        protocol = protocol or Recorder(self.loop)
        peer = Peer(self.loop, theirs, self.server_context)
        await asyncio.gather(
            self.loop.create_connection(lambda: protocol, sock=ours, ssl=self.client_context, server_hostname="localhost"),
            peer.do(peer.tls.do_handshake))
        return protocol, peer

    def test_what_comes_after_close_is_thrown_away_and_both_ends_are_said(self):
        async def main(pauses):
            recorder, peer = await self.secured()
            if pauses:
                recorder.transport.pause_reading()
            recorder.transport.close()
            await peer.says(b"too late")
            self.assertEqual(await peer.hears_the_end(), b"")
            await peer.do(peer.tls.unwrap)
            self.assertIsNone(await recorder.lost)
            self.assertEqual(recorder.events, ["made", "eof", "lost"])

        for pauses in (False, True):
            self.complete(main(pauses))

    def test_what_was_paused_when_close_came_is_thrown_away(self):
        async def main():
            recorder, peer = await self.secured()
            recorder.transport.pause_reading()
            await peer.says(b"nobody reads this")
            await until(lambda: recorder.transport.get_read_buffer_size() > 0)
            recorder.transport.close()
            recorder.transport.resume_reading()
            self.assertEqual(await peer.hears_the_end(), b"")
            await peer.do(peer.tls.unwrap)
            self.assertIsNone(await recorder.lost)
            self.assertEqual(recorder.received, b"")

        self.complete(main())

    def test_all_that_was_written_comes_before_the_end_whoever_ends(self):
        size = 8_000_000

        async def main(ends_first):
            recorder, peer = await self.secured()
            for _ in range(20):
                recorder.transport.write(pattern(size // 20))
            self.assertGreater(recorder.transport.get_write_buffer_size(), 0)
            if ends_first == "we":
                recorder.transport.close()
            else:
                with self.assertRaises(ssl.SSLWantReadError):
                    peer.tls.unwrap()
                await peer.send()
                await recorder.ended
            # The peer has said its end, so its TLS reads no more: the bytes are counted as they come.
            if ends_first == "we":
                self.assertEqual(len(await peer.hears(size)), size)
                self.assertEqual(await peer.hears_the_end(), b"")
                await peer.do(peer.tls.unwrap)
            else:
                self.assertGreater(len(await self.receive_all(peer.sock)), size)
            self.assertIsNone(await recorder.lost)

        for ends_first in ("we", "they"):
            self.complete(main(ends_first))

    def test_the_end_of_a_peer_waits_for_reading_to_be_resumed(self):
        async def main():
            recorder, peer = await self.secured()
            recorder.transport.pause_reading()
            await peer.says(b"the last words")
            peer.sock.close()
            await until(lambda: recorder.transport.get_read_buffer_size() > 0)
            self.assertEqual(recorder.events, ["made"])
            recorder.transport.resume_reading()
            await recorder.lost
            self.assertEqual(recorder.received, b"the last words")
            self.assertEqual(recorder.events, ["made", "data", "eof", "lost"])

        self.complete(main())

    def test_a_paused_transport_can_be_closed_after_the_peer_has_ended(self):
        async def main():
            recorder, peer = await self.secured()
            recorder.transport.pause_reading()
            await peer.says(b"nobody reads this")
            peer.sock.close()
            await until(lambda: recorder.transport.get_read_buffer_size() > 0)
            await asyncio.sleep(0.001)
            recorder.transport.close()
            await recorder.lost
            self.assertEqual(recorder.received, b"")

        self.complete(main())

    def test_what_is_closed_once_more_when_it_has_ended_keeps_nothing_of_tls(self):
        async def main():
            recorder, peer = await self.secured()
            transport = recorder.transport
            kept = weakref.ref(transport.get_extra_info("ssl_object"))
            transport.close()
            await peer.do(peer.tls.read)
            peer.sock.close()
            await recorder.lost
            self.assertIsNotNone(kept())
            transport.close()
            gc.collect()
            self.assertIsNone(kept())
            self.assertIsNone(transport.get_extra_info("ssl_object"))

        self.complete(main())

    def test_closing_twice_and_aborting_in_any_order(self):
        async def main(*calls):
            recorder, peer = await self.secured()
            transport = recorder.transport
            for call in calls:
                getattr(transport, call)()
                self.assertTrue(transport.is_closing())
                self.assertIsNotNone(transport.get_extra_info("ssl_object"))
            await peer.do(peer.tls.read)
            peer.sock.close()
            await recorder.lost
            for call in calls:
                getattr(transport, call)()
            transport.write(b"in vain")
            self.assertEqual(recorder.events.count("lost"), 1)

        for calls in (("close", "close"), ("abort", "abort"), ("close", "abort"), ("abort", "close")):
            with self.subTest(calls):
                try:
                    self.complete(main(*calls))
                except (ConnectionResetError, ssl.SSLError):
                    self.assertIn("abort", calls)
        self.take_reports()

    def test_the_first_data_in_one_piece_with_the_handshake_comes_after_start_tls(self):
        async def main():
            ours, theirs = tcp_pair()
            self.addCleanup(theirs.close)
            order = []

            class Early(asyncio.Protocol):
                def data_received(self, data):
                    order.append(data)

            early = Early()
            plain, _ = await self.loop.create_connection(lambda: early, sock=ours)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = self.client_context.wrap_bio(incoming, outgoing, server_hostname="localhost")

            async def talk():
                while True:
                    try:
                        client.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        await self.loop.sock_sendall(theirs, outgoing.read())
                        incoming.write(await self.loop.sock_recv(theirs, 65536))
                client.write(b"first")
                await self.loop.sock_sendall(theirs, outgoing.read())

            talking = asyncio.ensure_future(talk())
            secure = await self.loop.start_tls(plain, early, self.server_context, server_side=True)
            order.append("secure")
            await until(lambda: len(order) > 1)
            self.assertEqual(order, ["secure", b"first"])
            await talking
            secure.abort()

        self.complete(main())

    def test_all_its_callbacks_run_in_its_context(self):
        variable = contextvars.ContextVar("variable", default="nobody's")
        seen = {}

        class Looking(Recorder):
            def __getattribute__(self, name):
                if name in ("connection_made", "data_received", "eof_received", "pause_writing", "resume_writing",
                            "connection_lost"):
                    seen.setdefault(name, set()).add(variable.get())
                return super().__getattribute__(name)

        async def main():
            variable.set("the connection's")
            recorder, peer = await self.secured(Looking(self.loop))
            seen.clear()
            variable.set("somebody else's")
            recorder.transport.pause_reading()
            for _ in range(80):
                recorder.transport.write(bytes(100_000))
            await peer.says(b"x")
            await until(lambda: recorder.transport.get_read_buffer_size() > 0)
            recorder.transport.resume_reading()
            await peer.hears(8_000_000)
            await until(lambda: "resume_writing" in seen and "data_received" in seen)
            recorder.transport.close()
            await peer.hears_the_end()
            await peer.do(peer.tls.unwrap)
            await recorder.lost

        self.complete(main())
        for name in ("data_received", "eof_received", "pause_writing", "resume_writing", "connection_lost"):
            self.assertEqual(seen[name], {"the connection's"}, name)

    def test_a_protocol_that_is_buffered_by_its_methods_alone(self):
        class Buffered(asyncio.BaseProtocol):
            received = b""

            def connection_made(self, transport):
                self.transport = transport

            def get_buffer(self, size):
                self.buffer = bytearray(3)
                return self.buffer

            def buffer_updated(self, count):
                self.received += self.buffer[:count]

            def eof_received(self):
                pass

        async def main():
            buffered, peer = await self.secured(Buffered())
            await peer.says(b"a few words")
            await until(lambda: len(buffered.received) == 11)
            self.assertEqual(buffered.received, b"a few words")
            buffered.transport.abort()

        self.complete(main())

    def test_a_peer_that_says_no_end_has_its_time(self):
        async def main():
            ours, theirs = tcp_pair()
            self.addCleanup(theirs.close)
            peer = Peer(self.loop, theirs, self.server_context)
            recorder = Recorder(self.loop)
            await asyncio.gather(
                self.loop.create_connection(lambda: recorder, sock=ours, ssl=self.client_context, server_hostname="localhost",
                                            ssl_shutdown_timeout=0.02),
                peer.do(peer.tls.do_handshake))
            recorder.transport.write(bytes(20_000_000))
            recorder.transport.close()
            self.assertIsInstance(await recorder.lost, TimeoutError)

        self.complete(main())
        gc.collect()


if __name__ == "__main__":
    unittest.main()
