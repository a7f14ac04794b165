#!/usr/bin/env python3
"""That the harness sees a test that fails, hangs, takes the process with it, or does so once only; and what it makes of them."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from outcome import Impossible, Known, Outcome, Told, worse  # noqa: E402
from watch import Run  # noqa: E402

PLANTED = '''
import os, pathlib, sys, time, unittest
import unittests

class Planted(unittest.TestCase):
    def test_passes(self): pass
    def test_fails(self): self.fail("planted")
    def test_hangs(self): time.sleep(100)
    def test_crashes(self): os.abort()
    @unittest.skip("planted")
    def test_skips(self): pass
    def test_fails_in_part(self):
        with self.subTest(): self.fail("planted")
    def test_fails_once(self):
        mark = pathlib.Path("mark")
        if not mark.exists():
            mark.touch()
            self.fail("planted")
    def test_leaves_a_child_that_has_the_pipe(self):
        if os.fork() == 0:
            time.sleep(100)
            os._exit(0)

names = sys.argv[1:]
unittests.run([Planted(name) for name in names], lambda test: test._testMethodName)
if "test_passes" in names and len(names) == 1: time.sleep(100)
'''


class Watching(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "planted.py").write_text(PLANTED)

    def run_planted(self, *tests, program="planted.py"):
        with (self.folder / "log").open("w+b") as log:
            run = Run([sys.executable, str(self.folder / program), *tests], self.folder,
                      {**os.environ, "PYTHONPATH": str(HERE / "inside")}, log, 2, lambda *_: None)
            run.leaving = 1
            return run.whole()

    def test_each_result_is_told_and_nothing_is_left_running(self):
        outcome = self.run_planted("test_passes", "test_fails", "test_hangs", "test_skips", "test_crashes",
                                   "test_fails_in_part", "test_leaves_a_child_that_has_the_pipe", "test_fails_once")
        self.assertEqual({name: told.result for name, told in outcome.tests.items()}, {
            "test_passes": "passed", "test_fails": "failed", "test_hangs": "hung", "test_skips": "skipped",
            "test_crashes": "crashed", "test_fails_in_part": "failed", "test_leaves_a_child_that_has_the_pipe": "passed",
            "test_fails_once": "passed"})
        self.assertEqual(outcome.unsteady, ["test_fails_once"])
        self.assertIn("planted", outcome.tests["test_fails"].text)
        self.assertIn("test_hangs", outcome.tests["test_hangs"].text, "where it was")
        left = subprocess.run(["pgrep", "-f", str(self.folder)], capture_output=True, text=True, check=False).stdout
        self.assertEqual(left, "")

    def test_a_process_that_does_not_leave_hangs(self):
        outcome = self.run_planted("test_passes")
        self.assertEqual({name: told.result for name, told in outcome.tests.items()},
                         {"test_passes": "passed", "(leaving)": "hung"})

    def test_a_program_that_runs_nothing_is_no_success(self):
        with self.assertRaises(Impossible):
            self.run_planted(program="nothing.py")


class Comparing(unittest.TestCase):
    def test_only_what_the_control_passes_is_held_against_the_loop(self):
        told = {"both": "failed", "ours": "hung", "ours too": "crashed", "fine": "passed"}
        self.assertEqual(worse(outcome_of(told), outcome_of({**told, "ours": "passed", "ours too": "skipped"})),
                         ["ours", "ours too"])

    def test_an_explanation_is_for_a_suite_a_test_and_a_loop(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "expected.toml")
            path.write_text('[[known]]\nsuite = "one*"\ntest = "file.py::test[a-*]"\nwhy = "so"\n')
            known = Known(path, "bine")
            self.assertEqual(known.why("one-3.13", "file.py::test[a-b]"), "so")
            self.assertIsNone(known.why("two", "file.py::test[a-b]"))
            self.assertIsNone(known.why("one", "file.py::testa"))
            self.assertIsNone(Known(path, "uvloop").why("one", "file.py::test[a-b]"))


def outcome_of(results):
    return Outcome({name: Told(result) for name, result in results.items()})


if __name__ == "__main__":
    unittest.main()
