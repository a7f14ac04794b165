"""Runs the program of a suite and hears its report (inside/report.py); what hangs is ended, and the rest run without it."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time

from outcome import BAD, Impossible, Outcome, Told

COLLECTING = 180  # seconds until the first test begins, and between two
LEAVING = 20  # seconds after the last one
TRIES = 60  # processes for one suite; each hang costs one
AGAIN = 40  # so many failures are tried a second time, more are not
HUNG_AGAIN = 3  # likewise


class Process:
    """One process of a suite, in a session of its own so that its children end with it."""

    def __init__(self, command, folder, environment, log, lists):
        self.reading, writing = os.pipe()
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, pass_fds=[writing],
            start_new_session=True, env={**environment, **lists, "BINE_SUITE_REPORT": str(writing)})
        os.close(writing)
        self.pending = b""

    def lines(self, seconds):
        """What it reports within this time: a list, empty when it says nothing; null: it has ended."""
        ended = self.has_ended()
        readable, _, _ = select.select([self.reading], [], [], 0 if ended else seconds)
        data = os.read(self.reading, 1 << 16) if readable else b""
        if not data and (readable or ended):
            return None if ended else self.wait_briefly()
        *lines, self.pending = (self.pending + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def has_ended(self):
        """Not waited for yet: until end() has ended the others, their group keeps its number."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait_briefly(self):
        """The pipe is closed and the process not yet gone."""
        time.sleep(0.05)
        return []

    def end(self, sign=None):
        """With all that it started; `sign` first, for what it says then."""
        if sign and not self.has_ended():
            self.process.send_signal(sign)
            time.sleep(0.5)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.reading)
        return self.process.returncode


class Run:
    """A suite under one loop. `command`: its program; `folder`: where it runs; `log`: a file for all that it prints;
    `told(name, told)` is called as each test ends."""

    def __init__(self, command, folder, environment, log, patience, told):
        self.command, self.folder, self.environment, self.log, self.patience = command, folder, environment, log, patience
        self.told = told
        self.leaving = LEAVING
        self.outcome = Outcome()
        self.current = self.last = None

    def whole(self, only=()):
        """All tests, or only these."""
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bine-suite-") as lists:
            self.lists = lists
            self.until_done(only)
            self.try_again()
        self.outcome.seconds = time.monotonic() - started
        return self.outcome

    def until_done(self, only=()):
        for _ in range(TRIES):
            if self.one_process(only):
                return
        raise Impossible(f"{TRIES} processes hung or broke")

    def try_again(self):
        """What fails once and passes then is not a failure of the loop alone: busy machines do that. It is told all the same."""
        bad = sorted(name for name in self.outcome.bad() if not name.startswith("("))
        if not bad or len(bad) > AGAIN or self.outcome.number("hung") > HUNG_AGAIN:
            return
        first = {name: self.outcome.tests.pop(name) for name in bad}
        self.until_done(bad)
        for name in bad:
            if self.outcome.tests.get(name, first[name]).result in BAD:
                self.outcome.tests[name] = first[name]
            else:
                self.outcome.unsteady.append(name)

    def listed(self, name, tests):
        path = os.path.join(self.lists, name)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{test}\n" for test in tests)
        return path

    def one_process(self, only):
        """Whether all tests are done."""
        lists = {"BINE_SUITE_DONE": self.listed("done", self.outcome.tests)}
        if only:
            lists["BINE_SUITE_ONLY"] = self.listed("only", only)
        self.current, self.last, self.finished = None, "(the start)", False
        process = Process(self.command, self.folder, self.environment, self.log, lists)
        heard = False
        while True:
            patience = self.leaving if self.finished else self.patience if self.current else COLLECTING
            lines = self.hear(process, patience)
            if lines is None:
                code = process.end()
                return self.ended(code, heard)
            if not lines:
                before = self.log.seek(0, os.SEEK_END)
                process.end(signal.SIGUSR2)  # faulthandler shows where it is
                return self.hung(heard, self.since(before))
            heard = True
            for line in lines:
                self.take(line)

    @staticmethod
    def hear(process, seconds):
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            lines = process.lines(min(left, 1))
            if lines is None or lines:
                return lines
        return []

    def take(self, line):
        if "begins" in line:
            self.current, self.begun = line["begins"], time.monotonic()
        elif "ends" in line:
            self.ends(line["ends"], Told(line["result"], line["text"], time.monotonic() - self.begun))
            self.current, self.last = None, line["ends"]
        elif "all_done" in line:
            self.finished = True

    def ends(self, name, told):
        self.outcome.tests[name] = told
        self.told(name, told)

    def since(self, position):
        self.log.seek(position)
        return self.log.read(20000).decode(errors="replace")

    def hung(self, heard, where):
        if self.finished and self.outcome.bad():
            return True  # what a broken test left behind, a thread for instance, is no news
        if self.finished:
            self.ends("(leaving)", Told(
                "hung", f"the process did not end within {self.leaving} s of its last test, {self.last}\n{where}"))
            return True
        if self.current is None and not heard:
            raise Impossible("no test began")
        self.ends(self.current or f"(after {self.last})", Told("hung", f"nothing came in {self.patience} s\n{where}"))
        return False

    def ended(self, code, heard):
        if self.finished:
            if code < 0:
                self.ends("(leaving)", Told("crashed", f"the process ended by signal {-code} after {self.last}"))
            return True
        if not heard:
            raise Impossible(f"the process ended with {code} and told nothing")
        self.ends(self.current or f"(after {self.last})", Told("crashed", f"the process ended with {code}"))
        return False
