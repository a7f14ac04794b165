"""Asks hello_http what its routes answer."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "examples"))

import urllib.error
import urllib.request

from session import SECONDS, expect_equal, running


def get(path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


with running(sys.argv[1]) as server:
    expect_equal(get("/"), (200, b"<h1>It works</h1>"))
    expect_equal(get("/hello/world"), (200, b"hello, world\n"))
    expect_equal(get("/hello/gr%C3%BC%C3%9F"), (200, "hello, grüß\n".encode()))
    expect_equal(get("/nothing"), (404, b""))
    server.finish()
