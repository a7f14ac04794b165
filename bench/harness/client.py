"""bine's HTTP client and libcurl's, in slices that alternate, against one floor server. Here it is the client that is measured."""

import contextlib
import json
import pathlib
import re
import subprocess
import tempfile
import time

from . import peers, rates
from .figures import Result
from .machine import Failure, NotAvailable, say
from .servers import BINE, DRIVERS, Contender, Scratch, Server, environment, own_contenders, probe

CASE = rates.Case("HTTP client, keep-alive", "requests/s", (), (rates.Goal(BINE, "libcurl", 1.5), *(rates.Goal((name,), "libcurl") for name in BINE)))


def spent_by(pid):
    """Nanoseconds that a process has run, and that it has waited for a processor which others had."""
    running = waiting = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        one = path.read_text().split()
        running += int(one[0])
        waiting += int(one[1])
    return running, waiting


class Client:
    """A program that works when it is told to, for as long as it is told to; stopped, by its process id, when the block ends."""

    def __init__(self, machine, contender, *arguments):
        self.machine, self.contender = machine, contender
        self.command = [*contender.command, *map(str, arguments)]

    def __enter__(self):
        self.complaints = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints, text=True,
                                        preexec_fn=self.machine.settle(self.machine.client_cpu), env=environment())
        line = self.process.stdout.readline()
        match = re.fullmatch(r"ready on (\w+)\n", line)
        driver = DRIVERS.get(match[1], match[1]) if match else ""
        if not match or self.contender.driver not in ("", driver):
            why = f"it was asked for {self.contender.driver} and runs on {driver}" if match else line.strip() or self.last_words()
            self.__exit__()
            raise NotAvailable(why.removeprefix("not available: ") or f"{self.command[0]} ended and said nothing")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.complaints.close()

    def last_words(self):
        self.process.kill()
        self.process.wait()
        self.complaints.seek(0)
        return self.complaints.read().strip()[-300:]

    def ask_for(self, seconds):
        """What it did: {"operations", "seconds"}, and what else it tells."""
        try:
            self.process.stdin.write(f"{seconds}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line.startswith("{"):
            raise Failure(f"{self.contender.name}: {line.strip() or self.last_words()}")
        return json.loads(line)


def measure_slice(client, server, seconds, warm_up):
    """As the load generator has it, with the client in the place of what is measured and the server in the client's."""
    client.ask_for(warm_up)
    before, server_before = spent_by(client.process.pid), spent_by(server.pid)
    done = client.ask_for(seconds)
    after, server_after = spent_by(client.process.pid), spent_by(server.pid)
    operations, elapsed = done["operations"], done["seconds"]
    if operations == 0:
        raise Failure(f"{client.contender.name} had no answer in a slice")
    cpu = after[0] - before[0]
    # Not what own threads had.
    waited = sum(min(new[1] - old[1], max(elapsed * 1e9 - (new[0] - old[0]), 0)) for old, new in ((before, after), (server_before, server_after)))
    return {"operations": operations, "seconds": elapsed, "rate": operations / elapsed, "server_cpu_ns": cpu / operations,
            "server_busy": cpu / elapsed / 1e9, "client_busy": (server_after[0] - server_before[0]) / elapsed / 1e9,
            "waited": waited / elapsed / 1e9}


def contenders_of(machine, scratch):
    """([contender], {name: why not})."""
    own = [Contender(f"bine {driver}", (machine.need("bine_client"), short), driver) for short, driver in (("epoll", "epoll"), ("uring", "io_uring"))]
    curl = pathlib.Path(peers.folder(machine) / "curl_client")
    if not curl.exists():
        return own, {"libcurl": peers.HOW}
    return [Contender("libcurl", (str(curl),)), *own], {}


def here_of(machine, contenders, port):
    here, absent = [], {}
    for one in contenders:
        try:
            with Client(machine, one, port, 1):
                here.append(one)
        except NotAvailable as why:
            absent[one.name] = str(why)
    return here, absent


def measure_series(machine, contenders, floor, options):
    """A fresh server and fresh clients."""
    rounds = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(machine, floor))
        clients = [stack.enter_context(Client(machine, one, server.port, options.connections)) for one in contenders]
        for one in clients:
            one.ask_for(options.seconds)
        round_trip = machine.round_trip()
        for number in range(options.rounds):
            turn = clients if number % 2 == 0 else clients[::-1]
            rounds.append({one.contender.name: measure_slice(one, server, options.seconds, options.warm_up) for one in turn} | {"round_trip_ns": round_trip})
    return rounds


def run(machine, options):
    result = Result()
    with Scratch() as scratch:
        floors, _ = probe(machine, own_contenders(machine, "http", scratch)[:2])
        if not floors:
            raise Failure("no floor server runs here")
        floor = floors[-1]
        contenders, result.absent = contenders_of(machine, scratch)
        with Server(machine, floor) as server:
            contenders, absent = here_of(machine, contenders, server.port)
        result.absent = {**result.absent, **absent}
        if not contenders:
            raise Failure(f"nobody to measure: {result.absent}")
        rounds = []
        for number in range(options.series):
            series = measure_series(machine, contenders, floor, options)
            rounds += series
            rates_seen = ", ".join(f"{one.name} {rates.median(entry[one.name]['rate'] for entry in series):,.0f}" for one in contenders)
            say(f"  {CASE.title}, against {floor.name}: series {number + 1} of {options.series}: {rates_seen} {CASE.unit}")
    result.tables.append(rates.table_of(CASE, rounds, contenders))
    result.judgements += [rates.judge(CASE, goal, rounds, result.absent) for goal in CASE.goals]
    result.data[CASE.title] = rounds
    return result
