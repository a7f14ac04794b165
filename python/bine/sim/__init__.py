"""asyncio programs in simulated worlds: virtual time, a virtual network that fails, and one seed for all of it.

    import asyncio, bine.sim

    async def serve():
        async def echo(reader, writer):
            writer.write(await reader.readline())
            writer.close()
        server = await asyncio.start_server(echo, None, 7000)
        await server.serve_forever()

    async def program(world):
        world.host("server").run(serve)
        reader, writer = await asyncio.open_connection("server", 7000)
        ...

    bine.sim.run(program, seed=7)
    bine.sim.explore(program, seeds=1000)

What runs on the real network runs here unmodified; docs/python-simulation.md is the introduction.
"""

from ._explore import Explored, explore
from ._run import Failed, Run, run
from ._socket import NotInWorld
from ._world import BrokenPromise, Host, Network, World

__all__ = ("BrokenPromise", "Explored", "Failed", "Host", "Network", "NotInWorld", "Run", "World", "explore", "run")
