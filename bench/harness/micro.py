"""The asynchronous layer in units of one std::function."""

import json

from .figures import Judgement, Result


def run(machine, options):
    """One program alternates with its unit; a second counts what the same operations allocate."""
    result = Result()
    rows = [json.loads(line) for line in machine.run_lines("micro", str(options.micro_rounds))]
    allocations = {line["case"]: line["allocations"] for line in map(json.loads, machine.run_lines("micro_allocations"))}
    cells = []
    for row in rows:
        row["allocations"] = allocations[row["case"]]
        spread = "{:.2f}-{:.2f}".format(*row["quartiles"])
        cells.append([row["case"], f"{row['ns']:.1f}", f"{row['ratio']:.2f}", spread, f"{row['allocations']:g}"])
        result.judgements.append(Judgement(f"{row['case']}, in std::functions", row["ratio"], row["target"], at_most=True,
                                           spread=tuple(row["quartiles"])))
        result.judgements.append(Judgement(f"{row['case']}, mallocs", row["allocations"], 0, at_most=True))
    result.tables.append((["against one std::function", "ns", "ratio", "quartiles", "mallocs"], cells))
    result.data = {"cases": rows}
    return result
