"""bine.http in simulated worlds: bodies that stream both ways, over networks that break, and limits of time."""

import asyncio
import hashlib
import os
import unittest

import bine
import bine.sim
from support import is_sanitized

os.environ.setdefault("PYTHONHASHSEED", "0")

CALM = bine.sim.Network()


async def serve(handler, **options):
    async with await bine.http.serve(handler, "tcp:8080", **options) as server:
        await server.wait_closed()


async def pieces_of(body, size):
    for at in range(0, len(body), size):
        yield body[at:at + size]


async def digest(request):
    """Reads all of a body in its own way, and says what it was; or stops in the middle."""
    whole = hashlib.sha256()
    how = request.query["how"]
    if how == "pieces":
        async for piece in request:
            whole.update(piece)
    elif how == "numbers":
        while piece := await request.read(300):
            whole.update(piece)
    elif how == "impatient":
        while True:
            try:
                piece = await asyncio.wait_for(request.read(500), 0.05)
            except asyncio.TimeoutError:
                continue
            if not piece:
                break
            whole.update(piece)
    elif how == "half":
        return {"read": len(await request.read(10))}
    return {"digest": whole.hexdigest()}


async def echo(request):
    async for piece in request:
        yield piece


async def ask(world, client, number):
    """One request of some kind, asked until it is answered; its answer must be right."""
    body = os.urandom(world.choose("bytes of a body", 10_000))
    how = ("pieces", "numbers", "impatient", "half", "nothing")[world.choose("how it is read", 5)]
    echoes = world.one_in("it is echoed", 3)
    url = f"http://server:8080/{'echo' if echoes else 'digest'}"
    while True:
        chunks = world.one_in("it is sent in pieces", 2)
        sent = pieces_of(body, 1 + world.choose("bytes of a piece", 5_000)) if chunks else body
        try:
            answer = await client.post(url, sent, params={"how": how}, stream=True, timeout=20, expect_continue=number % 3 == 0)
            got = await answer.read()
        except (OSError, asyncio.TimeoutError) as error:
            world.note(f"{number}: {error!r}")
            world.sometimes(True, "a request fails")
            await asyncio.sleep(0.5)
            continue
        if answer.status == 200:
            break
        world.check(answer.status == 408, f"but for a body that is cut off on its way, nothing is refused: {answer.status} {got!r}")
    if echoes:
        world.check(got == body, "a body comes back as it was sent")
    elif how in ("pieces", "numbers", "impatient"):
        world.check(hashlib.sha256(body).hexdigest() in got.decode(), "a body is read as it was sent")


async def bodies(world):
    router = bine.http.Router()
    router.post("/digest", stream=True)(digest)
    router.post("/echo", stream=True)(echo)
    server = world.host("server")
    server.run(serve, router)
    world.disturb(10, mortal=[server])
    async with bine.http.Client(connections_per_host=3) as client:
        await asyncio.gather(*(ask(world, client, number) for number in range(6)))


class Bodies(unittest.TestCase):
    def test_they_come_whole_or_not_at_all_in_every_world(self):
        seeds = 8 if is_sanitized() else 40
        explored = bine.sim.explore(bodies, seeds=seeds, twice_in=5)
        self.assertEqual(explored.worlds, seeds)
        self.assertGreater(explored.reached["a request fails"], 0)


class Limits(unittest.TestCase):
    def result_of(self, program):
        return bine.sim.run(program, network=CALM).result

    async def speak(self, *said):
        reader, writer = await asyncio.open_connection("server", 8080)
        for piece in said:
            writer.write(piece)
        return reader, writer

    def test_a_body_that_comes_too_slowly_is_408(self):
        async def handler(request):
            try:
                return str(len(await request.read()))
            except bine.http.HTTPError as error:
                self.seen = error.status
                raise

        async def program(world):
            world.host("server").run(lambda: serve(handler, stream=True))
            await asyncio.sleep(1)
            reader, writer = await self.speak(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
            before = world.now
            head = await reader.readuntil(b"\r\n")
            writer.close()
            return head, world.now - before

        head, waited = self.result_of(program)
        self.assertIn(b" 408 ", head)
        self.assertEqual(self.seen, 408)
        self.assertAlmostEqual(waited, 5, 0)

    def test_a_handler_may_take_its_time(self):
        async def handler(request):
            size = 0
            async for piece in request:
                size += len(piece)
                await asyncio.sleep(60)
            await asyncio.sleep(60)
            return str(size)

        async def program(world):
            world.host("server").run(lambda: serve(handler, stream=True))
            await asyncio.sleep(1)
            reader, writer = await self.speak(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + bytes(20_000))
            head = await reader.readuntil(b"\r\n\r\n")
            size = await reader.readexactly(5)
            writer.close()
            return head[:12], size, world.now > 100

        self.assertEqual(self.result_of(program), (b"HTTP/1.1 200", b"20000", True))

    def test_an_idle_connection_is_closed(self):
        async def program(world):
            world.host("server").run(lambda: serve(lambda request: "x", idle_timeout=30))
            await asyncio.sleep(1)
            reader, writer = await self.speak(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\nx")
            before = world.now
            self.assertEqual(await reader.read(), b"")
            writer.close()
            return round(world.now - before)

        self.assertEqual(self.result_of(program), 30)


if __name__ == "__main__":
    unittest.main()
