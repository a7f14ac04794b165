#!/usr/bin/env python3
"""Runs the `bine` command as an operator does: tests/app/command_test.py BINE [unittest arguments]

Nothing sleeps: the log says when something has happened, and a listening socket that the test made needs no waiting.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import pty
import re
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

BINE = ""
SECONDS = 30
ANY_PORT = "tcp:0:interface=127.0.0.1"
ROOT = pathlib.Path(__file__).resolve().parents[2]
SANDBOX = pathlib.Path(__file__).with_name("sandbox.py")


def clean_environment(**variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BINE_") and name != "NO_COLOR"}
    return {**kept, "TZ": "UTC0", **variables}


def run(*arguments, **options):
    options.setdefault("env", clean_environment())
    return subprocess.run([BINE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=SECONDS, check=False, **options)


class Server:
    """A bine that runs, whose log is read as JSON lines."""

    def __init__(self, *arguments, listen=ANY_PORT, **variables):
        listening = ["--listen", listen] if listen else []
        self.process = subprocess.Popen([BINE, *arguments, *listening], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, env=clean_environment(**variables))
        self.records = []
        self.start = self.read_until("listening")

    @property
    def port(self):
        return int(self.start["at"].rstrip("/").rsplit(":", 1)[1])

    def read_record(self):
        line = self.process.stderr.readline()
        if not line:
            raise AssertionError(f"it ended with {self.process.wait(SECONDS)} instead of logging")
        self.records.append(json.loads(line))
        return self.records[-1]

    def read_until(self, text):
        while text not in (record := self.read_record())["text"]:
            pass
        return record

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def finish(self):
        """Waits for its end; answers the exit code and the rest of the log."""
        rest = self.process.communicate(timeout=SECONDS)[1]
        return self.process.returncode, [json.loads(line) for line in rest.splitlines()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


def get(connection, path="/"):
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def http_connection(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)


class Pages(unittest.TestCase):
    def test_alone_it_shows_a_friendly_screen(self):
        done = run()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for command in ("serve", "echo", "env", "version", "help"):
            self.assertIn(f"bine {command}", done.stdout)
        self.assertNotIn("\x1b", done.stdout)

    def test_the_version_is_the_one_of_the_project(self):
        wanted = re.search(r"project\(bine VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
        for words in (["version"], ["--version"]):
            self.assertEqual(run(*words).stdout, f"bine {wanted}\n")

    def test_help_is_the_same_in_front_and_behind(self):
        page = run("help", "serve")
        self.assertEqual(page.returncode, 0)
        self.assertIn("BINE_LISTEN", page.stdout)
        self.assertEqual(page.stdout, run("serve", "--help").stdout)
        self.assertEqual(run("help").stdout, run().stdout)

    def test_env_says_what_runs_and_why(self):
        rows = dict(line.split(None, 1) for line in run("env").stdout.splitlines())
        possible = rows["io_uring"].startswith("works here")
        self.assertTrue(rows["driver"].startswith("io_uring: " if possible else "epoll: no io_uring here: "), rows)
        self.assertIn(os.uname().release, rows["kernel"])
        self.assertRegex(rows["compiler"], r"(gcc|clang) \d+")
        self.assertIn("CLI11", rows["libraries"])
        self.assertIn("epoll: asked for by --reactor", run("env", "--reactor", "epoll").stdout)
        self.assertIn("asked for by BINE_REACTOR", run("env", env=clean_environment(BINE_REACTOR="epoll")).stdout)

    def test_the_soft_limit_of_descriptors_is_raised_to_the_hard_one(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        done = run("env", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
        self.assertIn(f"{hard} open descriptors (hard limit {hard})", done.stdout)

    def test_standard_output_that_is_full_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINE, "env"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left on device", done.stderr)


class Refusals(unittest.TestCase):
    """One line each, with cause and cure."""

    def refused(self, code, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def serve_refused(self, code, *arguments):
        return self.refused(code, "serve", "--log-format", "text", *arguments)

    def test_wrong_use_ends_with_64(self):
        self.assertIn('did you mean "serve"?', self.refused(64, "sreve"))
        self.assertIn('did you mean "--listen"?', self.refused(64, "serve", "--lsten", "tcp:1"))
        self.assertIn("one argument too many", self.refused(64, "serve", "a", "b"))
        self.assertIn("`bine` shows what there is", self.refused(64, "help", "nonsense"))
        self.assertIn("expected auto, text or json",
                      self.refused(64, "serve", env=clean_environment(BINE_LOG_FORMAT="xml")))

    def test_a_bad_endpoint_ends_with_64_and_says_what_is_known(self):
        self.assertIn("expected an endpoint such as tcp:8080", self.refused(64, "serve", "--listen", "8080"))
        self.assertIn("tcp", self.serve_refused(64, "--listen", "nonsense:8080"))
        self.assertIn("port", self.serve_refused(64, "--listen", "tcp:http"))

    def test_a_folder_that_is_missing(self):
        self.assertIn('there is no folder "/no/such" here', self.serve_refused(1, "/no/such"))

    def test_a_file_instead_of_a_folder(self):
        self.assertIn("is not a folder; name the folder that it is in", self.serve_refused(1, __file__))

    def test_a_port_in_use_names_another(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            line = self.serve_refused(1, "--listen", f"tcp:{port}:interface=127.0.0.1")
        self.assertIn("Address already in use", line)
        self.assertRegex(line, r"--listen tcp:\d+:interface=127\.0\.0\.1")

    def test_an_address_that_this_machine_does_not_have(self):
        self.assertIn("no such address", self.serve_refused(1, "--listen", "tcp:0:interface=192.0.2.1"))

    def test_a_socket_in_a_folder_that_is_missing(self):
        self.assertIn("make the folder first", self.serve_refused(1, "--listen", "unix:/no/such/socket"))

    def test_as_json_a_refusal_is_a_record(self):
        record = json.loads(self.refused(1, "serve", "/no/such"))
        self.assertEqual((record["level"], record["area"]), ("error", "serve"))


class WithoutUring(unittest.TestCase):
    """Where a sandbox forbids io_uring, as container runtimes do."""

    def run_there(self, *arguments):
        return subprocess.run([sys.executable, SANDBOX, BINE, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=SECONDS, check=False, env=clean_environment())

    def test_epoll_runs_and_env_says_why(self):
        rows = dict(line.split(None, 1) for line in self.run_there("env").stdout.splitlines())
        self.assertTrue(rows["driver"].startswith("epoll: no io_uring here: "), rows["driver"])
        self.assertIn("seccomp", rows["driver"])
        self.assertIn("cannot be had", rows["io_uring"])

    def test_asking_for_it_is_refused_with_the_reason(self):
        refused = self.run_there("echo", "--listen", ANY_PORT, "--reactor", "uring")
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(len(refused.stderr.splitlines()), 1)
        self.assertIn("run on io_uring: ", refused.stderr)
        self.assertIn("seccomp", refused.stderr)

    def test_the_log_says_so_once(self):
        command = [sys.executable, SANDBOX, BINE, "echo", "--listen", ANY_PORT, "--workers", "2", "--log-format", "json"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              env=clean_environment()) as server:
            lines = [server.stderr.readline()]
            server.terminate()
            lines += server.communicate(timeout=SECONDS)[1].splitlines()
        said = [json.loads(line) for line in lines if "no io_uring here" in line]
        self.assertEqual(len(said), 1, lines)
        self.assertEqual((said[0]["text"], said[0]["driver"]), ("listening", "epoll"))
        self.assertIn("seccomp", said[0]["reason"])


class Serving(unittest.TestCase):
    def test_it_says_where_what_and_on_what(self):
        with Server("serve") as server:
            self.assertEqual(server.start["text"], "listening")
            self.assertEqual(server.start["endpoint"], ANY_PORT)
            self.assertEqual(server.start["serves"], "the example site")
            self.assertIn(server.start["driver"], ("io_uring", "epoll"))
            self.assertEqual(server.start["pid"], server.process.pid)
            self.assertNotEqual(server.port, 0)

    def test_the_example_site_is_there(self):
        with Server("serve") as server, contextlib.closing(http_connection(server.port)) as connection:
            status, page = get(connection)
            self.assertEqual(status, 200)
            self.assertIn(b"<html", page)

    def test_a_folder_is_served_and_requests_are_logged(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "a.txt").write_text("hello\n", encoding="ascii")
            with Server("serve", folder) as server, contextlib.closing(http_connection(server.port)) as connection:
                self.assertIn(os.path.realpath(folder), server.start["serves"])
                self.assertEqual(get(connection, "/a.txt"), (200, b"hello\n"))
                record = server.read_record()
                self.assertEqual((record["area"], record["target"], record["status"]), ("access", "/a.txt", 200))
                self.assertRegex(record["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
                self.assertEqual(get(connection, "/")[0], 200)
                self.assertEqual(get(connection, "/%2e%2e/etc/passwd")[0] // 100, 4)

    def test_without_listing_a_folder_is_not_found(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server("serve", folder, "--no-listing") as server:
                with contextlib.closing(http_connection(server.port)) as connection:
                    self.assertEqual(get(connection, "/")[0], 404)

    def test_several_endpoints_and_a_variable(self):
        with Server("serve", listen=None, BINE_LISTEN=f"{ANY_PORT} {ANY_PORT}") as server:
            second = server.read_record()
            for port in (server.port, int(second["at"].rstrip("/").rsplit(":", 1)[1])):
                with contextlib.closing(http_connection(port)) as connection:
                    self.assertEqual(get(connection)[0], 200)

    def test_quiet_logs_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            number = listener.fileno()
            process = subprocess.Popen([BINE, "serve", "--quiet", "--listen", f"fd:{number}"], pass_fds=[number],
                                       stderr=subprocess.PIPE, env=clean_environment())
            with contextlib.closing(http_connection(listener.getsockname()[1])) as connection:
                self.assertEqual(get(connection)[0], 200)
            process.terminate()
            self.assertEqual(process.communicate(timeout=SECONDS)[1], b"")
            self.assertEqual(process.returncode, 0)


class Stopping(unittest.TestCase):
    def half_a_request(self, server):
        client = server.connect()
        client.sendall(b"GET /api/hello HTTP/1.1\r\nHost: a\r\n")
        return client

    def wait_until_seen(self, server):
        """One more request, so that what other clients sent before has been read."""
        with contextlib.closing(http_connection(server.port)) as connection:
            self.assertEqual(get(connection)[0], 200)

    def test_an_idle_server_stops_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Server("serve") as server:
                server.signal(number)
                code, log = server.finish()
                self.assertEqual(code, 0)
                self.assertEqual([record["text"] for record in log], ["stopping: no new connections", "stopped"])

    def test_idle_connections_are_closed(self):
        with Server("serve") as server, contextlib.closing(http_connection(server.port)) as connection:
            self.assertEqual(get(connection)[0], 200)
            server.signal()
            self.assertEqual(connection.sock.recv(1), b"")
            connection.close()
            self.assertEqual(server.finish()[0], 0)

    def test_busy_connections_finish(self):
        with Server("serve") as server, self.half_a_request(server) as client:
            self.wait_until_seen(server)
            server.signal()
            record = server.read_until("waiting for")
            self.assertEqual(record["text"], "waiting for 1 connection (press Ctrl-C again to stop at once)")
            client.sendall(b"\r\n")
            answer = b"".join(iter(lambda: client.recv(4096), b""))
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
            self.assertIn(b"\r\nConnection: close\r\n", answer)
            client.close()
            self.assertEqual(server.finish()[0], 0)

    def test_nobody_is_accepted_any_more(self):
        with Server("serve") as server, self.half_a_request(server):
            self.wait_until_seen(server)
            server.signal()
            server.read_until("waiting for")
            with self.assertRaises(ConnectionRefusedError):
                server.connect()

    def test_the_grace_ends(self):
        with Server("serve", "--grace", "0.05") as server, self.half_a_request(server):
            self.wait_until_seen(server)
            server.signal()
            code, log = server.finish()
            self.assertEqual(code, 2)
            self.assertEqual(log[-1]["text"], "stopped by force: cut 1 connection")
            self.assertEqual(log[-1]["why"], "the grace is over")

    def test_a_second_signal_stops_at_once(self):
        with Server("serve", "--grace", "3600") as server, self.half_a_request(server):
            self.wait_until_seen(server)
            server.signal(signal.SIGINT)
            server.read_until("waiting for")
            server.signal(signal.SIGINT)
            code, log = server.finish()
            self.assertEqual(code, 2)
            self.assertEqual(log[-1]["text"], "stopped by force: cut 1 connection")


class SteadyClient:
    """A connection that sends its next request when it has the answer to the last, until it is told to close."""

    REQUEST = b"GET /api/hello HTTP/1.1\r\nHost: a\r\n\r\n"

    def __init__(self, server):
        self.socket = server.connect()
        self.received = b""
        self.sent = self.answered = 0
        self.ended = False

    def ask(self):
        self.socket.sendall(self.REQUEST)
        self.sent += 1

    def receive(self):
        """Answers whether that was an answer."""
        received = self.socket.recv(4096)
        self.ended = not received
        self.received += received
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end or len(body) < len(b"hello\n"):
            return False
        assert body == b"hello\n" and head.startswith(b"HTTP/1.1 200 "), self.received
        self.answered += 1
        self.received = b""
        if b"\r\nConnection: close" not in head:
            self.ask()
        return True


class Workers(unittest.TestCase):
    def workers_of(self, server, count):
        """Of the next so many requests in the log."""
        return {server.read_until("answered")["worker"] for _ in range(count)}

    def test_several_workers_share_a_port_and_each_serves(self):
        # The system deals connections out by a hash: that one of four gets none of 200 happens once in 10^24 runs.
        with Server("serve", "--workers", "4") as server, contextlib.ExitStack() as stack:
            self.assertEqual(server.start["workers"], 4)
            self.assertEqual(server.start["worker"], 1)
            for _ in range(200):
                connection = stack.enter_context(contextlib.closing(http_connection(server.port)))
                self.assertEqual(get(connection, "/api/hello")[0], 200)
            self.assertEqual(self.workers_of(server, 200), {1, 2, 3, 4})
            names = {path.read_text().strip() for path in pathlib.Path("/proc", str(server.process.pid)).glob("task/*/comm")}
            self.assertLessEqual({"bine", "bine-2", "bine-3", "bine-4"}, names)
            server.signal()
            self.assertEqual(server.finish()[0], 0)

    def test_a_single_worker_is_not_named(self):
        with Server("serve") as server:
            self.assertEqual(server.start["workers"], 1)
            self.assertNotIn("worker", server.start)

    def test_one_banner_says_how_many(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            number = listener.fileno()
            process = subprocess.Popen([BINE, "serve", "--workers=3", "--log-format=text", f"--listen=fd:{number}"],
                                       pass_fds=[number], stderr=subprocess.PIPE, text=True, env=clean_environment())
            with contextlib.closing(http_connection(listener.getsockname()[1])) as connection:
                self.assertEqual(get(connection)[0], 200)
            process.terminate()
            said = process.communicate(timeout=SECONDS)[1]
        self.assertEqual(process.returncode, 0, said)
        self.assertRegex(said, r"on \w+ \(.*\), 3 workers; Ctrl-C stops it")
        self.assertEqual(said.count("Ctrl-C stops it"), 1, said)
        self.assertEqual(said.count("stopped\n"), 1, said)
        self.assertNotIn("worker=", said)

    def test_a_port_that_other_workers_share_is_refused(self):
        with Server("serve", "--workers", "2") as server:
            done = run("serve", "--workers", "2", "--log-format", "text", "--listen", f"tcp:{server.port}:interface=127.0.0.1")
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done)
            self.assertIn("Address already in use", done.stderr)

    def test_a_refusal_is_told_once(self):
        done = run("serve", "--workers", "4", "/no/such")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done)
        self.assertIn("there is no folder", done.stderr)

    def test_counts_that_make_no_sense(self):
        for value in ("0", "many", "-1", "1025", "2.5"):
            done = run("serve", f"--workers={value}")
            self.assertEqual(done.returncode, 64)
            self.assertEqual(done.stderr, f'bine serve: --workers is "{value}"; expected a number from 1 to 1024, or auto\n')

    def test_auto_is_as_many_as_there_are_processors_for_it(self):
        processors = dict(line.split(None, 1) for line in run("env").stdout.splitlines())["processors"]
        with Server("serve", BINE_WORKERS="auto") as server:
            self.assertEqual(str(server.start["workers"]), processors.split(",")[0])
        one = {next(iter(os.sched_getaffinity(0)))}
        done = run("env", preexec_fn=lambda: os.sched_setaffinity(0, one))
        self.assertRegex(done.stdout, r"(?m)^processors +1, ")

    def test_workers_share_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with Server("serve", "--workers", "3", listen=f"unix:{path}") as server, contextlib.ExitStack() as stack:
                for _ in range(50):
                    client = stack.enter_context(socket.socket(socket.AF_UNIX))
                    client.settimeout(SECONDS)
                    client.connect(path)
                    client.sendall(SteadyClient.REQUEST)
                    self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))
                self.assertLessEqual(self.workers_of(server, 50), {1, 2, 3})
                server.signal()
                server.read_until("stopping")
                stack.close()
                self.assertEqual(server.finish()[0], 0)
                self.assertFalse(os.path.exists(path))

    def test_workers_share_an_inherited_socket(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            number = listener.fileno()
            process = subprocess.Popen([BINE, "echo", "--workers=3", "--quiet", f"--listen=fd:{number}"],
                                       pass_fds=[number], env=clean_environment())
            clients = [socket.create_connection(listener.getsockname(), timeout=SECONDS) for _ in range(50)]
            for client in clients:
                client.sendall(b"hello")
            for client in clients:
                self.assertEqual(client.recv(5, socket.MSG_WAITALL), b"hello")
                client.close()
            process.terminate()
            self.assertEqual(process.wait(SECONDS), 0)

    def test_standard_input_is_served_by_one(self):
        done = subprocess.run([BINE, "echo", "--workers=3", "--quiet", "--listen=stdio:"], input=b"one\ntwo\n", timeout=SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(), check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"one\ntwo\n", b""))

    def test_no_request_is_lost_when_it_stops(self):
        # Stopping waits a second for a connection's next request.
        with Server("serve", "--workers=3", "--grace=20") as server:
            clients = {client.socket: client for client in (SteadyClient(server) for _ in range(40))}
            for client in clients.values():
                client.ask()
            answers = 0
            while not all(client.ended for client in clients.values()):
                waiting = [client.socket for client in clients.values() if not client.ended]
                for ready in select.select(waiting, [], [], SECONDS)[0]:
                    answers += clients[ready].receive()
                    if answers == 2000:
                        server.signal()
            self.assertGreater(answers, 2000)
            for client in clients.values():
                self.assertEqual(client.answered, client.sent)
                client.socket.close()
            self.assertEqual(server.finish()[0], 0)

    def test_stopping_waits_for_each_worker(self):
        with Server("serve", "--workers", "4") as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(40)]
            for client in clients:  # one request, so that it is there, and half of another
                client.sendall(SteadyClient.REQUEST)
                self.assertIn(b"hello", client.recv(4096))
                client.sendall(SteadyClient.REQUEST[:-2])
            server.signal()
            self.assertEqual(server.read_until("waiting for")["text"],
                             "waiting for 40 connections (press Ctrl-C again to stop at once)")
            for client in clients:
                client.sendall(b"\r\n")
                self.assertIn(b"\r\nConnection: close\r\n", client.recv(4096))
                client.close()
            code, log = server.finish()
            self.assertEqual((code, [record["text"] for record in log if record["area"] == "serve"][-1]), (0, "stopped"))

    def test_a_second_signal_stops_all_at_once(self):
        with Server("serve", "--workers", "3", "--grace", "3600") as server, contextlib.ExitStack() as stack:
            for _ in range(12):
                stack.enter_context(server.connect()).sendall(SteadyClient.REQUEST[:-2])
            with contextlib.closing(http_connection(server.port)) as connection:
                get(connection)
            server.signal()
            server.read_until("waiting for")
            server.signal()
            code, log = server.finish()
            self.assertEqual(code, 2)
            self.assertRegex(log[-1]["text"], r"stopped by force: cut \d+ connections")


def make_certificate(folder, name, *more):
    """NAME.pem and NAME.key, for localhost and 127.0.0.1, signed by itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "30",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", *more],
                   capture_output=True, check=True, timeout=SECONDS)


class Secure(unittest.TestCase):
    """--tls, --certificate, --key, and what they say when they cannot be used."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for name in ("one", "two"):
            make_certificate(cls.folder, name)
        both = cls.path("one.pem").read_text() + cls.path("one.key").read_text()
        cls.path("both.pem").write_text(both)

    @classmethod
    def path(cls, name):
        return cls.folder / name

    def files(self, name="one"):
        return ["--certificate", str(self.path(f"{name}.pem")), "--key", str(self.path(f"{name}.key"))]

    def trusting(self, *names):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for name in names:
            context.load_verify_locations(self.path(f"{name}.pem"))
        return context

    def shown(self, port, *trusted):
        """Who the server says that it is, to a client that gets a page and trusts the `trusted`."""
        with contextlib.closing(http.client.HTTPSConnection("localhost", port, timeout=SECONDS,
                                                            context=self.trusting(*trusted))) as connection:
            self.assertEqual(get(connection, "/api/hello"), (200, b"hello\n"))
            return dict(pair[0] for pair in connection.sock.getpeercert()["subject"])["commonName"]

    def check_serves(self, server, name="one"):
        self.assertTrue(server.start["at"].startswith("https://"), server.start)
        self.assertEqual(self.shown(server.port, name), name)

    def refused(self, code, *arguments):
        done = run("serve", "--log-format", "text", "--listen", ANY_PORT, *map(str, arguments))
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (code, "", 1), done)
        return done.stderr

    def test_a_certificate_is_made_and_the_log_says_which(self):
        with Server("serve", "--tls") as server:
            warning = server.records[0]
            self.assertEqual((warning["level"], warning["area"]), ("warning", "tls"))
            self.assertIn("nobody trusts yet; for development only", warning["text"])
            self.assertTrue(server.start["at"].startswith("https://127.0.0.1:"))
            pem = ssl.get_server_certificate(("127.0.0.1", server.port))
            self.path("made.pem").write_text(pem)
            self.assertEqual(hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest(), warning["sha256"])
            self.assertEqual(self.shown(server.port, "made"), "localhost")

    def test_certificate_and_key_from_files(self):
        with Server("serve", *self.files()) as server:
            self.check_serves(server)
        with Server("serve", "--certificate", str(self.path("both.pem"))) as server:
            self.check_serves(server)

    def test_variables_mean_the_same(self):
        variables = {"BINE_CERTIFICATE": str(self.path("one.pem")), "BINE_KEY": str(self.path("one.key"))}
        with Server("serve", **variables) as server:
            self.check_serves(server)
        with Server("serve", BINE_TLS="yes") as server:
            self.assertTrue(server.start["at"].startswith("https://"))
        with Server("serve", BINE_TLS="no") as server:
            self.assertTrue(server.start["at"].startswith("http://"))
        done = run("serve", env=clean_environment(BINE_TLS="perhaps"))
        self.assertEqual((done.returncode, done.stderr), (64, 'bine serve: BINE_TLS is "perhaps"; expected yes or no\n'))

    def test_echo_speaks_it_too(self):
        with Server("echo", *self.files()) as server, server.connect() as plain:
            with self.trusting("one").wrap_socket(plain, server_hostname="localhost") as client:
                client.sendall(b"hello")
                self.assertEqual(client.recv(5), b"hello")

    def test_plain_http_is_refused_and_the_log_says_so(self):
        with Server("serve", *self.files()) as server:
            with server.connect() as client:
                client.sendall(SteadyClient.REQUEST)
                self.assertNotIn(b"HTTP", b"".join(iter(lambda: client.recv(4096), b"")))
            record = server.read_until("a handshake failed")
            self.assertIn("the client speaks plain HTTP here; it has to use https", record["error"])
            self.check_serves(server)

    def test_files_that_cannot_be_used_are_named(self):
        certificate, key = self.path("one.pem"), self.path("one.key")
        encrypted = self.path("encrypted.key")
        subprocess.run(["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", encrypted], check=True)
        self.path("broken.pem").write_text(certificate.read_text().replace("M", "N", 3))
        self.path("empty.pem").write_text("")
        other, broken, empty = self.path("two.key"), self.path("broken.pem"), self.path("empty.pem")
        for given, words in (
                (("/no/such.pem", key), 'TLS: read "/no/such.pem": No such file or directory'),
                ((certificate, "/no/such.key"), 'TLS: read "/no/such.key": No such file or directory'),
                ((certificate, self.folder), f'TLS: read "{self.folder}": Is a directory'),
                ((certificate, other), f'the key in "{other}" does not belong to the first of the certificates in "{certificate}"'),
                ((certificate, certificate), f'the key in "{certificate}": there is no private key in it'),
                ((certificate, encrypted), f'the key in "{encrypted}": its key is encrypted'),
                ((empty, key), f'the certificates in "{empty}": there is no certificate in it'),
                ((broken, key), f'the certificates in "{broken}": its certificate cannot be read')):
            with self.subTest(words):
                self.assertIn(words, self.refused(1, "--certificate", given[0], "--key", given[1]))
        self.assertIn("there is no private key in it", self.refused(1, "--certificate", certificate))

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_a_key_that_may_not_be_read(self):
        secret = self.path("secret.key")
        secret.write_text("")
        secret.chmod(0)
        self.assertIn("Permission denied", self.refused(1, "--certificate", self.path("one.pem"), "--key", secret))

    def test_each_certificate_has_a_key(self):
        for arguments in ((*self.files(), "--certificate", "x"), ("--key", "x"), ("--certificate", "x", "--key", "x", "--key", "y")):
            done = run("serve", *arguments)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (64, 1), done)
            self.assertIn("each certificate has one key, or each file holds its own", done.stderr)
        with Server("serve", *self.files("one"), *self.files("two")) as server:
            self.assertEqual(self.shown(server.port, "one", "two"), "one")

    def renew(self, name):
        for end in ("pem", "key"):
            self.path(f"shown.{end}").write_text(self.path(f"{name}.{end}").read_text())

    def check_reloads(self, *arguments, **options):
        """SIGHUP with other files, with bad ones, and with good ones again; whoever is connected stays."""
        self.renew("one")
        with Server("serve", *arguments, **options) as server:
            kept = http.client.HTTPSConnection("localhost", server.port, timeout=SECONDS, context=self.trusting("one"))
            with contextlib.closing(kept):
                self.assertEqual(get(kept, "/api/hello")[0], 200)
                stayed = kept.sock
                self.renew("two")
                server.signal(signal.SIGHUP)
                server.read_until("the certificates were read again, for new connections")
                self.assertEqual(self.shown(server.port, "two"), "two")
                self.path("shown.key").write_text(self.path("one.key").read_text())
                server.signal(signal.SIGHUP)
                record = server.read_until("the certificates cannot be used; those from before stay")
                self.assertEqual(record["level"], "error")
                self.assertIn("does not belong to the first of the certificates", record["error"])
                self.assertEqual(self.shown(server.port, "two"), "two")
                self.renew("one")
                server.signal(signal.SIGHUP)
                server.read_until("the certificates were read again")
                self.assertEqual(self.shown(server.port, "one"), "one")
                self.assertEqual(get(kept, "/api/hello")[0], 200)
                self.assertIs(kept.sock, stayed)
            server.signal()
            self.assertEqual(server.finish()[0], 0)

    def test_hangup_reads_the_files_again(self):
        self.check_reloads(*self.files("shown"))

    def test_hangup_reads_those_of_endpoints_again(self):
        self.check_reloads("--workers=2", listen=self.endpoint("shown"))

    def test_hangup_without_files_changes_nothing(self):
        for arguments in ((), ("--tls",)):
            with Server("serve", *arguments) as server:
                server.signal(signal.SIGHUP)
                server.read_until("there are no certificates to read again")
                server.signal()
                self.assertEqual(server.finish()[0], 0)

    def endpoint(self, name):
        return f"ssl:0:interface=127.0.0.1:certKey={self.path(name)}.pem:privateKey={self.path(name)}.key"

    def test_an_endpoint_brings_its_own_certificate(self):
        with Server("serve", "--listen", ANY_PORT, listen=self.endpoint("one")) as server:
            ports = {server.start["at"]: server.start, (second := server.read_record())["at"]: second}
            secure, plain = sorted(ports, reverse=True)
            self.assertTrue(secure.startswith("https://") and plain.startswith("http://"), ports)
            self.assertEqual(self.shown(int(secure.rstrip("/").rsplit(":", 1)[1]), "one"), "one")
            with contextlib.closing(http_connection(int(plain.rstrip("/").rsplit(":", 1)[1]))) as connection:
                self.assertEqual(get(connection)[0], 200)

    def test_an_endpoint_with_its_own_is_not_wrapped_again(self):
        with Server("serve", *self.files("two"), listen=self.endpoint("one")) as server:
            self.check_serves(server)

    def test_endpoints_that_cannot_be_used(self):
        certificate = self.path("one.pem")
        for code, endpoint, words in (
                (64, "ssl:0", "certKey is missing"),
                (64, f"ssl:0:certKey={certificate}", "there is no private key in it"),
                (1, "ssl:0:certKey=/no/such", 'read "/no/such": No such file or directory\n'),
                (64, f"ssl:0:certKey={certificate}:privateKey={self.path('one.key')}:clientCA=/no/such",
                 'read whom to trust from "/no/such": No such file or directory\n'),
                (64, "tls:tcp:0", "give --certificate FILE and --key FILE, or --tls")):
            with self.subTest(endpoint):
                self.assertIn(words, self.refused(code, "--listen", endpoint))

    def test_sessions_are_resumed_by_every_worker(self):
        # That one of two workers gets none of 40 connections happens once in 10^12 runs.
        context = self.trusting("one")
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # the session is there once the handshake is done
        with Server("serve", "--workers", "2", *self.files()) as server:
            session = None
            for _ in range(40):
                with server.connect() as plain, context.wrap_socket(plain, server_hostname="localhost", session=session) as client:
                    client.sendall(b"GET /api/hello HTTP/1.0\r\n\r\n")
                    self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))
                    self.assertEqual(client.session_reused, session is not None)
                    session = session or client.session
            self.assertEqual({server.read_until("answered")["worker"] for _ in range(40)}, {1, 2})

    def test_stopping_ends_connections_in_good_order(self):
        with Server("serve", *self.files()) as server, server.connect() as plain:
            secure = self.trusting("one").wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
            with secure as client:
                client.sendall(SteadyClient.REQUEST)
                self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))
                server.signal()
                self.assertEqual(client.recv(4096), b"")  # without a close_notify it would raise
            self.assertEqual(server.finish()[0], 0)


class Logging(unittest.TestCase):
    def serve_listener(self, listener, **options):
        number = listener.fileno()
        return subprocess.Popen([BINE, "serve", "--listen", f"fd:{number}"], pass_fds=[number], stdin=subprocess.DEVNULL,
                                env=clean_environment(), **options)

    def check_that_it_serves_and_stops(self, process, listener, requests=1):
        with contextlib.closing(http_connection(listener.getsockname()[1])) as connection:
            for _ in range(requests):
                self.assertEqual(get(connection)[0], 200)
        process.terminate()
        self.assertEqual(process.wait(SECONDS), 0)

    def test_standard_error_that_is_closed_harms_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = self.serve_listener(listener, preexec_fn=lambda: os.close(2))
            self.check_that_it_serves_and_stops(process, listener)

    def test_a_reader_that_goes_harms_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = self.serve_listener(listener, stderr=subprocess.PIPE)
            process.stderr.readline()
            process.stderr.close()
            self.check_that_it_serves_and_stops(process, listener, requests=20)

    def test_a_reader_that_stalls_holds_up_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = self.serve_listener(listener, stderr=subprocess.PIPE)
            with process.stderr:
                self.check_that_it_serves_and_stops(process, listener, requests=1500)

    def on_a_terminal(self, **variables):
        """The log up to the first access line, as a terminal shows it."""
        ours, theirs = pty.openpty()
        with socket.create_server(("127.0.0.1", 0)) as listener, open(ours, "rb", buffering=0) as screen:
            number = listener.fileno()
            process = subprocess.Popen([BINE, "serve", "--listen", f"fd:{number}"], pass_fds=[number], stderr=theirs,
                                       stdin=subprocess.DEVNULL, env=clean_environment(TERM="xterm", **variables))
            os.close(theirs)
            with contextlib.closing(http_connection(listener.getsockname()[1])) as connection:
                self.assertEqual(get(connection)[0], 200)
            text = b""
            while b"GET" not in text:
                text += screen.read(4096)
            process.terminate()
            process.wait(SECONDS)
            return text.decode()

    def test_a_terminal_gets_coloured_lines(self):
        text = self.on_a_terminal()
        self.assertIn("serves the example site", text)
        self.assertIn("http://127.0.0.1:", text)
        self.assertIn("\x1b[32m200\x1b[0m", text)

    def test_no_color_is_respected(self):
        text = self.on_a_terminal(NO_COLOR="1")
        self.assertRegex(text, r"\d\d:\d\d:\d\d\.\d{3} 200 GET /")
        self.assertNotIn("\x1b", text)


class Echo(unittest.TestCase):
    def test_every_byte_comes_back(self):
        with Server("echo") as server, server.connect() as client:
            client.sendall(b"hello")
            self.assertEqual(client.recv(5, socket.MSG_WAITALL), b"hello")
            server.signal()
            self.assertEqual(client.recv(1), b"")
            client.close()
            self.assertEqual(server.finish()[0], 0)

    def test_it_serves_standard_input_and_ends_with_it(self):
        done = subprocess.run([BINE, "echo", "--quiet", "--listen", "stdio:"], input=b"one\ntwo\n", timeout=SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(), check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"one\ntwo\n", b""))


if __name__ == "__main__":
    BINE = sys.argv.pop(1)
    unittest.main()
