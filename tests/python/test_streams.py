"""Transports and protocols, over plain sockets."""

import asyncio
import contextvars
import socket
import tempfile
import time
import unittest

from support import Echo, LoopCase, PATIENCE, Recorder, SIZES, StreamCase, echo_server, open_descriptors, pattern, tcp_pair, until


class Echoing(StreamCase):
    async def echo(self, reader, writer, sizes=SIZES):
        for size in sizes:
            data = pattern(size)
            writer.write(data)
            _, answer = await asyncio.gather(writer.drain(), reader.readexactly(size))
            self.assertEqual(answer, data)
        writer.close()
        await writer.wait_closed()

    def test_all_sizes_come_back_over_tcp(self):
        async def main():
            async with echo_server() as address:
                await self.echo(*await asyncio.open_connection(*address))

        self.complete(main())

    def test_all_sizes_come_back_over_unix_sockets(self):
        async def main(path):
            living = set()
            server = await self.loop.create_unix_server(lambda: Echo(living), path)
            reader, writer = await asyncio.open_unix_connection(path)
            self.assertEqual(writer.get_extra_info("peername"), path)
            await self.echo(reader, writer)
            server.close()
            await until(lambda: not living)
            await server.wait_closed()

        with tempfile.TemporaryDirectory() as folder:
            self.complete(main(folder + "/socket"))

    def test_a_hundred_connections_at_once(self):
        async def main():
            async with echo_server() as address:
                ends = await asyncio.gather(*(asyncio.open_connection(*address) for _ in range(100)))
                await asyncio.gather(*(self.echo(*end, sizes=(7, 70_000)) for end in ends))

        self.complete(main())

    def test_what_was_written_before_an_abort_was_sent_if_the_system_took_it(self):
        async def main():
            recorder, theirs = await self.connected()
            recorder.transport.write(b"answer")
            self.assertEqual(recorder.transport.get_write_buffer_size(), 0)
            recorder.transport.write(b", the end")
            recorder.transport.abort()
            self.assertEqual(await self.receive_all(theirs), b"answer, the end")

        self.complete(main())

    def test_writelines_sends_every_kind_of_bytes_in_order(self):
        async def main():
            recorder, theirs = await self.connected()
            recorder.transport.writelines([b"bytes ", bytearray(b"bytearray "), memoryview(b"memoryview "), b""])
            recorder.transport.writelines(part for part in (b"from ", b"a generator"))
            recorder.transport.writelines([])
            recorder.transport.close()
            self.assertEqual(await self.receive_all(theirs), b"bytes bytearray memoryview from a generator")

        self.complete(main())

    def test_what_is_no_bytes_is_refused(self):
        async def main():
            recorder, _ = await self.connected()
            for wrong in ("text", 7, None):
                with self.assertRaises(TypeError):
                    recorder.transport.write(wrong)
            with self.assertRaises(TypeError):
                recorder.transport.writelines(["text"])
            recorder.transport.abort()
            await recorder.lost

        self.complete(main())

    def test_bytes_may_change_or_go_once_they_were_written(self):
        async def main():
            recorder, theirs = await self.connected()
            expected = b""
            for number in range(256):
                data = bytearray([number]) * 10_000
                expected += data
                recorder.transport.write(data)
                data[:] = bytes(10_000)
            recorder.transport.close()
            self.assertEqual(await self.receive_all(theirs), expected)

        self.complete(main())


class Flow(StreamCase):
    def test_a_peer_that_does_not_read_pauses_the_protocol_and_one_that_reads_resumes_it(self):
        async def main():
            recorder, theirs = await self.connected()
            total = 0
            while "pause" not in recorder.events:
                recorder.transport.write(bytes(100_000))
                total += 100_000
                await asyncio.sleep(0)
            self.assertGreater(recorder.transport.get_write_buffer_size(), 65_536)
            received = 0
            while received < total:
                received += len(await self.loop.sock_recv(theirs, 1 << 20))
            await until(lambda: "resume" in recorder.events)
            self.assertEqual(recorder.events, ["made", "pause", "resume"])
            recorder.transport.close()
            await recorder.lost

        self.complete(main())

    def test_the_marks_can_be_set_and_are_asyncios(self):
        async def main():
            recorder, _ = await self.connected()
            transport = recorder.transport
            self.assertEqual(transport.get_write_buffer_limits(), (16_384, 65_536))
            transport.set_write_buffer_limits(high=1000)
            self.assertEqual(transport.get_write_buffer_limits(), (250, 1000))
            transport.set_write_buffer_limits(low=1000)
            self.assertEqual(transport.get_write_buffer_limits(), (1000, 4000))
            for wrong in ({"high": 1, "low": 2}, {"high": -1}, {"low": -1}):
                with self.assertRaises(ValueError):
                    transport.set_write_buffer_limits(**wrong)
            transport.set_write_buffer_limits(high=0)
            total = 0
            while "pause" not in recorder.events:
                transport.write(bytes(100_000))
                total += 100_000
            transport.abort()
            await recorder.lost

        self.complete(main())

    def test_drain_waits_for_a_peer_that_does_not_read(self):
        async def main():
            ours, theirs = tcp_pair()
            reader, writer = await asyncio.open_connection(sock=ours)
            writer.write(bytes(20_000_000))
            draining = asyncio.ensure_future(writer.drain())
            await asyncio.sleep(0.01)
            self.assertFalse(draining.done())
            receiving = asyncio.ensure_future(self.receive_all(theirs))
            await draining
            writer.close()
            self.assertEqual(len(await receiving), 20_000_000)
            theirs.close()

        self.complete(main())

    def test_what_reads_a_large_piece_runs_before_the_next_is_received(self):
        events = []

        class Told(asyncio.StreamReaderProtocol):
            def data_received(self, data):
                events.append("received")
                super().data_received(data)

        async def read(reader):
            data = await reader.read(1 << 20)
            events.append("read")
            return data

        async def main():
            ends = [tcp_pair() for _ in range(3)]
            readers = [asyncio.StreamReader() for _ in ends]
            transports = []
            for reader, (ours, _) in zip(readers, ends):
                transport, _ = await self.loop.connect_accepted_socket(lambda reader=reader: Told(reader), ours)
                transports.append(transport)
            reading = [asyncio.ensure_future(read(reader)) for reader in readers]
            await asyncio.sleep(0)
            for _, theirs in ends:
                theirs.send(pattern(16384))
            self.assertEqual(await asyncio.gather(*reading), [pattern(16384)] * 3)
            for transport, (_, theirs) in zip(transports, ends):
                transport.close()
                theirs.close()

        self.complete(main())
        self.assertEqual(events, ["received", "read"] * 3)

    def test_a_large_piece_may_be_the_last(self):
        variable = contextvars.ContextVar("variable")

        class Aborting(Recorder):
            def data_received(self, data):
                variable.set("of the connection")
                super().data_received(data)
                self.transport.abort()
                asyncio.get_running_loop().call_soon(seen.append, None)

        async def main():
            recorder, theirs = Aborting(self.loop), None
            ours, theirs = tcp_pair()
            await self.loop.connect_accepted_socket(lambda: recorder, ours)
            theirs.send(pattern(16384))
            await recorder.lost
            self.loop.call_soon(lambda: seen.append(variable.get("nothing")))
            await asyncio.sleep(0)
            theirs.close()

        seen = []
        self.complete(main())
        self.assertEqual(seen, [None, "nothing"])
        self.assertEqual(contextvars.copy_context().get(variable), None)

    def test_a_reader_of_another_kind_may_keep_what_it_is_given(self):
        class Keeping(asyncio.StreamReader):
            def __init__(self):
                super().__init__()
                self.kept = []

            def feed_data(self, data):
                self.kept.append(data)
                super().feed_data(data)

        async def main():
            reader = Keeping()
            ours, theirs = tcp_pair()
            transport, _ = await self.loop.connect_accepted_socket(lambda: asyncio.StreamReaderProtocol(reader), ours)
            data = pattern(40_000)
            await self.loop.sock_sendall(theirs, data)
            self.assertEqual(await reader.readexactly(len(data)), data)
            self.assertEqual(b"".join(reader.kept), data)
            self.assertEqual({type(piece) for piece in reader.kept}, {bytes})
            transport.close()
            theirs.close()

        self.complete(main())

    def test_what_a_reader_was_given_when_it_failed_cannot_be_looked_at_any_more(self):
        async def main():
            reader = asyncio.StreamReader()
            reader.feed_eof()  # after which nothing may come
            ours, theirs = tcp_pair()
            await self.loop.connect_accepted_socket(lambda: asyncio.StreamReaderProtocol(reader), ours)
            theirs.send(pattern(16384))
            await until(lambda: failures)
            theirs.close()

        failures = []
        self.loop.set_exception_handler(lambda loop, context: failures.append(context["exception"]))
        self.complete(main())
        self.assertIsInstance(failures[0], AssertionError)
        given = []
        traceback = failures[0].__traceback__
        while traceback:
            given += [one for one in traceback.tb_frame.f_locals.values() if isinstance(one, memoryview)]
            traceback = traceback.tb_next
        self.assertEqual(len(given), 1)
        with self.assertRaises(ValueError):
            bytes(given[0])

    def test_a_reader_that_was_changed_is_given_bytes(self):
        async def main():
            reader, writer = await asyncio.open_connection(sock=ours)
            await self.loop.sock_sendall(theirs, pattern(40_000))
            await reader.readexactly(40_000)
            writer.close()
            await writer.wait_closed()

        original = asyncio.StreamReader.feed_data
        given = []

        def feed_data(reader, data):
            given.append(data)
            original(reader, data)

        ours, theirs = tcp_pair()
        asyncio.StreamReader.feed_data = feed_data
        try:
            self.complete(main())
        finally:
            asyncio.StreamReader.feed_data = original
        self.assertEqual(b"".join(given), pattern(40_000))
        theirs.close()

    def test_nothing_is_received_while_reading_is_paused(self):
        async def main():
            recorder, theirs = await self.connected()
            recorder.transport.pause_reading()
            recorder.transport.pause_reading()
            self.assertFalse(recorder.transport.is_reading())
            await self.loop.sock_sendall(theirs, b"kept")
            theirs.shutdown(socket.SHUT_WR)
            for _ in range(20):
                await asyncio.sleep(0.0005)
            self.assertEqual(recorder.events, ["made"])
            recorder.transport.resume_reading()
            recorder.transport.resume_reading()
            self.assertTrue(recorder.transport.is_reading())
            await recorder.lost
            self.assertEqual(recorder.events, ["made", "data", "eof", "lost"])
            self.assertEqual(recorder.received, b"kept")

        self.complete(main())

    def test_what_was_queued_before_a_look_at_the_network_runs_before_what_that_brings(self):
        order = []

        class Noting(Recorder):
            def data_received(self, data):
                order.append("data")

        async def main():
            recorder, theirs = await self.connected(Noting(self.loop))

            def slow():
                theirs.send(b"x")
                until_then = time.perf_counter() + 0.001  # long enough for a look
                while time.perf_counter() < until_then:
                    pass
                self.loop.call_soon(order.append, "queued")

            self.loop.call_soon(slow)
            await until(lambda: "data" in order)
            recorder.transport.close()
            await recorder.lost

        self.complete(main())
        self.assertEqual(order, ["queued", "data"])

    def test_stop_before_a_look_at_the_network_ends_the_run_with_its_iteration(self):
        order = []

        def slow():
            until_then = time.perf_counter() + 0.001
            while time.perf_counter() < until_then:
                pass
            self.loop.call_soon(stop)

        def stop():
            order.append("stop")
            self.loop.stop()
            self.loop.call_soon(order.append, "next")

        self.loop.call_soon(slow)
        self.loop.run_forever()
        self.assertEqual(order, ["stop"])
        self.turn()
        self.assertEqual(order, ["stop", "next"])

    def test_reading_can_be_paused_in_each_call(self):
        class Sipping(Recorder):
            def data_received(self, data):
                super().data_received(data)
                self.transport.pause_reading()
                self.loop.call_soon(self.transport.resume_reading)

        async def main():
            sipping = Sipping(self.loop)
            sipping.loop = self.loop
            _, theirs = await self.connected(sipping)
            data = pattern(2_000_000)
            await self.loop.sock_sendall(theirs, data)
            theirs.shutdown(socket.SHUT_WR)
            await sipping.lost
            self.assertEqual(sipping.received, data)

        self.complete(main())


class Endings(StreamCase):
    def test_close_sends_what_was_written(self):
        async def main():
            recorder, theirs = await self.connected()
            data = pattern(5_000_000)
            recorder.transport.write(data)
            recorder.transport.close()
            self.assertTrue(recorder.transport.is_closing())
            self.assertNotIn("lost", recorder.events)
            self.assertEqual(await self.receive_all(theirs), data)
            self.assertIsNone(await recorder.lost)

        self.complete(main())

    def test_abort_loses_what_was_written_and_tells_once(self):
        async def main():
            recorder, theirs = await self.connected()
            recorder.transport.write(pattern(20_000_000))
            recorder.transport.abort()
            recorder.transport.abort()
            recorder.transport.close()
            self.assertNotIn("lost", recorder.events)
            self.assertIsNone(await recorder.lost)
            await asyncio.sleep(0)
            self.assertEqual(recorder.events.count("lost"), 1)
            try:
                self.assertLess(len(await self.receive_all(theirs)), 20_000_000)
            except ConnectionResetError:
                pass

        self.complete(main())

    def test_our_end_leaves_the_other_direction_open(self):
        async def main():
            recorder, theirs = await self.connected()
            self.assertTrue(recorder.transport.can_write_eof())
            recorder.transport.write(b"question")
            recorder.transport.write_eof()
            recorder.transport.write_eof()
            with self.assertRaises(RuntimeError):
                recorder.transport.write(b"too late")
            self.assertEqual(await self.receive_all(theirs), b"question")
            await self.loop.sock_sendall(theirs, b"answer")
            theirs.close()
            self.assertIsNone(await recorder.lost)
            self.assertEqual(recorder.received, b"answer")

        self.complete(main())

    def test_a_protocol_that_wants_to_may_write_after_the_end_of_the_peer(self):
        class Staying(Recorder):
            def eof_received(self):
                super().eof_received()
                return True

        async def main():
            staying, theirs = await self.connected(Staying(self.loop))
            theirs.shutdown(socket.SHUT_WR)
            await staying.ended
            await asyncio.sleep(0.001)
            self.assertNotIn("lost", staying.events)
            staying.transport.write(b"still here")
            staying.transport.close()
            self.assertEqual(await self.receive_all(theirs), b"still here")
            self.assertIsNone(await staying.lost)

        self.complete(main())

    def test_a_reset_is_the_exception_of_connection_lost(self):
        async def main():
            recorder, theirs = await self.connected()
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            theirs.close()
            self.assertIsInstance(await recorder.lost, ConnectionResetError)

        self.complete(main())

    def test_writing_into_the_void_is_quiet_for_a_while(self):
        async def main():
            recorder, theirs = await self.connected()
            recorder.transport.abort()
            await recorder.lost
            for _ in range(5):
                recorder.transport.write(b"x")
            with self.assertLogs("asyncio", "WARNING") as logs:
                for _ in range(5):
                    recorder.transport.write(b"x")
            self.assertIn("socket.send() raised exception", logs.output[0])

        self.complete(main())

    def test_a_transport_that_has_ended_answers_as_asyncios_does(self):
        async def main():
            recorder, _ = await self.connected()
            transport = recorder.transport
            transport.close()
            await recorder.lost
            self.assertTrue(transport.is_closing())
            self.assertFalse(transport.is_reading())
            self.assertEqual(transport.get_write_buffer_size(), 0)
            for call in (transport.close, transport.abort, transport.pause_reading, transport.resume_reading,
                         transport.write_eof, transport.set_write_buffer_limits, lambda: transport.writelines([b""])):
                call()
            self.assertIn("closed", repr(transport))
            self.assertIsNone(transport.get_extra_info("nonsense"))
            self.assertEqual(transport.get_extra_info("nonsense", 5), 5)

        self.complete(main())

    def test_what_a_transport_knows_of_its_socket(self):
        async def main():
            ours, theirs = tcp_pair()
            expected = ours.getsockname(), ours.getpeername(), ours.fileno()
            recorder = Recorder(self.loop)
            await self.loop.create_connection(lambda: recorder, sock=ours)
            view = recorder.transport.get_extra_info("socket")
            self.assertEqual((recorder.transport.get_extra_info("sockname"), recorder.transport.get_extra_info("peername"),
                              view.fileno()), expected)
            self.assertTrue(view.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            recorder.transport.close()
            await recorder.lost
            self.assertEqual(recorder.transport.get_extra_info("peername"), expected[1])
            self.assertEqual(view.fileno(), -1)
            theirs.close()

        self.complete(main())


class Raising(StreamCase):
    def one_that_raises_in(self, method):
        def fail(*_):
            raise ZeroDivisionError(method)

        recorder = Recorder(self.loop)
        setattr(recorder, method, fail)
        return recorder

    def test_in_data_received_and_eof_received_it_ends_the_connection_with_it(self):
        for method in ("data_received", "eof_received"):
            async def main():
                recorder, theirs = await self.connected(self.one_that_raises_in(method))
                await self.loop.sock_sendall(theirs, b"x")
                theirs.shutdown(socket.SHUT_WR)
                return await recorder.lost

            with self.subTest(method):
                self.assertIsInstance(self.complete(main()), ZeroDivisionError)
                self.assertEqual(str(self.take_error(ZeroDivisionError)), method)

    def test_in_connection_made_and_connection_lost_it_is_reported(self):
        for method in ("connection_made", "connection_lost"):
            async def main():
                recorder = self.one_that_raises_in(method)
                ours, theirs = tcp_pair()
                transport, _ = await self.loop.create_connection(lambda: recorder, sock=ours)
                transport.close()
                await self.receive_all(theirs)
                theirs.close()
                await asyncio.sleep(0.001)

            with self.subTest(method):
                self.complete(main())
                self.assertEqual(str(self.take_error(ZeroDivisionError)), method)

    def test_in_pause_writing_and_resume_writing_it_is_reported_and_the_bytes_go_on(self):
        for method in ("pause_writing", "resume_writing"):
            async def main():
                recorder, theirs = await self.connected(self.one_that_raises_in(method))
                recorder.transport.write(pattern(20_000_000))
                receiving = asyncio.ensure_future(self.receive_all(theirs))
                await until(lambda: recorder.transport.get_write_buffer_size() == 0)
                recorder.transport.close()
                self.assertEqual(await receiving, pattern(20_000_000))
                self.assertIsNone(await recorder.lost)

            with self.subTest(method):
                self.complete(main())
                self.assertEqual(str(self.take_error(ZeroDivisionError)), method)

    def test_in_a_factory_of_a_server_it_ends_that_connection_alone(self):
        async def main():
            living = set()
            factories = [lambda: Echo(living), lambda: 1 / 0]
            server = await self.loop.create_server(lambda: factories.pop()(), "127.0.0.1", 0)
            address = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address)
            self.assertEqual(await reader.read(), b"")
            writer.close()
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"well")
            self.assertEqual(await reader.readexactly(4), b"well")
            writer.close()
            await writer.wait_closed()
            await until(lambda: not living)
            server.close()

        self.complete(main())


class Cancelling(LoopCase):
    """An echo is cancelled after each number of iterations until it completes; nothing may be left of it."""

    async def echo_once(self, address, **options):
        reader, writer = await asyncio.open_connection(*address, **options)
        try:
            writer.write(b"x" * 100_000)
            await writer.drain()
            await reader.readexactly(100_000)
            writer.write_eof()
            await reader.read()
        finally:
            writer.close()
        await writer.wait_closed()

    def cancel_everywhere(self, operation):
        async def after(turns):
            task = asyncio.ensure_future(operation())
            for _ in range(turns):
                await asyncio.sleep(0)
            if task.done():
                return task.result() or True
            await asyncio.sleep(0.0002 * (turns % 3))
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=PATIENCE)
            self.assertTrue(done)
            return not task.cancelled()

        turns = 0
        while not self.complete(after(turns)):
            turns += 1 + turns // 20
            self.assertLess(turns, 100_000)

    def test_connecting_echoing_and_closing(self):
        living = set()
        server = self.complete(self.loop.create_server(lambda: Echo(living), "127.0.0.1", 0))
        address = server.sockets[0].getsockname()
        before = open_descriptors()
        self.cancel_everywhere(lambda: self.echo_once(address))
        self.complete(until(lambda: not living))
        self.complete(until(lambda: open_descriptors() == before))
        server.close()
        self.complete(server.wait_closed())

    def test_a_cancelled_read_loses_nothing(self):
        async def main():
            ours, theirs = tcp_pair()
            reader, writer = await asyncio.open_connection(sock=ours)
            for number in range(50):
                reading = asyncio.ensure_future(reader.readexactly(3))
                await asyncio.sleep(0)
                if number % 2:
                    theirs.send(b"%03d" % number)
                for _ in range(number % 5):
                    await asyncio.sleep(0)
                if not reading.done():
                    reading.cancel()
                    await asyncio.wait([reading])
                if reading.cancelled() and number % 2:
                    self.assertEqual(await reader.readexactly(3), b"%03d" % number)
            writer.close()
            await writer.wait_closed()
            theirs.close()

        self.complete(main())


class Files(StreamCase):
    def setUp(self):
        super().setUp()
        self.file = tempfile.TemporaryFile()
        self.addCleanup(self.file.close)
        self.data = pattern(3_000_000)
        self.file.write(self.data)

    def test_a_file_is_sent_between_what_is_written(self):
        async def main():
            recorder, theirs = await self.connected()
            receiving = asyncio.ensure_future(self.receive_all(theirs))
            recorder.transport.write(b"before ")
            self.assertEqual(await self.loop.sendfile(recorder.transport, self.file), len(self.data))
            recorder.transport.write(b" after")
            recorder.transport.close()
            self.assertEqual(await receiving, b"before " + self.data + b" after")

        self.complete(main())

    def test_a_part_of_a_file_is_sent(self):
        async def main():
            recorder, theirs = await self.connected()
            receiving = asyncio.ensure_future(self.receive_all(theirs))
            self.assertEqual(await self.loop.sendfile(recorder.transport, self.file, 1000, 500), 500)
            self.assertEqual(await self.loop.sendfile(recorder.transport, self.file, 2_999_000), 1000)
            self.assertEqual(await self.loop.sendfile(recorder.transport, self.file, 4_000_000), 0)
            recorder.transport.close()
            self.assertEqual(await receiving, self.data[1000:1500] + self.data[2_999_000:])

        self.complete(main())

    def test_a_peer_that_goes_ends_it_with_an_error(self):
        async def main():
            recorder, theirs = await self.connected()
            sending = asyncio.ensure_future(self.loop.sendfile(recorder.transport, self.file))
            for _ in range(20):
                await asyncio.sleep(0)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            theirs.close()
            with self.assertRaises(ConnectionError):
                await sending
            recorder.transport.abort()
            await recorder.lost

        self.file.seek(0)
        self.file.truncate(200_000_000)
        self.complete(main())

    def test_a_socket_sends_a_file(self):
        async def main():
            ours, theirs = tcp_pair()
            receiving = asyncio.ensure_future(self.receive_all(theirs))
            self.assertEqual(await self.loop.sock_sendfile(ours, self.file), len(self.data))
            ours.close()
            self.assertEqual(await receiving, self.data)
            theirs.close()

        self.complete(main())


if __name__ == "__main__":
    unittest.main()
