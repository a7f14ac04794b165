"""What type checkers see: the package has hints that hold together, programs are accepted and refused by them, and what they say
of C++ is so."""

import pathlib
import re
import subprocess
import sys
import unittest

import bine
from support import environment, is_sanitized

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "python" / "types"
PACKAGES = ("mypy==2.4.1", "twisted==26.10.0")  # what another mypy says of refused.py may differ
ERROR = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<kind>[\w-]+)\]$")
EXPECTED = re.compile(r"# error: (?P<kinds>[\w -]+)$")


def run(*command):
    """In the folder of the project, whose settings mypy reads; the interpreter's path is not for mypy to find the package on."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


@unittest.skipIf(is_sanitized(), "type checkers are run without the sanitizer")
class Types(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.python = environment("types", PACKAGES) / "python"
        cache = cls.python.parents[1] / "cache"
        cls.mypy = (cls.python, "-m", "mypy", "--strict", f"--cache-dir={cache}", "--no-pretty", "--hide-error-context",
                    "--no-color-output", "--no-error-summary")

    def check(self, program):
        """The errors of a program of ours: (line, kind), as often as there are."""
        code, output = run("env", f"MYPYPATH={ROOT / 'python'}", *self.mypy, PROGRAMS / program)
        found = [ERROR.match(line) for line in output.splitlines() if ": note: " not in line]
        self.assertNotIn(None, found, output)
        self.assertEqual({match["file"] for match in found} - {f"tests/python/types/{program}"}, set(), output)
        self.assertEqual(code, 1 if found else 0, output)
        return sorted((int(match["line"]), match["kind"]) for match in found)

    def test_the_package_is_strictly_typed(self):
        self.assertEqual(run(*self.mypy, "python/bine"), (0, ""))

    def test_a_program_that_uses_it_is_accepted(self):
        self.assertEqual(self.check("accepted.py"), [])

    def test_the_program_that_is_accepted_runs(self):
        self.assertEqual(run(sys.executable, PROGRAMS / "accepted.py"), (0, ""))

    def test_wrong_uses_are_refused(self):
        lines = enumerate((PROGRAMS / "refused.py").read_text(encoding="utf-8").splitlines(), 1)
        marks = [(number, EXPECTED.search(line)) for number, line in lines]
        expected = [(number, kind) for number, mark in marks if mark for kind in mark["kinds"].split()]
        self.assertEqual(self.check("refused.py"), expected)

    def test_what_is_said_of_the_extension_is_so(self):
        folder = pathlib.Path(bine.__file__).parents[1]
        code, output = run("env", f"MYPYPATH={ROOT / 'python'}", f"PYTHONPATH={folder}", self.python, "-m", "mypy.stubtest",
                           "--ignore-disjoint-bases", "--allowlist", PROGRAMS / "unlike.txt", "bine._bine")
        self.assertEqual(code, 0, output)


if __name__ == "__main__":
    unittest.main()
