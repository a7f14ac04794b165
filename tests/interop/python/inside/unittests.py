"""Runs unittest cases one by one for the harness. `run` is called by the program that a suite names."""

import faulthandler
import signal
import unittest

import loops
from report import Report


class Result(unittest.TestResult):
    """Of one test."""

    def __init__(self):
        super().__init__()
        self.broken = []

    def verdict(self):
        wrong = [text for _, text in self.errors + self.failures]
        wrong += ["a success that was not expected"] * len(self.unexpectedSuccesses)
        if wrong:
            return "failed", "\n".join(wrong)
        if self.skipped:
            return "skipped", self.skipped[0][1]
        return "passed", ""


def flat(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flat(item)
        else:
            yield item


def run(suite, name=lambda test: test.id(), pattern=None):
    """Every test of `suite` whose name has `pattern` in it, with what belongs to its class and module around it."""
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    report = Report()
    for test in flat(suite):
        identity = name(test)
        if not report.wants(identity) or (pattern and pattern not in identity):
            continue
        report.begins(identity)
        loops.set_policy()
        if loops.FOREIGN and isinstance(test, unittest.IsolatedAsyncioTestCase):
            test.loop_factory = loops.new_event_loop
        result = Result()
        unittest.TestSuite([test]).run(result)
        report.ends(identity, *result.verdict())
    report.all_done()
