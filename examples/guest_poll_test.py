"""Talks to bine inside a plain poll loop, while the loop does work of its own."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "examples"))

from session import expect_equal, running

with running(sys.argv[1]) as server:
    client = server.connect()
    client.send(b"hello")
    client.expect(b"hello")
    server.type("a command\n")
    expect_equal(server.read_line(), "the host read a command: a command\n")
    much = bytes(range(256)) * 512
    client.send(much)
    client.expect(much)
    expect_equal(client.end(), b"")
    server.type("quit\n")
    expect_equal(server.finish(stop=None), "the host has left its loop\n")
