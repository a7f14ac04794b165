"""bine.TLSContext wherever asyncio takes an ssl.SSLContext, against itself and against the module ssl."""

import asyncio
import os
import socket
import ssl
import tempfile
import unittest

import bine
from support import LoopCase

SERVER = bine.TLSContext.self_signed("localhost", "127.0.0.1")
CLIENT = bine.TLSContext(ca=SERVER.certificates[0])
MUCH = os.urandom(1 << 20) * 3


async def shout(reader, writer):
    """Answers each line in capitals, and tells what the connection is."""
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


class TLS(LoopCase):
    def complete(self, awaitable):
        async def all_of_it():
            before = asyncio.all_tasks()
            await awaitable
            # Those that serve connections have heard of the end of these.
            if others := asyncio.all_tasks() - before:
                await asyncio.wait(others)

        super().complete(all_of_it())

    def test_both_sides_are_bines(self):
        async def main():
            server = await asyncio.start_server(shout, "127.0.0.1", 0, ssl=SERVER)
            async with server:
                place = server.sockets[0].getsockname()
                reader, writer = await asyncio.open_connection(*place, ssl=CLIENT)
                self.assertIsInstance(writer.transport, bine.StreamTransport)
                writer.write(b"hello\n")
                self.assertEqual(await reader.readline(), b"HELLO\n")
                self.assertEqual(writer.get_extra_info("peername"), place)
                self.assertIs(writer.get_extra_info("sslcontext"), CLIENT)
                self.assertEqual(writer.get_extra_info("version"), "TLSv1.3")
                name, version, bits = writer.get_extra_info("cipher")
                self.assertTrue(name.startswith("TLS_"))
                self.assertEqual(version, "TLSv1.3")
                self.assertIn(bits, (128, 256))
                self.assertIn(("DNS", "localhost"), writer.get_extra_info("peercert")["subjectAltName"])
                der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                self.assertEqual(ssl.DER_cert_to_PEM_cert(der).split(), SERVER.certificates[0].split())
                writer.close()
                await writer.wait_closed()

        self.complete(main())

    def test_a_client_of_the_module_ssl(self):
        context = ssl.create_default_context(cadata=SERVER.certificates[0])

        async def main():
            server = await self.loop.create_server(
                lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), shout), "127.0.0.1", 0, ssl=SERVER)
            async with server:
                port = server.sockets[0].getsockname()[1]
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
                writer.write(b"from another library\n")
                self.assertEqual(await reader.readline(), b"FROM ANOTHER LIBRARY\n")
                writer.close()
                await writer.wait_closed()

        self.complete(main())

    def test_a_server_of_the_module_ssl(self):
        with tempfile.TemporaryDirectory() as folder:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate, key = make_files(folder)
            context.load_cert_chain(certificate, key)
            ours = bine.TLSContext(ca=certificate)

            async def main():
                server = await asyncio.start_server(shout, "127.0.0.1", 0, ssl=context)
                async with server:
                    port = server.sockets[0].getsockname()[1]
                    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ours, server_hostname="localhost")
                    writer.write(b"and back\n")
                    self.assertEqual(await reader.readline(), b"AND BACK\n")
                    writer.close()
                    await writer.wait_closed()

            self.complete(main())

    def test_much_goes_through(self):
        async def serve(reader, writer):
            writer.write(await reader.readexactly(len(MUCH)))
            await writer.drain()
            writer.close()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=SERVER)
            async with server:
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=CLIENT)
                writer.write(MUCH)
                await writer.drain()
                self.assertEqual(await reader.read(), MUCH)
                writer.close()

        self.complete(main())

    def test_a_file_goes_through(self):
        async def main():
            with tempfile.TemporaryFile() as file:
                file.write(MUCH)
                file.seek(0)

                async def serve(reader, writer):
                    await self.loop.sendfile(writer.transport, file)
                    writer.close()

                server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=SERVER)
                async with server:
                    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=CLIENT)
                    self.assertEqual(await reader.read(), MUCH)
                    writer.close()

        self.complete(main())

    def test_a_certificate_that_nobody_trusts_is_refused(self):
        async def main():
            server = await asyncio.start_server(shout, "127.0.0.1", 0, ssl=SERVER)
            async with server:
                place = server.sockets[0].getsockname()
                with self.assertRaisesRegex(ssl.SSLCertVerificationError, "self-signed|issuer|trust"):
                    await asyncio.open_connection(*place, ssl=bine.TLSContext())
                with self.assertRaisesRegex(ssl.SSLCertVerificationError, "other.example"):
                    await asyncio.open_connection(*place, ssl=CLIENT, server_hostname="other.example")
                reader, writer = await asyncio.open_connection(*place, ssl=bine.TLSContext(verify=False))
                writer.close()

        self.complete(main())

    def test_what_speaks_no_tls_is_an_error_and_not_for_ever(self):
        async def serve(reader, writer):
            writer.write(b"220 this is no TLS\r\n")
            writer.close()

        async def silent(reader, writer):
            await reader.read()
            writer.close()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            async with server:
                with self.assertRaises(ConnectionError):
                    await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=CLIENT)
            server = await asyncio.start_server(silent, "127.0.0.1", 0)
            async with server:
                with self.assertRaises(TimeoutError):
                    await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=CLIENT, ssl_handshake_timeout=0.05)

        self.complete(main())

    def test_giving_up_during_the_handshake_closes_the_socket(self):
        async def main():
            gone = self.loop.create_future()

            async def silent(reader, writer):
                try:
                    while await reader.read(4096):
                        pass
                except ConnectionError:
                    pass
                writer.close()
                gone.set_result(None)

            server = await asyncio.start_server(silent, "127.0.0.1", 0)
            async with server:
                place = server.sockets[0].getsockname()
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(asyncio.open_connection(*place, ssl=CLIENT), 0.1)
                await gone

        self.complete(main())

    def test_the_loop_ends_during_a_handshake(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        task = self.loop.create_task(asyncio.open_connection(*listener.getsockname(), ssl=CLIENT))
        self.loop.run_until_complete(asyncio.sleep(0.05))
        self.loop.close()
        task._log_destroy_pending = False
        again = socket.create_server(("127.0.0.1", 0))  # takes the number that the loop's socket had
        del task
        again.getsockname()
        again.close()

    def test_alpn_is_agreed_on(self):
        server_context = bine.TLSContext.self_signed("localhost")

        async def main():
            with tempfile.TemporaryDirectory() as folder:
                certificate, key = make_files(folder)
                server_side = bine.TLSContext(certificate, key, alpn=["h2", "http/1.1"])
                client_side = bine.TLSContext(ca=certificate, alpn=["http/1.1"])
                server = await asyncio.start_server(shout, "127.0.0.1", 0, ssl=server_side)
                async with server:
                    port = server.sockets[0].getsockname()[1]
                    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname="localhost")
                    self.assertEqual(writer.get_extra_info("alpn"), "http/1.1")
                    self.assertEqual(writer.get_extra_info("ssl_object").selected_alpn_protocol(), "http/1.1")
                    writer.close()
                    await writer.wait_closed()

        self.assertTrue(server_context.is_server)
        self.complete(main())

    def test_a_client_shows_who_it_is(self):
        async def main():
            with tempfile.TemporaryDirectory() as folder:
                certificate, key = make_files(folder)
                server_side = bine.TLSContext(certificate, key, ca=certificate, client_certificate="required")
                client_side = bine.TLSContext(certificate, key, server=False, ca=certificate)
                seen = self.loop.create_future()

                async def serve(reader, writer):
                    seen.set_result(writer.get_extra_info("peercert"))
                    writer.close()

                server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
                async with server:
                    port = server.sockets[0].getsockname()[1]
                    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname="localhost")
                    self.assertIn(("DNS", "localhost"), (await seen)["subjectAltName"])
                    await reader.read()
                    writer.close()

        self.complete(main())

    def test_start_tls_in_the_middle_of_a_conversation(self):
        async def serve(reader, writer):
            self.assertEqual(await reader.readline(), b"STARTTLS\n")
            writer.write(b"go ahead\n")
            await writer.drain()
            transport = await self.loop.start_tls(writer.transport, writer.transport.get_protocol(), SERVER, server_side=True)
            secure = asyncio.StreamWriter(transport, transport.get_protocol(), reader, self.loop)
            secure.write((await reader.readline()).upper())
            secure.close()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            async with server:
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                writer.write(b"STARTTLS\n")
                self.assertEqual(await reader.readline(), b"go ahead\n")
                plain = writer.transport
                transport = await self.loop.start_tls(plain, plain.get_protocol(), CLIENT, server_hostname="localhost")
                self.assertTrue(plain.is_closing())
                self.assertEqual(transport.get_extra_info("version"), "TLSv1.3")
                secure = asyncio.StreamWriter(transport, transport.get_protocol(), reader, self.loop)
                secure.write(b"in secret\n")
                self.assertEqual(await reader.readline(), b"IN SECRET\n")
                self.assertEqual(await reader.read(), b"")
                secure.close()

        self.complete(main())

    def test_start_tls_that_is_refused_ends_the_connection(self):
        async def serve(reader, writer):
            await reader.read(1)  # not before the client speaks TLS: what comes earlier is no part of the handshake
            writer.write(b"nonsense\n")
            await reader.read()
            writer.close()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            async with server:
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                transport = writer.transport
                with self.assertRaises(ConnectionError):
                    await self.loop.start_tls(transport, transport.get_protocol(), CLIENT, server_hostname="localhost")
                with self.assertRaises(ConnectionError):
                    await reader.readexactly(100)

        self.complete(main())

    def test_endpoints_take_it_too(self):
        async def main():
            async with await bine.start_server(shout, "tcp:0:interface=127.0.0.1", tls=SERVER) as port:
                place = f"tcp:127.0.0.1:{port.address[1]}"
                reader, writer = await bine.open_connection(place, tls=CLIENT)
                writer.write(b"hello\n")
                self.assertEqual(await reader.readline(), b"HELLO\n")
                self.assertIs(writer.get_extra_info("sslcontext"), CLIENT)
                writer.close()
                await writer.wait_closed()
                with self.assertRaises(ssl.SSLCertVerificationError):
                    await bine.open_connection(place, tls=bine.TLSContext())

        self.complete(main())

    def test_an_endpoint_string_says_all_of_it(self):
        async def main():
            with tempfile.TemporaryDirectory() as folder:
                certificate, key = make_files(folder)
                endpoint = f"ssl:0:certKey={certificate}:privateKey={key}:interface=127.0.0.1"
                async with await bine.start_server(shout, endpoint) as port:
                    place = f"tls:127.0.0.1:{port.address[1]}:name=localhost:ca={certificate}"
                    reader, writer = await bine.open_connection(place)
                    writer.write(b"hello\n")
                    self.assertEqual(await reader.readline(), b"HELLO\n")
                    writer.close()
                    await writer.wait_closed()

        self.complete(main())


class Words(unittest.TestCase):
    def test_what_cannot_be_used_is_named(self):
        for arguments, words in ((dict(certificate="/nowhere/certificate.pem"), "/nowhere/certificate.pem"),
                                 (dict(server=True), "needs a certificate"),
                                 (dict(minimum="SSLv3"), "TLSv1.2"),
                                 (dict(client_certificate="perhaps"), "requested"),
                                 (dict(ca="/nowhere/ca.pem"), "/nowhere/ca.pem")):
            with self.assertRaisesRegex((ValueError, OSError), words):
                bine.TLSContext(**arguments)
        with self.assertRaisesRegex(TypeError, "list of str"):
            bine.TLSContext(alpn="h2")

    def test_a_context_for_the_other_side_is_refused_in_words(self):
        async def main():
            with self.assertRaisesRegex(ValueError, "for servers"):
                await bine.connect("tcp:127.0.0.1:1", asyncio.Protocol, tls=SERVER)
            with self.assertRaisesRegex(ValueError, "for clients"):
                await bine.listen("tcp:0:interface=127.0.0.1", asyncio.Protocol, tls=CLIENT)
            with self.assertRaisesRegex(TypeError, "TLSContext"):
                await bine.listen("tcp:0:interface=127.0.0.1", asyncio.Protocol, tls=ssl.create_default_context())

        bine.run(main())


def make_files(folder):
    """A certificate for localhost and its key, in files."""
    certificate, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    context = bine.TLSContext.self_signed("localhost")
    with open(certificate, "w") as file:
        file.write(context.certificates[0])
    with open(key, "w") as file:
        file.write(context.key)
    return certificate, key


if __name__ == "__main__":
    unittest.main()
