"""Asks resolve for what needs no server, and for what one on loopback says."""

import socket
import struct
import subprocess
import sys
import threading

SECONDS = 30
RECORDS = {16: b"\5hello\6 world", 33: struct.pack(">HHH", 1, 0, 5222) + b"\4chat\xc0\x14"}  # TXT, SRV


def answer(query):
    """To a query of one question, whose name is 12 bytes in: _x._tcp.example or any other."""
    kind = struct.unpack(">H", query[-4:-2])[0]
    record = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(RECORDS[kind])) + RECORDS[kind]
    return query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + query[12:] + record


def serve(server):
    while True:
        query, client = server.recvfrom(512)
        server.sendto(answer(query), client)


def resolve(*arguments):
    done = subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, timeout=SECONDS)
    return done.returncode, done.stdout, done.stderr


def expect(got, wanted):
    if got != wanted:
        sys.exit(f"expected {wanted!r}, got {got!r}")


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
threading.Thread(target=serve, args=(server,), daemon=True).start()
where = "127.0.0.1:%d" % server.getsockname()[1]

expect(resolve("localhost"), (0, "::1\n127.0.0.1\n", ""))
expect(resolve("192.0.2.1"), (0, "192.0.2.1\n", ""))
expect(resolve("some.example", "TXT", where), (0, "hello world\n", ""))
expect(resolve("_x._tcp.example", "SRV", where), (0, "chat.example 5222\n", ""))
status, printed, complaint = resolve("x.invalid")
expect((status, printed), (1, ""))
expect('look up \\"x.invalid\\": there is no such name' in complaint, True)
