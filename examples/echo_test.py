"""Sends a megabyte through echo, while a second client is served too."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "examples"))

import threading

from session import expect_equal, running

with running(sys.argv[1]) as server:
    much = bytes(range(256)) * 4096
    first, second = server.connect(), server.connect()
    sender = threading.Thread(target=first.send, args=(much,))
    sender.start()
    second.send(b"hello")
    second.expect(b"hello")
    first.expect(much)
    sender.join()
    expect_equal(first.end(), b"")
    second.close()
    expect_equal(server.finish(), "")
