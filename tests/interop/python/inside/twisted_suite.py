"""Twisted's own tests of reactors, for one reactor. Arguments: native or asyncio; a part of a test's name, or nothing.

native: the reactor of the thing under test. asyncio: Twisted's own reactor for asyncio, on the loop under test. The control
is Twisted's reactor of epoll with both.
"""

import asyncio
import importlib
import pathlib
import sys
import warnings

import loops
import unittests
from twisted.internet import asyncioreactor
from twisted.internet.test import reactormixins
from twisted.trial.runner import TestLoader

CONTROL = "twisted.internet.epollreactor.EPollReactor"


def over_asyncio(test):
    """As the suite makes this reactor: with a new loop for each."""
    loop = loops.new_event_loop()
    asyncio.set_event_loop(loop)
    test.addCleanup(asyncio.set_event_loop, None)
    test.addCleanup(loop.close)
    return asyncioreactor.AsyncioSelectorReactor(loop)


def reactor(which):
    """The name that its test cases are made of."""
    if not loops.FOREIGN:
        return CONTROL
    if which == "native":
        return {"bine": "bine.twisted.Reactor"}[loops.NAME]
    reactormixins.over_asyncio = over_asyncio
    return "twisted.internet.test.reactormixins.over_asyncio"


def modules():
    """Those that have tests for every reactor."""
    for path in sorted(pathlib.Path(reactormixins.__file__).parent.glob("test_*.py")):
        if "ReactorBuilder" in path.read_text(encoding="utf-8"):
            yield importlib.import_module(f"twisted.internet.test.{path.stem}")


def main(which, pattern=None):
    warnings.simplefilter("ignore", DeprecationWarning)
    chosen = reactor(which)
    reactormixins.ReactorBuilder._reactors = [chosen]
    reactormixins.DEFAULT_TIMEOUT_DURATION = 10  # less than the harness waits
    suffix = f"_{chosen.rpartition('.')[2]}Tests"
    tests = [test for module in modules() for test in unittests.flat(TestLoader().loadModule(module))
             if type(test).__name__.endswith(suffix)]

    def name(test):
        module = type(test).__module__.removeprefix("twisted.internet.test.")
        return f"{module}.{type(test).__name__.removesuffix(suffix)}.{test._testMethodName}"

    unittests.run(tests, name, pattern)


if __name__ == "__main__":
    main(*sys.argv[1:])
