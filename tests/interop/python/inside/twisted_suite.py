"""Twisted's own tests. Arguments: reactors or all; a part of a test's name, or nothing.

reactors: those that every reactor has to pass, each with a new one. all: every other test of Twisted that may wait for its
reactor, with one for all of them. The reactor is bine's, or Twisted's own for asyncio on the loop under test; the control is its reactor of
epoll.
"""

import asyncio
import importlib
import pathlib
import sys
import warnings

import loops
import unittests
from twisted.internet import asyncioreactor, epollreactor
from twisted.trial.runner import TestLoader
from twisted.trial.unittest import TestCase

PATIENCE = 10  # less than the harness has


def over_loop(test):
    """As Twisted's tests make its reactor for asyncio: with a new loop for each."""
    loop = loops.new_event_loop()
    asyncio.set_event_loop(loop)
    test.addCleanup(asyncio.set_event_loop, None)
    test.addCleanup(loop.close)
    if loops.NAME == "bine":
        return importlib.import_module("bine._twisted").Reactor(loop)
    return asyncioreactor.AsyncioSelectorReactor(loop)


def reactor_tests():
    """(module's name, class's name without the reactor's, test)"""
    from twisted.internet.test import reactormixins  # it has tests for the reactor that is installed, too
    reactormixins.over_loop = over_loop
    where = "twisted.internet.test.reactormixins.over_loop" if loops.FOREIGN else "twisted.internet.epollreactor.EPollReactor"
    reactormixins.ReactorBuilder._reactors = [where]
    reactormixins.DEFAULT_TIMEOUT_DURATION = PATIENCE
    suffix = f"_{where.rpartition('.')[2]}Tests"
    for path in sorted(pathlib.Path(reactormixins.__file__).parent.glob("test_*.py")):
        if "ReactorBuilder" in path.read_text(encoding="utf-8"):
            module = importlib.import_module(f"twisted.internet.test.{path.stem}")
            for test in unittests.flat(TestLoader().loadModule(module)):
                name = type(test).__name__
                if name.endswith(suffix):
                    yield path.stem, name.removesuffix(suffix), test


def install():
    if not loops.FOREIGN:
        epollreactor.install()
    elif loops.NAME == "bine":
        importlib.import_module("bine.twisted").install()
    else:
        asyncioreactor.install(loops.new_event_loop())


def all_tests():
    install()
    TestCase.timeout = PATIENCE
    for test in unittests.flat(TestLoader().loadPackage(importlib.import_module("twisted"), recurse=True)):
        if isinstance(test, TestCase):
            yield type(test).__module__.removeprefix("twisted."), type(test).__name__, test


def main(which, pattern=None):
    warnings.simplefilter("ignore", DeprecationWarning)
    tests = reactor_tests() if which == "reactors" else all_tests()
    names = {test: f"{module}.{case}.{test._testMethodName}" for module, case, test in tests}
    unittests.run(list(names), names.__getitem__, pattern)


if __name__ == "__main__":
    main(*sys.argv[1:])
