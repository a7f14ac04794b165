"""bine.http: the client and the server, against each other and against plain sockets; on bine's loop and as a guest."""

import asyncio
import gc
import os
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

    def test_a_body_is_read_bit_by_bit(self):
        async def main():
            async def handler(request):
                self.assertIsNone(request.body)
                size = 0
                async for piece in request:
                    size += len(piece)
                return str(size)

            async with await self.serve(handler, stream=True, limit=1 << 30) as server:
                body = os.urandom(1 << 20) * 3
                self.assertEqual((await bine.http.post(url_of(server), body)).text(), str(len(body)))

        self.complete(main())

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


class OnBine(HttpCases, LoopCase):
    def take_reported(self):
        return self.take_reports()


class AsGuest(HttpCases, unittest.TestCase):
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
