"""Sends lines to line_receiver, in whole and in pieces, and compares what it prints."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "examples"))

from session import expect_equal, running, text_beside

with running(sys.argv[1]) as server:
    first = server.connect()
    first.send(b"hello\r\n\r\nin two")
    printed = [server.read_line() for _ in range(4)]
    first.send(b" pieces\r\n")
    printed += [server.read_line() for _ in range(2)]
    second = server.connect()
    second.send(b"from somebody else\r\n")
    printed += [server.read_line() for _ in range(2)]
    expect_equal(first.end(), b"")
    expect_equal(second.end(), b"")
    expect_equal("".join(printed) + server.finish(), text_beside(__file__, ".txt"))
