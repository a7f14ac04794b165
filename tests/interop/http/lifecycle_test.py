#!/usr/bin/env python3
"""How `bine serve` starts and ends: clear words when it cannot, and no download cut short when it stops."""

import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from bine_process import BINE, CURL, TIMEOUT, Answer, Bine, curl, curl_status, make_file, read_to_end

SIZE = 32 * 1024 * 1024


class LifecycleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not CURL:
            raise unittest.SkipTest("curl is not installed")
        temp = tempfile.TemporaryDirectory(prefix="bine-interop-")
        cls.addClassCleanup(temp.cleanup)
        cls.root = pathlib.Path(temp.name)
        (cls.root / "ten.txt").write_text("0123456789")
        make_file(cls.root / "large.bin", SIZE)

    def start(self, *arguments, **keywords):
        bine = Bine(*arguments, **keywords)
        self.addCleanup(bine.kill)
        return bine

    def begin_download(self, bine):
        """A client with a small window that has read the first bytes of large.bin."""
        client = bine.connect(receive_buffer=16384)
        self.addCleanup(client.close)
        client.sendall(b"GET /large.bin HTTP/1.1\r\nHost: bine\r\n\r\n")
        return client, client.recv(1000)

    def assert_refuses_connections(self, bine):
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            try:
                bine.connect().close()
            except (ConnectionRefusedError, ConnectionResetError):
                return
        self.fail("still listening")

    def run_to_failure(self, *arguments):
        command = [BINE, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.returncode, done.stderr

    def test_term_ends_an_idle_server_at_once_and_well(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            bine = self.start(self.root)
            with bine.connect() as idle:
                idle.sendall(b"GET /ten.txt HTTP/1.1\r\nHost: bine\r\n\r\n")
                self.assertTrue(idle.recv(10000).endswith(b"0123456789"))
                bine.signal(number)
                self.assertEqual(read_to_end(idle), b"")
            self.assertEqual(bine.wait(), 0)

    def test_term_lets_a_download_finish(self):
        bine = self.start(self.root)
        client, got = self.begin_download(bine)
        bine.signal()
        self.assert_refuses_connections(bine)
        self.assertIsNone(bine.process.poll())
        answer = Answer(got + read_to_end(client))
        self.assertEqual(answer.body, (self.root / "large.bin").read_bytes())
        self.assertEqual(bine.wait(), 0)

    def test_second_term_ends_it_at_once(self):
        bine = self.start(self.root)
        client, got = self.begin_download(bine)
        bine.signal()
        self.assert_refuses_connections(bine)
        bine.signal()
        self.assertEqual(bine.wait(), 2)
        self.assertLess(len(got + read_to_end(client)), SIZE)

    def test_the_grace_ends(self):
        bine = self.start(self.root, "--grace", "1")
        client, _ = self.begin_download(bine)
        bine.signal()
        self.assertEqual(bine.wait(), 2)
        self.assertLess(len(read_to_end(client)), SIZE)

    def test_port_in_use(self):
        bine = self.start(self.root)
        code, words = self.run_to_failure("serve", self.root, "--listen", f"tcp:{bine.port}:interface=127.0.0.1")
        self.assertEqual(code, 1)
        self.assertIn(str(bine.port), words)

    def test_missing_folder(self):
        code, words = self.run_to_failure("serve", self.root / "nothing")
        self.assertEqual(code, 1)
        self.assertIn("nothing", words)
        self.assertEqual(self.run_to_failure("serve", self.root / "ten.txt")[0], 1)

    def test_bad_endpoint(self):
        code, words = self.run_to_failure("serve", self.root, "--listen", "tpc:8080")
        self.assertEqual(code, 64)
        self.assertIn("tpc", words)

    def test_unix_socket(self):
        path = self.root / "socket"
        bine = self.start(self.root, listen=f"unix:{path}")
        self.assertEqual(curl("--unix-socket", path, "http://bine/ten.txt"), b"0123456789")
        self.assertEqual(bine.stop(), 0)

    def test_several_listeners(self):
        path = self.root / "second"
        bine = self.start(self.root, "--listen", "tcp:0:interface=127.0.0.1", listen=f"unix:{path}")
        self.assertEqual(curl(bine.url + "/ten.txt"), b"0123456789")
        self.assertEqual(curl("--unix-socket", path, "http://bine/ten.txt"), b"0123456789")

    def test_example_site(self):
        bine = self.start()
        page = curl(bine.url + "/").decode()
        self.assertIn("<h1>bine</h1>", page)
        for name in ("style.css", "site.js", "bine.svg", "favicon.ico", "api/hello", "api/facts", "api/request"):
            self.assertEqual(curl_status(f"{bine.url}/{name}"), 200, name)
        numbers = curl("--no-buffer", bine.url + "/api/count").decode().split()
        self.assertEqual(numbers, [str(number) for number in range(1, 21)])
        etag = self.root / "etag"
        curl("--etag-save", etag, bine.url + "/style.css")
        self.assertEqual(curl("--etag-compare", etag, "--write-out", "%{http_code}", bine.url + "/style.css"), b"304")

    def test_a_stream_ends_with_its_client(self):
        bine = self.start()
        with bine.connect() as client:
            client.sendall(b"GET /api/count HTTP/1.1\r\nHost: bine\r\n\r\n")
            self.assertIn(b"200 OK", client.recv(1000))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.assertEqual(curl(bine.url + "/api/hello"), b"hello\n")
        self.assertEqual(bine.stop(), 0)


if __name__ == "__main__":
    unittest.main()
