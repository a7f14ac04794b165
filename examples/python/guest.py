import asyncio

from bine import http


async def main():
    async with await http.serve(lambda request: "from a guest\n", "tcp:0:interface=127.0.0.1") as server:
        answer = await http.get(f"http://127.0.0.1:{server.address[1]}/")
        print(type(asyncio.get_running_loop()).__module__, answer.text(), end="")


asyncio.run(main())  # asyncio's own loop; uvloop.run(main()) does as well
