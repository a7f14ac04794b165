"""Servers over plain sockets, and what descriptors many loops and connections leave open: none."""

import asyncio
import contextvars
import os
import socket
import unittest

from support import Echo, Recorder, StreamCase, echo_server, pattern, tcp_pair, until


class Servers(StreamCase):
    def test_one_server_on_several_hosts(self):
        async def main():
            living = set()
            server = await self.loop.create_server(lambda: Echo(living), ["127.0.0.1", "127.0.0.2", "127.0.0.3"], 0)
            addresses = sorted(one.getsockname() for one in server.sockets)
            self.assertEqual([host for host, _ in addresses], ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
            for address in addresses:
                reader, writer = await asyncio.open_connection(*address)
                self.assertEqual(writer.get_extra_info("peername"), address)
                writer.write(b"hello")
                self.assertEqual(await reader.readexactly(5), b"hello")
                writer.close()
                await writer.wait_closed()
            await until(lambda: not living)
            server.close()
            for address in addresses:
                with self.assertRaises(ConnectionRefusedError):
                    await asyncio.open_connection(*address)

        self.complete(main())

    def test_a_closed_server_accepts_nobody_and_lets_connections_be(self):
        async def main():
            living = set()
            server = await self.loop.create_server(lambda: Echo(living), "127.0.0.1", 0)
            address = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address)
            await until(lambda: living)
            server.close()
            server.close()
            self.assertFalse(server.is_serving())
            self.assertEqual(len(server.sockets), 0)
            with self.assertRaises(ConnectionRefusedError):
                await asyncio.open_connection(*address)
            writer.write(b"still")
            self.assertEqual(await reader.readexactly(5), b"still")
            writer.close()
            await until(lambda: not living)
            await server.wait_closed()

        self.complete(main())

    def test_serving_starts_when_it_is_told_to_and_ends_when_it_is_cancelled(self):
        async def main():
            server = await self.loop.create_server(lambda: Echo(set()), "127.0.0.1", 0, start_serving=False)
            self.assertFalse(server.is_serving())
            serving = asyncio.ensure_future(server.serve_forever())
            await asyncio.sleep(0)
            self.assertTrue(server.is_serving())
            serving.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await serving
            self.assertFalse(server.is_serving())

        self.complete(main())

    def test_a_port_that_is_taken_is_refused(self):
        async def main():
            async with echo_server() as address:
                with self.assertRaises(OSError):
                    await self.loop.create_server(lambda: Echo(set()), *address)

        self.complete(main())

    def test_a_socket_of_somebody_else_may_be_served_and_accepted_connections_be_handed_over(self):
        async def main():
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.setblocking(False)
                client = socket.create_connection(listener.getsockname())
                accepted, _ = await self.loop.sock_accept(listener)
                recorder = Recorder(self.loop)
                await self.loop.connect_accepted_socket(lambda: recorder, accepted)
                client.sendall(b"handed over")
                client.close()
                await recorder.lost
                self.assertEqual(recorder.received, b"handed over")

        self.complete(main())

    def test_connecting_to_nobody_is_refused(self):
        async def main():
            with socket.create_server(("127.0.0.1", 0)) as listener:
                address = listener.getsockname()
            with self.assertRaises(ConnectionRefusedError):
                await asyncio.open_connection(*address)
            with self.assertRaises(FileNotFoundError):
                await asyncio.open_unix_connection("/no/such/socket")

        self.complete(main())

    def test_a_connection_leaves_from_where_it_was_told_to(self):
        async def main():
            async with echo_server() as address:
                _, writer = await asyncio.open_connection(*address, local_addr=("127.0.0.9", 0))
                self.assertEqual(writer.get_extra_info("sockname")[0], "127.0.0.9")
                writer.close()
                await writer.wait_closed()

        self.complete(main())

    def test_a_callback_of_a_connection_runs_in_its_context(self):
        variable = contextvars.ContextVar("variable", default="nothing")
        seen = []

        class Seeing(asyncio.Protocol):
            def connection_made(self, transport):
                seen.append(variable.get())
                variable.set("made")

            def data_received(self, data):
                seen.append(variable.get())

            def connection_lost(self, exception):
                seen.append(variable.get())

        async def main():
            variable.set("server")
            server = await self.loop.create_server(Seeing, "127.0.0.1", 0)
            variable.set("afterwards")
            for _ in range(2):
                with socket.create_connection(server.sockets[0].getsockname()) as client:
                    client.send(b"x")
                    await until(lambda: len(seen) % 3 == 2)
                await until(lambda: len(seen) % 3 == 0)
            server.close()

        self.complete(main())
        self.assertEqual(seen, ["server", "made", "made"] * 2)

    def test_whoever_writes_the_protocol_hears_of_the_marks_in_its_context(self):
        variable = contextvars.ContextVar("variable")
        seen = {}

        class Seeing(Recorder):
            def pause_writing(self):
                seen["pause"] = variable.get()

            def resume_writing(self):
                seen["resume"] = variable.get()

        async def main():
            variable.set("its own")
            recorder, theirs = await self.connected(Seeing(self.loop))
            variable.set("the writer's")
            recorder.transport.write(bytes(20_000_000))
            recorder.transport.close()
            self.assertEqual(len(await self.receive_all(theirs)), 20_000_000)
            await recorder.lost

        self.complete(main())
        self.assertEqual(seen, {"pause": "its own", "resume": "its own"})


class Descriptors(StreamCase):
    def test_readers_and_writers_are_called_until_they_are_removed(self):
        async def main():
            ours, theirs = tcp_pair()
            got = self.loop.create_future()
            self.loop.add_reader(ours, lambda: got.set_result(ours.recv(10)))
            theirs.send(b"readable")
            self.assertEqual(await got, b"readable")
            self.assertTrue(self.loop.remove_reader(ours))
            self.assertFalse(self.loop.remove_reader(ours))
            writable = []
            self.loop.add_writer(ours.fileno(), writable.append, 1)
            await until(lambda: len(writable) > 2)
            self.assertTrue(self.loop.remove_writer(ours))
            ours.close()
            theirs.close()

        self.complete(main())

    def test_a_descriptor_that_a_transport_has_is_left_to_it(self):
        async def main():
            recorder, _ = await self.connected()
            view = recorder.transport.get_extra_info("socket")
            for call in (self.loop.add_reader, self.loop.add_writer):
                with self.assertRaisesRegex(RuntimeError, "is used by transport"):
                    call(view, print)
            recorder.transport.close()
            await recorder.lost

        self.complete(main())

    def test_sockets_of_the_user(self):
        async def main():
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.setblocking(False)
                client = socket.socket()
                client.setblocking(False)
                accepting = asyncio.ensure_future(self.loop.sock_accept(listener))
                await self.loop.sock_connect(client, listener.getsockname())
                accepted, _ = await accepting
                data = pattern(3_000_000)
                sending = asyncio.ensure_future(self.loop.sock_sendall(client, data))
                memory = bytearray(100_000)
                received = b""
                while len(received) < len(data):
                    received += memory[:await self.loop.sock_recv_into(accepted, memory)]
                await sending
                self.assertEqual(received, data)
                reading = asyncio.ensure_future(self.loop.sock_recv(client, 10))
                await asyncio.sleep(0)
                reading.cancel()
                await asyncio.sleep(0)
                accepted.send(b"later")
                self.assertEqual(await self.loop.sock_recv(client, 10), b"later")
                client.close()
                accepted.close()

        self.complete(main())

    def test_a_descriptor_number_may_be_closed_and_used_again(self):
        async def main():
            for _ in range(200):
                ours, theirs = tcp_pair()
                recorder = Recorder(self.loop)
                await self.loop.create_connection(lambda: recorder, sock=ours)
                theirs.send(b"x")
                theirs.close()
                await recorder.lost
                self.assertEqual(recorder.received, b"x")

        self.complete(main())

    def test_pipes(self):
        async def main():
            read_end, write_end = os.pipe()
            reader = asyncio.StreamReader()
            await self.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb"))
            transport, _ = await self.loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(write_end, "wb"))
            transport.write(pattern(300_000))
            self.assertEqual(await reader.readexactly(300_000), pattern(300_000))
            transport.close()
            self.assertEqual(await reader.read(), b"")

        self.complete(main())

    def test_datagrams(self):
        class Answering(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, address):
                self.transport.sendto(data[::-1], address)

        class Asking(asyncio.DatagramProtocol):
            def datagram_received(self, data, address):
                answers.append(data)

        answers = []

        async def main():
            server, _ = await self.loop.create_datagram_endpoint(Answering, ("127.0.0.1", 0))
            client, _ = await self.loop.create_datagram_endpoint(Asking, remote_addr=server.get_extra_info("sockname"))
            for number in range(100):
                client.sendto(b"%03d" % number)
                await until(lambda: len(answers) == number + 1)
            client.close()
            server.close()
            await asyncio.sleep(0)

        self.complete(main())
        self.assertEqual(answers, [(b"%03d" % number)[::-1] for number in range(100)])


if __name__ == "__main__":
    unittest.main()
