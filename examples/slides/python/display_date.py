"""Slide 6: a coroutine that waits."""

import asyncio
import datetime

import bine


async def display_date(loop):
    end_time = loop.time() + 5.0
    while True:
        print(datetime.datetime.now())
        if loop.time() + 1.0 >= end_time:
            break
        await asyncio.sleep(1)


async def main():
    await display_date(asyncio.get_running_loop())


bine.run(main())
