"""The test's site on aiohttp: aiohttp_site.py PORT SECURE_PORT IDENTITY FOLDER. python_site.py says what is where."""

import asyncio
import gzip
import hashlib
import ssl
import sys
import zlib

import zstandard
from aiohttp import web

PORT, SECURE_PORT, IDENTITY, FOLDER = sys.argv[1:]
CODED = b"coded " * 1000 + b"\n"
CODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}


async def echo(request):
    body = await request.read()
    framing = request.headers.get("Transfer-Encoding", request.headers.get("Content-Length", "none"))
    kind = request.headers.get("Content-Type", "none").split(";")[0]
    return web.Response(text=f"{request.method} {framing} {len(body)} {hashlib.sha256(body).hexdigest()} {kind}\n")


async def chunked(request):
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for number in range(100):
        await response.write(f"piece {number}\n".encode())
    return response


async def until_close(request):
    response = web.StreamResponse()
    response.force_close()
    await response.prepare(request)
    await response.write(b"until close\n")
    return response


async def coded(request):
    name = request.match_info["name"]
    return web.Response(body=CODERS[name](CODED), headers={"Content-Encoding": name})


async def move(request):
    return web.Response(status=int(request.match_info["code"]), headers={"Location": request.rel_url.raw_query_string[3:]})


async def cookie(request):
    response = web.Response(text="set\n")
    if request.match_info["name"] == "set":
        for value in ("one=1; Path=/", "two=2; Path=/cookie", "far=3; Domain=other.example"):
            response.headers.add("Set-Cookie", value)
    return response


async def show(request):
    given = request.headers.get
    return web.Response(text=f"{request.method} authorization={given('Authorization', '')} cookie={given('Cookie', '')}\n")


async def hello(_):
    return web.Response(text="hello\n")


async def say_port(request, response):
    response.headers["X-Port"] = str(request.transport.get_extra_info("peername")[1])


async def main():
    site = web.Application(client_max_size=1 << 26)
    site.on_response_prepare.append(say_port)
    site.add_routes([web.route("*", "/echo", echo), web.get("/chunked", chunked), web.get("/until-close", until_close),
                     web.get("/coded/{name}", coded),
                     web.route("*", "/move/{code}", move), web.get("/cookie/{name}", cookie), web.route("*", "/show", show),
                     web.get("/hello", hello), web.static("/", FOLDER)])
    runner = web.AppRunner(site)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{IDENTITY}.pem", f"{IDENTITY}.key")
    for host in ("::1", "127.0.0.1"):
        await web.TCPSite(runner, host, int(PORT)).start()
        await web.TCPSite(runner, host, int(SECURE_PORT), ssl_context=context).start()
    await asyncio.Event().wait()


asyncio.run(main())
