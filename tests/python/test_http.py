"""bine.http: the client and the server, against each other and against plain sockets; on bine's loop and as a guest."""

import asyncio
import gc
import os
import re
import socket
import struct
import unittest

import bine
from support import LoopCase

LOCAL = "tcp:0:interface=127.0.0.1"
TLS = bine.TLSContext.self_signed("127.0.0.1")


def url_of(server, path="/", scheme="http"):
    return f"{scheme}://127.0.0.1:{server.address[1]}{path}"


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


class HttpCases:
    def take_reported(self):
        raise NotImplementedError

    def serve(self, handler, **options):
        return bine.http.serve(handler, LOCAL, **options)

    def test_a_request_arrives_as_it_was_sent(self):
        async def main():
            seen = []

            async def handler(request):
                seen.append(request)
                await asyncio.sleep(0)
                return "hello"

            async with await self.serve(handler) as server:
                answer = await bine.http.post(url_of(server, "/a%20b?x=1&y=%C3%A9&x=2"), "the body", headers={"X-Name": "value"})
                self.assertEqual((answer.status, answer.text(), answer.ok), (200, "hello", True))
                self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
                request, = seen
                self.assertEqual(request.method, "POST")
                self.assertEqual(request.path, "/a b")
                self.assertEqual(request.target, "/a%20b?x=1&y=%C3%A9&x=2")
                self.assertEqual(request.query, {"x": "1", "y": "é"})
                self.assertEqual(request.headers["x-NAME"], "value")
                self.assertEqual(request.body, b"the body")
                self.assertEqual(request.peer[0], "127.0.0.1")
                self.assertEqual(server.requests_answered, 1)

        self.complete(main())

    def test_what_handlers_may_answer(self):
        answers = {
            "str": ("text é", b"text \xc3\xa9", "text/plain; charset=utf-8"),
            "bytes": (b"\0\1", b"\0\1", "application/octet-stream"),
            "dict": ({"a": [1, 2]}, b'{"a": [1, 2]}', "application/json"),
            "none": (None, b"", None),
            "response": (bine.http.Response("<p>", status=201, type="text/html", headers={"X-A": "b"}), b"<p>", "text/html"),
        }

        async def main():
            async with await self.serve(lambda request: answers[request.path[1:]][0]) as server:
                for name, (_, body, kind) in answers.items():
                    answer = await bine.http.get(url_of(server, "/" + name))
                    self.assertEqual(answer.body, body)
                    self.assertEqual(answer.headers.get("content-type"), kind)
                self.assertEqual((answer.status, answer.headers["x-a"]), (201, "b"))

        self.complete(main())

    def test_connections_are_kept(self):
        async def main():
            async with await self.serve(lambda request: "x") as server, bine.http.Client() as client:
                for _ in range(20):
                    await client.get(url_of(server))
                self.assertEqual(server.connections, 1)
                await asyncio.gather(*(client.get(url_of(server)) for _ in range(50)))
                self.assertLessEqual(server.connections, 10)
                self.assertEqual(server.requests_answered, 70)

        self.complete(main())

    def test_json_and_forms(self):
        async def main():
            async def handler(request):
                if request.headers["content-type"] == "application/json":
                    return {"got": request.json()}
                return request.text()

            async with await self.serve(handler) as server:
                answer = await bine.http.post(url_of(server), json={"a": 1})
                self.assertEqual(answer.json(), {"got": {"a": 1}})
                answer = await bine.http.post(url_of(server), form={"a": "b c", "d": "&"})
                self.assertEqual(answer.text(), "a=b+c&d=%26")
                answer = await bine.http.get(url_of(server, "/?a=1"), params={"b": "x y"}, headers={"Content-Type": "application/json"},
                                             body=b"[]")
                self.assertEqual(answer.url, url_of(server, "/?a=1&b=x+y"))
                with self.assertRaises(TypeError):
                    await bine.http.post(url_of(server), b"", json={})

        self.complete(main())

    def test_redirects_are_followed(self):
        async def handler(request):
            left = int(request.query["left"])
            if left == 0:
                return "there"
            return bine.http.Response(status=302, headers={"Location": f"/?left={left - 1}"})

        async def main():
            async with await self.serve(handler) as server:
                answer = await bine.http.get(url_of(server, "/?left=3"))
                self.assertEqual(answer.text(), "there")
                self.assertEqual([status for status, _ in answer.history], [302, 302, 302])
                answer = await bine.http.get(url_of(server, "/?left=3"), redirects=0)
                self.assertEqual(answer.status, 302)

        self.complete(main())

    def test_an_exception_costs_its_own_request_a_500(self):
        wrong = LookupError("in a handler")

        async def later(request):
            await asyncio.sleep(0)
            raise wrong

        def at_once(request):
            raise wrong

        async def main():
            for handler in (later, at_once, lambda request: object()):
                async with await self.serve(handler) as server:
                    answer = await bine.http.get(url_of(server))
                    self.assertEqual(answer.status, 500)

        self.complete(main())
        exceptions = [report["exception"] for report in self.take_reported()]
        self.assertEqual(exceptions[:2], [wrong, wrong])
        self.assertIsInstance(exceptions[2], TypeError)

    def test_an_http_error_is_an_answer(self):
        async def handler(request):
            raise bine.http.HTTPError(418, "short and stout", {"X-Pot": "tea"})

        async def main():
            async with await self.serve(handler) as server:
                answer = await bine.http.get(url_of(server))
                self.assertEqual((answer.status, answer.text(), answer.headers["x-pot"]), (418, "short and stout", "tea"))

        self.complete(main())

    def test_a_client_that_goes_away_cancels_its_handler(self):
        async def main():
            seen = []
            started = asyncio.Event()

            async def handler(request):
                started.set()
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    seen.append("cancelled")
                    raise

            async with await self.serve(handler) as server:
                task = asyncio.ensure_future(bine.http.get(url_of(server)))
                await started.wait()
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                await until(lambda: seen)
                self.assertEqual(seen, ["cancelled"])

        self.complete(main())

    def test_a_server_that_closes_cancels_its_handlers(self):
        async def main():
            started = asyncio.Event()
            ended = asyncio.Event()

            async def handler(request):
                started.set()
                try:
                    await asyncio.sleep(3600)
                finally:
                    ended.set()

            server = await self.serve(handler)
            task = asyncio.ensure_future(bine.http.get(url_of(server)))
            await started.wait()
            server.close()
            await ended.wait()
            await server.wait_closed()
            with self.assertRaises(OSError):
                await task

        self.complete(main())

    def test_draining_answers_what_is_under_way(self):
        async def main():
            started = asyncio.Event()
            go_on = asyncio.Event()

            async def handler(request):
                started.set()
                await go_on.wait()
                return "in time"

            server = await self.serve(handler)
            task = asyncio.ensure_future(bine.http.get(url_of(server)))
            await started.wait()
            draining = asyncio.ensure_future(server.drain())
            await asyncio.sleep(0.01)
            self.assertFalse(draining.done())
            go_on.set()
            self.assertEqual((await task).text(), "in time")
            await draining

        self.complete(main())

    def test_routes(self):
        router = bine.http.Router()

        @router.get("/users/{id}")
        async def user(request):
            return request.params

        @router.post("/users")
        def make(request):
            return bine.http.Response({"made": request.json()}, status=201)

        @router.any("/files/{path...}")
        async def files(request):
            return f"{request.method} {request.params['path']}"

        async def main():
            async with await self.serve(router) as server:
                self.assertEqual((await bine.http.get(url_of(server, "/users/a%20b"))).json(), {"id": "a b"})
                self.assertEqual((await bine.http.post(url_of(server, "/users"), json=[1])).status, 201)
                self.assertEqual((await bine.http.put(url_of(server, "/files/a/b"))).text(), "PUT a/b")
                self.assertEqual((await bine.http.get(url_of(server, "/nowhere"))).status, 404)
                answer = await bine.http.delete(url_of(server, "/users/1"))
                self.assertEqual(answer.status, 405)
                self.assertIn("GET", answer.headers["allow"])

        self.complete(main())

    def test_an_answer_is_streamed_down(self):
        async def numbers(request):
            for number in range(5):
                await asyncio.sleep(0.001)
                yield f"{number},"

        async def main():
            async with await self.serve(numbers) as server, bine.http.Client() as client:
                async with await client.get(url_of(server), stream=True) as answer:
                    self.assertEqual(answer.status, 200)
                    with self.assertRaises(RuntimeError):
                        answer.body
                    pieces = [piece async for piece in answer]
                self.assertEqual(b"".join(pieces), b"0,1,2,3,4,")
                self.assertEqual((await client.get(url_of(server))).text(), "0,1,2,3,4,")

        self.complete(main())

    def test_much_is_streamed_no_faster_than_it_is_read(self):
        piece = os.urandom(1 << 16)

        async def main():
            sent = 0

            async def handler(request):
                nonlocal sent
                for _ in range(256):
                    sent += len(piece)
                    yield piece

            async with await self.serve(handler) as server, bine.http.Client() as client:
                async with await client.get(url_of(server), stream=True) as answer:
                    await asyncio.sleep(0.05)
                    self.assertLess(sent, 256 * len(piece))
                    got = 0
                    async for part in answer:
                        got += len(part)
                self.assertEqual(got, 256 * len(piece))

        self.complete(main())

    def test_a_stream_that_fails_breaks_the_answer(self):
        wrong = LookupError("half-way")

        async def handler(request):
            yield b"half"
            raise wrong

        async def main():
            async with await self.serve(handler) as server:
                with self.assertRaises(OSError):
                    await bine.http.get(url_of(server))

        self.complete(main())
        self.assertEqual([report["exception"] for report in self.take_reported()], [wrong])

    def test_a_body_that_is_too_large_is_413(self):
        async def main():
            async with await self.serve(lambda request: "taken", limit=1000) as server:
                self.assertEqual((await bine.http.post(url_of(server), b"x" * 1000)).status, 200)
                self.assertEqual((await bine.http.post(url_of(server), b"x" * 1001)).status, 413)

        self.complete(main())

    def test_it_goes_through_tls(self):
        async def main():
            async def handler(request):
                return request.body[::-1]

            async with await self.serve(handler, tls=TLS) as server:
                async with bine.http.Client(tls=bine.TLSContext(ca=TLS.certificates[0])) as client:
                    for size in (10, 100_000):
                        body = os.urandom(size)
                        answer = await client.post(url_of(server, scheme="https"), body)
                        self.assertEqual(answer.body, body[::-1])
                with self.assertRaises(OSError):
                    await bine.http.get(url_of(server, scheme="https"))

        self.complete(main())

    def test_there_is_no_answer(self):
        async def main():
            server = await self.serve(lambda request: "x")
            url = url_of(server)
            server.close()
            with self.assertRaises(ConnectionRefusedError):
                await bine.http.get(url)
            with self.assertRaises(ValueError):
                await bine.http.get("no URL")
            async with await self.serve(lambda request: asyncio.sleep(3600)) as server:
                with self.assertRaises(TimeoutError):
                    await bine.http.get(url_of(server), timeout=0.05)
            with self.assertRaises(ValueError):
                await bine.http.serve(None, "tcp:port")
            client = bine.http.Client()
            client.close()
            with self.assertRaises(RuntimeError):
                await client.get(url)

        self.complete(main())

    def test_a_header_cannot_break_out_of_its_line(self):
        async def main():
            async with await self.serve(lambda request: bine.http.Response(headers={"X": "a\r\nY: b"})) as server:
                self.assertEqual((await bine.http.get(url_of(server))).status, 500)
                with self.assertRaises(Exception):
                    await bine.http.get(url_of(server), headers={"X": "a\r\nY: b"})

        self.complete(main())
        self.assertEqual(len(self.take_reported()), 1)


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


def fixed(size):
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size


async def speak(server, *pieces):
    """A connection on which this has been said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.address[1])
    for piece in pieces:
        writer.write(piece)
    return reader, writer


async def read_answer(reader):
    """(status, body) of an answer with a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    return int(head.split()[1]), await reader.readexactly(int(length[1]) if length else 0)


class BodyCases:
    """Bodies that come and go bit by bit."""

    async def echo(self, request):
        if request.method == "GET":
            return "next"
        return b"".join([piece async for piece in request])

    def test_a_handler_reads_a_body_as_it_comes(self):
        async def main():
            seen = []

            async def handler(request):
                with self.assertRaisesRegex(RuntimeError, "streamed"):
                    request.body
                async for piece in request:
                    seen.append(piece)
                return b"".join(seen)

            async with await self.serve(handler, stream=True) as server:
                for head, parts in ((fixed(9), (b"one", b"two", b"six")),
                                    (CHUNKED, (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"3\r\nsix\r\n0\r\n\r\n"))):
                    del seen[:]
                    reader, writer = await speak(server, head)
                    for number, part in enumerate(parts, 1):
                        writer.write(part)
                        await until(lambda: len(seen) == number)
                    self.assertEqual(seen, [b"one", b"two", b"six"])
                    self.assertEqual(await read_answer(reader), (200, b"onetwosix"))
                    writer.close()

        self.complete(main())

    def test_a_body_is_read_by_the_number(self):
        async def main():
            async def handler(request):
                read = [await request.read(2), await request.read(0), await request.read(3), await request.read()]
                return [part.decode() for part in (*read, await request.read(), await request.read(5))]

            for stream in (True, False):
                async with await self.serve(handler, stream=stream) as server:
                    answer = await bine.http.post(url_of(server), b"0123456789")
                    self.assertEqual(answer.json(), ["01", "", "234", "56789", "", ""])
                    answer = await bine.http.post(url_of(server))
                    self.assertEqual(answer.json(), [""] * 6)
                    answer = await bine.http.post(url_of(server), b"0123456789", stream=stream)
                    self.assertEqual(await answer.read(4), b'["01')
                    self.assertEqual(await answer.read(), b'", "", "234", "56789", "", ""]')
                    self.assertEqual(await answer.read(), b"")

        self.complete(main())

    def test_a_sender_goes_no_faster_than_the_handler_reads(self):
        async def main():
            go_on = asyncio.Event()

            async def handler(request):
                await go_on.wait()
                return str(len(await request.read()))

            async with await self.serve(handler, stream=True, limit=1 << 30) as server:
                size = 64 << 20
                reader, writer = await speak(server, fixed(size))
                writer.transport.set_write_buffer_limits(1 << 16)
                sent = 0

                async def send():
                    nonlocal sent
                    while sent < size:
                        writer.write(bytes(1 << 16))
                        await writer.drain()
                        sent += 1 << 16

                sending = asyncio.ensure_future(send())
                await asyncio.sleep(0.1)
                self.assertLess(sent, size / 2)
                go_on.set()
                self.assertEqual(await read_answer(reader), (200, b"%d" % size))
                await sending
                writer.close()

        self.complete(main())

    def test_what_is_wrong_with_a_body_is_the_answer_of_a_handler_that_does_not_mind(self):
        async def main():
            seen = []

            async def handler(request):
                try:
                    return str(len(await request.read()))
                except bine.http.HTTPError as error:
                    seen.append((error.status, error.text))
                    raise

            async with await self.serve(handler, stream=True, limit=1000) as server:
                for said, status in ((fixed(1001), 413), (CHUNKED + b"3e9\r\n" + bytes(1001), 413), (CHUNKED + b"nonsense\r\n", 400)):
                    reader, writer = await speak(server, said)
                    self.assertEqual((await read_answer(reader))[0], status)
                    self.assertEqual(await reader.read(), b"")  # what follows could not be told from the body
                    writer.close()
                reader, writer = await speak(server, fixed(10), b"half")
                writer.write_eof()
                self.assertEqual((await read_answer(reader))[0], 400)
                writer.close()
                self.assertEqual([status for status, _ in seen], [413, 413, 400, 400])
                self.assertIn("ended inside", seen[-1][1])

        self.complete(main())

    def test_a_handler_may_mind_what_is_wrong_with_a_body(self):
        async def main():
            async def handler(request):
                try:
                    await request.read()
                except bine.http.HTTPError as error:
                    return bine.http.Response(f"not that much: {error.status}", status=507)

            async with await self.serve(handler, stream=True, limit=10) as server:
                answer = await bine.http.post(url_of(server), b"x" * 11)
                self.assertEqual((answer.status, answer.text()), (507, "not that much: 413"))

        self.complete(main())

    def test_a_client_that_goes_away_inside_of_its_body_ends_the_handler(self):
        async def main():
            seen = []

            async def handler(request):
                seen.append(await request.read(4))
                try:
                    await asyncio.create_task(request.read(100))
                except asyncio.CancelledError:
                    seen.append("cancelled")
                    raise

            async with await self.serve(handler, stream=True) as server:
                reader, writer = await speak(server, fixed(10), b"half")
                await until(lambda: seen)
                writer.write(b"more")
                # What has come and the end that it comes to are seen in one turn.
                writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                await until(lambda: len(seen) == 2 or server.connections == 0)
                await asyncio.sleep(0.01)
                self.assertEqual(seen[0], b"half")
                self.assertIn(seen[1:], ([], ["cancelled"]))  # it may have read the rest before

        self.complete(main())

    def test_a_handler_need_not_read(self):
        async def main():
            async def handler(request):
                return "unread" if request.path == "/" else "next"

            async with await self.serve(handler, stream=True) as server:
                for body in (fixed(5) + b"hello", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"):
                    reader, writer = await speak(server, body, GET)
                    self.assertEqual(await read_answer(reader), (200, b"unread"))
                    self.assertEqual(await read_answer(reader), (200, b"next"))
                    writer.close()
                # So much of it that the connection is not worth it.
                reader, writer = await speak(server, fixed(1 << 19), b"hello")
                self.assertEqual(await read_answer(reader), (200, b"unread"))
                self.assertEqual(await reader.read(), b"")
                writer.close()

        self.complete(main())

    def test_a_handler_may_stop_reading(self):
        async def main():
            async def handler(request):
                return await request.read(2) if request.path == "/" else "next"

            async with await self.serve(handler, stream=True) as server:
                reader, writer = await speak(server, fixed(5), b"hello", GET)
                self.assertEqual(await read_answer(reader), (200, b"he"))
                self.assertEqual(await read_answer(reader), (200, b"next"))
                writer.close()

        self.complete(main())

    def test_requests_may_wait_behind_a_body(self):
        async def main():
            async with await self.serve(self.echo, stream=True) as server:
                reader, writer = await speak(server, fixed(3), b"one", CHUNKED, b"3\r\ntwo\r\n0\r\n\r\n", GET, fixed(3), b"six")
                self.assertEqual([await read_answer(reader) for _ in range(4)],
                                 [(200, b"one"), (200, b"two"), (200, b"next"), (200, b"six")])
                writer.close()

        self.complete(main())

    def test_who_asks_before_sending_is_told_when_the_handler_reads(self):
        async def main():
            read = asyncio.Event()

            async def handler(request):
                if request.headers.get("x-refuse"):
                    return bine.http.Response("no", status=403)
                await read.wait()
                return await request.read()

            expecting = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n%b\r\n"
            async with await self.serve(handler, stream=True) as server:
                reader, writer = await speak(server, expecting % b"")
                asked = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
                await asyncio.sleep(0.02)
                self.assertFalse(asked.done())
                read.set()
                self.assertIn(b" 100 ", await asked)
                writer.write(b"hello")
                self.assertEqual(await read_answer(reader), (200, b"hello"))
                writer.close()
                reader, writer = await speak(server, expecting % b"X-Refuse: 1\r\n")
                self.assertEqual(await read_answer(reader), (403, b"no"))
                writer.close()
                answer = await bine.http.post(url_of(server), b"asked first", expect_continue=True)
                self.assertEqual(answer.body, b"asked first")

        self.complete(main())

    def test_a_wait_for_a_body_may_be_given_up_and_loses_nothing(self):
        async def main():
            async def handler(request):
                got = b""
                while True:
                    try:
                        piece = await asyncio.wait_for(request.read(100), 0.0005)
                    except asyncio.TimeoutError:
                        continue
                    if not piece:
                        return got
                    got += piece

            async with await self.serve(handler, stream=True) as server:
                body = os.urandom(100)
                reader, writer = await speak(server, fixed(len(body)))
                for at in range(len(body)):
                    writer.write(body[at:at + 1])
                    await asyncio.sleep(0.0005)
                self.assertEqual(await read_answer(reader), (200, body))
                writer.close()

        self.complete(main())

    def test_one_reads_at_a_time(self):
        async def main():
            async def handler(request):
                first = asyncio.ensure_future(request.read(10))
                await asyncio.sleep(0)
                with self.assertRaisesRegex(RuntimeError, "already"):
                    await request.read(10)
                return await first

            async with await self.serve(handler, stream=True) as server:
                reader, writer = await speak(server, fixed(5))
                await asyncio.sleep(0.01)
                writer.write(b"hello")
                self.assertEqual(await read_answer(reader), (200, b"hello"))
                writer.close()

        self.complete(main())

    def test_a_body_is_over_with_its_request(self):
        async def main():
            kept = []

            async def handler(request):
                kept.append(request)
                return "done"

            async with await self.serve(handler, stream=True) as server:
                self.assertEqual((await bine.http.post(url_of(server), b"x" * 100)).text(), "done")
                with self.assertRaises(ConnectionError):
                    await kept[0].read()

        self.complete(main())

    def test_a_body_goes_through_a_handler_piece_by_piece(self):
        async def main():
            async def handler(request):
                async for piece in request:
                    yield piece.upper()

            async with await self.serve(handler, stream=True, limit=100) as server:
                reader, writer = await speak(server, CHUNKED)
                for word in (b"one", b"two"):
                    writer.write(b"3\r\n%b\r\n" % word)
                    self.assertIn(word.upper(), await reader.readuntil(word.upper()))
                writer.write(b"0\r\n\r\n")
                self.assertEqual(await reader.readuntil(b"0\r\n\r\n"), b"\r\n0\r\n\r\n")
                writer.close()
                self.assertEqual((await bine.http.post(url_of(server), b"x" * 101)).status, 413)

        self.complete(main())

    def test_a_body_that_is_wrong_half_way_breaks_the_answer_that_hangs_on_it(self):
        async def main():
            async def handler(request):
                async for piece in request:
                    yield piece

            async with await self.serve(handler, stream=True) as server:
                reader, writer = await speak(server, CHUNKED + b"3\r\none\r\n")
                await reader.readuntil(b"one")
                writer.write(b"nonsense\r\n")
                try:
                    self.assertNotIn(b"0\r\n\r\n", await reader.read())
                except ConnectionResetError:
                    pass
                writer.close()

        self.complete(main())  # and nobody else is told: it is the client's affair

    def test_a_stream_may_still_be_refused_before_its_first_piece(self):
        async def main():
            async def handler(request):
                if request.path == "/":
                    raise bine.http.HTTPError(403, "not for you")
                yield b"for you"

            for handle in (handler, lambda request: bine.http.Response(handler(request))):
                async with await self.serve(handle) as server:
                    answer = await bine.http.get(url_of(server))
                    self.assertEqual((answer.status, answer.text()), (403, "not for you"))
                    self.assertEqual((await bine.http.get(url_of(server, "/mine"))).text(), "for you")

        self.complete(main())

    # Bodies that a client sends.

    def test_a_body_is_sent_from_an_iterator(self):
        async def main():
            async def pieces():
                for word in ("one", b"", b"two", bytearray(b"six")):
                    await asyncio.sleep(0)
                    yield word

            async def handler(request):
                self.assertEqual(request.headers["content-type"], "application/octet-stream")
                return [request.headers.get("transfer-encoding", ""), request.headers.get("content-length", ""), request.text()]

            async with await self.serve(handler) as server:
                self.assertEqual((await bine.http.post(url_of(server), pieces())).json(), ["chunked", "", "onetwosix"])
                answer = await bine.http.put(url_of(server), pieces(), headers={"content-length": "9"})
                self.assertEqual(answer.json(), ["", "9", "onetwosix"])
                for length in ("8", "10"):
                    with self.assertRaises(Exception) as raised:
                        await bine.http.put(url_of(server), pieces(), headers={"content-length": length})
                    self.assertIn("Content-Length", str(raised.exception))

        self.complete(main())

    def test_much_is_sent_no_faster_than_it_is_read(self):
        async def main():
            sent = 0
            go_on = asyncio.Event()

            async def pieces():
                nonlocal sent
                for _ in range(1024):
                    sent += 1 << 16
                    yield bytes(1 << 16)

            async def handler(request):
                await go_on.wait()
                return str(len(await request.read()))

            async with await self.serve(handler, stream=True, limit=1 << 30) as server:
                asking = asyncio.ensure_future(bine.http.post(url_of(server), pieces()))
                await asyncio.sleep(0.1)
                self.assertLess(sent, 32 << 20)
                go_on.set()
                self.assertEqual((await asking).text(), str(64 << 20))

        self.complete(main())

    def test_what_an_iterator_raises_is_raised(self):
        async def main():
            wrong = LookupError("half-way")
            ended = []

            async def pieces():
                yield b"half"
                raise wrong

            async def handler(request):
                try:
                    await request.read()
                finally:
                    ended.append(True)

            async with await self.serve(handler, stream=True) as server:
                with self.assertRaises(LookupError) as raised:
                    await bine.http.post(url_of(server), pieces())
                self.assertIs(raised.exception, wrong)
                await until(lambda: ended)

        self.complete(main())

    def test_an_iterator_ends_when_the_server_has_answered(self):
        async def main():
            ended = asyncio.Event()

            async def pieces():
                try:
                    while True:
                        yield bytes(1 << 16)
                        await asyncio.sleep(0)
                finally:
                    ended.set()

            async def handler(request):
                await request.read(1)
                return bine.http.Response("enough", status=413)

            async with await self.serve(handler, stream=True, limit=1 << 40) as server:
                answer = await bine.http.post(url_of(server), pieces())
                self.assertEqual((answer.status, answer.text()), (413, "enough"))
                await ended.wait()

        self.complete(main())

    def test_a_body_that_cannot_be_had_again_is_not_sent_again(self):
        async def main():
            async def pieces():
                yield b"once"

            async def handler(request):
                if request.path == "/":
                    return bine.http.Response(status=307, headers={"Location": "/there"})
                return request.body

            async with await self.serve(handler) as server:
                self.assertEqual((await bine.http.post(url_of(server), b"twice")).body, b"twice")
                with self.assertRaisesRegex(Exception, "sent again"):
                    await bine.http.post(url_of(server), pieces())

        self.complete(main())


class OnBine(HttpCases, BodyCases, LoopCase):
    def take_reported(self):
        return self.take_reports()

    def test_what_outlives_its_loop_says_that_it_is_over(self):
        async def begin():
            async def numbers(request):
                for number in range(5):
                    yield f"{number}\n" * 100_000

            server = await self.serve(numbers)
            client = bine.http.Client()
            return server, client, await client.get(url_of(server), stream=True)

        loop = bine.new_event_loop()
        server, client, answer = loop.run_until_complete(begin())
        loop.close()
        del loop
        gc.collect()

        async def end():
            for refused in (server.drain, lambda: client.get("http://127.0.0.1/"), answer.read):
                with self.assertRaisesRegex(RuntimeError, "closed"):
                    await refused()
            server.close()
            client.close()
            answer.close()

        self.complete(end())


class AsGuest(HttpCases, BodyCases, unittest.TestCase):
    """The same on asyncio's own loop."""

    reports = ()

    def complete(self, awaitable):
        self.reports = []

        async def main():
            asyncio.get_running_loop().set_exception_handler(lambda _, context: self.reports.append(context))
            try:
                return await asyncio.wait_for(awaitable, 60)
            finally:
                bine._guest.loop_here().close()

        asyncio.run(main())
        gc.collect()

    def take_reported(self):
        reports, self.reports = self.reports, []
        return reports

    def tearDown(self):
        self.assertEqual(list(self.reports), [])


if __name__ == "__main__":
    unittest.main()
