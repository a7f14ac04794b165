"""asyncio's loop on a host of a simulated world: bine's, on the world's time and network.

The world turns it; it is asyncio's running loop while it is turned. What has no place in a world raises NotInWorld.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import sys
import threading
import weakref
from asyncio import base_events, events, exceptions, protocols
from asyncio.trsock import TransportSocket
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any, NoReturn

from .. import _bine
from .._loop import EventLoop, _Watched
from .._sslproto import SSLProtocol
from ._channels import Stream
from ._socket import TransportsSocket, addresses, bound_socket, refuse

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike, StrPath
    from typing_extensions import TypeVarTuple, Unpack

    from .._hints import TLS
    from ._socket import WorldSocket
    from ._world import Host

    _Ts = TypeVarTuple("_Ts")

# Since Python 3.11 there is a limit of the end of TLS, too.
_SERVER_LIMITS = 2 if sys.version_info >= (3, 11) else 1


class WorldTask(asyncio.Task[Any]):
    """A task that sets keep in the order of its making, wherever it lies in memory."""

    def __init__(self, coro: Any, *, loop: Any, **options: Any) -> None:
        self._number: int = next(loop.world._numbers)
        if options.get("name") is None:
            options["name"] = f"Task-{self._number}"
        super().__init__(coro, loop=loop, **options)

    def __hash__(self) -> int:
        return self._number


class WorldFuture(asyncio.Future[Any]):
    def __init__(self, *, loop: WorldLoop) -> None:
        self._number = next(loop.world._numbers)
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> WorldTask:
    return WorldTask(coro, loop=loop, **options)


class WorldLoop(EventLoop):
    """The loop of a program on ``host``; from its start to its end, or to the host's crash."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.world = host.world
        self._machine = host._machine
        self._open(self._machine)
        base_events.BaseEventLoop.__init__(self)
        self._selector = _Watched(self)
        self._signal_handlers = {}
        self._unix_server_sockets = {}
        self._transports = weakref.WeakValueDictionary()
        self._pid = os.getpid()
        self._listening = 0
        self._program: asyncio.Task[Any] | None = None  # the task, once there is one
        self.set_task_factory(_make_task)

    # What C++ asks for.

    def _entered(self) -> None:
        self.world._remember(self.host.name)
        self._thread_id = threading.get_ident()
        events._set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)

    def _left(self, exit: BaseException | None = None) -> None:
        self._thread_id = None
        events._set_running_loop(None)
        if exit is not None:
            self.world._interrupted(exit)

    def _stop_program(self) -> None:
        if self._program is not None:
            self._program.cancel()

    def _leave(self, crashes: bool) -> None:
        """The end. In a crash nothing of the program may run any more, not even what is behind a finally: it is kept for ever."""
        if crashes:
            tasks = sorted(asyncio.all_tasks(self), key=hash)
            self._machine.keep_for_ever((self, tasks, list(self._asyncgens)))
        self._closed = True
        self._selector = None
        self._executor_shutdown_called = True

    def close(self) -> NoReturn:
        raise RuntimeError("a loop in a simulated world is closed by the world, when its program has ended")

    def stop(self) -> NoReturn:
        raise RuntimeError("a loop in a simulated world is turned by the world; to end the program, return from it")

    def run_forever(self) -> NoReturn:
        raise RuntimeError("a loop in a simulated world is turned by the world; bine.sim.run() runs programs")

    def run_until_complete(self, future: Any) -> NoReturn:
        self.run_forever()

    def create_future(self) -> WorldFuture:
        return WorldFuture(loop=self)

    # Whatever nobody took is the world's to judge.

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.world._heard_of(self.host, context)

    # Names. They take their time, as what a thread is asked for does.

    async def getaddrinfo(self, host: str | bytes | None, port: str | bytes | int | None, *, family: int = 0, type: int = 0, proto: int = 0,
                          flags: int = 0) -> list[Any]:
        await asyncio.sleep(self.world._time_of_a_thread())
        return addresses(self._machine, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int = 0) -> tuple[str, str]:
        await asyncio.sleep(self.world._time_of_a_thread())
        return sockaddr[0], str(sockaddr[1])

    # Work for threads is done on this one, after a while.

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: Any) -> WorldFuture:  # type: ignore[override]
        self._check_closed()
        self._check_callback(func, "run_in_executor")
        future = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = func(*args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.call_later(self.world._time_of_a_thread(), work)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        pass

    # Streams.

    async def create_connection(self, protocol_factory: Callable[[], Any], host: str | None = None, port: int | str | None = None, *,
                                ssl: bool | TLS | None = None, family: int = 0, proto: int = 0, flags: int = 0, sock: Any = None,
                                local_addr: tuple[str, int] | None = None, server_hostname: str | None = None,
                                ssl_handshake_timeout: float | None = None, ssl_shutdown_timeout: float | None = None,
                                happy_eyeballs_delay: float | None = None, interleave: int | None = None,
                                all_errors: bool = False) -> tuple[Any, Any]:
        if (host is not None or port is not None) == (sock is not None):
            raise ValueError("host and port, or a connected sock, and not both, are to be specified")
        name = _checked_name(ssl, server_hostname, host)
        if sock is not None:
            return await self._adopt(sock, protocol_factory, ssl, name, ssl_handshake_timeout, ssl_shutdown_timeout)
        infos = await self._ensure_resolved((host, port), family=family, type=socket.SOCK_STREAM, proto=proto,
                                            flags=flags, loop=self)
        if not infos:
            raise OSError("getaddrinfo() returned empty list")
        transport = await self._connect_to_one([info[4][:2] for info in infos], (local_addr or ("", 0))[:2], all_errors)
        return await self._begin(transport, protocol_factory, ssl, name, ssl_handshake_timeout, ssl_shutdown_timeout)

    async def create_unix_connection(self, protocol_factory: Callable[[], Any], path: StrPath | None = None, *, ssl: bool | TLS | None = None,
                                     sock: Any = None, server_hostname: str | None = None, ssl_handshake_timeout: float | None = None,
                                     ssl_shutdown_timeout: float | None = None) -> tuple[Any, Any]:
        if (path is None) == (sock is None):
            raise ValueError("a path or a connected sock, and not both, is to be specified")
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        if sock is not None:
            return await self._adopt(sock, protocol_factory, ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        transport = await self._connect((os.fspath(path or ""), -1), ("", 0))
        return await self._begin(transport, protocol_factory, ssl, server_hostname, ssl_handshake_timeout,
                                 ssl_shutdown_timeout)

    async def _connect_to_one(self, remotes: list[tuple[str, int]], local: tuple[str, int], all_errors: bool) -> _bine.StreamTransport:
        errors = []
        for remote in remotes:
            try:
                return await self._connect(remote, local)
            except OSError as error:
                errors.append(error)
        if all_errors and sys.version_info >= (3, 11):
            raise ExceptionGroup("create_connection failed", errors)
        if len(errors) == 1 or len({str(error) for error in errors}) == 1:
            raise errors[0]
        raise OSError(f"Multiple exceptions: {', '.join(map(str, errors))}")

    async def _connect(self, remote: tuple[str, int], local: tuple[str, int]) -> _bine.StreamTransport:
        """A transport that has no protocol yet."""
        future = self.create_future()
        number = self._machine.connect(self, asyncio.Protocol(), future, *remote, *local)
        try:
            transport: _bine.StreamTransport = await future
            return transport
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().abort()
            else:
                self._machine.cancel_connect(number)
            raise

    async def connect_accepted_socket(self, protocol_factory: Callable[[], Any], sock: Any, *, ssl: bool | TLS | None = None,
                                      ssl_handshake_timeout: float | None = None,
                                      ssl_shutdown_timeout: float | None = None) -> tuple[Any, Any]:
        return await self._adopt(sock, protocol_factory, ssl, None, ssl_handshake_timeout, ssl_shutdown_timeout, is_server=True)

    async def _adopt(self, sock: WorldSocket, protocol_factory: Callable[[], Any], ssl: bool | TLS | None, name: str | None,
                     *limits: float | None, is_server: bool = False) -> tuple[Any, Any]:
        """A transport for what has been connected or accepted, and perhaps used, as a socket."""
        transport, received, is_all = sock.take_connection()
        return await self._begin(transport, protocol_factory, ssl, name, *limits, is_server=is_server, received=received,
                                 is_all=is_all)

    async def _begin(self, transport: _bine.StreamTransport, protocol_factory: Callable[[], Any], ssl: bool | TLS | None, name: str | None,
                     *limits: float | None, is_server: bool = False, received: bytes = b"", is_all: bool = False) -> tuple[Any, Any]:
        if transport.is_closing():
            raise ConnectionResetError(104, "the connection was reset at once")
        try:
            protocol = protocol_factory()
        except BaseException:
            transport.abort()
            raise
        if isinstance(ssl, _bine.TLSContext):
            return await self._begin_below(transport, protocol, ssl, name, limits[0], is_server, received)
        if not ssl:
            _take_over(transport, protocol, received, is_all)
            return transport, protocol
        waiter = self.create_future()
        context: Any = None if isinstance(ssl, bool) else ssl
        tls = SSLProtocol(self, protocol, context, waiter, is_server, name,
                                   **_tls_limits(limits))
        _take_over(transport, tls, received, is_all)
        try:
            await waiter
        except BaseException:
            tls._app_transport.close()
            raise
        return tls._app_transport, protocol

    async def _begin_below(self, transport: _bine.StreamTransport, protocol: asyncio.BaseProtocol, context: _bine.TLSContext, name: str | None,
                           timeout: float | None, is_server: bool, received: bytes) -> tuple[Any, Any]:
        """With TLS below the transport."""
        if received:
            transport.abort()
            raise ValueError("what has been received is TLS already, and not for a bine.TLSContext any more")
        waiter = self.create_future()
        secure = self._start_tls(transport, protocol, waiter, context, is_server, name, timeout)
        try:
            await waiter
        except BaseException:
            secure.close()
            raise
        return secure, protocol

    async def create_server(self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: str | Sequence[str] | None = None,
                            port: int | str | None = None, *, family: int = socket.AF_UNSPEC, flags: int = socket.AI_PASSIVE, sock: Any = None,
                            backlog: int = 100, ssl: bool | TLS | None = None, reuse_address: bool | None = None,
                            reuse_port: bool | None = None, keep_alive: bool | None = None, ssl_handshake_timeout: float | None = None,
                            ssl_shutdown_timeout: float | None = None, start_serving: bool = True) -> asyncio.Server:
        if isinstance(ssl, bool):
            raise TypeError("ssl argument must be an SSLContext or None")
        if (host is not None or port is not None) == (sock is not None):
            raise ValueError("host and port, or a bound sock, and not both, are to be specified")
        if sock is not None:
            return await self._begin_serving(protocol_factory, [sock], ssl, backlog, ssl_handshake_timeout,
                                             ssl_shutdown_timeout, start_serving)
        names: list[str | None] = [host or None] if isinstance(host, str) or host is None else list(host)
        places = {}
        for name in names:
            for info in await self._ensure_resolved((name, port), family=family, type=socket.SOCK_STREAM, flags=flags,
                                                    loop=self):
                places[info[4][:2]] = info[0]
        sockets = [bound_socket(self.host, family, place) for place, family in places.items()]
        return await self._begin_serving(protocol_factory, sockets, ssl, backlog, ssl_handshake_timeout,
                                         ssl_shutdown_timeout, start_serving)

    async def create_unix_server(self, protocol_factory: Callable[[], asyncio.BaseProtocol], path: StrPath | None = None, *, sock: Any = None,
                                 backlog: int = 100, ssl: bool | TLS | None = None, ssl_handshake_timeout: float | None = None,
                                 ssl_shutdown_timeout: float | None = None, start_serving: bool = True,
                                 cleanup_socket: bool = True) -> asyncio.Server:
        if (path is None) == (sock is None):
            raise ValueError("a path or a bound sock, and not both, is to be specified")
        sockets = [sock or bound_socket(self.host, socket.AF_UNIX, (os.fspath(path or ""), -1))]
        return await self._begin_serving(protocol_factory, sockets, ssl, backlog, ssl_handshake_timeout,
                                         ssl_shutdown_timeout, start_serving)

    async def _begin_serving(self, protocol_factory: Callable[[], asyncio.BaseProtocol], sockets: list[WorldSocket], ssl: Any, backlog: int,
                             handshake_timeout: float | None, shutdown_timeout: float | None, begin: bool) -> asyncio.Server:
        limits = (handshake_timeout, shutdown_timeout)[:_SERVER_LIMITS]
        server = base_events.Server(self, sockets, protocol_factory, ssl, backlog, *limits)
        if begin:
            try:
                server._start_serving()  # type: ignore[attr-defined]
            except BaseException:
                server.close()
                raise
            await asyncio.sleep(0)
        return server

    async def sock_connect(self, sock: Any, address: Any) -> None:
        if sock.type == socket.SOCK_DGRAM:
            return await super().sock_connect(sock, address)
        if sock.family == socket.AF_UNIX:
            sock.connection = await self._connect((os.fspath(address), -1), ("", 0))
            return
        infos = await self._ensure_resolved(address[:2], family=sock.family, type=sock.type, proto=sock.proto, loop=self)
        sock.connection = await self._connect(infos[0][4][:2], sock.place or ("", 0))

    def _start_serving(self, protocol_factory: Callable[[], asyncio.BaseProtocol], sock: Any, sslcontext: TLS | None = None,
                       server: asyncio.AbstractServer | None = None, backlog: int = 100, *limits: Any) -> None:
        context = None
        if isinstance(sslcontext, _bine.TLSContext):
            context = sslcontext
        elif sslcontext:
            protocol_factory = functools.partial(self._incoming_tls, protocol_factory, sslcontext, limits)
        waiting = sock.take_listener()
        sock.number = self._listen(protocol_factory, server, sock.place, backlog, context, limits[0] if limits else None)
        for accepted in waiting:
            _take_over(*_with_protocol(protocol_factory(), accepted.take_connection()))

    def _listen(self, protocol_factory: Callable[[], asyncio.BaseProtocol], server: asyncio.AbstractServer | None, place: tuple[str, int],
                backlog: int, *secure: Any) -> int:
        """The number for what listens now."""
        self._listening += 1
        try:
            self._machine.listen(self, self._listening, protocol_factory, server, *place, backlog, *secure)
        except OSError as error:
            raise OSError(error.errno, f"error while attempting to bind on address {place!r}: "
                                       f"{os.strerror(error.errno or 0).lower()}") from None
        return self._listening

    def _stop_serving(self, sock: Any) -> None:
        if sock.number:
            self._machine.end_listening(self, sock.number)
        sock.number = 0

    def _socket_for(self, transport: _bine.StreamTransport) -> TransportSocket:
        shown = TransportsSocket(transport)
        self._transports[shown.fileno()] = transport
        return TransportSocket(shown)

    def _sock_sendfile_native(self, sock: Any, file: IO[bytes], offset: int, count: int | None) -> NoReturn:
        raise exceptions.SendfileNotAvailableError("files are read and written in a simulated world")

    async def _sendfile_native(self, transport: asyncio.Transport, file: IO[bytes], offset: int, count: int | None) -> NoReturn:
        raise exceptions.SendfileNotAvailableError("files are read and written in a simulated world")

    # Sockets that the program reads and writes by itself, as asyncio's datagram transports and its sock_recv() and others do.

    def _add_reader(self, file: FileDescriptorLike, callback: Callable[[Unpack[_Ts]], object], /, *args: Unpack[_Ts]) -> asyncio.Handle:
        return self._watch(file, False, events.Handle(callback, args, self))

    def _add_writer(self, file: FileDescriptorLike, callback: Callable[[Unpack[_Ts]], object], /, *args: Unpack[_Ts]) -> asyncio.Handle:
        return self._watch(file, True, events.Handle(callback, args, self))

    def _watch(self, file: FileDescriptorLike, for_writing: bool, handle: asyncio.Handle) -> asyncio.Handle:
        self._check_closed()
        sock = self.world._socket_of(file)
        if sock is None:
            refuse("descriptors of the system", "sockets that are made in the world can be watched")()
        before = sock.watch(self, for_writing, handle)
        if before is not None:
            before.cancel()
        return handle

    def _remove_reader(self, file: FileDescriptorLike) -> bool:
        return self._watch_no_more(file, False)

    def _remove_writer(self, file: FileDescriptorLike) -> bool:
        return self._watch_no_more(file, True)

    def _watch_no_more(self, file: FileDescriptorLike, for_writing: bool) -> bool:
        sock = self.world._socket_of(file)
        handle = None if sock is None else sock.watch(self, for_writing, None)
        if handle is None:
            return False
        handle.cancel()
        return True

    def _watched(self, file: FileDescriptorLike) -> tuple[asyncio.Handle | None, asyncio.Handle | None] | None:
        sock = self.world._socket_of(file)
        return None if sock is None else sock.watched()

    _ensure_fd_no_transport = asyncio.SelectorEventLoop._ensure_fd_no_transport  # type: ignore[attr-defined]
    add_reader = asyncio.SelectorEventLoop.add_reader
    add_writer = asyncio.SelectorEventLoop.add_writer
    remove_reader = asyncio.SelectorEventLoop.remove_reader
    remove_writer = asyncio.SelectorEventLoop.remove_writer

    # Signals are those that Host.signal() sends.

    def add_signal_handler(self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts]) -> None:
        self._check_signal(sig)
        self._check_closed()
        self._check_callback(callback, "add_signal_handler")
        self._signal_handlers[sig] = callback, args

    def remove_signal_handler(self, sig: int) -> bool:
        self._check_signal(sig)
        return self._signal_handlers.pop(sig, None) is not None

    # What a world does not have.

    connect_read_pipe = connect_write_pipe = refuse("pipes")
    subprocess_exec = subprocess_shell = refuse("child processes")
    set_default_executor = lambda self, executor: None


def _take_over(transport: _bine.StreamTransport, protocol: Any, received: bytes = b"", is_all: bool = False) -> None:
    """A transport that somebody had before tells its new protocol what there has been."""
    has_begun = isinstance(transport.get_protocol(), Stream)
    transport.set_protocol(protocol)
    if not has_begun:
        return transport._begin()
    protocol.connection_made(transport)
    if received:
        if isinstance(protocol, asyncio.BufferedProtocol):
            protocols._feed_data_to_buffered_proto(protocol, received)  # type: ignore[attr-defined]
        else:
            protocol.data_received(received)
    if is_all and not protocol.eof_received():
        transport.close()
    if not transport.is_closing():
        transport.resume_reading()


def _with_protocol(protocol: Any, taken: tuple[Any, bytes, bool]) -> tuple[Any, Any, bytes, bool]:
    transport, *received = taken
    return transport, protocol, *received


def _checked_name(ssl: object, server_hostname: str | None, host: str | None) -> str | None:
    if server_hostname is not None and not ssl:
        raise ValueError("server_hostname is only meaningful with ssl")
    if server_hostname is None and ssl and not host:
        raise ValueError("You must set server_hostname when using ssl without a host")
    return host if server_hostname is None and ssl else server_hostname


def _tls_limits(limits: tuple[float | None, ...]) -> dict[str, Any]:
    names = ("ssl_handshake_timeout", "ssl_shutdown_timeout")
    return {name: limit for name, limit in zip(names, limits) if limit is not None}
