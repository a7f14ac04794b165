"""Runs an example that serves, as a client of it: every read has a time limit, nothing sleeps."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

SECONDS = 30
ENDPOINT = "tcp:0:interface=127.0.0.1"


class Session:
    """A running example. It says "listening on 127.0.0.1:PORT" on standard error before anything else."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen(
            [program, *(arguments or [ENDPOINT])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        signal.alarm(SECONDS)
        line = self.process.stderr.readline()
        if not line.startswith("listening on 127.0.0.1:"):
            self.process.kill()
            sys.exit(f"it said {line!r} instead of where it listens, then {self.process.stderr.read()!r}")
        self.port = int(line.rsplit(":", 1)[1])

    def connect(self):
        return Client(self.port)

    def read_line(self):
        return self.process.stdout.readline()

    def type(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def finish(self, stop=signal.SIGTERM):
        """Stops it, and answers what else it printed. It must end well."""
        if stop:
            self.process.send_signal(stop)
        printed, complaints = self.process.communicate(timeout=SECONDS)
        if self.process.returncode != 0:
            sys.exit(f"it ended with status {self.process.returncode} and said: {complaints}")
        return printed


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def expect(self, data):
        got = self.lines.read(len(data))
        if got != data:
            sys.exit(f"expected {data!r}, got {got!r}")

    def end(self):
        """Ends our direction, and waits for the other side's end."""
        self.socket.shutdown(socket.SHUT_WR)
        rest = self.lines.read()
        self.close()
        return rest

    def close(self):
        self.lines.close()
        self.socket.close()


@contextlib.contextmanager
def running(*arguments):
    session = Session(*arguments)
    try:
        yield session
    finally:
        if session.process.poll() is None:
            session.process.kill()
            session.process.wait()


def expect_equal(got, wanted):
    if got != wanted:
        sys.exit(f"expected {wanted!r}, got {got!r}")


def text_beside(script, suffix):
    """The text file of the same name as the test script "NAME_test.py"."""
    with open(os.path.abspath(script).removesuffix("_test.py") + suffix, encoding="utf-8") as file:
        return file.read()
