"""Runs a suite of pytest's for the harness. Arguments: those of pytest.

The loop under test is what asyncio's policy and the module uvloop make.
"""

import faulthandler
import signal
import sys

import loops
import pytest
from report import Report


def plain(nodeid):
    """A name on one line."""
    return nodeid.encode("unicode_escape").decode()


class Teller:
    """A plugin that reports each test.

    `leaves_out(name)`: those that have nothing to do with the loop. `prepare()` is called before modules are imported.
    """

    def __init__(self, leaves_out, prepare):
        self.report = Report()
        self.leaves_out = leaves_out
        self.prepare = prepare

    def pytest_sessionstart(self):
        self.prepare()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        wanted = [item for item in items if self.report.wants(plain(item.nodeid)) and not self.leaves_out(item.nodeid)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
        items[:] = wanted

    def pytest_collectreport(self, report):
        name = f"{plain(report.nodeid)} (collecting)"
        if report.failed and self.report.wants(name):
            self.report.begins(name)
            self.report.ends(name, "failed", report.longreprtext)

    def pytest_runtest_logstart(self, nodeid):
        self.parts = []
        self.report.begins(plain(nodeid))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):  # pylint: disable=unused-argument
        loops.set_policy()

    def pytest_runtest_logreport(self, report):
        self.parts.append(report)

    def pytest_runtest_logfinish(self, nodeid):
        self.report.ends(plain(nodeid), *verdict(self.parts))


def verdict(parts):
    wrong = [f"{part.when}: {part.longreprtext}" for part in parts if part.failed]
    if wrong:
        return "failed", "\n".join(wrong)
    skipped = [part for part in parts if part.skipped and not hasattr(part, "wasxfail")]
    if skipped:
        return "skipped", skipped[0].longreprtext
    return "passed", ""


def main(arguments, leaves_out=lambda name: False, prepare=lambda: None):
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    loops.be_uvloop()
    loops.set_policy()
    teller = Teller(leaves_out, prepare)
    # What a project wants of pytest for its own convenience, workers for instance, is left out.
    pytest.main(["-o", "addopts=", "-p", "no:cacheprovider", "--capture=sys", "--continue-on-collection-errors", *arguments], plugins=[teller])
    teller.report.all_done()


if __name__ == "__main__":
    main(sys.argv[1:])
