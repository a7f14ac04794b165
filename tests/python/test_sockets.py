"""Sockets of the user that are closed at the wrong time, and transports of datagrams."""

import asyncio
import contextvars
import gc
import socket
import unittest

from support import StreamCase, open_descriptors, tcp_pair, until


class ClosedMeanwhile(StreamCase):
    """A socket that is closed under an operation lives until the operation has ended."""

    def test_who_waits_for_data_gets_it(self):
        memory = bytearray(10)
        operations = [lambda sock: self.loop.sock_recv(sock, 10), lambda sock: self.loop.sock_recv_into(sock, memory)]
        if hasattr(self.loop, "sock_recvfrom"):
            operations += [lambda sock: self.loop.sock_recvfrom(sock, 10), lambda sock: self.loop.sock_recvfrom_into(sock, memory)]
        for operation in operations:
            async def main():
                ours, theirs = tcp_pair()
                reading = asyncio.ensure_future(operation(ours))
                await asyncio.sleep(0)
                ours.close()
                ours.close()
                await asyncio.sleep(0)
                theirs.send(b"words")
                got = await reading
                self.assertEqual(ours.fileno(), -1)
                self.assertEqual(theirs.recv(1), b"")
                theirs.close()
                return got if isinstance(got, bytes) else bytes(memory[:5])

            self.assertIn(b"words", repr(self.complete(main())).encode())

    def test_who_sends_and_connects_and_accepts_gets_through(self):
        async def main():
            listener = socket.create_server(("127.0.0.1", 0))
            listener.setblocking(False)
            accepting = asyncio.ensure_future(self.loop.sock_accept(listener))
            await asyncio.sleep(0)
            address = listener.getsockname()
            listener.close()
            client = socket.socket()
            client.setblocking(False)
            connecting = asyncio.ensure_future(self.loop.sock_connect(client, address))
            self.loop.call_soon(client.close)
            await connecting
            accepted, _ = await accepting
            self.assertEqual((client.fileno(), listener.fileno()), (-1, -1))
            self.assertEqual(await self.loop.sock_recv(accepted, 1), b"")
            accepted.close()
            ours, theirs = tcp_pair()
            sending = asyncio.ensure_future(self.loop.sock_sendall(ours, bytes(20_000_000)))
            await asyncio.sleep(0)
            ours.close()
            self.assertEqual(len(await self.receive_all(theirs)), 20_000_000)
            await sending
            theirs.close()

        self.complete(main())

    def test_a_cancelled_operation_closes_it(self):
        async def main():
            ours, theirs = tcp_pair()
            reading = [asyncio.ensure_future(self.loop.sock_recv(ours, 10)) for _ in range(2)]
            await asyncio.sleep(0)
            ours.close()
            for one in reading:
                self.assertNotEqual(ours.fileno(), -1)
                one.cancel()
                await asyncio.wait([one])
            self.assertEqual(ours.fileno(), -1)
            self.assertEqual(theirs.recv(1), b"")
            theirs.close()

        self.complete(main())

    def test_the_end_of_the_loop_closes_it(self):
        before = open_descriptors()
        ours, theirs = tcp_pair()
        reading = self.loop.create_task(self.loop.sock_recv(ours, 10))
        self.turn(2)
        ours.close()
        self.assertNotEqual(ours.fileno(), -1)
        self.loop.close()
        self.assertEqual(ours.fileno(), -1)
        theirs.close()
        reading._log_destroy_pending = False
        del reading
        gc.collect()
        self.assertLessEqual(len(open_descriptors()), len(before))

    def test_one_that_is_closed_already_is_an_error(self):
        async def main():
            ours, theirs = tcp_pair()
            ours.close()
            theirs.close()
            for operation in (self.loop.sock_recv(ours, 1), self.loop.sock_sendall(ours, b"x"),
                              self.loop.sock_connect(ours, ("127.0.0.1", 9)), self.loop.sock_accept(ours)):
                with self.assertRaises(OSError):
                    await operation

        self.complete(main())


class Datagrams(StreamCase):
    class Hearing(asyncio.DatagramProtocol):
        def __init__(self, see=lambda: None):
            self.see = see
            self.heard = []
            self.seen = {}

        def connection_made(self, transport):
            self.seen["made"] = self.see()

        def datagram_received(self, data, address):
            self.heard.append(data)
            self.seen["received"] = self.see()

        def error_received(self, error):
            self.heard.append(error)

        def connection_lost(self, error):
            self.seen["lost"] = self.see()

    def test_what_is_sent_after_the_end_goes_nowhere_in_silence(self):
        async def main():
            transport, hearing = await self.loop.create_datagram_endpoint(self.Hearing, ("127.0.0.1", 0))
            transport.close()
            transport.close()
            for _ in range(10):
                transport.sendto(b"x", ("127.0.0.1", 9))
            await until(lambda: "lost" in hearing.seen)
            transport.sendto(b"x", ("127.0.0.1", 9))
            transport.close()
            transport.abort()

        self.complete(main())

    def test_a_peer_without_a_name_is_sent_to(self):
        async def main():
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            ours.setblocking(False)
            theirs.setblocking(False)
            transport, hearing = await self.loop.create_datagram_endpoint(self.Hearing, sock=ours)
            transport.sendto(b"there")
            self.assertEqual(await self.loop.sock_recv(theirs, 10), b"there")
            self.assertEqual(transport.get_extra_info("peername"), "")
            theirs.send(b"back")
            await until(lambda: hearing.heard)
            self.assertEqual(hearing.heard, [b"back"])
            transport.close()
            await until(lambda: "lost" in hearing.seen)
            theirs.close()

        self.complete(main())

    def test_its_callbacks_run_in_its_context(self):
        variable = contextvars.ContextVar("variable")

        async def main():
            variable.set("its own")
            transport, hearing = await self.loop.create_datagram_endpoint(lambda: self.Hearing(variable.get), ("127.0.0.1", 0))
            variable.set("another")
            transport.sendto(b"x", transport.get_extra_info("sockname"))
            await until(lambda: hearing.heard)
            transport.close()
            await until(lambda: "lost" in hearing.seen)
            self.assertEqual(set(hearing.seen.values()), {"its own"})
            self.assertEqual(len(hearing.seen), 3)

        self.complete(main())

    def test_a_refusal_is_told_and_the_transport_goes_on(self):
        async def main():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
                nobody.bind(("127.0.0.1", 0))
                address = nobody.getsockname()
            transport, hearing = await self.loop.create_datagram_endpoint(self.Hearing, remote_addr=address)
            transport.sendto(b"x")
            await until(lambda: hearing.heard)
            self.assertIsInstance(hearing.heard[0], ConnectionRefusedError)
            self.assertFalse(transport.is_closing())
            transport.close()
            await until(lambda: "lost" in hearing.seen)

        self.complete(main())


if __name__ == "__main__":
    unittest.main()
