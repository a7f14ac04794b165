"""What a suite's process tells the harness, a line of JSON each: which test begins, how each ends, and that all did.

A test that hangs or takes the process with it is known by its beginning. A process that is started after such a one leaves
out what was done before (BINE_SUITE_DONE), or runs nothing but a list (BINE_SUITE_ONLY): files of test ids.
"""

import json
import os
import pathlib


def listed(variable):
    path = os.environ.get(variable)
    return set(pathlib.Path(path).read_text(encoding="utf-8").splitlines()) if path else set()


class Report:
    def __init__(self):
        self.fd = int(os.environ.pop("BINE_SUITE_REPORT"))
        os.set_inheritable(self.fd, False)
        self.pid = os.getpid()
        self.done, self.only = listed("BINE_SUITE_DONE"), listed("BINE_SUITE_ONLY")

    def wants(self, test):
        return test not in self.done and (not self.only or test in self.only)

    def say(self, **what):
        # A test that forks has a second process in which it may end.
        if os.getpid() == self.pid:
            line = json.dumps(what).encode() + b"\n"
            while line:
                line = line[os.write(self.fd, line):]

    def begins(self, test):
        self.say(begins=test)

    def ends(self, test, result, text=""):
        """`result`: passed, failed, skipped."""
        self.say(ends=test, result=result, text=text[-20000:])

    def all_done(self):
        self.say(all_done=True)
