#!/usr/bin/env python3
"""Malformed, oversized and slow requests to `bine serve`: each gets its status and a close, and nobody else notices."""

import socket
import unittest

from bine_process import Answer, ServerTest, curl, read_to_end

HOST = b"Host: bine\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class HostileTest(ServerTest):
    @classmethod
    def fill(cls):
        (cls.root / "ten.txt").write_text("0123456789")

    def tearDown(self):
        self.assertEqual(curl(self.url + "/ten.txt"), b"0123456789")
        self.assertIsNone(self.bine.process.poll())

    def send(self, request):
        """What came back until the server ended the connection."""
        with self.bine.connect() as client:
            try:
                client.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return read_to_end(client)

    def assert_refused(self, request, status):
        raw = self.send(request)
        answer = Answer(raw)
        self.assertEqual(answer.status, status)
        self.assertEqual(raw.count(b"HTTP/1.1 "), 1, "nothing behind a malformed request may be answered")
        self.assertEqual(answer.fields.get("connection"), "close")

    def test_malformed_requests(self):
        smuggled = b"GET /ten.txt HTTP/1.1\r\nHost: bine\r\n\r\n"
        for name, request, status in [
            ("two lengths", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
            ("both lengths", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
            ("signed length", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n\r\nabc", 400),
            ("hexadecimal length", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x3\r\n\r\nabc", 400),
            ("unknown coding", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: squashed\r\n\r\n", 501),
            ("chunked not last", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400),
            ("odd chunked", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
            ("folded line", b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n", 400),
            ("blank before colon", b"GET / HTTP/1.1\r\nHost : bine\r\n\r\n", 400),
            ("bare line feeds", b"GET / HTTP/1.1\nHost: bine\n\n", 400),
            ("bare return", b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n", 400),
            ("zero byte", b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n", 400),
            ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
            ("two hosts", b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
            ("no version", b"GET /\r\n\r\n", 400),
            ("unknown version", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
            ("two blanks", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
            ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400),
            ("binary", bytes(range(256)) * 8 + b"\r\n\r\n", 400),
        ]:
            with self.subTest(name):
                self.assert_refused(request + smuggled, status)

    def test_malformed_body_ends_the_connection(self):
        # Files take no body, so the answer may be there before it is looked at.
        for body in (b"zz\r\n", b"5\r\nabc\r\n0\r\n\r\n", b"-1\r\n", b"ffffffffffffffffffff\r\n", b"3\nabc\n0\n\n"):
            with self.subTest(body):
                request = b"POST /ten.txt HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n" + body
                raw = self.send(request + b"GET /ten.txt HTTP/1.1\r\n" + HOST + b"\r\n")
                self.assertIn(Answer(raw).status, (400, 405))
                self.assertNotIn(b"0123456789", raw)

    def test_undecodable_path(self):
        for path in (b"/%zz", b"/%", b"/%0", b"/a%2"):
            with self.subTest(path):
                raw = self.send(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
                self.assertIn(Answer(raw).status, (400, 404))

    def test_oversized_requests(self):
        for name, request, status in [
            ("line", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
            ("one field", b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70000 + b"\r\n\r\n", 431),
            ("many fields", b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 2000 + b"\r\n", 431),
            ("field without end", b"GET / HTTP/1.1\r\n" + HOST + b"X" * 100000, 431),
        ]:
            with self.subTest(name):
                self.assert_refused(request, status)

    def test_body_to_a_file_is_refused_or_dropped(self):
        raw = self.send(b"POST /ten.txt HTTP/1.1\r\n" + HOST + b"Content-Length: 100000000\r\n\r\n" + b"x" * 200000)
        self.assertIn(Answer(raw).status, (405, 413))

    def test_pipelined_requests_are_answered_in_order(self):
        paths = [b"ten.txt", b"nothing", b"", b"ten.txt"] * 50
        requests = b"".join(b"GET /%s HTTP/1.1\r\nHost: bine\r\n\r\n" % path for path in paths)
        with self.bine.connect() as client:
            client.sendall(requests + b"GET /ten.txt HTTP/1.1\r\nHost: bine\r\nConnection: close\r\n\r\n")
            raw = read_to_end(client)
        statuses = [int(part[:3]) for part in raw.split(b"HTTP/1.1 ")[1:]]
        self.assertEqual(statuses, [200, 404, 200, 200] * 50 + [200])

    def test_request_that_arrives_byte_by_byte(self):
        with self.bine.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in b"GET /ten.txt HTTP/1.1\r\nHost: bine\r\nConnection: close\r\n\r\n":
                client.sendall(bytes([byte]))
            self.assertEqual(Answer(read_to_end(client)).body, b"0123456789")

    def test_slow_head_is_given_up_and_hinders_nobody(self):
        slow = [self.bine.connect() for _ in range(50)]
        for client in slow:
            client.sendall(b"GET /ten.txt HTTP/1.1\r\nHost: bi")
        self.assertEqual(curl("--max-time", "5", self.url + "/ten.txt"), b"0123456789")
        for client in slow:
            self.assertEqual(Answer(read_to_end(client)).status, 408)
            client.close()

    def test_client_that_only_ends_its_side(self):
        with self.bine.connect() as client:
            client.sendall(b"GET /ten.txt HTTP/1.1\r\nHost: bine\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(Answer(read_to_end(client)).body, b"0123456789")
        with self.bine.connect() as client:
            client.sendall(b"GET /ten.txt HTTP/1.1\r\nHo")
            client.shutdown(socket.SHUT_WR)
            read_to_end(client)

    def test_a_stream_of_bad_requests_does_not_fill_the_log(self):
        lines = len(self.bine.log)
        for _ in range(300):
            self.send(b"nonsense\r\n\r\n")
        complaints = [record for record in self.bine.log[lines:] if record.get("level") in ("warning", "error")]
        self.assertLess(len(complaints), 30, complaints[:3])


if __name__ == "__main__":
    unittest.main()
