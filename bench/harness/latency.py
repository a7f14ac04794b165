"""Latency under an open loop, at half of what each server manages at most, in slices that alternate."""

import contextlib

from . import peers
from .figures import Judgement, Result, median, quartiles
from .machine import Failure, say
from .servers import BINE, Scratch, Server, finish_load, own_contenders, probe, start_load

SLICE_SECONDS = 1.0
# A client that is busier than this measures itself. (The kernel stops real-time programs for 50 ms of a second.)
CLIENT_BUSY_AT_MOST = 0.93
# Share of the time that server and client waited for their cores: beyond it, others' programs are what is measured.
WAITED_AT_MOST = 0.02


def load_once(machine, contenders, mode, options, rates=None):
    """One dictionary a round."""
    rounds = max(4, options.rounds // 3)
    seconds = SLICE_SECONDS if rates else options.seconds
    arguments = [mode, "--connections", str(options.connections), "--rounds", str(rounds)]
    arguments += ["--seconds", str(seconds), "--warm-up", str(options.warm_up * 2)]
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(machine, one)) for one in contenders]
        slices = finish_load(start_load(machine, servers, arguments, rates))
    result = [{} for _ in range(rounds)]
    for one in slices:
        result[one["round"]][contenders[one["server"]].name] = one
    return result


def table_of(title, contenders, rounds, rates):
    header = [title, "requests/s", "p50 us", "p99 us", "quartiles", "p99.9 us", "client late p99 us", "busy", "client busy", "waited"]
    rows = []
    for one, rate in zip(contenders, rates):
        of = {key: median(entry[one.name][key] for entry in rounds)
              for key in ("p50_us", "p99_us", "p999_us", "late_p99_us", "server_busy", "client_busy", "waited")}
        spread = quartiles(entry[one.name]["p99_us"] for entry in rounds)
        rows.append([one.name, f"{rate:,.0f}", f"{of['p50_us']:.0f}", f"{of['p99_us']:.0f}", "{:.0f}-{:.0f}".format(*spread),
                     f"{of['p999_us']:.0f}", f"{of['late_p99_us']:.0f}", f"{of['server_busy']:.0%}", f"{of['client_busy']:.0%}",
                     f"{of['waited']:.1%}"])
    return header, rows


def is_fit(rounds, name):
    waited, busy = (median(entry[name][key] for entry in rounds) for key in ("waited", "client_busy"))
    return waited <= WAITED_AT_MOST and busy <= CLIENT_BUSY_AT_MOST


def judge(title, rounds, absent):
    """The better of bine's p99 divided by nginx's of the same round."""
    judgement = Judgement(f"p99, {title}: bine / nginx", target=1.0, at_most=True, against="nginx", decided_by="p99")
    ours = [name for name in BINE if name in rounds[0]]
    if not ours or "nginx" not in rounds[0]:
        judgement.missing = absent.get("nginx", "not measured")
        return judgement

    def paired(name):
        return [entry[name]["p99_us"] / entry["nginx"]["p99_us"] for entry in rounds]

    name = min(ours, key=lambda one: median(paired(one)))
    judgement.what = f"p99, {title}: {name} / nginx"
    judgement.value, judgement.spread = median(paired(name)), quartiles(paired(name))
    judgement.sure = all(is_fit(rounds, one) for one in (name, "nginx"))
    return judgement


def run(machine, options):
    result = Result()
    with Scratch() as scratch:
        others, unbuilt = peers.contenders(machine, ("nginx",), scratch)
        contenders, absent = probe(machine, own_contenders(machine, "http", scratch) + others)
        result.absent = {**absent, **unbuilt}
        if not contenders:
            raise Failure("nobody to measure")
        most = load_once(machine, contenders, "http", options)
        half = [median(entry[one.name]["rate"] for entry in most) / 2 for one in contenders]
        lowest = [min(half)] * len(half)
        for title, rates in (("all at half of the lowest maximum", lowest), ("each at half of its own maximum", half)):
            rounds = load_once(machine, contenders, "paced", options, rates)
            say("  " + title + ": " + ", ".join(f"{one.name} {median(entry[one.name]['p99_us'] for entry in rounds):.0f} us" for one in contenders))
            result.tables.append(table_of(f"latency, {title}", contenders, rounds, rates))
            result.judgements.append(judge(title, rounds, result.absent))
            result.data[title] = {"rates": rates, "rounds": rounds}
            values = {one.name: {key: median(entry[one.name][field] for entry in rounds)
                                 for key, field in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us"))} for one in contenders}
            result.plots[f"latency, {title}"] = (["p50", "p99", "p99.9"], values)
    return result
