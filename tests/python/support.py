"""What the tests of the Python package share."""

import asyncio
import contextlib
import fcntl
import gc
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

import bine

# Nothing here takes a second; what takes this long hangs.
PATIENCE = 60


class LoopCase(unittest.TestCase):
    """A loop for each test. What goes to its exception handler fails the test, unless it is taken by then."""

    def setUp(self):
        self.loop = bine.new_event_loop()
        self._reports = []
        self.loop.set_exception_handler(lambda _, context: self._reports.append(context))
        self.addCleanup(self._end)

    def _end(self):
        self.loop.close()
        gc.collect()
        self.assertEqual(self.take_reports(), [])

    def take_reports(self):
        reports, self._reports = self._reports, []
        return reports

    def take_error(self, kind):
        """The exception of the only report there is."""
        reports = self.take_reports()
        self.assertEqual(len(reports), 1, reports)
        self.assertIsInstance(reports[0]["exception"], kind)
        return reports[0]["exception"]

    def complete(self, awaitable):
        return self.loop.run_until_complete(asyncio.wait_for(awaitable, PATIENCE))

    def turn(self, times=1):
        """Iterations that wait for nothing."""
        for _ in range(times):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()


SIZES = (1, 2, 1000, 4096, 65_535, 65_536, 65_537, 1_000_003)


def pattern(size):
    return bytes(range(251)) * (size // 251) + bytes(range(size % 251))


class StreamCase(LoopCase):
    async def connected(self, protocol=None):
        """A recorder on one end of a connection, and the other end, a plain socket."""
        ours, theirs = tcp_pair()
        self.addCleanup(theirs.close)
        protocol = protocol or Recorder(self.loop)
        await self.loop.create_connection(lambda: protocol, sock=ours)
        return protocol, theirs

    async def receive_all(self, theirs):
        received = b""
        while data := await self.loop.sock_recv(theirs, 1 << 20):
            received += data
        return received


class Recorder(asyncio.Protocol):
    """Writes down what it is told."""

    def __init__(self, loop):
        self.events = []
        self.transport = None
        self.received = b""
        self.made = loop.create_future()
        self.ended = loop.create_future()
        self.lost = loop.create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.events.append("made")
        self.made.set_result(None)

    def data_received(self, data):
        assert type(data) is bytes
        self.events.append("data")
        self.received += data

    def eof_received(self):
        self.events.append("eof")
        self.ended.set_result(None)

    def pause_writing(self):
        self.events.append("pause")

    def resume_writing(self):
        self.events.append("resume")

    def connection_lost(self, exception):
        self.events.append("lost")
        self.lost.set_result(exception)


class Echo(asyncio.Protocol):
    """Sends back what it gets; is a member of `living` from its beginning to its end."""

    def __init__(self, living):
        self.living = living

    def connection_made(self, transport):
        self.transport = transport
        self.living.add(self)

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()

    def connection_lost(self, exception):
        self.living.discard(self)


@contextlib.asynccontextmanager
async def echo_server(**options):
    """The address of a server that echoes; at the end it has ended, all its connections too."""
    living = set()
    server = await asyncio.get_running_loop().create_server(lambda: Echo(living), "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await until(lambda: not living)
        await server.wait_closed()


def socket_pair():
    pair = socket.socketpair()
    for one in pair:
        one.setblocking(False)
    return pair


def tcp_pair():
    """Two ends of a connection of TCP that do not block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    client.setblocking(False)
    server.setblocking(False)
    return client, server


async def until(condition):
    """Lets the loop turn until `condition()` holds."""
    while not condition():
        await asyncio.sleep(0.001)


def open_descriptors():
    return sorted(int(name) for name in os.listdir("/proc/self/fd"))


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as numbers:
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_sanitized():
    return "libasan" in os.environ.get("LD_PRELOAD", "")


PACKAGES = ("aiohttp", "aioquic", "httpx", "tornado", "treq", "twisted", "uvicorn", "uvloop")


def environment(name="venv", packages=PACKAGES):
    """A folder with the programs of an interpreter that has packages of others; made once for each Python, in the build's folder."""
    folder = pathlib.Path(bine.__file__).parents[2] / ("%s-%d.%d" % (name, *sys.version_info[:2]))
    complete = folder / "complete"
    with open(str(folder) + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists() or complete.read_text(encoding="ascii") != repr(packages):
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, capture_output=True)
            done = subprocess.run([folder / "bin" / "python", "-m", "pip", "--quiet", "install", *packages],
                                  check=False, capture_output=True, text=True)
            if done.returncode:
                raise unittest.SkipTest(f"{', '.join(packages)} cannot be installed here: {done.stderr.strip()[-200:]}")
            complete.write_text(repr(packages), encoding="ascii")
    return folder / "bin"


def make_certificates(case):
    """A folder with ca.pem, and server.pem and client.pem, signed by it, with their keys as *.key."""
    folder = tempfile.TemporaryDirectory()
    case.addClassCleanup(folder.cleanup)
    # What a sanitizer has preloaded for this interpreter is not for others.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder.name, check=True, capture_output=True, env=environment)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=tests of bine",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    for name in ("server", "client"):
        openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-addext", "basicConstraints=CA:FALSE")
    return folder.name


def server_context(folder):
    """A server's ssl.SSLContext with the certificate of make_certificates()."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    return context


def client_context(folder):
    """A client's, which trusts it."""
    return ssl.create_default_context(cafile=f"{folder}/ca.pem")
