"""Twisted on bine: its own test runner, on bine's reactor, runs what is in trial/."""

import pathlib
import subprocess
import tempfile
import unittest

from support import PATIENCE, environment, is_sanitized

TRIAL = pathlib.Path(__file__).resolve().parent / "trial"


@unittest.skipIf(is_sanitized(), "the programs of others are run without the sanitizer")
class Twisted(unittest.TestCase):
    def test_connections_are_bines_and_do_what_twisted_says(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([environment() / "trial", "--reactor=bine", TRIAL / "connections.py"], cwd=folder,
                                  capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-10_000:] + done.stderr)
        self.assertIn("PASSED (successes=11)", done.stdout)


if __name__ == "__main__":
    unittest.main()
