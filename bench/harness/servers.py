"""Servers that are measured, and the load generator that loads them."""

import dataclasses
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

from .machine import Failure, NotAvailable

# As programs say it, and as people do.
DRIVERS = {"epoll": "epoll", "uring": "io_uring", "io_uring": "io_uring"}
FLOORS = ("floor epoll", "floor io_uring")
BINE = ("bine epoll", "bine io_uring")


@dataclasses.dataclass(frozen=True)
class Contender:
    """A server program. With `driver`, it must say that it runs on that one. With `port`, it says nothing and listens there."""

    name: str
    command: tuple
    driver: str = ""
    port: int = 0


def environment():
    """Ours, but nobody's wish for a driver: each server is told on its command line."""
    return {name: value for name, value in os.environ.items() if name != "BINE_REACTOR"}


class Server:
    """A server program on a port of 127.0.0.1; stopped, by its process id, when the block ends."""

    def __init__(self, machine, contender, before=()):
        self.machine = machine
        self.contender = contender
        self.command = [*before, *contender.command]

    def __enter__(self):
        settle = self.machine.settle(self.machine.server_cpu)
        # A file: a pipe that nobody empties would stop a server that complains a lot.
        self.complaints = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.complaints, text=True,
                                            preexec_fn=settle, env=environment())
        except OSError as error:
            self.complaints.close()
            raise NotAvailable(f"{self.command[0]}: {error.strerror}") from error
        try:
            self.port = self.contender.port or self.take_port()
            if self.contender.port:
                self.wait_until_it_listens()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # valgrind does not look at signals while its program waits in io_uring.
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if self.command[0] == "valgrind" else signal.SIGTERM)
        try:
            self.process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.complaints.close()

    def take_port(self):
        """Its port, when it is what it was asked to be."""
        line = self.process.stdout.readline()
        match = re.fullmatch(r"port (\d+)(?: on (\w+))?\n", line)
        if not match:
            self.process.kill()
            words = (line + self.last_words()).strip()
            raise NotAvailable(words.removeprefix("not available: ") or f"{self.command[0]} ended and said nothing")
        ran_on = DRIVERS.get(match[2], match[2])
        if self.contender.driver and ran_on != self.contender.driver:
            raise NotAvailable(f"it was asked for {self.contender.driver} and runs on {ran_on}")
        return int(match[1])

    def last_words(self):
        self.process.wait()
        self.complaints.seek(0)
        return self.complaints.read().strip()[-300:]

    def wait_until_it_listens(self):
        for _ in range(200):
            if self.process.poll() is not None:
                raise NotAvailable(self.last_words())
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise NotAvailable(f"{self.command[0]} does not listen")

    @property
    def pid(self):
        return self.process.pid

    def resident_bytes(self):
        text = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def start_load(machine, servers, arguments, rates=None, **kwargs):
    command = [machine.need("load"), *arguments]
    for index, server in enumerate(servers):
        rate = f":{rates[index]:.0f}" if rates else ""
        command += ["--server", f"{server.port}:{server.pid}{rate}"]
    settle = machine.settle(machine.client_cpu)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=settle, **kwargs)


# What the load generator ends with when some servers failed: the lines of those tell why.
SOME_FAILED = 3


def finish_load(process, each_alone=False):
    """What the load generator printed, line by line. It is stopped when we are. A server that failed is a Failure, unless each
    stands alone: then it is a line with "failed" in it, its last."""
    try:
        out, error = process.communicate(timeout=600)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0 and not (each_alone and process.returncode == SOME_FAILED):
        raise Failure(error.strip() or f"the load generator ended with status {process.returncode}")
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def fetch(port, request):
    """The whole answer to a request, as its Content-Length says."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(request)
        answer = b""
        while True:
            head, blank, body = answer.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            if blank and (not length or len(body) >= int(length[1])):
                break
            piece = client.recv(65536)
            if not piece:
                raise Failure("a server closed before its answer was whole")
            answer += piece
    if not answer.startswith(b"HTTP/1.1 200 ") or not length:
        raise Failure(f"a server answered {answer[:80]!r}")
    return answer


class Scratch:
    """A folder with what servers read: files to serve, and the answers that floors give, the very bytes that bine gives."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bine-bench-")
        self.path = pathlib.Path(self.folder.name)
        self.files = self.path / "www" / "files"
        self.files.mkdir(parents=True)
        for name, size in (("10k", 10 * 1024), ("1m", 1024 * 1024), ("4m", 4 * 1024 * 1024)):
            pattern = bytes((i * 7 + i // 251) % 251 for i in range(251 * 251))
            (self.files / name).write_bytes((pattern * (size // len(pattern) + 1))[:size])
            # A file of this very second may still change, and its answers with it.
            os.utime(self.files / name, (1_000_000_000, 1_000_000_000))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def identity(self, machine):
        """(certificate, key): files with one that signed itself, ECDSA with P-256."""
        certificate, key = self.path / "server.pem", self.path / "server.key"
        if not key.exists():
            subprocess.run([machine.need("bine_https"), "identity", str(self.path)], check=True)
        return str(certificate), str(key)

    def answer(self, machine, close):
        path = self.path / ("answer-close" if close else "answer")
        if not path.exists():
            ending = b"Connection: close\r\n" if close else b""
            with Server(machine, Contender("bine", (machine.need("bine_http"), "0", "epoll"), "epoll")) as server:
                path.write_bytes(fetch(server.port, b"GET /hello HTTP/1.1\r\nHost: localhost\r\n" + ending + b"\r\n"))
        return str(path)


def own_contenders(machine, kind, scratch, close=False):
    """Floors and bine on both drivers. `kind`: http or echo."""
    answer = (scratch.answer(machine, close), *(("close",) if close else ())) if kind == "http" else ()
    contenders = []
    for short, driver in (("epoll", "epoll"), ("uring", "io_uring")):
        program = machine.need(f"floor_{kind}_{short}")
        contenders.append(Contender(f"floor {driver}", (program, "0", *answer), driver))
    for short, driver in (("epoll", "epoll"), ("uring", "io_uring")):
        files = (str(scratch.files),) if kind == "http" else ()
        contenders.append(Contender(f"bine {driver}", (machine.need(f"bine_{kind}"), "0", short, *files), driver))
    return contenders


def tls_contenders(machine, scratch):
    """bine on both drivers, over TLS."""
    more = (*scratch.identity(machine), str(scratch.files))
    return [Contender(f"bine {driver}", (machine.need("bine_https"), "0", short, *more), driver)
            for short, driver in (("epoll", "epoll"), ("uring", "io_uring"))]


def probe(machine, contenders):
    """(those that start, {name: why not})."""
    here, absent = [], {}
    for one in contenders:
        try:
            with Server(machine, one):
                here.append(one)
        except NotAvailable as why:
            absent[one.name] = str(why)
    return here, absent
