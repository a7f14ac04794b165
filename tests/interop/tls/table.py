"""The table of what was tried with whom, and how it went."""

import os
import pathlib


class Skipped(Exception):
    """A tool is missing; the text says which."""


class Table:
    """Rows are made by `row`: a function that answers the detail, raises AssertionError, or Skipped. One thread each."""

    def __init__(self):
        self.rows = []

    def row(self, peer, what, function, *arguments):
        try:
            result, detail = "passed", function(*arguments)
        except Skipped as reason:
            result, detail = "skipped", str(reason)
        except Exception as error:  # pylint: disable=broad-except  # whatever it is, it belongs into the table
            result, detail = "FAILED", f"{type(error).__name__}: {error}"
        self.rows.append((peer, what, result, " ".join(str(detail).split())))

    def section(self, peer, add, *arguments):
        """Rows that `add(self, ...)` makes; what keeps all of them from being tried is a row."""
        try:
            add(self, *arguments)
        except Skipped as reason:
            self.rows.append((peer, "all", "skipped", str(reason)))
        except Exception as error:  # pylint: disable=broad-except
            self.rows.append((peer, "all", "FAILED", f"{type(error).__name__}: {error}"))

    @property
    def failed(self):
        return [row for row in self.rows if row[2] == "FAILED"]

    def text(self):
        heads = ("peer", "what was tried", "result", "detail")
        widths = [max(len(row[column]) for row in [heads, *self.rows]) for column in range(3)]
        lines = ["  ".join([*map(str.ljust, row[:3], widths), row[3]]) for row in [heads, *self.rows]]
        count = {result: sum(row[2] == result for row in self.rows) for result in ("passed", "FAILED", "skipped")}
        lines += ["", ", ".join(f"{number} {result}" for result, number in count.items())]
        return "\n".join(lines) + "\n"

    def show(self, name):
        """Prints it, and keeps it as `name` where BINE_TABLES says."""
        print(self.text(), end="", flush=True)
        if folder := os.environ.get("BINE_TABLES"):
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            pathlib.Path(folder, f"{name}.txt").write_text(self.text(), encoding="utf-8")


def need(tool, where):
    """`where`, or Skipped when it is null."""
    if not where:
        raise Skipped(f"{tool} is not installed")
    return where


def check(condition, told):
    if not condition:
        raise AssertionError(told)
