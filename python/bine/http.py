"""HTTP on bine's C++: a client that keeps connections, and a server whose handlers are Python.

    answer = await bine.http.get("https://example.org/")
    print(answer.status, answer.headers["content-type"], answer.text())

    async def hello(request):
        return {"hello": request.query.get("name", "world")}

    server = await bine.http.serve(hello, "tcp:8080")
    await server.wait_closed()
"""

from __future__ import annotations

import asyncio
import inspect
import json as _json
import re
import urllib.parse
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from . import _bine
from ._guest import loop_here

__all__ = ("Answer", "Client", "HTTPError", "Headers", "Request", "Response", "Router", "Server", "delete", "get", "head", "post",
           "put", "request", "serve")

if TYPE_CHECKING:
    from typing import TypeAlias, TypedDict

    from typing_extensions import Unpack

    _Sent: TypeAlias = bytes | bytearray | memoryview | str | AsyncIterable[bytes] | AsyncIterable[str]
    _Fields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
    _Query: TypeAlias = Mapping[str, Any] | Sequence[tuple[str, Any]]
    _Body: TypeAlias = (str | bytes | bytearray | memoryview | dict[Any, Any] | list[Any] | AsyncIterable[bytes] | AsyncIterable[str]
                        | None)
    # Of a body that comes: waits for more, answers it, or the parts of an HTTPError.
    _Wait: TypeAlias = Callable[[], Awaitable[object]]
    _Take: TypeAlias = Callable[[], bytes | tuple[Any, ...]]
    _Reply: TypeAlias = "_Body | Response"
    _Handler: TypeAlias = "Callable[[Request], _Reply | Awaitable[_Reply]]"
    _HandlerT = TypeVar("_HandlerT", bound=_Handler)

    class _Options(TypedDict, total=False):
        """Of Client.request(), those that every method has."""

        params: _Query | None
        headers: _Fields
        json: object
        form: _Query | None
        timeout: float | None
        redirects: int | None
        stream: bool
        expect_continue: bool

    class _AllOptions(_Options, total=False):
        body: _Sent | None


class Headers(Mapping[str, str]):
    """Header fields: a mapping that does not mind upper and lower case, and keeps all of them in order."""

    __slots__ = ("_pairs", "_first")

    def __init__(self, pairs: _Fields = ()) -> None:
        self._pairs = list(pairs.items() if isinstance(pairs, Mapping) else pairs)
        self._first: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        if self._first is None:
            self._first = {}
            for key, value in self._pairs:
                self._first.setdefault(key.lower(), value)
        return self._first[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key.lower() for key, _ in self._pairs))

    def __len__(self) -> int:
        return len({key.lower() for key, _ in self._pairs})

    def get_all(self, name: str) -> list[str]:
        """The values of all fields of that name, in order."""
        name = name.lower()
        return [value for key, value in self._pairs if key.lower() == name]

    def pairs(self) -> list[tuple[str, str]]:
        """All fields as they came."""
        return list(self._pairs)

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"


def _charset_of(headers: Headers) -> str:
    match = re.search(r'charset="?([\w.:-]+)', headers.get("content-type", ""), re.IGNORECASE)
    return match[1] if match else "utf-8"


class _Message:
    """What has a head and a body, which is there as a whole or comes bit by bit: the part that is its body."""

    __slots__ = ("headers", "_body", "_wait", "_take", "_rest")

    def __init__(self, headers: _Fields, body: bytes | tuple[_Wait, _Take]) -> None:
        self.headers = Headers(headers)
        # `_rest`: what has come and has not been read. Of a body that comes, `_wait` waits for the next piece, and `_take` has it.
        self._body: bytes | None = None
        self._wait: _Wait | None = None
        self._take: _Take | None = None
        self._rest = memoryview(b"")
        if isinstance(body, bytes):
            self._body, self._rest = body, memoryview(body)
        else:
            self._wait, self._take = body

    @property
    def body(self) -> bytes:
        """The whole body."""
        if self._body is None:
            raise RuntimeError("this body is streamed: read it with `async for`, or with read()")
        return self._body

    def text(self, encoding: str | None = None) -> str:
        """The body as str, in the encoding that the head names."""
        return self.body.decode(encoding or _charset_of(self.headers), "replace")

    def json(self) -> Any:
        """What the body says in JSON."""
        return _json.loads(self.body)

    async def read(self, most: int = -1) -> bytes:
        """At most so many bytes, as soon as there are some; b"" at the end of the body. Without a number: all that is left."""
        if most < 0:
            return b"".join([piece async for piece in self])
        if most and not self._rest:
            self._rest = memoryview(await self._next())
        piece, self._rest = self._rest[:most], self._rest[most:]
        return bytes(piece)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces of the body, as they come."""
        while True:
            rest, self._rest = self._rest, memoryview(b"")
            piece = bytes(rest) if rest else await self._next()
            if not piece:
                return
            yield piece

    async def _next(self) -> bytes:
        if self._wait is None or self._take is None:
            return b""
        await self._wait()
        piece = self._take()
        if isinstance(piece, tuple):
            raise _WrongBody(*piece)
        return piece


# The client.


class Answer(_Message):
    """What a server answered. Of a streamed one ``async for piece in answer`` reads the body; it has to be read or closed."""

    def __init__(self, status: int, reason: str, headers: _Fields, url: str, history: list[tuple[int, str]],
                 body: bytes | _bine._HttpBody) -> None:
        super().__init__(headers, body if isinstance(body, bytes) else (body.wait, body.take))
        self.status = status
        self.reason = reason
        self.url = url
        self.history = history
        self._below = body

    @property
    def ok(self) -> bool:
        """Whether the status is one of success, 200 to 299."""
        return 200 <= self.status < 300

    def close(self) -> None:
        """Give up what has not been read."""
        if not isinstance(self._below, bytes):
            self._below.close()

    async def __aenter__(self) -> Answer:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Answer {self.status} {self.url}>"


class Client:
    """Asks servers, and keeps connections to ask them again. Use it on the loop that runs when it is made.

    tls: a TLSContext, instead of what the machine trusts. timeout: seconds for all of a request. limit: bytes of a body that is
    read as a whole. proxy: "http://host:port", or socks5. unix: a socket to connect to whatever the host. headers: for each request.
    """

    def __init__(self, *, tls: _bine.TLSContext | None = None, timeout: float = 300, connect_timeout: float = 30,
                 read_timeout: float = 60, redirects: int = 10, limit: int = 16 << 20, connections_per_host: int = 10,
                 user_agent: str = "", proxy: str = "", unix: str = "", decode: bool = True, headers: _Fields = ()) -> None:
        self._headers = Headers(headers).pairs()
        self._below = _bine._http_client(
            loop_here(), tls, total_time=float(timeout), connect_time=float(connect_timeout), head_time=float(read_timeout),
            read_time=float(read_timeout), redirects=redirects, limit=limit, connections_per_host=connections_per_host,
            user_agent=user_agent, proxy=proxy, unix_path=unix, decode=decode)

    async def request(self, method: str, url: str, *, params: _Query | None = None, headers: _Fields = (), body: _Sent | None = None,
                      json: object = None, form: _Query | None = None, timeout: float | None = None, redirects: int | None = None,
                      stream: bool = False, expect_continue: bool = False) -> Answer:
        """Ask, and come to an Answer. Whatever its status, an answer is no exception; OSError and its kin say that there is none.

        params: for the URL's query. body: bytes, str, or an asynchronous iterator of them, which is read no faster than the server
        does; json, form: what is sent as such. stream: the head alone is waited for. expect_continue: the body is sent when the
        server has said that it wants it, or has said nothing for a while.
        """
        if params:
            query = urllib.parse.urlencode(params, doseq=True)
            url = f"{url}{'&' if '?' in url else '?'}{query}"
        fields = [*self._headers, *Headers(headers).pairs()]
        content, kind = _encoded(body, json, form)
        if kind and not any(name.lower() == "content-type" for name, _ in fields):
            fields.append(("Content-Type", kind))
        sent: bytes | tuple[_bine._Piece, int | None] | None
        if callable(content):
            length = next((int(value) for name, value in fields if name.lower() == "content-length"), None)
            fields = [field for field in fields if field[0].lower() != "content-length"]
            sent = content, length
        else:
            sent = content
        return Answer(*await self._below.send(method.upper(), url, fields, sent, timeout, redirects, not stream, expect_continue))

    async def get(self, url: str, **options: Unpack[_AllOptions]) -> Answer:
        """request() with GET."""
        return await self.request("GET", url, **options)

    async def head(self, url: str, **options: Unpack[_AllOptions]) -> Answer:
        """request() with HEAD."""
        return await self.request("HEAD", url, **options)

    async def post(self, url: str, body: _Sent | None = None, **options: Unpack[_Options]) -> Answer:
        """request() with POST."""
        return await self.request("POST", url, body=body, **options)

    async def put(self, url: str, body: _Sent | None = None, **options: Unpack[_Options]) -> Answer:
        """request() with PUT."""
        return await self.request("PUT", url, body=body, **options)

    async def delete(self, url: str, **options: Unpack[_AllOptions]) -> Answer:
        """request() with DELETE."""
        return await self.request("DELETE", url, **options)

    def close(self) -> None:
        """End it: what has not been answered is given up."""
        self._below.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _encoded(body: _Sent | None, json: object, form: _Query | None) -> tuple[bytes | _bine._Piece | None, str | None]:
    """The bytes of a body, or an async function for the pieces of one; None for none; and its type."""
    if sum(given is not None for given in (body, json, form)) > 1:
        raise TypeError("a request has one body: give one of body, json and form")
    if json is not None:
        return _json.dumps(json).encode(), "application/json"
    if form is not None:
        return urllib.parse.urlencode(form, doseq=True).encode(), "application/x-www-form-urlencoded"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    if isinstance(body, AsyncIterable):
        return _reading(body.__aiter__()), "application/octet-stream"
    return (None, None) if body is None else (bytes(body), "application/octet-stream")


_clients: weakref.WeakKeyDictionary[_bine.Loop, Client] = weakref.WeakKeyDictionary()  # by loop: for those who have none of their own


def _client_here() -> Client:
    loop = loop_here()
    if loop not in _clients:
        _clients[loop] = Client()
    return _clients[loop]


async def request(method: str, url: str, **options: Unpack[_AllOptions]) -> Answer:
    """Client.request() by a client that the loop keeps."""
    return await _client_here().request(method, url, **options)


async def get(url: str, **options: Unpack[_AllOptions]) -> Answer:
    """``await get(url, params=..., headers=..., timeout=...)``: see Client.request()."""
    return await request("GET", url, **options)


async def head(url: str, **options: Unpack[_AllOptions]) -> Answer:
    """Client.head() by a client that the loop keeps."""
    return await request("HEAD", url, **options)


async def post(url: str, body: _Sent | None = None, **options: Unpack[_Options]) -> Answer:
    """Client.post() by a client that the loop keeps."""
    return await request("POST", url, body=body, **options)


async def put(url: str, body: _Sent | None = None, **options: Unpack[_Options]) -> Answer:
    """Client.put() by a client that the loop keeps."""
    return await request("PUT", url, body=body, **options)


async def delete(url: str, **options: Unpack[_AllOptions]) -> Answer:
    """Client.delete() by a client that the loop keeps."""
    return await request("DELETE", url, **options)


# The server.


class HTTPError(Exception):
    """Raised by a handler: the request is answered with this status."""

    def __init__(self, status: int, text: str = "", headers: _Fields = ()) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.headers = headers


class _WrongBody(HTTPError):
    """What is wrong with the body of a request."""


class Request(_Message):
    """What a handler gets. The body is there as a whole: `body`, `text()`, `json()`. For a handler with ``stream=True`` it is
    what the client has sent of it by now: ``async for piece in request`` and ``await request.read(n)`` wait for more.
    """

    __slots__ = {
        "method": "As it was sent: \"GET\".",
        "target": "As it was sent, with the query.",
        "path": "Decoded, without the query.",
        "query_string": "What is behind the question mark, as it was sent.",
        "peer": "The address of who sent it, as ``socket.getpeername()`` writes it.",
        "params": "What the path has in the places of the names of the route's pattern, decoded.",
        "_query": None,
    }

    def __init__(self, method: str, target: str, path: str, query: str, headers: _Fields, body: bytes | tuple[_Wait, _Take], peer: Any,
                 params: dict[str, str]) -> None:
        super().__init__(headers, body)
        self.method = method
        self.target = target
        self.path = path
        self.query_string = query
        self.peer = peer
        self.params = params
        self._query: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the URL as a dict; of one that is repeated the first."""
        if self._query is None:
            self._query = {}
            for name, value in urllib.parse.parse_qsl(self.query_string, keep_blank_values=True):
                self._query.setdefault(name, value)
        return self._query

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


class Response:
    """What a handler may answer, besides str, bytes, None, what JSON can say, and asynchronous iterators of bytes."""

    __slots__ = {"status": "200 and so on.", "headers": "A list of pairs of name and value.", "body": "What a handler may answer, but for a Response."}

    def __init__(self, body: _Body = b"", *, status: int = 200, headers: _Fields = (), type: str | None = None) -> None:
        self.body = body
        self.status = status
        self.headers = Headers(headers).pairs()
        if type is not None:
            self.headers.append(("Content-Type", type))


def _parts_of(answer: _Reply) -> _bine._Parts:
    """(status, headers, bytes or an async function that answers the next of them) of what a handler answered."""
    status: int = 200
    headers: list[tuple[str, str]] = []
    body: Any = answer
    if isinstance(answer, Response):
        status, headers, body = answer.status, list(answer.headers), answer.body
    kind = None
    if body is None:
        body = b""
    elif isinstance(body, str):
        body, kind = body.encode(), "text/plain; charset=utf-8"
    elif isinstance(body, (dict, list)):
        body, kind = _json.dumps(body).encode(), "application/json"
    elif isinstance(body, (bytes, bytearray, memoryview)):
        body, kind = bytes(body), "application/octet-stream"
    elif isinstance(body, AsyncIterable):
        body, kind = _reading(body.__aiter__()), "application/octet-stream"
    else:
        raise TypeError(f"a handler answered {body!r}; it may answer str, bytes, dict, list, None, a Response, or an "
                        "asynchronous iterator of bytes")
    if kind and body and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    return status, headers, body


def _reading(iterator: AsyncIterator[bytes | str]) -> _bine._Piece:
    async def next_piece() -> bytes | None:
        while True:
            try:
                piece = await iterator.__anext__()
            except StopAsyncIteration:
                return None
            piece = piece.encode() if isinstance(piece, str) else bytes(piece)
            if piece:
                return piece

    return next_piece


def _refusal(error: HTTPError) -> _bine._Parts:
    return _parts_of(Response(error.text, status=error.status, headers=error.headers))


def _calling(handler: _Handler) -> Callable[..., _bine._Parts | Awaitable[_bine._Parts]]:
    """What C++ calls with the parts of a request."""
    if inspect.iscoroutinefunction(handler):
        return lambda *parts: _finishing(handler, Request(*parts))

    def call(*parts: Any) -> _bine._Parts | Awaitable[_bine._Parts]:
        try:
            answer = handler(Request(*parts))
            if inspect.isawaitable(answer):
                return _finishing(lambda _: answer, None)
            answered = _parts_of(answer)
            return answered if isinstance(answered[2], bytes) else _finishing(lambda _: answer, None)
        except HTTPError as error:
            return _refusal(error)

    return call


async def _finishing(handler: Callable[[Request], Any], request: Any) -> _bine._Parts:
    try:
        answer = handler(request)
        return await _with_first_piece(_parts_of(await answer if inspect.isawaitable(answer) else answer))
    except HTTPError as error:
        return _refusal(error)


async def _with_first_piece(parts: _bine._Parts) -> _bine._Parts:
    """As long as nothing of a body is there, an HTTPError is still an answer."""
    status, headers, body = parts
    if isinstance(body, bytes):
        return parts
    first = [await body()]

    async def next_piece() -> bytes | None:
        try:
            return first.pop() if first else await body()
        except _WrongBody:
            # The client's affair, who sees the answer break off: nobody else is told.
            raise asyncio.CancelledError from None

    return status, headers, next_piece


class Router:
    """Which handler answers which path.

        router = bine.http.Router()

        @router.get("/users/{id}")
        async def user(request):
            return {"id": request.params["id"]}

    ``{name...}`` takes all that is left of a path. HEAD is answered by GET's handler, a path that nobody knows by 404.
    """

    def __init__(self) -> None:
        self._routes: list[_bine._Route] = []

    def add(self, method: str, pattern: str, handler: _Handler, *, stream: bool = False) -> None:
        """stream: the handler reads the body bit by bit, ``async for piece in request``."""
        names = tuple(name.removesuffix("...") for name in re.findall(r"\{([^{}]*)\}", pattern))
        self._routes.append((method.upper(), pattern, names, _calling(handler), stream))

    def _decorator(self, method: str, pattern: str, stream: bool) -> Callable[[_HandlerT], _HandlerT]:
        def decorate(handler: _HandlerT) -> _HandlerT:
            self.add(method, pattern, handler, stream=stream)
            return handler

        return decorate

    def get(self, pattern: str, *, stream: bool = False) -> Callable[[_HandlerT], _HandlerT]:
        """Decorates the handler of GET, and HEAD. stream: see add()."""
        return self._decorator("GET", pattern, stream)

    def post(self, pattern: str, *, stream: bool = False) -> Callable[[_HandlerT], _HandlerT]:
        """Decorates the handler of POST. stream: see add()."""
        return self._decorator("POST", pattern, stream)

    def put(self, pattern: str, *, stream: bool = False) -> Callable[[_HandlerT], _HandlerT]:
        """Decorates the handler of PUT. stream: see add()."""
        return self._decorator("PUT", pattern, stream)

    def delete(self, pattern: str, *, stream: bool = False) -> Callable[[_HandlerT], _HandlerT]:
        """Decorates the handler of DELETE. stream: see add()."""
        return self._decorator("DELETE", pattern, stream)

    def any(self, pattern: str, *, stream: bool = False) -> Callable[[_HandlerT], _HandlerT]:
        """Decorates the handler of every method. stream: see add()."""
        return self._decorator("", pattern, stream)


class Server:
    """What serve() answers. It serves until it is closed, or its loop is; in ``async with`` to the end of the block."""

    def __init__(self, endpoint: str, below: _bine._HttpServer) -> None:
        self.endpoint = endpoint
        self._below = below
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def address(self) -> Any:
        """Where it listens, with the port that the system chose."""
        return self._below.address

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        return self._below.connections

    @property
    def requests_answered(self) -> int:
        """How many requests have been answered since it began, refusals included."""
        return self._below.requests_answered

    async def drain(self) -> None:
        """Accept nobody any more, and wait until those that are there have been answered."""
        await self._below.drain()
        self.close()

    def close(self) -> None:
        """End at once: handlers are cancelled, connections aborted."""
        self._below.close()
        if not self._closed.done():
            self._closed.set_result(None)

    async def wait_closed(self) -> None:
        """Until somebody closes it."""
        await asyncio.shield(self._closed)

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<bine.http.Server {self.endpoint} {self.address}>"


async def serve(handler: _Handler | Router, endpoint: str, *, tls: _bine.TLSContext | None = None, stream: bool = False,
                limit: int = 1 << 20, idle_timeout: float = 60) -> Server:
    """Serve HTTP at `endpoint` ("tcp:8080"); answers a Server.

    handler: a function or coroutine function of a Request, or a Router. An exception costs its own request a 500, and goes to
    the loop's exception handler. When the client goes away, its handler is cancelled.
    tls: a TLSContext for servers. stream: the handler reads bodies bit by bit. limit: bytes of a body, beyond which it is 413.
    """
    routes = handler._routes if isinstance(handler, Router) else [("", "", (), _calling(handler), stream)]
    below = await _bine._http_serve(loop_here(), endpoint, routes, tls, limit, float(idle_timeout))
    return Server(endpoint, below)
