"""Hours in minutes: good clients whose answers are checked, beside all sorts of bad ones; then nothing may be left."""

import asyncio
import concurrent.futures
import contextlib
import random
import socket
import struct
import time

from .figures import Judgement, Result, median
from .machine import Failure, NotAvailable, say
from .servers import Scratch, Server, own_contenders

# What may be resident at the end beyond what was after the warm-up: what the allocator keeps of a moment that was busier.
RSS_TOLERANCE = 1.05
RSS_TOLERANCE_BYTES = 1 << 20
# Sockets that were closed with output in them are given so long to end.
SETTLE_SECONDS = 40
# Longer than a server waits for the rest of a request.
QUIET_SECONDS = 12
GOOD, BAD_OF_A_KIND = 8, 6
HELLO = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"Hello, world!\n"


class Wrong(Exception):
    """A good client got something that it must not get."""


class Soak:
    """Everybody who bothers one server, until `deadline`."""

    def __init__(self, port, files, deadline, seed):
        self.port = port
        self.deadline = deadline
        self.random = random.Random(seed)
        self.large = (files / "1m").read_bytes()
        self.medium = (files / "10k").read_bytes()
        self.counts = {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def running(self):
        return time.monotonic() < self.deadline

    async def pause(self, most):
        await asyncio.sleep(self.random.uniform(0, most))

    async def connect(self):
        """A stream whose reader holds little, so that a client that stops reading is one."""
        return await asyncio.open_connection("127.0.0.1", self.port, limit=65536)

    @staticmethod
    def reset(writer):
        """Ends a connection by RST."""
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    @staticmethod
    async def read_answer(reader, body):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Wrong(f"a good client got {head[:60]!r}")
        if await asyncio.wait_for(reader.readexactly(len(body)), 60) != body:
            raise Wrong("a good client got a wrong body")

    # --- the good ---

    async def keep_alive(self):
        """Small and larger answers on one connection, for long."""
        reader, writer = await self.connect()
        with contextlib.closing(writer):
            for _ in range(self.random.randint(50, 500)):
                path, body = self.random.choice(((b"/hello", BODY), (b"/files/10k", self.medium), (b"/files/1m", self.large)))
                writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await self.read_answer(reader, body)
                self.count("answers that were checked")
                await self.pause(0.01)
                if not self.running():
                    return

    async def one_request(self):
        """A connection for one request; the answer, then the end."""
        reader, writer = await self.connect()
        with contextlib.closing(writer):
            writer.write(HELLO + b"Connection: close\r\n\r\n")
            await self.read_answer(reader, BODY)
            if await asyncio.wait_for(reader.read(), 30) != b"":
                raise Wrong("there was something behind an answer")
        self.count("connections for one request")

    async def half_close(self):
        """Asks, says that it will say no more, and takes the answer."""
        reader, writer = await self.connect()
        with contextlib.closing(writer):
            writer.write(HELLO + b"\r\n")
            writer.write_eof()
            await self.read_answer(reader, BODY)
            if await asyncio.wait_for(reader.read(), 30) != b"":
                raise Wrong("there was something behind an answer")
        self.count("half-closes")

    async def dribble(self):
        """A request byte by byte, quicker than the server's patience ends."""
        reader, writer = await self.connect()
        with contextlib.closing(writer):
            for byte in HELLO + b"\r\n":
                writer.write(bytes([byte]))
                await self.pause(0.1)
            await self.read_answer(reader, BODY)
        self.count("dribbled requests")

    # --- the bad ---

    async def half_request(self):
        """Half a request, then silence: the server says 408, or the client goes away."""
        reader, writer = await self.connect()
        writer.write(HELLO)
        with contextlib.suppress(asyncio.TimeoutError, OSError):
            await asyncio.wait_for(reader.read(), self.random.choice((0.2, 2, 15)))
        self.reset(writer)
        self.count("half-sent requests")

    async def stop_reading(self):
        """Asks for much and takes little of it."""
        reader, writer = await self.connect()
        writer.write(b"GET /files/1m HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8)
        with contextlib.suppress(OSError):
            await reader.read(1000)
        await self.pause(5)
        self.reset(writer)
        self.count("readers that stopped")

    async def reset_at_once(self):
        """RST behind a request."""
        _, writer = await self.connect()
        writer.write(HELLO + b"\r\n" * self.random.randint(0, 1))
        await self.pause(0.01)
        self.reset(writer)
        self.count("resets")

    async def garbage(self):
        """No HTTP at all."""
        reader, writer = await self.connect()
        writer.write(self.random.randbytes(self.random.randint(1, 2000)) + b"\r\n\r\n")
        with contextlib.suppress(asyncio.TimeoutError, OSError):
            await asyncio.wait_for(reader.read(), 1)
        self.reset(writer)
        self.count("garbage")

    async def repeat(self, what, rest):
        """`what` again and again. Good ones fail loudly, the bad may be thrown out."""
        while self.running():
            try:
                await what()
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                if what not in (self.half_request, self.stop_reading, self.reset_at_once, self.garbage):
                    raise Wrong(f"{what.__name__}: {type(error).__name__} {error}") from error
            await self.pause(rest)

    async def run(self):
        tasks = [self.repeat(self.keep_alive, 0.1) for _ in range(GOOD)]
        for what, rest in ((self.one_request, 0.02), (self.half_close, 0.05), (self.dribble, 0.1), (self.half_request, 0.5),
                           (self.stop_reading, 0.5), (self.reset_at_once, 0.02), (self.garbage, 0.1)):
            tasks += [self.repeat(what, rest) for _ in range(BAD_OF_A_KIND)]
        running = [asyncio.create_task(task) for task in tasks]
        try:
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def watch(server, deadline, samples):
    """Resident bytes, every half second."""
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise Wrong(f"the server ended with status {server.process.returncode}: {server.last_words()}")
        samples.append(server.resident_bytes())
        await asyncio.sleep(0.5)


async def bother(server, scratch, seconds, seed):
    """(what was done how often, [resident bytes])."""
    deadline = time.monotonic() + seconds
    soak = Soak(server.port, scratch.files, deadline, seed)
    samples = []
    watching = asyncio.create_task(watch(server, deadline, samples))
    try:
        await soak.run()
        await watching
    finally:
        watching.cancel()
    return soak.counts, samples


def wait_for_descriptors(server, before):
    """How many there are, once they are as many as before, or in the end."""
    end = time.monotonic() + SETTLE_SECONDS
    while (now := server.descriptors()) != before and time.monotonic() < end:
        time.sleep(0.2)
    return now


def soak_one(machine, contender, scratch, seconds, seed):
    """A dictionary of what was seen."""
    with Server(machine, contender) as server:
        # Threads, pools and the cache of files come with the first of each.
        asyncio.run(bother(server, scratch, 2, seed))
        before = settle(server)
        counts, samples = asyncio.run(bother(server, scratch, seconds, seed + 1))
        after = wait_for_descriptors(server, before)
        fifth = max(1, len(samples) // 5)
        warm = median(samples[fifth:2 * fifth] or samples)
        last = median(samples[-fifth:])
        return {"counts": counts, "descriptors": (before, after), "rss": (warm, last), "rss_idle": server.resident_bytes()}


def settle(server):
    """The number of descriptors when it no longer changes."""
    end = time.monotonic() + SETTLE_SECONDS
    seen, since = server.descriptors(), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS and time.monotonic() < end:
        time.sleep(0.2)
        if (now := server.descriptors()) != seen:
            seen, since = now, time.monotonic()
    return seen


def judge(name, found):
    warm, last = found["rss"]
    allowed = warm * RSS_TOLERANCE + RSS_TOLERANCE_BYTES
    before, after = found["descriptors"]
    return [Judgement(f"{name}: descriptors more than at the start", after - before, 0, at_most=True),
            Judgement(f"{name}: KiB resident at the end ({warm / 1024:,.0f} after the warm-up)", last / 1024, allowed / 1024, at_most=True)]


def run(machine, options):
    result = Result()
    seconds = options.minutes * 60
    header, rows = [f"soak, {options.minutes:g} minutes", "bine epoll", "bine io_uring"], {}
    with Scratch() as scratch, concurrent.futures.ThreadPoolExecutor() as both:
        contenders = own_contenders(machine, "http", scratch)[2:]
        say("  " + " and ".join(one.name for one in contenders) + f": {options.minutes:g} minutes")
        running = [(one, both.submit(soak_one, machine, one, scratch, seconds, options.seed)) for one in contenders]
        for contender, soaked in running:
            try:
                found = soaked.result()
            except NotAvailable as why:
                result.absent[contender.name] = str(why)
                result.judgements.append(Judgement(f"{contender.name}: soak", target=0, at_most=True, missing=str(why)))
                continue
            except Wrong as wrong:
                raise Failure(f"{contender.name}: {wrong}") from wrong
            result.data[contender.name] = found
            result.judgements += judge(contender.name, found)
            for what, count in found["counts"].items():
                rows.setdefault(what, {})[contender.name] = count
    cells = [[what, *(f"{counts[name]:,}" if name in counts else "-" for name in header[1:])] for what, counts in rows.items()]
    result.tables.append((header, cells))
    return result
