"""Runs the real `bine serve` for a test, and speaks to it with the real curl or a plain socket."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

BINE = os.environ.get("BINE_COMMAND", "bine")
TIMEOUT = 30
CURL = shutil.which("curl")


class Bine:
    """A `bine serve` on a free port of 127.0.0.1. Its log is in `log`, one dictionary a line."""

    def __init__(self, *arguments, listen="tcp:0:interface=127.0.0.1"):
        command = [BINE, "serve", *map(str, arguments), "--listen", listen, "--log-format", "json"]
        kept = ("BINE_REACTOR",)
        environment = {name: value for name, value in os.environ.items() if name in kept or not name.startswith("BINE_")}
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.log = []
        self._logged = threading.Condition()
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()
        if not self._listening.wait(TIMEOUT) or not self.log or "at" not in self.log[0]:
            self.kill()
            raise AssertionError(f"{command} did not start: {self.log}")
        self.url = self.log[0]["at"].rstrip("/")
        port = self.url.rpartition(":")[2]
        self.port = int(port) if port.isdigit() else None

    def _read_log(self):
        for line in self.process.stderr:
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                record = {"text": line}
            with self._logged:
                self.log.append(record)
                self._logged.notify_all()
            self._listening.set()
        self._listening.set()

    def wait_for_log(self, words):
        """Until a line has said so."""
        with self._logged:
            if not self._logged.wait_for(lambda: any(words in record["text"] for record in self.log), TIMEOUT):
                raise AssertionError(f"no \"{words}\" in the log: {self.log[-5:]}")

    def connect(self, receive_buffer=None):
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(TIMEOUT)
        try:
            client.connect(("127.0.0.1", self.port))
        except OSError:
            client.close()
            raise
        return client

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        """The exit code, once it has ended by itself."""
        code = self.process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        self.process.stderr.close()
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def stop(self):
        if self.process.returncode is None:
            self.signal()
        return self.wait()


def curl(*arguments, check=True):
    """curl's standard output, as bytes."""
    command = [CURL, "--silent", "--show-error", "--max-time", "120", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"curl {arguments}: {done.returncode}: {done.stderr.decode()}")
    return done.stdout


class Answer:
    """A response as it stood on the wire."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3})(?: .*)?", lines[0])
        if not match:
            raise AssertionError(f"no status line: {raw[:200]!r}")
        self.status = int(match[1])
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            self.fields[name.lower()] = value


def curl_status(*arguments):
    """The status that curl saw."""
    return int(curl("--output", "/dev/null", "--write-out", "%{http_code}", *arguments))


def curl_answer(*arguments):
    """The head and body that curl saw."""
    return Answer(curl("--include", *arguments))


def read_to_end(client):
    """All that comes until the server ends or resets the connection."""
    pieces = []
    try:
        while piece := client.recv(1 << 16):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def make_file(path, size):
    """`size` bytes that do not repeat soon."""
    line = 0
    with open(path, "wb") as out:
        while (left := size - out.tell()) > 0:
            block = b"".join(b"%015d\n" % number for number in range(line, line + 4096))
            line += 4096
            out.write(block[:left])


class ServerTest(unittest.TestCase):
    """Tests that share one server and one folder."""

    @classmethod
    def setUpClass(cls):
        if not CURL:
            raise unittest.SkipTest("curl is not installed")
        cls._temp = tempfile.TemporaryDirectory(prefix="bine-interop-")
        cls.addClassCleanup(cls._temp.cleanup)
        cls.temp = pathlib.Path(cls._temp.name)
        cls.root = cls.temp / "root"
        cls.root.mkdir()
        cls.fill()
        cls.bine = Bine(cls.root)
        cls.addClassCleanup(cls.bine.kill)
        cls.url = cls.bine.url

    @classmethod
    def fill(cls):
        """Puts the files into `cls.root`."""
