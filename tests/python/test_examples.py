"""The examples of docs/python-api.md print what they should."""

import os
import pathlib
import subprocess
import sys
import unittest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/python"


class Examples(unittest.TestCase):
    def output_of(self, name):
        run = subprocess.run([sys.executable, "-W", "error::ResourceWarning", EXAMPLES / name], capture_output=True, text=True,
                             timeout=60, env=dict(os.environ))
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return run.stdout

    def test_endpoints(self):
        answered, refused = self.output_of("endpoints.py").splitlines()
        self.assertEqual(answered, "b'HELLO\\n'")
        self.assertIn("colour", refused)

    def test_http(self):
        self.assertEqual(self.output_of("http_site.py").splitlines(), [
            "200 application/json {'id': 7, 'name': 'bine'}", "404 there is only user 7", "b'BIT BY BIT'"])

    def test_tls(self):
        self.assertEqual(self.output_of("secure.py"), "TLSv1.3\nb'hello, secret\\n'\n")

    def test_a_guest(self):
        self.assertEqual(self.output_of("guest.py"), "asyncio.unix_events from a guest\n")


if __name__ == "__main__":
    unittest.main()
