"""The slides of examples/slides/python, and Twisted's commands, in an environment with Twisted, treq and aiohttp of their own."""

import datetime
import http.server
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

from support import PATIENCE, environment, is_sanitized

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLIDES = ROOT / "examples" / "slides" / "python"
sys.path.insert(0, str(ROOT / "tests" / "examples"))

from session import Session  # noqa: E402

TRIAL = """
from twisted.internet import reactor
from twisted.trial import unittest
class Which(unittest.TestCase):
    def test_it_runs_on_bine(self):
        self.assertEqual(type(reactor._asyncioEventloop).__module__, "bine._loop")
"""


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"the page of {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@unittest.skipIf(is_sanitized(), "the programs of others are run without the sanitizer")
class Slides(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.programs = environment()
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        cls.upstream = "http://127.0.0.1:%d" % cls.server.server_address[1]

    def run_slide(self, name, *arguments):
        done = subprocess.run([self.programs / "python", SLIDES / name, *arguments], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def serve(self, name, *arguments):
        self.addCleanup(signal.alarm, 0)  # a session's time limit
        return Session(self.programs / "python", str(SLIDES / name), *arguments)

    def test_slide_6_shows_the_time_each_second(self):
        times = [datetime.datetime.fromisoformat(line) for line in self.run_slide("display_date.py").splitlines()]
        self.assertEqual(len(times), 5)
        for before, after in zip(times, times[1:]):
            self.assertGreaterEqual((after - before).total_seconds(), 0.99)

    def test_slide_16_fetches_two_pages_side_by_side(self):
        printed = self.run_slide("two_pages.py", self.upstream + "/first", self.upstream + "/second")
        self.assertEqual(printed, (SLIDES / "two_pages.expected").read_text())

    def test_slide_17_has_asyncio_and_twisted_on_one_loop(self):
        session = self.serve("one_loop.py", self.upstream)
        for path in ("/", "/some/page?with=query"):
            with urllib.request.urlopen(f"http://127.0.0.1:{session.port}{path}", timeout=PATIENCE) as answer:
                self.assertEqual(answer.read().decode(), f"the page of {path}")
                self.assertEqual(answer.headers["Content-Type"].split(";")[0], "text/plain")
        session.finish()

    def test_slide_18_receives_lines(self):
        session = self.serve("line_receiver.py", "tcp:0:interface=127.0.0.1")
        client = session.connect()
        self.addCleanup(client.socket.close)
        client.send(b"hello\r\n\r\nin two")
        printed = [session.read_line() for _ in range(4)]
        client.send(b" pieces\r\n")
        printed += [session.read_line() for _ in range(2)]
        self.assertEqual("".join(printed) + session.finish(), (SLIDES / "line_receiver.expected").read_text())

    def test_trial_knows_the_reactor_by_its_name(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder, "test_which.py")
            program.write_text(TRIAL)
            done = subprocess.run([self.programs / "trial", "--reactor=bine", program], cwd=folder,
                                  capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("PASSED", done.stdout)

    def test_nothing_of_twisted_is_imported_before_it_is_asked_for(self):
        look = "import sys, bine.twisted; sys.exit(any(name.split('.')[0] == 'twisted' for name in sys.modules))"
        self.assertEqual(subprocess.run([self.programs / "python", "-c", look], check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main()
