"""Three members of a chat room: who hears what."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "examples"))

from session import expect_equal, running

with running(sys.argv[1]) as server:
    members = {}
    for name in (b"ann", b"bob", b"cem"):
        members[name] = server.connect()
        members[name].expect(b"who are you?\r\n")
        members[name].send(name + b"\r\n")
        for earlier in members:
            if earlier != name:
                members[earlier].expect(name + b" has joined\r\n")
    members[b"ann"].send(b"good morning\r\n")
    members[b"bob"].expect(b"ann: good morning\r\n")
    members[b"cem"].expect(b"ann: good morning\r\n")
    expect_equal(members[b"bob"].end(), b"")
    members[b"ann"].expect(b"bob has left\r\n")
    members[b"cem"].expect(b"bob has left\r\n")
    members[b"cem"].send(b"and good night\r\n")
    members[b"ann"].expect(b"cem: and good night\r\n")
    server.finish()
