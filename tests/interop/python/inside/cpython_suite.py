"""CPython's tests of asyncio that a foreign loop can be put under. Arguments: a part of a test's name, or nothing.

Those with a method that makes the loop get a subclass; those that ask asyncio for one get it by the policy. What is left
out looks at the inside of asyncio's own loop.
"""

import importlib
import sys
import unittest

import loops
import unittests

# module, class, what of it makes a loop
MAKE_A_LOOP = (
    ("test_events", "EPollEventLoopTests", "create_event_loop"),
    ("test_sock_lowlevel", "EPollEventLoopTests", "create_event_loop"),
    ("test_sendfile", "EPollEventLoopTests", "create_event_loop"),
    ("test_buffered_proto", "BufferedProtocolSelectorTests", "new_loop"),
    ("test_server", "SelectorStartServerTests", "new_loop"),
    ("test_sslproto", "SelectorStartTLSTests", "new_loop"),
    ("test_ssl", "TestSSL", "new_loop"),
)
ASK_FOR_A_LOOP = (
    ("test_server", "TestServer2"),
    ("test_server", "UnixServerCleanupTests"),
    ("test_streams", "StreamTests"),
    ("test_taskgroups", None),
    ("test_timeouts", None),
    ("test_locks", None),
    ("test_queues", None),
    ("test_waitfor", None),
    ("test_threads", None),
    ("test_staggered", None),
    ("test_context", None),
    ("test_pep492", None),
    ("test_tasks", "RunCoroutineThreadsafeTests"),
    ("test_unix_events", "TestFunctional"),
    ("test_unix_events", "TestFork"),
)


def module(name):
    """Null where this Python has none of the name."""
    try:
        return importlib.import_module(f"test.test_asyncio.{name}")
    except ModuleNotFoundError:
        return None


def close_loop(loop):
    """For test_utils.TestCase, whose own looks for an attribute of asyncio's loop."""
    if not loop.is_closed():
        loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def new_loop(_):
    return loops.new_event_loop()


def with_loop(home, name, method):
    ours = getattr(home, name)
    if not loops.FOREIGN:
        return ours
    if name == "EPollEventLoopTests" and home.__name__.endswith("test_events"):
        # Without the watchers of children that this class adds: they belong to asyncio's loop.
        return type(name, (home.EventLoopTestsMixin, home.SubprocessTestsMixin, home.test_utils.TestCase), {method: new_loop})
    return type(name, (ours,), {method: new_loop})


def subprocess_cases(home):
    if not loops.FOREIGN:
        return type("SubprocessTests", (home.SubprocessThreadedWatcherTests,), {})

    class SubprocessTests(home.SubprocessMixin, home.test_utils.TestCase):
        def setUp(self):
            super().setUp()
            self.loop = loops.new_event_loop()
            self.set_event_loop(self.loop)

    return SubprocessTests


def cases():
    """(module's name, test)"""
    load = unittest.defaultTestLoader
    for name, case, method in MAKE_A_LOOP:
        if home := module(name):
            yield from ((name, test) for test in load.loadTestsFromTestCase(with_loop(home, case, method)))
    yield from (("test_subprocess", test) for test in load.loadTestsFromTestCase(subprocess_cases(module("test_subprocess"))))
    for name, case in ASK_FOR_A_LOOP:
        home = module(name)
        if case is None and home:
            yield from ((name, test) for test in unittests.flat(load.loadTestsFromModule(home)))
        elif found := getattr(home, case or "", None):
            yield from ((name, test) for test in load.loadTestsFromTestCase(found))


def main(pattern=None):
    if loops.FOREIGN:
        module("utils").TestCase.close_loop = staticmethod(close_loop)
    names = {test: f"{name}.{type(test).__name__}.{test._testMethodName}" for name, test in cases()}
    unittests.run(unittest.TestSuite(names), names.__getitem__, pattern)


if __name__ == "__main__":
    main(*sys.argv[1:])
