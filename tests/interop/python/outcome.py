"""How the tests of a suite ended with a loop, and the comparison of two such."""

import dataclasses
import fnmatch
import tomllib
import typing

BAD = ("failed", "hung", "crashed")


class Impossible(Exception):
    """A suite could not be run at all; the text says why."""


class Absent(Impossible):
    """What it needs is not on this machine, or not built."""


class Told(typing.NamedTuple):
    result: str  # passed, failed, skipped, hung or crashed
    text: str = ""
    seconds: float = 0


@dataclasses.dataclass
class Outcome:
    """`tests`: what is told of each, by name."""

    tests: dict = dataclasses.field(default_factory=dict)
    unsteady: list = dataclasses.field(default_factory=list)  # failed at first, passed when tried again
    seconds: float = 0

    def number(self, *results):
        return sum(told.result in results for told in self.tests.values())

    def bad(self):
        return {name for name, told in self.tests.items() if told.result in BAD}


class Known:
    """The failures that have an explanation: expected.toml."""

    def __init__(self, path, loop):
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("known", [])
        self.entries = [entry for entry in entries if entry.get("loop", "bine") == loop]

    def why(self, suite, test):
        """Null: nobody expects this."""
        return next((entry["why"] for entry in self.entries
                     if matches(suite, entry["suite"]) and matches(test, entry["test"])), None)


def matches(name, pattern):
    """A name of pytest's has brackets, which are not meant as those of a pattern."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def worse(ours, control):
    """The tests that fail under the loop and not under the control."""
    return sorted(ours.bad() - control.bad())
