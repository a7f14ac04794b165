"""Datagrams and sockets in simulated worlds."""

import asyncio
import os
import socket
import unittest

import bine.sim

os.environ.setdefault("PYTHONHASHSEED", "0")

CALM = bine.sim.Network()


def result_of(program, seed=1, network=CALM):
    return bine.sim.run(program, seed=seed, network=network).result


class Recorder(asyncio.DatagramProtocol):
    """Writes down what it is told; answers what it gets with `reply` of it."""

    def __init__(self, reply=None):
        self.events = []
        self.reply = reply

    def connection_made(self, transport):
        self.transport = transport
        self.events.append("made")

    def datagram_received(self, data, address):
        self.events.append((data, address))
        if self.reply is not None:
            self.transport.sendto(self.reply(data), address)

    def error_received(self, error):
        self.events.append(type(error))

    def connection_lost(self, error):
        self.events.append(("lost", error))

    @property
    def received(self):
        return [event[0] for event in self.events if type(event) is tuple and event[0] != "lost"]


async def endpoint(reply=None, **options):
    """The protocol of a new one, which is closed with the task that makes it."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Recorder(reply), **options)
    asyncio.current_task().add_done_callback(lambda _: transport.close())
    return protocol


async def serve_shouting(port=7000):
    await endpoint(bytes.upper, local_addr=("0.0.0.0", port))
    await asyncio.Event().wait()


class Datagrams(unittest.TestCase):
    def test_they_go_from_host_to_host_and_back(self):
        async def program(world):
            world.host("server").run(serve_shouting)
            await asyncio.sleep(1)
            protocol = await endpoint(local_addr=("main", 5000))
            protocol.transport.sendto(b"hello", ("10.0.0.2", 7000))
            await asyncio.sleep(1)
            protocol.transport.close()
            self.assertTrue(protocol.transport.is_closing())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return protocol.events

        self.assertEqual(result_of(program), ["made", (b"HELLO", ("10.0.0.2", 7000)), ("lost", None)])

    def test_a_connected_one_knows_its_peer_and_hears_nobody_else(self):
        async def program(world):
            world.host("server").run(serve_shouting)
            await asyncio.sleep(1)
            one = await endpoint(remote_addr=("server", 7000))
            one.transport.sendto(b"one")
            with self.assertRaises(ValueError):
                one.transport.sendto(b"elsewhere", ("10.0.0.2", 1))
            name = one.transport.get_extra_info("sockname")
            self.assertEqual(one.transport.get_extra_info("peername"), ("10.0.0.2", 7000))
            self.assertEqual(one.transport.get_extra_info("socket").getsockname(), name)
            stranger = await endpoint(local_addr=("10.0.0.1", 0))
            stranger.transport.sendto(b"from a stranger", name)
            await asyncio.sleep(1)
            self.assertEqual(stranger.received, [])
            return one.received

        self.assertEqual(result_of(program), [b"ONE"])

    def test_who_sends_to_nobody_is_told_if_it_is_connected(self):
        async def program(world):
            connected = await endpoint(remote_addr=("10.0.0.1", 9))
            other = await endpoint(local_addr=("10.0.0.1", 0))
            connected.transport.sendto(b"x")
            other.transport.sendto(b"x", ("10.0.0.1", 9))
            await asyncio.sleep(1)
            return connected.events, other.events

        self.assertEqual(result_of(program), (["made", ConnectionRefusedError, ("lost", None)], ["made", ("lost", None)]))

    def test_errors_of_sending_go_to_the_protocol(self):
        async def program(world):
            protocol = await endpoint(local_addr=("10.0.0.1", 0))
            protocol.transport.sendto(b"x" * 70_000, ("10.0.0.1", 9))
            protocol.transport.sendto(b"x", ("nowhere", 9))
            self.assertFalse(protocol.transport.is_closing())
            return protocol.events

        self.assertEqual(result_of(program), ["made", OSError, socket.gaierror, ("lost", None)])

    def test_they_are_lost_copied_and_overtaken_and_all_of_it_comes_again(self):
        async def program(world):
            world.host("server").run(serve_shouting)
            await asyncio.sleep(1)
            protocol = await endpoint(remote_addr=("10.0.0.2", 7000))
            for number in range(100):
                protocol.transport.sendto(b"%d" % number)
            await asyncio.sleep(5)
            return [int(data) for data in protocol.received]

        bad = bine.sim.Network(datagram_loss=5, datagram_copy=10)
        runs = [bine.sim.run(program, seed=seed, network=bad) for seed in (1, 2, 1)]
        received = runs[0].result
        self.assertLess(len(set(received)), 90)
        self.assertGreater(len(set(received)), 30)
        self.assertLess(len(set(received)), len(received))
        self.assertNotEqual(received, sorted(received))
        self.assertEqual((runs[2].hash, runs[2].story, runs[2].result), (runs[0].hash, runs[0].story, received))
        self.assertNotEqual(runs[1].hash, runs[0].hash)
        self.assertEqual(sorted(result_of(program)), list(range(100)))

    def test_what_is_sent_to_a_host_that_is_cut_off_is_lost(self):
        async def program(world):
            server = world.host("server")
            server.run(serve_shouting)
            await asyncio.sleep(1)
            protocol = await endpoint(remote_addr=("10.0.0.2", 7000))
            world.cut_off(server)
            protocol.transport.sendto(b"lost")
            await asyncio.sleep(1)
            world.join()
            await asyncio.sleep(1)
            protocol.transport.sendto(b"heard")
            await asyncio.sleep(1)
            return protocol.received

        self.assertEqual(result_of(program), [b"HEARD"])

    def test_a_host_that_crashes_sends_and_hears_nothing_until_it_is_there_again(self):
        async def program(world):
            server = world.host("server")
            server.run(serve_shouting)
            await asyncio.sleep(1)
            protocol = await endpoint(remote_addr=("10.0.0.2", 7000))
            server.crash()
            await asyncio.sleep(1)
            protocol.transport.sendto(b"down")
            await asyncio.sleep(1)
            server.restart()
            await asyncio.sleep(1)
            protocol.transport.sendto(b"up")
            await asyncio.sleep(1)
            return protocol.received

        self.assertEqual(result_of(program), [b"UP"])

    def test_an_address_is_taken_once_until_it_is_closed(self):
        async def program(world):
            first = await endpoint(local_addr=("0.0.0.0", 7000))
            with self.assertRaises(OSError) as raised:
                await endpoint(local_addr=("0.0.0.0", 7000))
            first.transport.abort()
            await asyncio.sleep(1)
            await endpoint(local_addr=("0.0.0.0", 7000))
            with self.assertRaises(OSError):
                await endpoint(local_addr=("10.9.9.9", 7000))
            return raised.exception.errno

        self.assertEqual(result_of(program), 98)

    def test_over_ipv6(self):
        async def program(world):
            server = await endpoint(bytes.upper, local_addr=("::1", 7000))
            client = await endpoint(remote_addr=("::1", 7000))
            client.transport.sendto(b"six")
            await asyncio.sleep(1)
            return server.events[1][1][0], client.events[1]

        self.assertEqual(result_of(program), ("::1", (b"SIX", ("::1", 7000, 0, 0))))

    def test_a_socket_of_ipv6_has_to_do_with_ipv4(self):
        async def program(world):
            world.host("server").run(serve_shouting)
            await asyncio.sleep(1)
            received = []
            for only in (0, 1):
                sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
                sock.bind(("::", 5000))
                protocol = await endpoint(sock=sock)
                protocol.transport.sendto(b"hello", ("::ffff:10.0.0.2", 7000))
                await asyncio.sleep(1)
                protocol.transport.close()
                await asyncio.sleep(1)
                received.append(protocol.events[1:-1])
            connected = await endpoint(remote_addr=("::ffff:10.0.0.2", 7000))
            connected.transport.sendto(b"hello")
            await asyncio.sleep(1)
            return received, connected.events[1:], connected.transport.get_extra_info("peername")

        mapped = ("::ffff:10.0.0.2", 7000, 0, 0)
        self.assertEqual(result_of(program), ([[(b"HELLO", mapped)], [OSError]], [(b"HELLO", mapped)], mapped))

    def test_a_socket_is_given_to_a_loop_or_read_by_it(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.bind(("127.0.0.1", 7000))
                protocol = await endpoint(bytes.upper, local_addr=("127.0.0.1", 7001))
                with self.assertRaises(BlockingIOError):
                    sock.recvfrom(10)
                self.assertEqual(sock.sendto(b"hello", ("localhost", 7001)), 5)
                if hasattr(loop, "sock_recvfrom"):
                    first = await loop.sock_recvfrom(sock, 3)
                else:
                    first = await loop.sock_recv(sock, 3), sock.getsockname()[:1] + (7001,)
                protocol.transport.sendto(b"again", ("127.0.0.1", 7000))
                second = await loop.sock_recv(sock, 100)
            given = socket.socket(type=socket.SOCK_DGRAM)
            given.bind(("", 7002))
            of_given = await endpoint(sock=given)
            protocol.transport.sendto(b"given", ("127.0.0.1", 7002))
            await asyncio.sleep(1)
            return first, second, of_given.received

        self.assertEqual(result_of(program), ((b"HEL", ("127.0.0.1", 7001)), b"again", [b"given"]))

    def test_a_reader_is_called_as_long_as_there_is_something(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 7000))
            got = []
            loop.add_reader(sock, lambda: got.append(sock.recv(10)))
            for number in range(5):
                sock.sendto(b"%d" % number, sock.getsockname())
            await asyncio.sleep(1)
            self.assertTrue(loop.remove_reader(sock))
            self.assertFalse(loop.remove_reader(sock))
            sock.sendto(b"late", sock.getsockname())
            await asyncio.sleep(1)
            writable = loop.create_future()
            loop.add_writer(sock.fileno(), writable.set_result, None)
            await writable
            loop.remove_writer(sock.fileno())
            return sorted(got)

        self.assertEqual(result_of(program), [b"0", b"1", b"2", b"3", b"4"])

    def test_transports_and_sockets_are_in_sets_in_an_order_of_their_own(self):
        async def program(world):
            protocols = [await endpoint(local_addr=("127.0.0.1", 0)) for _ in range(50)]
            transports = {protocol.transport for protocol in protocols}
            sockets = {socket.socket() for _ in range(50)}
            return ([transport.get_extra_info("sockname") for transport in transports], [sock.fileno() for sock in sockets])

        elsewhere = result_of(program)
        kept = [object() for _ in range(999)]
        del kept[::2]
        self.assertEqual(result_of(program), elsewhere)

    def test_what_there_is_not_says_so(self):
        async def program(world):
            sock = socket.socket(type=socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            loop = asyncio.get_running_loop()
            for refused in (lambda: sock.recv(1),  # it would block
                            lambda: sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1),
                            lambda: sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, b""),
                            lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind("/run/x"),
                            lambda: loop.add_reader(0, print)):
                with self.assertRaises(bine.sim.NotInWorld):
                    refused()

        result_of(program)


async def serve_lines(reader, writer):
    """Sends back each line, upper case."""
    try:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
    finally:
        writer.close()


class Streams(unittest.TestCase):
    def test_a_loop_connects_sends_and_receives(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            server = await asyncio.start_server(serve_lines, "10.0.0.1", 7000)
            sock = socket.socket()
            sock.setblocking(False)
            await loop.sock_connect(sock, ("main", 7000))
            self.assertEqual(sock.getpeername(), ("10.0.0.1", 7000))
            data = (b"x" * 1000 + b"\n") * 300
            sending = asyncio.ensure_future(loop.sock_sendall(sock, data))
            received = b""
            while len(received) < len(data):
                received += await loop.sock_recv(sock, 10_000)
            await sending
            buffer = bytearray(3)
            await loop.sock_sendall(sock, b"ab\n")
            self.assertEqual(await loop.sock_recv_into(sock, buffer), 3)
            sock.shutdown(socket.SHUT_WR)
            end = await loop.sock_recv(sock, 10)
            sock.close()
            server.close()
            self.assertEqual(sock.fileno(), -1)
            with self.assertRaises(OSError):
                sock.recv(1)
            return received == data.upper(), bytes(buffer), end

        self.assertEqual(result_of(program), (True, b"AB\n", b""))

    def test_a_loop_accepts(self):
        async def serve():
            loop = asyncio.get_running_loop()
            with socket.socket() as listener:
                listener.setblocking(False)
                listener.bind(("", 7000))
                listener.listen()
                for _ in range(2):
                    connection, peer = await loop.sock_accept(listener)
                    with connection:
                        await loop.sock_sendall(connection, f"hello {peer[0]}".encode())

        async def program(world):
            world.host("server").run(serve)
            await asyncio.sleep(1)
            answers = []
            for _ in range(2):
                reader, writer = await asyncio.open_connection("server", 7000)
                answers.append(await reader.read())
                writer.close()
            return answers

        self.assertEqual(result_of(program), [b"hello 10.0.0.1"] * 2)

    def test_what_was_accepted_is_given_to_the_loop(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            listener = socket.create_server(("10.0.0.1", 7000))
            listener.setblocking(False)
            reader, writer = await asyncio.open_connection("10.0.0.1", 7000)
            writer.write(b"first second\n")
            connection, _ = await loop.sock_accept(listener)
            first = await loop.sock_recv(connection, 6)
            await asyncio.sleep(1)
            there = asyncio.StreamReader()
            transport, _ = await loop.connect_accepted_socket(lambda: asyncio.StreamReaderProtocol(there), connection)
            second = await there.readline()
            transport.write(b"answer")
            transport.close()
            answer = await reader.read()
            writer.close()
            listener.close()
            return first, second, answer

        self.assertEqual(result_of(program), (b"first ", b"second\n", b"answer"))

    def test_a_socket_that_listens_is_given_to_a_server(self):
        async def program(world):
            listener = socket.create_server(("10.0.0.1", 7000))
            reader, writer = await asyncio.open_connection("10.0.0.1", 7000)
            writer.write(b"early\n")
            await asyncio.sleep(1)
            async with await asyncio.start_server(serve_lines, sock=listener) as server:
                self.assertEqual(server.sockets[0].getsockname(), ("10.0.0.1", 7000))
                later_reader, later = await asyncio.open_connection("10.0.0.1", 7000)
                later.write(b"late\n")
                lines = await reader.readline(), await later_reader.readline()
                writer.close()
                later.close()
                return lines

        self.assertEqual(result_of(program), (b"EARLY\n", b"LATE\n"))

    def test_connecting_without_waiting(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            server = await asyncio.start_server(serve_lines, "10.0.0.1", 7000)

            async def connect(port):
                sock = socket.socket()
                sock.setblocking(False)
                self.assertEqual(sock.connect_ex(("10.0.0.1", port)), 115)
                self.assertEqual(sock.connect_ex(("10.0.0.1", port)), 114)
                ready = loop.create_future()
                loop.add_writer(sock, ready.set_result, None)
                await ready
                loop.remove_writer(sock)
                return sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

            refused, error = await connect(7001)
            refused.close()
            sock, none = await connect(7000)
            self.assertEqual(sock.send(b"hello\n"), 6)
            self.assertEqual(sock.connect_ex(("10.0.0.1", 7000)), 106)
            got = bytearray()
            loop.add_reader(sock, lambda: got.extend(sock.recv(2)))
            while len(got) < 6:
                await asyncio.sleep(0.01)
            loop.remove_reader(sock)
            sock.close()
            given_up = socket.socket()
            given_up.setblocking(False)
            given_up.connect_ex(("10.0.0.1", 7000))
            given_up.close()
            await asyncio.sleep(1)
            server.close()
            return error, none, bytes(got)

        self.assertEqual(result_of(program), (111, 0, b"HELLO\n"))

    def test_a_slow_reader_stops_the_sender(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            listener = socket.create_server(("10.0.0.1", 7000))
            listener.setblocking(False)
            sock = socket.socket()
            sock.setblocking(False)
            await loop.sock_connect(sock, ("10.0.0.1", 7000))
            there, _ = await loop.sock_accept(listener)
            size = 1 << 20
            sending = asyncio.ensure_future(loop.sock_sendall(sock, bytes(size)))
            await asyncio.sleep(10)
            self.assertFalse(sending.done())
            received = 0
            while received < size:
                received += len(await loop.sock_recv(there, 1 << 16))
            await sending
            for one in (sock, there, listener):
                one.close()
            await asyncio.sleep(1)

        result_of(program)

    def test_who_has_gone_is_told_to_the_other(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            listener = socket.create_server(("10.0.0.1", 7000))
            listener.setblocking(False)

            async def pair():
                sock = socket.socket()
                sock.setblocking(False)
                await loop.sock_connect(sock, ("10.0.0.1", 7000))
                return sock, (await loop.sock_accept(listener))[0]

            one, other = await pair()
            one.send(b"not read")
            await asyncio.sleep(1)
            loop.add_reader(other, lambda: None)  # it has come
            await asyncio.sleep(0)
            loop.remove_reader(other)
            other.close()
            with self.assertRaises(ConnectionResetError):
                await loop.sock_recv(one, 10)
            with self.assertRaises(BrokenPipeError):
                one.send(b"x")
            one.close()
            one, other = await pair()
            one.close()
            self.assertEqual(await loop.sock_recv(other, 10), b"")
            other.close()
            listener.close()

        result_of(program)

    def test_sockets_of_unix(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            async with await asyncio.start_unix_server(serve_lines, "/run/lines"):
                sock = socket.socket(socket.AF_UNIX)
                sock.setblocking(False)
                await loop.sock_connect(sock, "/run/lines")
                reader, writer = await asyncio.open_unix_connection(sock=sock)
                writer.write(b"here\n")
                line = await reader.readline()
                writer.close()
            bound = socket.socket(socket.AF_UNIX)
            bound.bind("/run/bound")
            async with await asyncio.start_unix_server(serve_lines, sock=bound):
                reader, writer = await asyncio.open_unix_connection("/run/bound")
                writer.write(b"there\n")
                lines = line, await reader.readline()
                writer.close()
                return lines

        self.assertEqual(result_of(program), (b"HERE\n", b"THERE\n"))

    def test_a_transport_shows_its_socket(self):
        async def program(world):
            async with await asyncio.start_server(serve_lines, "10.0.0.1", 7000):
                _, writer = await asyncio.open_connection("10.0.0.1", 7000)
                shown = writer.get_extra_info("socket")
                shown.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.assertIs(writer.get_extra_info("socket"), shown)
                with self.assertRaises(RuntimeError):
                    asyncio.get_running_loop().add_reader(shown.fileno(), print)
                names = shown.getpeername(), shown.getsockname() == writer.get_extra_info("sockname"), shown.family
                writer.close()
                return names

        self.assertEqual(result_of(program), (("10.0.0.1", 7000), True, socket.AF_INET))

    def test_it_all_comes_again(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            listener = socket.create_server(("10.0.0.1", 7000))
            listener.setblocking(False)
            for number in range(20):
                sock = socket.socket()
                sock.setblocking(False)
                try:
                    await loop.sock_connect(sock, ("10.0.0.1", 7000))
                    there, _ = await loop.sock_accept(listener)
                    await loop.sock_sendall(sock, b"%d" % number * 1000)
                    world.note(await loop.sock_recv(there, 10_000))
                    there.close()
                except OSError as error:
                    world.note(repr(error))
                sock.close()

        runs = [bine.sim.run(program, seed=seed, network=bine.sim.Network(reset=20)) for seed in (1, 2, 1)]
        self.assertEqual((runs[0].hash, runs[0].story), (runs[2].hash, runs[2].story))
        self.assertNotEqual(runs[0].hash, runs[1].hash)
        self.assertIn("ConnectionResetError", runs[0].story + runs[1].story)


if __name__ == "__main__":
    unittest.main()
