"""Transports over TLS, which asyncio's own protocol makes out of ours."""

import asyncio
import ssl
import tempfile
import unittest

from support import (Echo, Recorder, SIZES, StreamCase, client_context, echo_server, make_certificates, open_descriptors, pattern,
                     server_context, tcp_pair, until)


class Tls(StreamCase):
    @classmethod
    def setUpClass(cls):
        folder = make_certificates(cls)
        cls.server_context = server_context(folder)
        cls.client_context = client_context(folder)
        cls.known_client_context = client_context(folder)
        cls.known_client_context.load_cert_chain(f"{folder}/client.pem", f"{folder}/client.key")
        cls.asking_context = server_context(folder)
        cls.asking_context.load_verify_locations(f"{folder}/ca.pem")
        cls.asking_context.verify_mode = ssl.CERT_REQUIRED

    def test_all_sizes_come_back(self):
        async def main():
            async with echo_server(ssl=self.server_context) as address:
                reader, writer = await asyncio.open_connection(*address, ssl=self.client_context, server_hostname="localhost")
                self.assertIsNotNone(writer.get_extra_info("cipher"))
                self.assertEqual(writer.get_extra_info("peername"), address)
                for size in SIZES:
                    writer.write(pattern(size))
                    _, answer = await asyncio.gather(writer.drain(), reader.readexactly(size))
                    self.assertEqual(answer, pattern(size))
                writer.close()
                await writer.wait_closed()

        self.complete(main())

    def test_a_hundred_clients_at_once(self):
        async def one(address):
            reader, writer = await asyncio.open_connection(*address, ssl=self.client_context, server_hostname="localhost")
            writer.write(pattern(70_000))
            self.assertEqual(await reader.readexactly(70_000), pattern(70_000))
            writer.close()
            await writer.wait_closed()

        async def main():
            async with echo_server(ssl=self.server_context) as address:
                await asyncio.gather(*(one(address) for _ in range(100)))

        self.complete(main())

    def test_certificates_are_asked_for_both_ways(self):
        async def main():
            async with echo_server(ssl=self.asking_context) as address:
                reader, writer = await asyncio.open_connection(*address, ssl=self.known_client_context, server_hostname="localhost")
                writer.write(b"known")
                self.assertEqual(await reader.readexactly(5), b"known")
                self.assertIn((("commonName", "server"),), writer.get_extra_info("peercert")["subject"])
                writer.close()
                await writer.wait_closed()
                reader, writer = await asyncio.open_connection(*address, ssl=self.client_context, server_hostname="localhost")
                writer.write(b"unknown")
                try:
                    self.assertEqual(await reader.read(), b"")
                except (ssl.SSLError, ConnectionError):
                    pass
                writer.close()

        self.complete(main())

    def test_a_certificate_for_another_name_is_refused(self):
        async def main():
            async with echo_server(ssl=self.server_context) as address:
                with self.assertRaises(ssl.SSLCertVerificationError):
                    await asyncio.open_connection(*address, ssl=self.client_context, server_hostname="example.org")

        self.complete(main())

    def test_a_handshake_with_one_who_says_nothing_has_its_time(self):
        async def main():
            ours, theirs = tcp_pair()
            with self.assertRaises(ConnectionAbortedError):
                await self.loop.create_connection(asyncio.Protocol, sock=ours, ssl=self.client_context,
                                                  server_hostname="localhost", ssl_handshake_timeout=0.02)
            theirs.close()

        self.complete(main())

    def test_a_connection_becomes_one_of_tls(self):
        async def main():
            living = set()
            upgrades = []

            class Upgrading(Echo):
                def data_received(self, data):
                    if data != b"STARTTLS":
                        return super().data_received(data)
                    self.transport.write(b"OK")
                    upgrades.append(asyncio.ensure_future(self.upgrade()))

                async def upgrade(self):
                    plain = self.transport
                    self.transport = await loop.start_tls(plain, self, server_context, server_side=True)

            loop, server_context = self.loop, self.server_context
            server = await self.loop.create_server(lambda: Upgrading(living), "127.0.0.1", 0)
            recorder = Recorder(self.loop)
            transport, _ = await self.loop.create_connection(lambda: recorder, *server.sockets[0].getsockname())
            transport.write(b"STARTTLS")
            await until(lambda: recorder.received == b"OK")
            secure = await self.loop.start_tls(transport, recorder, self.client_context, server_hostname="localhost")
            await asyncio.gather(*upgrades)
            secure.write(pattern(300_000))
            await until(lambda: len(recorder.received) == 300_002)
            self.assertEqual(recorder.received, b"OK" + pattern(300_000))
            secure.close()
            await until(lambda: not living)
            server.close()

        self.complete(main())

    def test_a_file_is_sent_through_tls(self):
        async def main():
            receiver, sender = Recorder(self.loop), Recorder(self.loop)
            server = await self.loop.create_server(lambda: receiver, "127.0.0.1", 0, ssl=self.server_context)
            transport, _ = await self.loop.create_connection(lambda: sender, *server.sockets[0].getsockname(),
                                                             ssl=self.client_context, server_hostname="localhost")
            with tempfile.TemporaryFile() as file:
                file.write(pattern(1_000_000))
                file.seek(0)
                transport.write(b"before ")
                self.assertEqual(await self.loop.sendfile(transport, file), 1_000_000)
            transport.write(b" after")
            transport.close()
            await asyncio.gather(sender.lost, receiver.lost)
            self.assertEqual(receiver.received, b"before " + pattern(1_000_000) + b" after")
            server.close()

        self.complete(main())

    def test_aborting_and_cancelling_leave_nothing(self):
        async def main():
            async with echo_server(ssl=self.server_context) as address:
                before = open_descriptors()
                for turns in range(40):
                    task = asyncio.ensure_future(asyncio.open_connection(*address, ssl=self.client_context,
                                                                         server_hostname="localhost"))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    if not task.done():
                        task.cancel()
                    await asyncio.wait([task])
                    if not task.cancelled() and not task.exception():
                        task.result()[1].transport.abort()
                await until(lambda: open_descriptors() == before)

        self.complete(main())
        self.take_reports()


if __name__ == "__main__":
    unittest.main()
