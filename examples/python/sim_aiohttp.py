"""aiohttp as it is, in simulated worlds: a server that crashes and is cut off, and a client that asks again."""

import argparse
import asyncio

import aiohttp
import bine.sim
from aiohttp import web


async def serve():
    async def hello(request):
        return web.json_response({"hello": request.match_info["name"]})

    app = web.Application()
    app.router.add_get("/hello/{name}", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, port=8080).start()
    await asyncio.Event().wait()


async def ask(world, session, name):
    while True:
        try:
            async with session.get(f"http://server:8080/hello/{name}") as answer:
                return (await answer.json())["hello"]
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            world.sometimes(True, f"asking fails: {type(error).__name__}")
            await asyncio.sleep(1)


async def greeted(world):
    server = world.host("server")
    server.run(serve)
    world.disturb(20, mortal=[server])
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session:
        for name in ("ann", "bob", "eve") * 5:
            world.check(await ask(world, session, name) == name, "everybody is greeted by their own name")
            await asyncio.sleep(1)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--seeds", type=int, default=100)
    print(bine.sim.explore(greeted, seeds=options.parse_args().seeds))
