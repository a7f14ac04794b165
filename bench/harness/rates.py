"""Areas that measure rates: servers in rounds that alternate, ratios of what was paired in a round."""

import contextlib
import dataclasses
import subprocess

from . import peers
from .figures import Judgement, Result, median, quartiles
from .machine import Failure, say
from .servers import BINE, Contender, Scratch, Server, finish_load, own_contenders, probe, start_load, tls_contenders

# A server whose core idles for more than this was waiting for the client: then only its processor time tells.
BUSY_ENOUGH = 0.90
# Below this it was other programs that had the core: such figures mean nothing.
BUSY_AT_LEAST = 0.50

# Of a slice, waited for a core that others had (the kernel, too, takes 50 ms of a second from real-time programs): such a slice
# does not count, as long as enough rounds are left.
WAITED_AT_MOST = 0.10
UNDISTURBED_AT_LEAST = 5

SIZES = tuple(4**i for i in range(3, 11))  # 64 B to 1 MiB


@dataclasses.dataclass(frozen=True)
class Goal:
    """The best of `ours` divided by `yardstick`. Without `at_least` it is for information."""

    ours: tuple
    yardstick: str
    at_least: float | None = None
    by_cpu: bool = False  # processor time decides in any case


@dataclasses.dataclass(frozen=True)
class Case:
    """One way to load servers."""

    title: str
    unit: str
    load: tuple
    goals: tuple
    slow: bool = False  # slices are four times as long, for exchanges that take long
    units: int = 1  # that an operation is, of those that are shown
    connections: int | None = None  # instead of those that were asked for


def both(epoll, uring, uring_to_epoll=None):
    """Each driver against the floor on the same one."""
    goals = [Goal(("bine io_uring",), "floor io_uring", uring), Goal(("bine epoll",), "floor epoll", epoll)]
    if uring_to_epoll:
        goals.append(Goal(("bine io_uring",), "floor epoll", uring_to_epoll))
    return tuple(goals)


def size_name(size):
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB" if size >= 1024 else f"{size} B"


def echo_case(size, goals, largest=0):
    name = f"mixed {size_name(size)} to {size_name(largest)}" if largest else size_name(size)
    more = ("--largest", str(largest)) if largest else ()
    return Case(f"TCP echo {name}", "messages/s", ("echo", "--size", str(size), *more), goals, max(size, largest) >= 65536)


HTTP = Case("HTTP hello, keep-alive", "requests/s", ("http",), both(0.95, 0.90, 1.45))
PIPELINED = Case("HTTP hello, 16 pipelined", "requests/s", ("http", "--depth", "16"), both(0.75, 0.50))
CHURN = Case("HTTP hello, new connection per request", "requests/s", ("churn",), (Goal(BINE, "nginx", 1.2), *both(None, None)))


def static_case(name, title, at_least):
    load = ("http", "--path", f"/files/{name}", "--file", f"FILES/{name}")
    return Case(f"static file of {title}, keep-alive", "requests/s", load, (Goal(BINE, "nginx", at_least),), name == "1m")


def tls_handshakes(title, mode):
    goals = tuple(Goal((name,), "nginx", 1.00, by_cpu=True) for name in BINE)
    return Case(f"TLS 1.3, {title}", "handshakes/s", (mode,), goals)


def tls_bulk(bits):
    load = ("tls", "--cipher", f"TLS_AES_{bits}_GCM_SHA{256 if bits == 128 else 384}", "--path", "/files/4m", "--file", "FILES/4m")
    return Case(f"TLS 1.3, file of 4 MiB, AES-{bits}-GCM", "MiB/s", load, tuple(Goal((name,), "nginx", 1.00) for name in BINE), units=4,
                connections=4)


def best(floor, at_least):
    return (Goal(BINE, floor, at_least),)


AREAS = {
    "http": (("http", HTTP), ("http", PIPELINED)),
    "echo": (
        ("echo", echo_case(64, both(None, 0.95))),
        ("echo", echo_case(1024, both(None, 0.95))),
        ("echo", echo_case(65536, best("floor epoll", 1.00))),
        ("echo", echo_case(1 << 20, best("floor epoll", 0.95))),
    ),
    "sizes": (*(("echo", echo_case(size, both(None, None))) for size in SIZES), ("echo", echo_case(64, both(None, None), 1 << 20))),
    "static": (("static", static_case("10k", "10 KiB", 1.3)), ("static", static_case("1m", "1 MiB", 1.0))),
    "churn": (("churn", CHURN),),
    "tls": (
        ("tls", tls_handshakes("full handshake for each request", "tls-new")),
        ("tls", tls_handshakes("resumed handshake for each request", "tls-resumed")),
        ("tls", tls_bulk(128)),
        ("tls", tls_bulk(256)),
    ),
    "peers": (
        ("http peers", dataclasses.replace(HTTP, goals=(Goal(BINE, "nginx", 2.3), Goal(BINE, "Beast", 3.4), Goal(BINE, "libevent evhttp"),
                                                        Goal(BINE, "Node http")))),
        ("http peers", dataclasses.replace(PIPELINED, goals=tuple(Goal(BINE, name) for name in peers.HTTP))),
        *(("echo peers", echo_case(size, tuple(Goal(BINE, name) for name in peers.ECHO))) for size in (64, 1024, 65536)),
    ),
}


def contenders_of(machine, kind, scratch, options):
    """Who takes part in a case of this kind: ([contender], {name: why not})."""
    if options.self_test:
        floor = own_contenders(machine, "echo" if kind.startswith("echo") else "http", scratch)[0]
        return [floor, Contender("bine epoll", floor.command, floor.driver)], {}
    if kind == "tls":
        own = tls_contenders(machine, scratch)
    elif kind == "static":
        own = own_contenders(machine, "http", scratch)[2:]
    else:
        own = own_contenders(machine, "echo" if kind.startswith("echo") else "http", scratch, close=kind == "churn")
    names = {"http peers": peers.HTTP, "echo peers": peers.ECHO, "static": ("nginx",), "churn": ("nginx",), "tls": ("nginx",)}.get(kind, ())
    others, unbuilt = peers.contenders(machine, names, scratch, scratch.identity(machine) if kind == "tls" else None)
    here, absent = probe(machine, own + others)
    return here, {**absent, **unbuilt}


def measure_series(machine, contenders, case, scratch, options):
    """Fresh servers, and rounds that alternate between them in slices: (one dictionary a round, {name: why it failed})."""
    seconds = options.seconds * (4 if case.slow else 1)
    load = [word.replace("FILES/", f"{scratch.files}/") for word in case.load]
    arguments = [*load, "--connections", str(case.connections or options.connections), "--rounds", str(options.rounds)]
    # Who compiles while it runs is slow at first: some connections would have no answer at all.
    warm_up = options.warm_up * (5 if any(one.name.startswith("Node") for one in contenders) else 1)
    arguments += ["--seconds", str(seconds), "--warm-up", str(warm_up)]
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(machine, one)) for one in contenders]
        slices = finish_load(start_load(machine, servers, arguments), each_alone=True)
    rounds, failed = [{} for _ in range(options.rounds)], {}
    for one in slices:
        name = contenders[one["server"]].name
        if "failed" in one:
            failed[name] = one["failed"]
        else:
            rounds[one["round"]][name] = one
    return rounds, failed


def undisturbed(rounds, *names):
    """The rounds in which these had their core, and the client its own."""
    return [entry for entry in rounds if all(entry[name]["waited"] <= WAITED_AT_MOST for name in names)]


def counting(rounds, *names):
    """(the rounds that count for these, whether they are enough). All count when hardly one was undisturbed."""
    kept = undisturbed(rounds, *names)
    enough = len(kept) >= min(UNDISTURBED_AT_LEAST, len(rounds))
    return (kept if enough else rounds), enough


def measure_case(machine, contenders, case, scratch, options):
    """All series of one case, one after the other: (rounds, {name: why it failed}). Who fails in one series is in no round."""
    rounds, failed = [], {}
    for number in range(options.series):
        round_trip = machine.round_trip()
        series, failed_now = measure_series(machine, contenders, case, scratch, options)
        failed.update(failed_now)
        contenders = [one for one in contenders if one.name not in failed]
        rounds += [{**one, "round_trip_ns": round_trip} for one in series]
        rates = ", ".join(f"{one.name} {median(entry[one.name]['rate'] for entry in series) * case.units:,.0f}" for one in contenders)
        say(f"  {case.title}: series {number + 1} of {options.series}: {rates} {case.unit}; round trip {round_trip} ns")
        for name, why in failed_now.items():
            say(f"  {case.title}: {name} failed: {why}")
        if not contenders:
            return [], failed
    rounds = [{name: entry for name, entry in one.items() if name not in failed} for one in rounds]
    names = [one.name for one in contenders]
    say(f"  {len(rounds)} rounds, undisturbed: " + ", ".join(f"{name} {len(undisturbed(rounds, name))}" for name in names))
    return rounds, failed


def measure_alone(machine, contenders, case, scratch, options, result):
    """The same; a case that cannot be measured at all is none of the others' business. What failed is in `result`."""
    try:
        rounds, failed = measure_case(machine, contenders, case, scratch, options)
        result.failed += [f"{case.title}: {name}: {why}" for name, why in failed.items()]
        return rounds, failed
    except (Failure, subprocess.SubprocessError) as why:
        say(f"  {case.title}: not measured: {why}")
        result.failed.append(f"{case.title}: {why}")
        return [], {one.name: str(why) for one in contenders}


def ratios(rounds, ours, yardstick, by_cpu):
    rounds, _ = counting(rounds, ours, yardstick)
    if by_cpu:
        return [entry[yardstick]["server_cpu_ns"] / entry[ours]["server_cpu_ns"] for entry in rounds]
    return [entry[ours]["rate"] / entry[yardstick]["rate"] for entry in rounds]


def judge(case, goal, rounds, absent):
    """The best of ours against the yardstick, by the medians of what was paired in each round."""
    measured = rounds[0].keys() if rounds else ()
    ours = [name for name in goal.ours if name in measured]
    what = f"{case.title}: {goal.ours[0] if len(goal.ours) == 1 else 'bine'} / {goal.yardstick}"
    judgement = Judgement(what, target=goal.at_least, against=goal.yardstick)
    if not ours or goal.yardstick not in measured:
        judgement.missing = absent.get(goal.yardstick) or absent.get(goal.ours[0], "not measured")
        return judgement
    busy = median(entry[goal.yardstick]["server_busy"] for entry in counting(rounds, goal.yardstick)[0])
    by_cpu = goal.by_cpu or busy < BUSY_ENOUGH
    name = max(ours, key=lambda one: median(ratios(rounds, one, goal.yardstick, by_cpu)))
    deciding = ratios(rounds, name, goal.yardstick, by_cpu)
    judgement.what = f"{case.title}: {name} / {goal.yardstick}"
    judgement.value, judgement.spread = median(deciding), quartiles(deciding)
    judgement.decided_by, judgement.sure = "cpu" if by_cpu else "rate", busy >= BUSY_AT_LEAST
    judgement.sure = judgement.sure and counting(rounds, name, goal.yardstick)[1]
    return judgement


def table_of(case, rounds, contenders, failed=()):
    """One line a contender; ratios to the first of them that answered."""
    header = [case.title, case.unit, "rate", "quartiles", "cpu", "cpu ns", "busy", "client busy", "trip ns"]
    first = next((one.name for one in contenders if one.name not in failed), None)
    rows = []
    for one in contenders:
        if one.name in failed:
            rows.append([one.name, "no answer", *["-"] * (len(header) - 2)])
            continue
        paired = ratios(rounds, one.name, first, False)
        count, _ = counting(rounds, one.name)
        of = {key: median(entry[one.name][key] for entry in count) for key in ("rate", "server_cpu_ns", "server_busy", "client_busy")}
        rows.append([one.name, f"{of['rate'] * case.units:,.0f}", f"{median(paired):.2f}", "{:.2f}-{:.2f}".format(*quartiles(paired)),
                     f"{median(ratios(rounds, one.name, first, True)):.2f}", f"{of['server_cpu_ns'] / case.units:,.0f}", f"{of['server_busy']:.0%}",
                     f"{of['client_busy']:.0%}", f"{median(entry['round_trip_ns'] for entry in rounds):.0f}"])
    return header, rows


def run(machine, area, options):
    result = Result()
    with Scratch() as scratch:
        if area == "peers":
            peers.install_and_build(machine)
        found = {}
        for kind, case in AREAS[area]:
            if kind not in found:
                found[kind] = contenders_of(machine, kind, scratch, options)
            contenders, absent = found[kind]
            result.absent.update(absent)
            if not contenders:
                raise Failure(f"nobody to measure: {absent}")
            rounds, failed = measure_alone(machine, contenders, case, scratch, options, result)
            result.tables.append(table_of(case, rounds, contenders, failed))
            goals = (Goal(("bine epoll",), "floor epoll"),) if options.self_test else case.goals
            missing = {**absent, **{name: f"no answer: {why}" for name, why in failed.items()}}
            result.judgements += [judge(case, goal, rounds, missing) for goal in goals]
            result.data[case.title] = rounds
    add_plots(area, result)
    return result


def add_plots(area, result):
    """The rates of all contenders, as shares of the first one's."""
    series = {}
    for title, rounds in result.data.items():
        if not rounds:
            continue
        names = [name for name in rounds[0] if name != "round_trip_ns"]
        for name in names:
            series.setdefault(name, {})[title] = median(ratios(rounds, name, "floor epoll" if "floor epoll" in names else names[-1], False))
    result.plots[area] = (list(result.data), series)
