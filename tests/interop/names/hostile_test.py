#!/usr/bin/env python3
"""A name server that lies, errs, keeps silent or never ends: every question ends in time, with the right error."""

import os
import socket
import struct
import threading
import unittest

from asking import ask, free_port

A, CNAME, TXT = 1, 5, 16
LIE = bytes([6, 6, 6, 6])
TRUTH = bytes([192, 0, 2, 1])
POINTER = b"\xc0\x0c"  # to the question's name


def labels(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(owner, kind, data, ttl=60):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


class Query:
    def __init__(self, data):
        self.id, self.question = data[:2], data[12:]
        end = self.question.index(0)
        self.kind = struct.unpack(">H", self.question[end + 1:end + 3])[0]
        self.question = self.question[:end + 5]
        self.trick = self.question[1:1 + self.question[0]].decode()

    def answer(self, *records, flags=0x8180, count=None, question=None, id=None):
        counts = struct.pack(">HHHHH", flags, 1, len(records) if count is None else count, 0, 0)
        return (id or self.id) + counts + (question or self.question) + b"".join(records)

    def truth(self):
        return self.answer(record(POINTER, A, TRUTH))

    def lie(self, **wrong):
        return self.answer(record(POINTER, A, LIE), **wrong)

    def start(self):
        """Where the first record begins."""
        return 12 + len(self.question)


def chain(query):
    """A record whose data is a chain of pointers, and records whose owners are its end."""
    start = query.start() + 11
    data, last = labels("x"), start
    while start + len(data) < 0x3ff0:
        place = start + len(data)
        data += struct.pack(">H", 0xc000 | last)
        last = place
    owner = struct.pack(">H", 0xc000 | last)
    return query.answer(record(b"\0", TXT, data), *[record(owner, TXT, b"") for _ in range(900)])


class Server:
    """Answers over UDP as the first label of a name says, and over TCP too when it is cut short there."""

    def __init__(self):
        self.port = free_port()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.create_server(("127.0.0.1", self.port))
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def serve_udp(self):
        while True:
            data, client = self.udp.recvfrom(4096)
            query = Query(data)
            for message in self.datagrams(query, client):
                self.udp.sendto(message, client)

    def datagrams(self, query, client):
        match query.trick:
            case "silent":
                return []
            case "wrong-id":
                return [query.lie(id=bytes([query.id[0] ^ 1, query.id[1]])), query.truth()]
            case "wrong-id-only":
                return [query.lie(id=bytes([query.id[0] ^ 1, query.id[1]]))]
            case "wrong-port":
                self.other.sendto(query.lie(), client)
                return [query.truth()]
            case "wrong-question":
                return [query.lie(question=labels("other.example") + b"\0\1\0\1"), query.truth()]
            case "garbage":
                return [os.urandom(size) for size in (1, 11, 12, 13, 200, 512)]
            case "no-answer":
                return [query.answer(flags=0x0100)]
            case "alias-loop":
                other = labels("b.example")
                return [query.answer(record(POINTER, CNAME, other), record(other, CNAME, POINTER))]
            case "pointer-loop":
                return [query.answer(record(struct.pack(">H", 0xc000 | query.start()), A, LIE))]
            case "pointer-forward":
                return [query.answer(record(struct.pack(">H", 0xc000 | query.start() + 40), A, LIE))]
            case "too-few":
                return [query.answer(record(POINTER, A, LIE), count=7)]
            case "failing":
                return [query.answer(flags=0x8182)]
        return [query.answer(flags=0x8380)]

    def serve_tcp(self):
        while True:
            client, _ = self.tcp.accept()
            threading.Thread(target=self.serve_stream, args=(client,), daemon=True).start()

    def serve_stream(self, client):
        with client:
            try:
                data = client.recv(4096)
                query = Query(data[2:])
                if query.trick != "cut-hang-up":
                    self.stream(query, client)
            except OSError:
                pass

    def stream(self, query, client):
        def send(message):
            client.sendall(struct.pack(">H", len(message)) + message)

        match query.trick:
            case "cut":
                send(query.truth())
            case "cut-bytes":
                for byte in struct.pack(">H", len(query.truth())) + query.truth():
                    client.sendall(bytes([byte]))
            case "cut-silent":
                client.recv(1)
            case "cut-short":
                client.sendall(b"\xff\xff" + query.truth())
                client.recv(1)
            case "cut-endless":
                while True:
                    send(b"twelve bytes")
            case "cut-endless-large":
                while True:
                    send(query.lie(id=bytes([query.id[0] ^ 1, query.id[1]])) + bytes(60000))
            case "cut-chain":
                send(chain(query))
                client.recv(1)
            case "cut-again":
                send(query.answer(flags=0x8380))
                client.recv(1)


class HostileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    def told(self, trick, kind="A", milliseconds=5000, seconds=20):
        (line,), took = ask(self.server.port, f"{kind}:{trick}.example", milliseconds=milliseconds)
        self.assertLess(took, seconds)
        return line

    def assert_error(self, trick, text, **asked):
        line = self.told(trick, **asked)
        self.assertTrue(line.startswith("error look up "), line)
        self.assertIn(f'"{trick}.example": the server 127.0.0.1:{self.server.port} {text}', line)

    def test_lies_are_passed_over_and_the_truth_is_taken(self):
        for trick in ("wrong-id", "wrong-port", "wrong-question", "cut", "cut-bytes"):
            with self.subTest(trick):
                self.assertEqual(self.told(trick), "ok 192.0.2.1")

    def test_what_is_no_answer_is_none(self):
        for trick in ("silent", "wrong-id-only", "garbage", "cut-silent", "cut-short"):
            with self.subTest(trick):
                self.assert_error(trick, "did not answer within 200 ms", milliseconds=100)

    def test_malformed_answers(self):
        for trick, text in [
            ("no-answer", "its message is no answer"),
            ("alias-loop", "it answered with too long a chain of aliases, or one that leads in a circle"),
            ("pointer-loop", "a name in its message leads in a circle"),
            ("pointer-forward", "a name in its message leads in a circle"),
            ("too-few", "its message is cut short"),
            ("failing", "it could not find out (SERVFAIL)"),
        ]:
            with self.subTest(trick):
                self.assert_error(trick, f"gave no answer: {text}")

    def test_work_is_bounded_for_a_whole_message(self):
        self.assert_error("cut-chain", "gave no answer: the names in its message are too much work", kind="TXT")

    def test_streams_that_never_end(self):
        self.assert_error("cut-endless", "sends without end, and no answer")
        self.assertTrue(self.told("cut-endless-large", milliseconds=300).startswith("error "))

    def test_hanging_up(self):
        self.assert_error("cut-hang-up", "cannot be reached, or hung up without an answer")

    def test_an_answer_cut_short_over_tcp_too(self):
        self.assert_error("cut-again", "gave no answer: its message says that it is cut short")


if __name__ == "__main__":
    unittest.main()
