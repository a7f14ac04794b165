"""Instructions, which do not depend on the machine's mood: that parsers are linear, and what the hot paths cost."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from .figures import Judgement, Result
from .machine import ROOT, Failure, NotAvailable, describe_build, say
from .servers import Scratch, Server, fetch, own_contenders

LINEAR_AT_MOST = 2.5
KEPT = ROOT / "bench" / "instructions.txt"
DIFFERENCE_AT_MOST = 0.02
SMALL_REQUEST_AT_MOST = 1500
# What a connection does first is not counted.
WARM_UP, EXCHANGES = 80, 800
# Two run lengths; their difference is free of what starting and ending costs.
MICRO_SHORT, MICRO_LONG = 20_000, 60_000


def require_valgrind():
    if not shutil.which("valgrind"):
        raise Failure("valgrind is not installed")


def callgrind(out, *more):
    return ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}", *more]


def read_count(out, what):
    counted = int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)[1])
    if counted == 0:
        raise Failure(f"{what}: callgrind counted nothing")
    return counted


# --- linear ---


def count_parse(machine, parser, factor, scratch):
    """(bytes of input, instructions inside the parse itself)."""
    out = scratch / re.sub(r"\W+", "_", f"callgrind {parser} {factor}")
    command = [*callgrind(out, "--toggle-collect=parse_measured"), machine.need("linear"), parser, str(factor)]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode != 0:
        raise Failure(f"{parser}: {process.stderr.strip()}")
    return int(process.stdout), read_count(out, parser)


def judge_parser(machine, parser, scratch):
    size, once = count_parse(machine, parser, 1, scratch)
    twice_size, twice = count_parse(machine, parser, 2, scratch)
    if twice_size < 1.9 * size:
        raise Failure(f"{parser}: {twice_size} bytes are not twice {size}")
    return {"case": parser, "bytes": size, "once": once, "twice": twice, "ratio": twice / once}


def run_linear(machine, options):
    require_valgrind()
    parsers = subprocess.run([machine.need("linear"), "list"], check=True, capture_output=True, text=True).stdout.splitlines()
    result, rows = Result(), []
    with tempfile.TemporaryDirectory() as scratch:
        if judge_parser(machine, "quadratic", pathlib.Path(scratch))["ratio"] <= LINEAR_AT_MOST:
            raise Failure("the check does not find what is known to be quadratic")
        # Instructions are the same whatever else runs, so here two at a time do no harm.
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
            for row in threads.map(lambda parser: judge_parser(machine, parser, pathlib.Path(scratch)), parsers):
                rows.append(row)
                say(f"  {row['case']}: {row['ratio']:.2f}")
    cells = [[row["case"], f"{row['once']:,}", f"{row['once'] / row['bytes']:.1f}", f"{row['ratio']:.2f}"] for row in rows]
    worst = max(rows, key=lambda row: row["ratio"])
    result.tables.append((["twice the input", "instructions", "per byte", "ratio"], cells))
    result.judgements.append(Judgement(f"instructions for twice the input, the worst: {worst['case']}", worst["ratio"], LINEAR_AT_MOST, at_most=True))
    result.data = {"parsers": rows}
    return result


# --- instructions ---


def request_mix(machine):
    """The eight requests that the load generator sends."""
    text = subprocess.run([machine.need("load"), "print-requests"], check=True, capture_output=True).stdout
    return [piece + b"\r\n\r\n" for piece in text.split(b"\r\n\r\n") if piece]


def exchange(client, question, size, check):
    """One question and its whole answer."""
    client.sendall(question)
    answer = b""
    while len(answer) < size:
        piece = client.recv(1 << 20)
        if not piece:
            raise Failure("a server closed in the middle of an answer")
        answer += piece
    if not check(answer):
        raise Failure(f"a server answered {answer[:80]!r}")


def tell_valgrind(server, command):
    """Once the server waits again."""
    time.sleep(0.1)
    done = subprocess.run(["vgdb", f"--pid={server.pid}", command], capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise Failure(f"vgdb {command}: {done.stderr.strip()}")


def count_server(machine, contender, questions, size, check, exchanges):
    """Instructions of a server in user space for so many exchanges on a connection that has had some already."""
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "out"
        with Server(machine, contender, callgrind(out)) as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(WARM_UP + exchanges):
                    if i == WARM_UP:
                        tell_valgrind(server, "zero")
                    exchange(client, questions[i % len(questions)], size, check)
                tell_valgrind(server, "dump")
        return read_count(pathlib.Path(f"{out}.1"), contender.name)


def server_cases(machine, contender, small, mix):
    """(name, questions, size of an answer, check, operations in a question)."""
    if "echo" in pathlib.Path(contender.command[0]).name:
        message = bytes(range(64))
        return [("echo of 64 B", [message], 64, lambda answer: answer == message, 1)]
    with Server(machine, contender) as server:
        size = len(fetch(server.port, small[0]))
    cases = []
    for name, requests in (("HTTP small", small), ("HTTP mix", mix)):
        for depth, how in ((1, "one at a time"), (16, "16 pipelined")):
            questions = requests if depth == 1 else [b"".join(requests * (16 // len(requests)))]
            check = lambda answer, depth=depth: answer.count(b"\r\n\r\nHello, world!\n") == depth
            cases.append((f"{name}, {how}", questions, size * depth, check, depth))
    return cases


def count_case(machine, contender, case):
    name, questions, size, check, operations = case
    exchanges = EXCHANGES if operations == 1 else EXCHANGES // 4
    return f"{contender.name}: {name}", round(count_server(machine, contender, questions, size, check, exchanges) / (exchanges * operations))


def count_micro(machine, name):
    counts = []
    for times in (MICRO_SHORT, MICRO_LONG):
        with tempfile.TemporaryDirectory() as scratch:
            out = pathlib.Path(scratch) / "out"
            subprocess.run([*callgrind(out), machine.need("micro"), "count", name, str(times)], check=True, stdout=subprocess.DEVNULL)
            counts.append(read_count(out, name))
    return f"micro: {name}", round((counts[1] - counts[0]) / (MICRO_LONG - MICRO_SHORT))


def count_all(machine):
    """({line: instructions}, {name: why not})."""
    small, mix = [b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"], request_mix(machine)
    counts, absent, tasks = {}, {}, []
    with Scratch() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        for contender in own_contenders(machine, "http", scratch) + own_contenders(machine, "echo", scratch):
            try:
                with Server(machine, contender):
                    pass
                cases = server_cases(machine, contender, small, mix)
            except NotAvailable as why:
                absent[contender.name] = str(why)
                continue
            tasks += [threads.submit(count_case, machine, contender, case) for case in cases]
        names = subprocess.run([machine.need("micro"), "list"], check=True, capture_output=True, text=True).stdout.splitlines()
        tasks += [threads.submit(count_micro, machine, name) for name in names]
        try:
            for task in tasks:
                name, count = task.result()
                counts[name] = count
                say(f"  {name}: {count:,}")
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return counts, absent


def read_kept():
    if not KEPT.exists():
        return {}
    lines = [line for line in KEPT.read_text().splitlines() if line and not line.startswith("#")]
    return {name.strip(): int(count) for name, count in (line.rsplit(None, 1) for line in lines)}


def write_kept(machine, counts):
    """What could not be counted today keeps its line."""
    counts = {**read_kept(), **counts}
    lines = [f"{name:62} {counts[name]:7}" for name in sorted(counts)]
    head = [f"# User-space instructions per operation, by callgrind: ./bench/run instructions --write. {describe_build(machine)}"]
    KEPT.write_text("\n".join(head + lines) + "\n")


def compare(name, was, now):
    """A line of the table."""
    if was is None or now is None:
        return [name, str(was or "-"), str(now or "-"), "-", "new" if was is None else "not counted"]
    difference = now / was - 1 if was else float(now != was)
    return [name, f"{was:,}", f"{now:,}", f"{difference:+.1%}", "DIFFERS" if abs(difference) > DIFFERENCE_AT_MOST + 1e-9 else "same"]


def run_instructions(machine, options):
    require_valgrind()
    counts, absent = count_all(machine)
    kept = read_kept()
    if options.write:
        write_kept(machine, counts)
        say(f"  written: {KEPT.relative_to(ROOT)}")
        kept = read_kept()
    result = Result(absent=absent, data={"counts": counts})
    rows = [compare(name, kept.get(name), counts.get(name)) for name in sorted({**kept, **counts})]
    result.tables.append((["user-space instructions", "kept", "now", "difference", "verdict"], rows))
    for name in ("bine epoll", "bine io_uring"):
        value = counts.get(f"{name}: HTTP small, one at a time")
        result.judgements.append(Judgement(f"instructions per small request, {name}", value, SMALL_REQUEST_AT_MOST, at_most=True,
                                           missing=absent.get(name, "")))
    worst = max((abs(counts[name] / kept[name] - 1) for name in counts if kept.get(name)), default=0.0)
    result.judgements.append(Judgement("the largest difference to bench/instructions.txt", worst, DIFFERENCE_AT_MOST, at_most=True))
    return result
