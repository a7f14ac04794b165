"""The page about speed: what was measured, in tables and figures, and where bine loses."""

import re

from . import plots
from .figures import JUDGED, markdown_table
from .machine import describe_machine

ABOUT = """Nothing here is compared with a figure from another day: a rate depends on the machine, on its mood, and on what a system call
costs there. bine is measured against **floors**, C programs that do nothing but the system calls, on epoll and on io_uring, and against
other servers, on the same machine, in the same seconds, in slices that alternate; the server has one core, the client, which checks
every byte, another. A ratio is the median of what was paired in each round, its quartiles beside it. Where the yardstick was
waiting for the client, processor time per operation decides instead of the rate. [bench/README.md](../bench/README.md) explains
method and columns.

This page is written by `./bench/run all --markdown docs/speed.md`; commands that measure a part are in its headings."""

WAYS = """\
The targets were set where a system call costs a microsecond; where it costs a tenth of that, what io_uring saves weighs less.

- **HTTP on io_uring against the epoll floor, nginx and Beast.** Nothing can be further ahead of the epoll floor than the io_uring floor is:
  the figures above say how far. Of the time of an echo the kernel has 98 %, most of it for sending, which costs the
  same on both drivers.
- **16 pipelined on epoll; instructions of a small request.** No part stands out: even optimized across files (`-flto`, as measured here), no
  function takes more than 110 instructions. Counted without that, a small pipelined request takes 2,060, of which 40 % find and judge the
  head, 25 % write the answer, 13 % find the handler, and the rest runs it and keeps order and limits; of the mix, a third goes
  into its fields (50 instructions a line, 50 for each 64 bytes). One request at a time pays for a whole turn besides, 1,200: clock, mail,
  timers, the wait, a queue that is filled and emptied. `-flto` takes 9 to 10 % off, and `-O3` beside it would take 3 % more.
- **p99 at half of its own maximum.** The maximum of bine is higher, and the client, on the other core, is nearly as busy as the server."""

ABOUT_PYTHON = """bine's asyncio loop against others: the same small programs (`bench/peers/python/`) on each of them, on one
interpreter, on the same machine, in the same seconds, in slices that alternate. The server has one core; the client, a C++ program on io_uring
that checks every byte, has another. A ratio is the median of what was paired in each round, its quartiles beside it. Where the yardstick was
waiting for the client, processor time per operation decides instead of the rate. The floors are C programs that do nothing but the
system calls: no Python can be ahead of them. [bench/README.md](../bench/README.md) explains method and columns; [speed.md](speed.md) has the
same for programs in C++.

This page is written by `./bench/run python --markdown docs/speed-python.md`."""

WAYS_PYTHON = """\
- **1 KiB on io_uring against uvloop.** Nothing can be further ahead of uvloop than the io_uring floor is: the tables below say how far. The kernel
  has 84 % of the time that uvloop takes for a message, 62 % for sending alone.
- **64 KiB, streams.** Half of the time is sending and a seventh receiving; a fifth goes into the copies that asyncio's `StreamReader`
  makes, on every loop.
- **A turn of `asyncio.sleep(0)`.** Of 5,400 instructions 370 are bine's; all others are the interpreter's, for the coroutine, the generator in it, and the
  task. `send()` to the coroutine alone, without a task and a loop, takes 0.23 of what uvloop takes for a turn."""

TITLES = {
    "http": "HTTP",
    "echo": "TCP echo",
    "sizes": "TCP echo, from 64 bytes to 1 MiB",
    "static": "Files",
    "churn": "A new connection for each request",
    "tls": "TLS",
    "client": "The HTTP client",
    "latency": "Latency",
    "memory": "Memory",
    "instructions": "Instructions",
    "micro": "Small operations",
    "linear": "Parsers are linear",
    "soak": "Soak",
    "peers": "Against other servers",
    "python": "The asyncio loop",
}
NOTES = {
    "http": "64 connections; requests of 200 to 600 bytes with 6 to 12 fields; all servers send the very same bytes.",
    "peers": "As Debian 12 and Node have them, one thread each, with the programs in `bench/peers/`; nginx without a log and with its cache of "
             "open files.",
    "tls": "The same certificate (ECDSA, P-256) and key for all; the client chooses the cipher. A handshake is a new connection, one request and its "
           "answer, and the end of both directions.",
    "client": "bine's client and libcurl's (the multi interface on epoll, `curl_multi_socket_action`) take turns with one server, the floor. Here the "
              "client is what is measured; `client busy` is the server.",
    "latency": "An open loop: requests come at random moments, at a rate of their own, and each is timed from the moment it was to be sent. "
               "What the client is late itself is in all of them.",
    "memory": "10,000 connections have each had one exchange and are silent. Kernel memory is not in it.",
    "python": "64 connections. Small operations are in processor time; each loop has a process of its own, and they take turns. Memory is the growth of the "
              "server's when 10,000 connections have each had one exchange and are silent.",
    "instructions": "In user space, counted by callgrind; the same on any machine with this compiler. Kept in `bench/instructions.txt`.",
}


def file_name(title):
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def figure(area, title, labels, series):
    """The SVG, or None where there is nothing to compare."""
    if not labels or sum(len(values) for values in series.values()) < 2:
        return None
    if area == "sizes":
        short = [one.removeprefix("TCP echo ").replace(" 64 B to 1 MiB", "") for one in labels]
        renamed = {name: {short[labels.index(one)]: value for one, value in values.items()} for name, values in series.items()}
        return plots.lines("TCP echo: rate, as a multiple of the epoll floor's", short, renamed)
    if area in ("latency", "memory"):
        unit = {"latency": "us", "memory": "bytes per idle connection"}[area]
        return plots.bars(f"{title[0].upper()}{title[1:]}: {unit}", labels, series)
    if area == "python":
        return plots.bars(f"{TITLES[area]}: {title}", labels, series)
    return plots.bars(f"{TITLES[area]}: rate, {'floor epoll' if 'floor epoll' in series else 'nginx'} = 1", labels, series)


def write_figures(page, area, result):
    """The lines of the page that show them."""
    shown = []
    for title, (labels, series) in result.plots.items():
        svg = figure(area, title, labels, series)
        if svg is None:
            continue
        path = page.parent / f"{page.stem}-{file_name(title)}.svg"
        path.write_text(svg)
        shown.append(f"![{title}]({path.name})")
    return shown


def losses(results):
    """Where bine is behind, whatever was aimed at."""
    found = []
    for result in results.values():
        for one in result.judgements:
            if not one.sure:
                continue
            behind = one.value is not None and one.against and (one.value > 1 if one.at_most else one.value < 1)
            if behind or (one.value is not None and not one.reached):
                aimed = f"; the target, {one.row()[4]}, is missed" if not one.reached else ""
                found.append(f"- {one.what}: {one.row()[1]}{aimed}")
    return found


def section(page, area, result):
    parts = [f"## {TITLES[area]}", f"`./bench/run {area}`. {NOTES.get(area, '')}".strip()]
    parts += [result.about] if result.about else []
    parts += write_figures(page, area, result)
    parts += [markdown_table(*table) for table in result.tables]
    if result.judgements:
        parts.append(markdown_table(JUDGED, [one.row() for one in result.judgements]))
    parts += [f"Not available: {name}: {why}" for name, why in result.absent.items()]
    parts += [f"Failed: {one}" for one in result.failed]
    return parts


def write_page(page, machine, results, failures):
    judged = [one for result in results.values() for one in result.judgements]
    aimed = [one for one in judged if one.target is not None]
    # The asyncio loop has a page of its own, which is measured anew alone.
    of_python = {*results, *failures} == {"python"}
    parts = ["# Speed of the asyncio loop", ABOUT_PYTHON] if of_python else ["# Speed", ABOUT]
    parts += [describe_machine(machine), "## Targets", markdown_table(JUDGED, [one.row() for one in aimed])]
    parts += ["## Where bine loses", "\n".join(losses(results)) or "Nowhere, of what was measured."]
    if any(not one.reached for one in aimed if one.value is not None):
        parts += ["## What stands in the way", WAYS_PYTHON if of_python else WAYS]
    missing = sorted({f"- {one.what}: {one.missing}" for one in judged if one.value is None})
    missing += [f"- {area} could not be measured: {why}" for area, why in failures.items()]
    if missing:
        parts += ["## Not available", "\n".join(missing)]
    unsure = [one for one in judged if one.value is not None and not one.sure]
    if unsure:
        parts += ["## Unsure", "Other programs had the processors for too much of the time: neither won nor lost."]
        parts.append("\n".join(f"- {one.what}: {one.row()[1]}" for one in unsure))
    close = [one for one in judged if one.close and one.sure]
    if close:
        parts += ["## Too close to call", "The target lies between the quartiles: the next run may say the opposite."]
        parts.append("\n".join("- {}: {:.2f}, quartiles {:.2f} to {:.2f}".format(one.what, one.value, *one.spread) for one in close))
    for area, result in results.items():
        parts += section(page, area, result)
    page.write_text("\n\n".join(parts) + "\n")
