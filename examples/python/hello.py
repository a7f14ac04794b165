import asyncio

import bine


async def main():
    await asyncio.sleep(0.1)
    print("hello from", asyncio.get_running_loop().driver)


bine.run(main())
