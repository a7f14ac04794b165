"""Asks the key-value server over the real network, the same thing twice, and again after it was killed."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "examples"))

from session import ENDPOINT, running


def ask(client, line, answer):
    client.send(line + b"\n")
    client.expect(answer + b"\n")


with tempfile.TemporaryDirectory() as folder:
    journal = os.path.join(folder, "journal")
    with running(sys.argv[1], ENDPOINT, journal) as server:
        ann, bob = server.connect(), server.connect()
        ask(ann, b"ann 1 get color", b"none")
        ask(ann, b"ann 2 put color light blue", b"ok")
        ask(bob, b"bob 1 get color", b"value light blue")
        ask(bob, b"bob 2 incr visits", b"value 1")
        ask(ann, b"ann 3 incr visits", b"value 2")
        ask(ann, b"ann 3 incr visits", b"value 2")
        ask(server.connect(), b"bob 2 incr visits", b"value 1")
        ask(ann, b"ann 2 put color red", b"error too late")
        ask(ann, b"good morning", b"error no request")
        server.process.kill()
        server.process.wait()
    with running(sys.argv[1], ENDPOINT, journal) as server:
        ann = server.connect()
        ask(ann, b"ann 3 incr visits", b"value 2")
        ask(ann, b"ann 4 incr visits", b"value 3")
        ask(ann, b"ann 5 get color", b"value light blue")
        server.finish()
