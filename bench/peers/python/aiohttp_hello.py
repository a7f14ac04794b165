"""aiohttp's server with one handler, as its documentation has it, without an access log.

    aiohttp_hello.py --loop NAME
"""

import asyncio

import loops

web = loops.need("aiohttp.web")


async def hello(request):
    return web.Response(body=b"Hello, world!\n", content_type="text/plain")


async def main(options):
    app = web.Application()
    app.router.add_get("/hello", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    server = await asyncio.get_running_loop().create_server(runner.server, "127.0.0.1", 0, backlog=loops.BACKLOG)
    await loops.serve(options, server)


if __name__ == "__main__":
    loops.run(loops.parser(__doc__).parse_args(), main)
