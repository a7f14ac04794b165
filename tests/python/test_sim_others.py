"""Programs of others, unmodified, in simulated worlds: servers and clients of HTTP/1.1, of WebSocket and of QUIC."""

import os
import pathlib
import subprocess
import sys
import unittest

from support import PATIENCE, environment, is_sanitized, make_certificates

ROOT = pathlib.Path(__file__).resolve().parents[2]
AIOHTTP = """
import aiohttp
from aiohttp import web

async def serve():
    async def echo(request):
        return web.json_response({"name": request.match_info["name"], "size": len(await request.read())})

    async def shout(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    app = web.Application()
    app.router.add_post("/echo/{name}", echo)
    app.router.add_get("/shout", shout)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, port=8080).start()
    await asyncio.Event().wait()

async def ask():
    said = []
    async with aiohttp.ClientSession() as session:
        for size in (10, 30_000):
            async with session.post("http://server:8080/echo/ann", data=bytes(size)) as answer:
                said.append(await answer.json())
        async with session.ws_connect("http://server:8080/shout") as socket:
            await socket.send_str("loud")
            said.append((await socket.receive()).data)
    return said

FAULTS = OSError, aiohttp.ClientError
"""

TORNADO = """
import tornado.httpclient, tornado.httpserver, tornado.iostream, tornado.web, tornado.websocket

class Echo(tornado.web.RequestHandler):
    def post(self, name):
        self.write({"name": name, "size": len(self.request.body)})

class Shout(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message.upper())

async def serve():
    app = tornado.web.Application([("/echo/(.*)", Echo), ("/shout", Shout)])
    app.listen(8080)
    await asyncio.Event().wait()

async def ask():
    said = []
    client = tornado.httpclient.AsyncHTTPClient(force_instance=True)
    for size in (10, 30_000):
        answer = await client.fetch("http://server:8080/echo/ann", method="POST", body=bytes(size))
        said.append(tornado.escape.json_decode(answer.body))
    socket = await tornado.websocket.websocket_connect("ws://server:8080/shout")
    socket.write_message("loud")
    said.append(await socket.read_message())
    socket.close()
    client.close()
    return said

FAULTS = OSError, tornado.httpclient.HTTPError, tornado.iostream.StreamClosedError
"""

UVICORN_AND_HTTPX = """
import httpx, json, uvicorn

async def app(scope, receive, send):
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    body = json.dumps({"name": scope["path"][6:], "size": size}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

async def serve():
    await uvicorn.Server(uvicorn.Config(app, host="0.0.0.0", port=8080, log_config=None, lifespan="off")).serve()

async def ask():
    async with httpx.AsyncClient(verify=False, timeout=30) as client:
        answers = [await client.post("http://server:8080/echo/ann", content=bytes(size)) for size in (10, 30_000)]
    return [answer.json() for answer in answers] + ["LOUD"]

FAULTS = OSError, httpx.HTTPError
"""

QUIC = """
import ssl, sys
from aioquic.asyncio import connect, serve as serve_quic
from aioquic.quic.configuration import QuicConfiguration

def shout(reader, writer):
    async def answer():
        said = await reader.read()
        writer.write(b"%d" % len(said) if len(said) > 10 else said.upper())
        writer.write_eof()

    tasks.add(asyncio.ensure_future(answer()))

async def serve():
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["shout"])
    configuration.load_cert_chain(sys.argv[1] + "/server.pem", sys.argv[1] + "/server.key")
    await serve_quic("0.0.0.0", 8080, configuration=configuration, stream_handler=shout)
    await asyncio.Event().wait()

async def say(connection, what):
    reader, writer = await connection.create_stream()
    writer.write(what)
    writer.write_eof()
    return await reader.read()

async def ask():
    configuration = QuicConfiguration(alpn_protocols=["shout"], verify_mode=ssl.CERT_NONE)
    async with connect("server", 8080, configuration=configuration) as connection:
        sizes = [await say(connection, bytes(size)) for size in (11, 30_000)]
        loud = await say(connection, b"loud")
    return [{"name": "ann", "size": int(sizes[0]) - 1}, {"name": "ann", "size": int(sizes[1])}, loud.decode()]

FAULTS = OSError, ValueError
tasks = set()
"""

PROGRAM = """
import asyncio
import bine.sim

async def program(world):
    world.host("server").run(serve)
    await asyncio.sleep(1)
    world.disturb(5)
    while True:
        try:
            said = await asyncio.wait_for(ask(), 30)
            if said == ANSWERS:
                return
            world.note(f"the connection ended: {said}")
        except (*FAULTS, asyncio.TimeoutError) as error:
            world.note(repr(error))
            await asyncio.sleep(1)

ANSWERS = [{"name": "ann", "size": 10}, {"name": "ann", "size": 30_000}, "LOUD"]
print(bine.sim.explore(program, seeds=10, twice_in=TWICE_IN, network=NETWORK))
"""


@unittest.skipIf(is_sanitized(), "the programs of others are run without the sanitizer")
class Others(unittest.TestCase):
    def run_there(self, *arguments):
        done = subprocess.run([environment() / "python", *arguments], capture_output=True, text=True, check=False,
                              timeout=2 * PATIENCE, env=dict(os.environ, PYTHONHASHSEED="0"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def play(self, program, *arguments, twice_in=1, network="None"):
        played = program + PROGRAM.replace("TWICE_IN", str(twice_in)).replace("NETWORK", network)
        self.assertIn("10 worlds", self.run_there("-c", played, *arguments))

    def test_aiohttp(self):
        self.play(AIOHTTP)

    def test_tornado(self):
        self.play(TORNADO)

    def test_uvicorn_and_httpx(self):
        self.play(UVICORN_AND_HTTPX)

    @unittest.skipIf(sys.version_info < (3, 11), "the last aioquic for it feeds a stream behind its end, when a datagram comes late")
    def test_aioquic(self):
        # Not twice: its cryptography has a chance of its own.
        self.play(QUIC, make_certificates(self), twice_in=0, network="bine.sim.Network(datagram_loss=20, longest_latency=0.01)")

    def test_the_example(self):
        self.assertIn("20 worlds", self.run_there(ROOT / "examples/python/sim_aiohttp.py", "--seeds", "20"))


if __name__ == "__main__":
    unittest.main()
