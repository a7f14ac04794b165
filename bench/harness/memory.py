"""What a silent connection costs in memory of the server's own."""

import subprocess

from . import peers
from .figures import Judgement, Result
from .machine import IDLE_CONNECTIONS, Failure, NotAvailable, say
from .servers import BINE, FLOORS, Scratch, Server, finish_load, own_contenders, start_load

AT_MOST = {"HTTP": 512, "TCP": 384}
KINDS = {"HTTP": ("http", "idle-http", ("nginx", "Beast", "libevent evhttp")), "TCP": ("echo", "idle-echo", ("libuv", "Asio callbacks"))}


def measure_idle(machine, contender, mode, count=IDLE_CONNECTIONS):
    """Growth of a server's resident memory per connection that has had one exchange and is silent."""
    with Server(machine, contender) as server:
        finish_load(start_load(machine, [server], [mode, "--connections", "1"], stdin=subprocess.DEVNULL))
        before = server.resident_bytes()
        load = start_load(machine, [server], [mode, "--connections", str(count)], stdin=subprocess.PIPE)
        try:
            if load.stdout.readline() != "ready\n":
                raise Failure(f"{contender.name}: {load.stderr.read().strip()}")
            after = server.resident_bytes()
            (result,) = finish_load(load)
        finally:
            load.kill()
            load.wait()
    if result["still_open"] != count:
        raise Failure(f"{contender.name} kept only {result['still_open']} of {count} connections open")
    return (after - before) / count


def run(machine, options):
    result = Result()
    header, rows = [f"RSS per idle connection of {IDLE_CONNECTIONS:,}", "bytes"], []
    with Scratch() as scratch:
        for what, (kind, mode, others) in KINDS.items():
            their, unbuilt = peers.contenders(machine, others, scratch)
            result.absent.update(unbuilt)
            grown = {}
            for one in own_contenders(machine, kind, scratch) + their:
                try:
                    grown[one.name] = measure_idle(machine, one, mode)
                except NotAvailable as why:
                    result.absent[one.name] = str(why)
                    continue
                say(f"  {what}, {one.name}: {grown[one.name]:.0f} bytes")
                rows.append([f"{what}: {one.name}", f"{grown[one.name]:.0f}"])
            result.data[what] = grown
            for name in BINE:
                result.judgements.append(Judgement(f"bytes per idle {what} connection, {name}", grown.get(name), AT_MOST[what], at_most=True,
                                                   missing=result.absent.get(name, "")))
            result.plots[f"memory, {what}"] = ([what], {name: {what: value} for name, value in grown.items() if name not in FLOORS})
    result.tables.append((header, rows))
    return result
