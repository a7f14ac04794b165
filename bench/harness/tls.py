"""Handshakes and bulk over TLS, as the other rates are measured, and what a silent connection costs in memory."""

from . import memory, peers, rates
from .figures import Judgement
from .machine import NotAvailable, say
from .servers import BINE, Scratch, tls_contenders

IDLE = 2_000


def judge_idle(grown, absent):
    """bine's bytes must not be more than nginx's."""
    missing = {name: absent.get(name) or absent.get("nginx", "") for name in BINE}
    return [Judgement(f"bytes per idle TLS connection, {name}", grown.get(name) if "nginx" in grown else None, grown.get("nginx", 0),
                      at_most=True, missing=missing[name]) for name in BINE]


def measure_idle(machine, result):
    with Scratch() as scratch:
        others, unbuilt = peers.contenders(machine, ("nginx",), scratch, scratch.identity(machine))
        absent, grown = dict(unbuilt), {}
        for one in tls_contenders(machine, scratch) + others:
            try:
                grown[one.name] = memory.measure_idle(machine, one, "idle-tls", IDLE)
            except NotAvailable as why:
                absent[one.name] = str(why)
                continue
            say(f"  idle TLS connection, {one.name}: {grown[one.name]:.0f} bytes")
    result.absent.update(absent)
    result.tables.append(([f"RSS per idle TLS connection of {IDLE:,}", "bytes"], [[name, f"{value:.0f}"] for name, value in grown.items()]))
    result.judgements += judge_idle(grown, absent)
    result.data["idle"] = grown


def run(machine, options):
    result = rates.run(machine, "tls", options)
    measure_idle(machine, result)
    return result
