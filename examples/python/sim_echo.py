"""A server that sends back lines, and a client that is an hour late: on a network that exists in memory only."""

import asyncio
import time

import bine.sim


async def serve():
    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, None, 7000)
    await server.serve_forever()


async def program(world):
    world.host("server").run(serve)
    before = time.time()
    await asyncio.sleep(3600)
    reader, writer = await asyncio.open_connection("server", 7000)
    writer.write(b"good morning\n")
    print(await reader.readline(), "after", round(time.time() - before), "s")
    writer.close()


if __name__ == "__main__":
    print(bine.sim.run(program, seed=7, network=bine.sim.Network()))
