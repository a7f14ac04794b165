"""Slide 17: aiohttp answers what treq fetches, asyncio and Twisted on one loop: one_loop.py UPSTREAM"""

import asyncio
import socket
import sys

import bine.twisted

reactor = bine.twisted.install()

import treq
from aiohttp import web

reactor.startRunning(installSignalHandlers=False)


async def handle(request):
    loop = asyncio.get_running_loop()
    url = sys.argv[1] + request.path_qs
    headers = {name: value for name, value in request.headers.items() if name not in ("Host", "Connection")}
    response = await treq.get(url, headers=headers).asFuture(loop)
    body = await treq.content(response).asFuture(loop)
    return web.Response(body=body, content_type=response.headers.getRawHeaders("content-type")[0])


app = web.Application()
app.router.add_route("GET", "/{tail:.*}", handle)
listener = socket.create_server(("127.0.0.1", 0))
print("listening on %s:%d" % listener.getsockname(), file=sys.stderr, flush=True)
web.run_app(app, sock=listener, loop=asyncio.get_event_loop_policy().get_event_loop(), print=None)

# What Twisted has begun ends, its threads above all.
reactor.fireSystemEvent("shutdown")
