"""What is asked for, on Python's http.server: in a thread, on 127.0.0.1 and ::1 at the same port.

    /hello              "hello"
    /echo               "METHOD FRAMING BYTES SHA256 TYPE" of the request
    /chunked            100 lines in chunks
    /until-close        "until close", and the connection ends with it
    /coded/CODING       "coded coded ..." in that coding ("plain": in none)
    /move/STATUS?to=URL a redirect there
    /cookie/set         three cookies, of which the third is not this host's to set
    /show               "METHOD authorization=... cookie=..." of the request
    /digits.txt         1,000,000 digits

Every answer has the client's port in the field X-Port: who keeps its connections keeps its port.
"""

import contextlib
import gzip
import hashlib
import http.server
import socket
import threading
import zlib

from peers import python_context

CODED = b"coded " * 1000 + b"\n"
PIECES = b"".join(b"piece %d\n" % number for number in range(100))
COOKIES = ("one=1; Path=/", "two=2; Path=/cookie", "far=3; Domain=other.example")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def begin(self, status, fields):
        self.send_response(status)
        self.send_header("X-Port", str(self.client_address[1]))
        self.send_header("Content-Type", "text/plain")
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()

    def answer(self, body, status=200, fields=()):
        self.begin(status, [*fields, ("Content-Length", str(len(body)))])
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def handle_any(self):
        self.path, _, self.query = self.path.partition("?")
        _, place, *more = self.path.split("/")
        taken = self.body()
        if place == "echo":
            given = self.headers.get
            framing = given("Transfer-Encoding", given("Content-Length", "none"))
            kind = given("Content-Type", "none").split(";")[0]
            return self.answer(f"{self.command} {framing} {len(taken)} {hashlib.sha256(taken).hexdigest()} {kind}\n".encode())
        return getattr(self, "on_" + place.replace("-", "_").replace(".", "_"), self.on_nothing)(*more)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def on_nothing(self, *_):
        self.answer(b"nothing\n", 404)

    def on_hello(self):
        self.answer(b"hello\n")

    def on_chunked(self):
        self.begin(200, [("Transfer-Encoding", "chunked")])
        for piece in PIECES.splitlines(keepends=True):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\nX-Sum: 1\r\n\r\n")

    def on_until_close(self):
        self.begin(200, [("Connection", "close")])
        self.wfile.write(b"until close\n")
        if hasattr(self.connection, "unwrap"):
            self.connection.unwrap()

    def on_coded(self, name):
        if name == "plain":
            return self.answer(CODED)
        return self.answer({"gzip": gzip.compress, "deflate": zlib.compress}[name](CODED), fields=[("Content-Encoding", name)])

    def on_move(self, status):
        self.answer(b"", int(status), [("Location", self.query.removeprefix("to="))])

    def on_cookie(self, name):
        self.answer(b"set\n", fields=[("Set-Cookie", cookie) for cookie in COOKIES if name == "set"])

    def on_show(self):
        given = self.headers.get
        self.answer(f"{self.command} authorization={given('Authorization', '')} cookie={given('Cookie', '')}\n".encode())


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False
    request_queue_size = 128

    def __init__(self, address, context=None):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.context = context
        super().__init__(address, Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def server_bind(self):  # without a look-up of the host's name
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address):
        with contextlib.suppress(OSError):
            if self.context:
                request = self.context.wrap_socket(request, server_side=True)
            with contextlib.closing(request):
                super().finish_request(request, client_address)

    def handle_error(self, *_):
        pass

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


@contextlib.contextmanager
def python_site(identity):
    """The ports without and with TLS."""
    context = python_context(identity)
    with Server(("127.0.0.1", 0)) as plain, Server(("127.0.0.1", 0), context) as secure, \
            Server(("::1", plain.server_port)), Server(("::1", secure.server_port), context):
        yield plain.server_port, secure.server_port
