"""Small operations of a loop. Each line of the input says for how many seconds; a line of JSON says what was done in them.

    micro.py --loop NAME CASE
"""

import asyncio
import json
import sys
import time

import loops

BATCH = 1000


def nothing():
    pass


async def nothing_at_all():
    pass


async def call_soon(loop):
    done = loop.create_future()
    for _ in range(BATCH - 1):
        loop.call_soon(nothing)
    loop.call_soon(done.set_result, None)
    await done


async def sleep_0(loop):
    for _ in range(BATCH):
        await asyncio.sleep(0)


async def call_later_cancel(loop):
    for _ in range(BATCH):
        loop.call_later(60, nothing).cancel()
    # What a loop puts off is in the figure, too.
    await asyncio.sleep(0)


async def create_task(loop):
    for _ in range(BATCH):
        await loop.create_task(nothing_at_all())


CASES = {one.__name__: one for one in (call_soon, sleep_0, call_later_cancel, create_task)}


async def measure(case, seconds):
    loop, operations = asyncio.get_running_loop(), 0
    start, cpu = time.perf_counter(), time.process_time_ns()
    while time.perf_counter() < start + seconds:
        await case(loop)
        operations += BATCH
    return {"operations": operations, "seconds": time.perf_counter() - start, "cpu_ns": time.process_time_ns() - cpu}


async def main(options):
    print(f"ready on {loops.driver_in_use()}", flush=True)
    # Nothing else runs on this loop, so it may wait for its input.
    for line in sys.stdin:
        print(json.dumps(await measure(CASES[options.case], float(line))), flush=True)


if __name__ == "__main__":
    parser = loops.parser(__doc__)
    parser.add_argument("case", choices=CASES)
    loops.run(parser.parse_args(), main)
