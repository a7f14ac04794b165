"""uvloop's own tests, under another loop.

Arguments: the folder of uvloop's tests; a part of a test's name, or nothing.
"""

import pathlib
import sys
import unittest
import warnings

import loops
import unittests
from uvloop import _testbase

# What is about uvloop's source, its build, or libuv itself; and test_dealloc, whose program makes a loop of uvloop's.
LEFT_OUT = ("test_sourcecode", "test_testbase", "test_libuv_api", "test_cython", "test_runner", "test_dealloc")


def new_loop(_):
    return loops.new_event_loop()


def new_policy(_):
    return loops.policy()()


def point_programs_at_the_loop(tests):
    """Tests of signals run programs whose text names the factory."""
    for test in tests:
        if getattr(type(test), "NEW_LOOP", None):
            type(test).NEW_LOOP = f"__import__({loops.NAME!r}).new_event_loop()"


def of_foreign_loops(tests, base):
    """Without the classes that uvloop's tests have for asyncio's own loop: these are the control."""
    return [test for test in tests if not isinstance(test, base)]


def module_of(test):
    return type(test).__module__.removeprefix("tests.")


def main(folder, pattern=None):
    warnings.simplefilter("ignore", DeprecationWarning)
    loops.be_uvloop()
    _testbase.UVTestCase.new_loop = new_loop
    _testbase.UVTestCase.new_policy = new_policy
    path = pathlib.Path(folder).resolve()
    found = unittest.defaultTestLoader.discover(str(path), top_level_dir=str(path.parent))
    tests = [test for test in of_foreign_loops(unittests.flat(found), _testbase.AIOTestCase)
             if module_of(test) not in LEFT_OUT]
    if loops.NAME != "uvloop":
        point_programs_at_the_loop(tests)
    unittests.run(unittest.TestSuite(tests), lambda test: test.id().removeprefix("tests."), pattern)


if __name__ == "__main__":
    main(*sys.argv[1:])
