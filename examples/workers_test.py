"""Asks several workers, and one of them for what all have answered."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "examples"))

import urllib.request

from session import ENDPOINT, SECONDS, expect_equal, running

COUNT = 4
REQUESTS = 200


def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=SECONDS) as answer:
        return answer.read().decode()


with running(sys.argv[1], ENDPOINT, str(COUNT)) as server:
    # A new connection each, dealt out by a hash: that one of four gets none of 200 happens once in 10^24 runs.
    workers = {int(re.fullmatch(r"hello from worker (\d)\n", get("/"))[1]) for _ in range(REQUESTS)}
    expect_equal(workers, set(range(1, COUNT + 1)))
    for _ in range(10):
        expect_equal(get("/count"), f"{REQUESTS}\n")
    server.finish()
