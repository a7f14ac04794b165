#!/usr/bin/env python3
"""Runs `bine get` as its users do: tests/app/get_test.py BINE [unittest arguments]

The servers are threads of this program, on free ports of 127.0.0.1. Nothing sleeps: who has to wait waits for an event.
"""

import base64
import contextlib
import fcntl
import gzip
import hashlib
import http.server
import os
import pathlib
import pty
import re
import resource
import select
import signal
import socket
import socketserver
import ssl
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import unittest

BINE = ""
SECONDS = 30
LARGE = os.urandom(65536) * 48


def clean_environment(**variables):
    """Without proxies; and no warnings of a machine that is busy, which builds for debugging give."""
    def kept(name):
        return not name.startswith("BINE_") and not name.lower().endswith("_proxy")
    return {**{name: value for name, value in os.environ.items() if kept(name)}, "TZ": "UTC0", "BINE_LOG_LEVEL": "error",
            **variables}


class Handler(http.server.BaseHTTPRequestHandler):
    """Says what it was asked; some paths do something of their own."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, self.headers, body))
        return body

    def handle_any(self):
        body = self.take()
        action = getattr(self, "on_" + self.path.strip("/").split("/")[0].split("?")[0].split(".")[0], None)
        if action:
            return action()
        return self.answer(200, b"hello\n" if self.command == "GET" else body, Content_Type="text/plain")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any

    def on_status(self):
        self.answer(int(self.path.rsplit("/", 1)[1]), b"sorry\n", Content_Type="text/plain")

    def on_redirect(self):
        self.answer(302, b"over there\n", Location="/there")

    def on_away(self):
        self.answer(307, b"", Location=self.server.elsewhere)

    def on_round(self):
        self.answer(302, b"", Location="/round")

    def on_large(self):
        self.answer(200, LARGE, Content_Type="application/octet-stream")

    def on_gzip(self):
        coded = "gzip" in self.headers.get("Accept-Encoding", "")
        self.answer(200, gzip.compress(b"unpacked\n") if coded else b"plain\n", **({"Content_Encoding": "gzip"} if coded else {}))

    def on_zeros(self):
        self.answer(200, gzip.compress(bytes(64 << 20)), Content_Encoding="gzip")

    def on_cookie(self):
        self.answer(200, self.headers.get("Cookie", "none").encode() + b"\n", Set_Cookie="taste=sweet; Max-Age=1000")

    def on_cut(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(bytes(5000))
        self.close_connection = True

    def on_basic(self):
        if self.headers.get("Authorization") == "Basic " + base64.b64encode(b"ann:secret").decode():
            return self.answer(200, b"come in\n")
        return self.answer(401, b"who?\n", WWW_Authenticate='Basic realm="here"')

    def on_digest(self):
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', self.headers.get("Authorization", "")))
        md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
        wanted = md5(":".join((md5("ann:here:secret"), "n0", given.get("nc", ""), given.get("cnonce", ""), "auth",
                               md5("GET:/digest"))))
        if given.get("response") == wanted:
            return self.answer(200, b"come in\n")
        return self.answer(401, b"who?\n", WWW_Authenticate='Digest realm="here", nonce="n0", qop="auth"')

    def on_stall(self):
        """The head and a part of the body; no more until the test says so."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(LARGE)))
        self.end_headers()
        self.wfile.write(LARGE[:100000])
        self.wfile.flush()
        self.server.stalled.set()
        self.server.go_on.wait(SECONDS)
        with contextlib.suppress(OSError):
            self.wfile.write(LARGE[100000:])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context=None):
        self.seen, self.stalled, self.go_on = [], threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "https" if context else "http"
        self.context = context
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def finish_request(self, request, client_address):
        # In the thread of the connection, so that a handshake that fails holds up nobody.
        if self.context:
            with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
            return
        with contextlib.suppress(OSError):
            super().finish_request(request, client_address)

    def handle_error(self, *_):
        pass

    def url(self, path="/", user=""):
        return f"{self.scheme}://{user}127.0.0.1:{self.server_address[1]}{path}"

    def __exit__(self, *_):
        self.go_on.set()
        self.shutdown()
        self.server_close()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.server = self.enterContext(Server())

    # Python 3.11 has it in the library.
    def enterContext(self, manager):  # noqa: N802
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def get(self, *arguments, path="/", url=None, stdin=b"", **variables):
        return subprocess.run([BINE, "get", *map(str, arguments), url or self.server.url(path)], input=stdin, capture_output=True,
                              timeout=SECONDS, check=False, cwd=self.folder, env=clean_environment(**variables))

    def fetched(self, *arguments, **options):
        done = self.get(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done)
        return done.stdout

    def failed(self, code, *arguments, **options):
        done = self.get(*arguments, **options)
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith(b"bine get: "), done.stderr)
        return done.stderr.decode()

    def last(self):
        return self.server.seen[-1]

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())


class Asking(Case):
    def test_the_body_is_on_standard_output(self):
        self.assertEqual(self.fetched(), b"hello\n")
        method, _, fields, body = self.last()
        self.assertEqual((method, body), ("GET", b""))
        self.assertTrue(fields["User-Agent"].startswith("bine/"))

    def test_a_url_without_a_scheme(self):
        self.assertEqual(self.fetched(url=self.server.url("/x?y=1#z").removeprefix("http://")), b"hello\n")
        self.assertEqual(self.last()[1], "/x?y=1")

    def test_methods_and_fields(self):
        self.fetched("-X", "PUT", "-H", "X-One: 1", "--header", "X-One:2", "-H", "User-Agent: me")
        method, _, fields, _ = self.last()
        self.assertEqual((method, fields.get_all("X-One"), fields["User-Agent"]), ("PUT", ["1", "2"], "me"))

    def test_data_is_posted_as_a_forms(self):
        (self.folder / "file").write_bytes(b"c=3\n")
        self.assertEqual(self.fetched("-d", "a=1", "-d", "@file", "--data", "b=[1,2]"), b"a=1&c=3\n&b=[1,2]")
        method, _, fields, _ = self.last()
        self.assertEqual((method, fields["Content-Type"]), ("POST", "application/x-www-form-urlencoded"))
        self.assertEqual(self.fetched("-d", "[1]", "-H", "content-type: x/y"), b"[1]")
        self.assertEqual(self.last()[2].get_all("Content-Type"), ["x/y"])

    def test_data_from_standard_input_and_from_large_files(self):
        self.assertEqual(self.fetched("-d", "-", stdin=b"x\0y"), b"x\0y")
        (self.folder / "large").write_bytes(LARGE)
        self.assertEqual(self.fetched("-X", "PUT", "-d", "@large"), LARGE)
        self.assertEqual(self.fetched("-d", ""), b"")
        self.assertEqual((self.last()[0], self.last()[2]["Content-Length"]), ("POST", "0"))

    def test_json(self):
        self.assertEqual(self.fetched("--json", "[1,2]"), b"[1,2]")
        fields = self.last()[2]
        self.assertEqual((fields["Content-Type"], fields["Accept"]), ("application/json", "application/json"))

    def test_forms(self):
        (self.folder / "cat;1.png").write_bytes(b"\x89PNG")
        (self.folder / "note").write_bytes(b"held")
        body = self.fetched("-F", "a=1;type=x", "-F", "p=@cat;1.png;type=image/png", "-F", "q=@note;filename=b.txt", "-F", "n=<note")
        parts = body.split(b"--" + self.last()[2].get_param("boundary").encode())
        self.assertEqual(len(parts), 6)
        self.assertIn(b'name="a"\r\n\r\n1;type=x\r\n', parts[1])
        self.assertIn(b'filename="cat;1.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n', parts[2])
        self.assertIn(b'filename="b.txt"', parts[3])
        self.assertIn(b'name="n"\r\n\r\nheld\r\n', parts[4])

    def test_who_asks(self):
        (self.folder / "secret").write_bytes(b"ann:secret\nmore\n")
        for path in ("/basic", "/digest"):
            for user in ("ann:secret", "@secret"):
                self.assertEqual(self.fetched("-u", user, path=path), b"come in\n")
            self.assertEqual(self.fetched("-u", "ann:wrong", path=path), b"who?\n")
        count = len(self.server.seen)
        self.assertEqual(self.fetched(url=self.server.url("/basic", "ann:secret@")), b"come in\n")
        self.assertEqual(len(self.server.seen), count + 1)
        self.fetched("--bearer", "t0ken")
        self.assertEqual(self.last()[2]["Authorization"], "Bearer t0ken")

    def test_cookies_are_kept_in_a_file_of_ones_own(self):
        self.assertEqual(self.fetched("-c", "jar", path="/cookie"), b"none\n")
        self.assertEqual(self.fetched("--cookie-jar", "jar", path="/cookie"), b"taste=sweet\n")
        self.assertEqual(stat.S_IMODE((self.folder / "jar").stat().st_mode), 0o600)
        self.assertEqual(self.files(), ["jar"])

    def test_codings_are_undone(self):
        self.assertEqual(self.fetched(path="/gzip"), b"unpacked\n")
        self.assertEqual(self.fetched("--compressed=no", path="/gzip"), b"plain\n")
        self.assertEqual(self.fetched("-H", "Range: bytes=0-", path="/gzip"), b"plain\n")

    def test_redirects(self):
        self.assertEqual(self.fetched(path="/redirect"), b"hello\n")
        self.assertEqual(self.last()[1], "/there")
        self.assertEqual(self.fetched("--follow=no", path="/redirect"), b"over there\n")
        self.assertIn("--follow=no shows", self.failed(9, path="/round"))

    def test_secrets_stay_where_they_belong(self):
        other = self.enterContext(Server())
        self.server.elsewhere = other.url("/basic")
        for given in (("-u", "ann:secret"), ("--bearer", "t0ken"), ("-H", "Authorization: x"), ("-H", "Cookie: a=b")):
            with self.subTest(given):
                self.assertEqual(self.fetched(*given, path="/away"), b"who?\n")
                self.assertEqual([other.seen[-1][2][name] for name in ("Authorization", "Cookie")], [None, None])

    def test_a_unix_socket(self):
        path = str(self.folder / "socket")

        class UnixServer(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            seen = self.server.seen

        class UnixHandler(Handler):
            def address_string(self):
                return ""

        with UnixServer(path, UnixHandler) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            self.assertEqual(self.fetched("--unix", path, url="http://name.invalid/x"), b"hello\n")
            self.assertEqual((self.last()[1], self.last()[2]["Host"]), ("/x", "name.invalid"))
            server.shutdown()

    def test_proxies(self):
        proxy = self.server.url().rstrip("/")
        for arguments, variables in ((("-x", proxy), {}), ((), {"http_proxy": proxy})):
            self.assertEqual(self.fetched(*arguments, url="http://name.invalid/x", **variables), b"hello\n")
            self.assertEqual(self.last()[1], "http://name.invalid/x")
        self.assertEqual(self.fetched(http_proxy="http://127.0.0.1:1", no_proxy="127.0.0.1"), b"hello\n")


class Answering(Case):
    def test_the_head(self):
        lines = self.fetched("-i").decode().splitlines()
        self.assertEqual((lines[0], lines[-2:]), ("HTTP/1.1 200 OK", ["", "hello"]))
        self.assertIn("Content-Type: text/plain", lines)
        lines = self.fetched("-I").decode().splitlines()
        self.assertEqual((lines[0], lines[-1], self.last()[0]), ("HTTP/1.1 200 OK", "", "HEAD"))

    def test_the_head_is_no_part_of_a_file(self):
        self.assertTrue(self.fetched("-i", "-o", "x").startswith(b"HTTP/1.1 200 OK\n"))
        self.assertEqual((self.folder / "x").read_bytes(), b"hello\n")
        self.assertEqual(self.fetched("-I", "-o", "x"), b"")
        self.assertTrue((self.folder / "x").read_bytes().startswith(b"HTTP/1.1 200 OK\n"))

    def test_a_status_is_no_failure_unless_it_is_asked_for(self):
        self.assertEqual(self.fetched(path="/status/404"), b"sorry\n")
        self.assertIn("was answered with 404 Not Found", self.failed(4, "-f", path="/status/404"))
        self.assertIn("was answered with 503", self.failed(5, "--fail", path="/status/503"))
        self.assertEqual(self.get("-f", path="/status/404").stdout, b"")

    def test_a_file_appears_under_its_name(self):
        self.assertEqual(self.fetched("-o", "x", path="/large"), b"")
        self.assertEqual((self.folder / "x").read_bytes(), LARGE)
        self.assertEqual(self.fetched("-O", path="/large.bin?x=/y"), b"")
        self.assertEqual((self.folder / "large.bin").read_bytes(), LARGE)
        self.assertEqual(self.fetched("-O", path="/a%20b"), b"")
        self.assertEqual(self.files(), ["a b", "large.bin", "x"])

    def test_an_empty_body_is_a_file_too(self):
        self.fetched("-o", "x", "-d", "")
        self.assertEqual((self.folder / "x").read_bytes(), b"")
        self.assertEqual(self.files(), ["x"])

    def test_names_that_are_none(self):
        for path in ("/", "/a/", "/..%2fx", "/%2e%2e%2f", "/a%00b"):
            self.assertIn("--output", self.failed(64, "-O", path=path))
        self.assertEqual(self.files(), [])

    def test_a_file_that_is_replaced_keeps_its_permissions_and_its_link(self):
        target, link = self.folder / "target", self.folder / "link"
        target.write_text("old")
        target.chmod(0o640)
        link.symlink_to("target")
        self.fetched("-o", "link")
        self.assertEqual((target.read_text(), stat.S_IMODE(target.stat().st_mode)), ("hello\n", 0o640))
        self.assertTrue(link.is_symlink())

    def test_no_file_for_an_answer_that_says_no(self):
        (self.folder / "x").write_text("old")
        (self.folder / "x.part").write_text("from before")
        self.assertIn("404", self.failed(4, "-o", "x", path="/status/404"))
        self.assertEqual((self.folder / "x").read_text(), "old")
        self.assertEqual((self.folder / "x.part").read_text(), "from before")
        self.failed(4, "-o", "y", path="/status/404")
        self.assertEqual(self.files(), ["x", "x.part"])
        self.fetched("--fail=no", "-o", "x", path="/status/404")
        self.assertEqual((self.folder / "x").read_text(), "sorry\n")

    def test_a_body_that_is_cut_leaves_its_part(self):
        (self.folder / "x").write_text("old")
        self.assertIn('4.9 KiB are kept in "x.part"', self.failed(9, "-o", "x", path="/cut").replace(str(self.folder) + "/", ""))
        self.assertEqual((self.folder / "x").read_text(), "old")
        self.assertEqual((self.folder / "x.part").read_bytes(), bytes(5000))
        self.fetched("-o", "x", path="/large")
        self.assertEqual(self.files(), ["x"])

    def test_what_is_no_file_is_written_to(self):
        self.assertEqual(self.fetched("-o", "/dev/null", path="/large"), b"")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        self.assertEqual(self.fetched("-o", "-", path="/large"), LARGE)

    def test_two_downloads_to_one_file(self):
        part = self.folder / "x.part"
        with part.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.assertIn("another download writes", self.failed(1, "-o", "x"))
        self.assertTrue(part.exists())

    def test_places_that_cannot_be_written(self):
        self.assertIn("is a folder", self.failed(1, "-o", "."))
        self.assertIn("No such file or directory", self.failed(1, "-o", "no/such"))
        self.assertEqual(self.server.seen, [])
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINE, "get", self.server.url()], stdout=full, stderr=subprocess.PIPE, timeout=SECONDS,
                                  check=False, env=clean_environment())
        self.assertEqual((done.returncode, b"No space left" in done.stderr), (1, True))

    def test_a_disk_that_is_full_keeps_what_it_has(self):
        limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (70000, 70000)))
        done = subprocess.run([BINE, "get", "-o", "x", self.server.url("/large")], stderr=subprocess.PIPE, timeout=SECONDS,
                              check=False, cwd=self.folder, env=clean_environment(), preexec_fn=limit)
        self.assertEqual((done.returncode, b"File too large" in done.stderr, self.files()), (1, True, ["x.part"]), done.stderr)

    def test_a_reader_that_has_had_enough(self):
        process = subprocess.Popen([BINE, "get", self.server.url("/large")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=clean_environment())
        self.assertEqual(process.stdout.read(10), LARGE[:10])
        process.stdout.close()
        self.assertEqual((process.stderr.read(), process.wait(SECONDS)), (b"", 1))
        process.stderr.close()


class Failing(Case):
    def test_wrong_use(self):
        self.assertIn("a URL is missing", self.failed_alone())
        for arguments, words in (
            (("-d", "a", "-F", "b=c"), "--data and --form do not go together"),
            (("--json", "1", "--json", "2"), "--json and another --json"),
            (("-I", "-d", "a"), "--head and a body"),
            (("-o", "x", "-O"), "--output and --remote-name"),
            (("-u", "a:b", "--bearer", "c"), "--user and --bearer"),
            (("--key", "x"), "--key is given without --cert"),
            (("-u", "ann"), "expected NAME:PASSWORD"),
            (("-H", "nonsense"), 'expected "Name: value"'),
            (("-F", "nonsense"), "expected name=value"),
            (("--timeout", "soon"), "expected a number of seconds"),
            (("-x", "gopher://x"), "--proxy"),
            (("-X", "CONNECT"), "a method that gets an answer"),
            (("-X", "GE T"), ""),
            (("-H", "A: b\nC: d"), ""),
        ):
            with self.subTest(arguments):
                self.assertIn(words, self.failed(64, *arguments))
        for url, words in (("ftp://x/", "asks http and https"), ("http://", ""), ("http://a b/", "")):
            with self.subTest(url):
                self.assertIn(words, self.failed(64, url=url))
        self.assertEqual((self.server.seen, self.files()), ([], []))

    def failed_alone(self):
        done = subprocess.run([BINE, "get"], capture_output=True, timeout=SECONDS, check=False, env=clean_environment())
        self.assertEqual(done.returncode, 64)
        return done.stderr.decode()

    def test_passwords_are_not_repeated(self):
        self.assertNotIn("secret", self.failed(64, "-u", "secret"))
        self.assertNotIn("secret", self.failed(6, url="http://ann:secret@127.0.0.1:1/"))

    def test_files_that_are_missing(self):
        for arguments in (("-d", "@nosuch"), ("-F", "a=@nosuch"), ("-u", "@nosuch"), ("--bearer", "@nosuch")):
            with self.subTest(arguments):
                self.assertIn("nosuch", self.failed(1, *arguments))

    def test_nobody_is_there(self):
        self.assertIn("nothing listens there", self.failed(6, url="http://127.0.0.1:1/"))
        self.assertIn("is the path right", self.failed(6, "--unix", self.folder / "none"))

    def test_it_takes_too_long(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"127.0.0.1:{silent.getsockname()[1]}"
            self.assertIn("--timeout", self.failed(7, "--timeout", "0.05", url="http://" + url))
        self.failed(7, "-m", "0.3", path="/stall")

    def test_answers_that_are_broken(self):
        with socket.create_server(("127.0.0.1", 0)) as broken:
            def answer():
                peer = broken.accept()[0]
                peer.recv(65536)
                peer.sendall(b"SSH-2.0-x\r\n\r\n")
                peer.close()
            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            self.failed(9, url=f"http://127.0.0.1:{broken.getsockname()[1]}/")
            thread.join(SECONDS)
        self.assertIn("--compressed=no", self.failed(9, path="/zeros"))

    def test_a_jar_that_is_none(self):
        (self.folder / "jar").write_text("nonsense\n")
        self.assertIn("jar", self.failed(1, "-c", "jar"))
        self.assertEqual((self.folder / "jar").read_text(), "nonsense\n")


class Interrupting(Case):
    def start(self, *arguments, path="/stall", **options):
        process = subprocess.Popen([BINE, "get", *arguments, self.server.url(path)], stdin=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, cwd=self.folder, env=clean_environment(), **options)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for_part(self, process):
        """Until all that has been sent has been written."""
        part = self.folder / "x.part"
        while not part.exists() or part.stat().st_size < 100000:
            self.assertIsNone(process.poll())

    def test_what_came_is_kept(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.start("-o", "x")
            self.wait_for_part(process)
            process.send_signal(number)
            self.assertEqual(process.wait(SECONDS), code)
            self.assertRegex(process.stderr.read().decode(), r'^bine get: interrupted; 97\.7 KiB are kept in "x\.part"\n$')
            self.assertEqual((self.folder / "x.part").read_bytes(), LARGE[:100000])
            (self.folder / "x.part").unlink()

    def test_a_reader_that_stalls_does_not_hold_it_up(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        process = self.start(path="/large", stdout=writing)
        # The pipe takes no more.
        while select.select([], [writing], [], 0)[1]:
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(SECONDS), 130)


class OnATerminal(Case):
    def run_there(self, *arguments, path="/", also_out=True, width=80):
        """What is shown on a terminal that is standard error and, if asked for, standard output."""
        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        out = terminal if also_out else subprocess.DEVNULL
        process = subprocess.Popen([BINE, "get", *arguments, self.server.url(path)], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=terminal, cwd=self.folder, env=clean_environment())
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the other side has been closed
            while True:
                self.assertTrue(select.select([controller], [], [], SECONDS)[0], "nothing more is shown")
                shown += os.read(controller, 65536)
                if b"left" in shown or b"97.7 KiB of" in shown:
                    self.server.go_on.set()
        os.close(controller)
        return process.wait(SECONDS), shown.decode(errors="replace")

    def test_what_would_spoil_it_is_refused(self):
        code, shown = self.run_there(path="/large")
        self.assertEqual(code, 1)
        self.assertIn("-o FILE or -O writes it to a file", shown)
        self.assertEqual(shown.count("\n"), 1)
        self.assertEqual(self.run_there(), (0, "hello\r\n"))
        self.assertEqual(self.run_there("-o", "-", path="/large")[0], 0)

    def test_a_bar_when_it_takes_long(self):
        code, shown = self.run_there("-o", "x", path="/stall")
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, r"\rx    3% \[=?>  .*\] 97\.7 KiB of 3\.0 MiB")
        self.assertTrue(shown.endswith("\r\x1b[K"))
        self.assertEqual((self.folder / "x").read_bytes(), LARGE)


def make_certificate(folder, name, *more):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "30",
                    "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", *more],
                   check=True, capture_output=True)


class Secure(Case):
    def setUp(self):
        super().setUp()
        make_certificate(self.folder, "server", "-addext", "subjectAltName=IP:127.0.0.1")
        make_certificate(self.folder, "ann")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")

    def serve(self):
        self.server = self.enterContext(Server(self.context))

    def test_whom_it_believes(self):
        self.serve()
        self.assertIn("--cacert FILE", self.failed(8))
        self.assertEqual(self.fetched("--cacert", "server.pem"), b"hello\n")
        self.assertEqual(self.fetched(BINE_CACERT="server.pem"), b"hello\n")
        self.assertEqual(self.fetched("-k"), b"hello\n")
        self.failed(8, "--cacert", "ann.pem")
        self.assertIn("nosuch", self.failed(1, "--cacert", "nosuch.pem"))

    def test_who_it_is(self):
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(self.folder / "ann.pem")
        self.serve()
        self.assertEqual(self.fetched("--cacert", "server.pem", "--cert", "ann.pem", "--key", "ann.key"), b"hello\n")
        self.failed(8, "--cacert", "server.pem")

    def test_a_server_without_tls(self):
        url = self.server.url().replace("http:", "https:")
        self.assertIn("With http:// it is asked without", self.failed(9, url=url))


if __name__ == "__main__":
    BINE = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=1)
