"""What is made of figures: medians, judgements, tables."""

import dataclasses
import statistics


def median(values):
    return statistics.median(list(values))


def quartiles(values):
    values = list(values)
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


@dataclasses.dataclass
class Judgement:
    """One figure of bine and what it should be. Without a target it is for information."""

    what: str
    value: float | None = None
    target: float | None = None
    at_most: bool = False
    spread: tuple = ()
    decided_by: str = ""
    against: str = ""  # a peer or a floor, if the figure is a ratio to one
    sure: bool = True
    missing: str = ""  # why there is no value

    @property
    def reached(self):
        if self.target is None:
            return True
        if self.value is None or not self.sure:
            return False
        # As it is printed.
        value = round(self.value, 2)
        return value <= self.target if self.at_most else value >= self.target

    @property
    def verdict(self):
        if self.value is None:
            return "not available"
        if not self.sure:
            return "UNSURE"
        if self.target is None:
            return "-"
        return "reached" if self.reached else "MISSED"

    @property
    def close(self):
        """Whether the target lies within the quartiles: another run may well say the opposite."""
        return self.target is not None and len(self.spread) == 2 and self.spread[0] <= self.target <= self.spread[1]

    def number(self, value):
        if value is None:
            return "-"
        return f"{value:.2f}" if self.against or value < 20 else f"{value:,.0f}"

    def row(self):
        spread = "-".join(self.number(value) for value in self.spread) or "-"
        target = "-" if self.target is None else f"{'<=' if self.at_most else '>='} {self.number(self.target)}"
        return [self.what, self.number(self.value), spread, self.decided_by or "-", target, self.verdict]


JUDGED = ["what", "value", "quartiles", "decides", "target", "verdict"]


@dataclasses.dataclass
class Result:
    """What an area found: tables to print, judgements, figures for --json and for the plots."""

    tables: list = dataclasses.field(default_factory=list)
    judgements: list = dataclasses.field(default_factory=list)
    absent: dict = dataclasses.field(default_factory=dict)
    failed: list = dataclasses.field(default_factory=list)  # "case: who: why", of what was to be measured
    data: dict = dataclasses.field(default_factory=dict)
    about: str = ""  # on what, beside the machine, in a sentence
    # For the figures of the page: title -> (x labels or None, {series: values}, unit).
    plots: dict = dataclasses.field(default_factory=dict)


def failed_of(results, failures):
    """What was to be measured and was not, in one line; empty when nothing failed. `failures`: {area: why}."""
    failed = [f"{area}: {one}" for area, result in results.items() for one in result.failed]
    failed += [f"{area}: {why}" for area, why in failures.items()]
    return f"failed: {'; '.join(failed)}" if failed else ""


def exit_status(results, failed):
    judged = [one for result in results.values() for one in result.judgements if one.target is not None]
    if failed:
        return 2
    if any(one.value is not None and not one.reached for one in judged):
        return 1
    return 2 if any(one.value is None for one in judged) else 0


def print_table(header, rows):
    """Left-aligned first column, right-aligned others, all as wide as they need."""
    table = [header, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    for row in table:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        print("  ".join(cells).rstrip())
    print(flush=True)


def print_result(result):
    for header, rows in result.tables:
        print_table(header, rows)
    if result.judgements:
        print_table(JUDGED, [one.row() for one in result.judgements])
    for name, why in result.absent.items():
        print(f"not available: {name}: {why}")
    if result.absent:
        print(flush=True)


def markdown_table(header, rows):
    align = [":--", *["--:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, align, *rows])
