"""The store of kv.py in simulated worlds, and a bug that they find: sim_kv.py --planted."""

import argparse
import sys

import bine.sim
from kv import Client, Server


async def run_server(server):
    await server([]).serve()


# Nobody else counts in this key: the answers are 1, 2, 3 and so on.
async def count(world, name):
    client = Client(name)
    for expected in range(1, 6):
        reached = await client.count(name)
        world.note(f"{name} has counted to {reached}")
        world.check(reached == expected, "what is counted is counted once")
    world.sometimes(client.retries > 0, "a client asks again")
    client.hang_up()


# Two clients count, while hosts are cut off and clocks jump.
async def counted(world, server=Server):
    world.host("server").run(run_server, server)
    for name in ("ann", "bob"):
        world.host(name).run(count, world, name)
    world.disturb(10.0)
    for name in ("ann", "bob"):
        await world.host(name).ended()


class Hasty(Server):
    """Who asks again need not wait for the disk, somebody found."""

    async def count(self, client, number, key):
        if self.answers.get(client, (0, 0))[0] == number:
            return self.answers[client][1]
        async with self.writing:
            await self.write_journal(client, number, key)
            self.sums[key] = self.sums.get(key, 0) + 1
            self.answers[client] = number, self.sums[key]
            return self.sums[key]


async def counted_hastily(world):
    await counted(world, Hasty)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--planted", action="store_true", help="with the bug")
    options.add_argument("--seeds", type=int, default=1000)
    options.add_argument("--jobs", type=int, help="processes at a time")
    options = options.parse_args()
    program = counted_hastily if options.planted else counted
    try:
        print(bine.sim.explore(program, seeds=options.seeds, jobs=options.jobs))
    except bine.sim.Failed as failed:
        print(failed)
        sys.exit(1)
