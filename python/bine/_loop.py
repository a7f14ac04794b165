"""asyncio's event loop on bine's reactor.

What is called often is C++ (``_bine.Loop``): callbacks, timers, descriptors, stream transports, accepting. The rest is
CPython's own loop, of whichever version this is: ``asyncio.SelectorEventLoop`` without its selector.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import os
import selectors
import signal
import sys
import threading
import weakref
from asyncio import base_events, events, exceptions, format_helpers, unix_events
from asyncio.log import logger
from collections.abc import Callable, Coroutine
from contextvars import Context
from socket import socket
from ssl import SSLContext
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar

from . import _bine
from ._await import Crossing
from ._datagrams import DatagramTransport
from ._sslproto import SSLProtocol

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

    from ._hints import TLS, Handle, SelectorEventLoop, TimerHandle
else:
    Handle, SelectorEventLoop, TimerHandle = events.Handle, asyncio.SelectorEventLoop, events.TimerHandle

__all__ = ("EventLoop", "EventLoopPolicy", "install", "new_event_loop", "run")

_T = TypeVar("_T")

# Every loop that is open, to be abandoned in the child of a fork.
_open_loops: weakref.WeakSet[EventLoop] = weakref.WeakSet()

# Since Python 3.13 a server is told which transport it is about.
_servers_know_transports = "transport" in inspect.signature(base_events.Server._attach).parameters  # type: ignore[attr-defined]


class EventLoop(_bine.Loop, Crossing, SelectorEventLoop):
    """An asyncio event loop on bine's reactor, for one thread at a time. It lasts until close(), which aborts what is open.

    reactor: "auto" (the default: io_uring where the system has it, epoll otherwise), "epoll" or "uring"; the environment
    variable BINE_REACTOR says so for who leaves it open. ``loop.driver`` tells which one runs, ``loop.driver_reason`` why.
    Errors: ValueError for another name; OSError or NotImplementedError, with the reason, where the system has not what was asked for.
    """

    _closed = True  # until it has been opened

    def __init__(self, *, reactor: Literal["auto", "epoll", "uring"] = "auto") -> None:
        self._open(reactor)
        # Of the base's constructors only the part that has no selector.
        base_events.BaseEventLoop.__init__(self)
        self._selector = _Watched(self)
        self._signal_handlers = {}
        self._wakeup_of_others: tuple[int, tuple[int, int] | None] = (-1, None)
        self._unix_server_sockets = {}
        self._transports = weakref.WeakValueDictionary()  # of the kinds that are asyncio's own
        self._make_self_pipe()
        self._pid = os.getpid()
        _open_loops.add(self)

    def __repr__(self) -> str:
        return (f"<{type(self).__name__} running={self.is_running()} closed={self.is_closed()} "
                f"debug={self.get_debug()}{'' if self.is_closed() else f' driver={self.driver}'}>")

    # Running, ending.

    def run_forever(self) -> None:
        """Run until stop() is called."""
        self._check_process()
        self._check_closed()
        self._check_running()
        self._set_coroutine_origin_tracking(self._debug)
        hooks = sys.get_asyncgen_hooks()
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread:
            self._hear_signals()
        try:
            self._thread_id = threading.get_ident()
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
            events._set_running_loop(self)
            self._run()
        finally:
            self._thread_id = None
            events._set_running_loop(None)
            self._set_coroutine_origin_tracking(False)
            sys.set_asyncgen_hooks(*hooks)
            if in_main_thread:
                self._hear_signals_no_more()

    def close(self) -> None:
        """Close the loop; it must not be running. What is still open is aborted."""
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        if self._pid != os.getpid():
            return self._closed_in_child()
        for number in list(self._signal_handlers):
            self.remove_signal_handler(number)
        self._close_self_pipe()
        base_events.BaseEventLoop.close(self)
        self._selector = None
        self._close()
        _open_loops.discard(self)

    def set_debug(self, enabled: bool) -> None:
        """Switch asyncio's debug mode on or off, from the next turn on: wrong threads are refused, slow callbacks named."""
        super().set_debug(enabled)
        self._set_debug_flag(bool(enabled))

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            raise RuntimeError("this loop belongs to the parent process; make a new one in the child of a fork")

    def _closed_in_child(self) -> None:
        """What is shared with the parent, which still runs it, is left alone."""
        self._closed = True
        self._thread_id = None
        self._ready.clear()
        self._scheduled.clear()
        self._abandon()

    # Signals. Python writes the number of a signal that came to a socket that the loop watches, so a handler, or
    # KeyboardInterrupt, comes in the next turn and not when something else happens. Python has one such descriptor:
    # who had one before the loop ran (Twisted does, and hears of its children by it) is told by the loop.

    def _hear_signals(self) -> None:
        before = signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)
        if before != self._csock.fileno():
            self._wakeup_of_others = (before, _file_of(before))

    def _hear_signals_no_more(self) -> None:
        if not self._signal_handlers:
            others, file = self._wakeup_of_others
            signal.set_wakeup_fd(others if _file_of(others) == file else -1, warn_on_full_buffer=False)
            self._wakeup_of_others = (-1, None)

    def _process_self_data(self, data: bytes) -> None:
        super()._process_self_data(data)
        signals = data.replace(b"\0", b"")  # a zero is the loop's own, to wake up
        others, file = self._wakeup_of_others
        # What has been closed meanwhile may be somebody else's file by now.
        if signals and file and _file_of(others) == file:
            with contextlib.suppress(OSError):  # a full one says as much
                os.write(others, signals)

    def remove_signal_handler(self, sig: int) -> bool:
        """Remove the handler of a signal; whether there was one."""
        removed = super().remove_signal_handler(sig)
        if removed and not self._signal_handlers:
            # The base has let go of the descriptor.
            if self.is_running():
                signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)
            else:
                self._hear_signals_no_more()
        return removed

    def _add_callback(self, handle: asyncio.Handle) -> None:
        if not handle._cancelled:
            self._append(handle)

    def _add_callback_signalsafe(self, handle: asyncio.Handle) -> None:
        self._add_callback(handle)

    # What C++ asks for.

    def _callback_failed(self, handle: Handle | None, exception: BaseException) -> None:
        context = {"message": "Exception in callback", "exception": exception}
        if handle is not None:
            context["message"] = f"Exception in callback {_described(handle)}"
            context["handle"] = handle
            if getattr(handle, "_source_traceback", None):
                context["source_traceback"] = handle._source_traceback
        self.call_exception_handler(context)

    def _transport_failed(self, transport: _bine.StreamTransport, exception: BaseException, message: str) -> None:
        self._report(transport, exception, message)
        transport._force_close(exception)

    def _report(self, transport: _bine.StreamTransport, exception: BaseException, message: str) -> None:
        if isinstance(exception, OSError):
            if self._debug:
                logger.debug("%r: %s", transport, message, exc_info=exception)
            return
        self.call_exception_handler({"message": message, "exception": exception, "transport": transport,
                                     "protocol": transport.get_protocol()})

    def _incoming_failed(self, exception: BaseException) -> None:
        if self._debug:
            self.call_exception_handler({"message": "Error on transport creation for incoming connection",
                                         "exception": exception})

    def _written_in_vain(self) -> None:
        logger.warning("socket.send() raised exception.")

    def _attach_transport(self, server: Any, transport: _bine.StreamTransport) -> None:
        server._attach(transport) if _servers_know_transports else server._attach()

    def _detach_transport(self, server: Any, transport: _bine.StreamTransport) -> None:
        server._detach(transport) if _servers_know_transports else server._detach()

    # Debug mode: asyncio's own handles, which know where they were made and how long they took.

    def _call_soon_debug(self, from_thread: bool | None, callback: Callable[..., object], args: tuple[Any, ...],
                         context: Context | None) -> asyncio.Handle:
        self._check_callback(callback, "call_soon")
        if from_thread is False:
            self._check_thread()
        handle = _DebugHandle(callback, args, self, context)
        if handle._source_traceback:
            del handle._source_traceback[-1]
        if from_thread is not None:
            self._append(handle, from_thread)
        return handle

    def _call_at_debug(self, when: float, callback: Callable[..., object], args: tuple[Any, ...],
                       context: Context | None) -> asyncio.TimerHandle:
        self._check_thread()
        self._check_callback(callback, "call_at")
        timer = _DebugTimerHandle(when, callback, args, self, context)
        if timer._source_traceback:
            del timer._source_traceback[-1]
        timer.arm()
        return timer

    # Streams.

    def _make_socket_transport(self, sock: socket, protocol: asyncio.BaseProtocol, waiter: asyncio.Future[None] | None = None, *,
                               extra: dict[str, Any] | None = None,
                               server: asyncio.AbstractServer | None = None) -> asyncio.Transport:
        return self._open_transport(sock, protocol, waiter, extra, server)

    def _make_ssl_transport(self, rawsock: socket, protocol: asyncio.BaseProtocol, sslcontext: TLS,
                            waiter: Any = None, *, server_side: bool = False, server_hostname: str | None = None,
                            extra: dict[str, Any] | None = None, server: asyncio.AbstractServer | None = None,
                            **limits: Any) -> asyncio.Transport:
        if isinstance(sslcontext, _bine.TLSContext):
            return self._open_transport(rawsock, protocol, waiter, extra, server, sslcontext, server_side, server_hostname,
                                        limits.get("ssl_handshake_timeout"))
        tls = SSLProtocol(self, protocol, sslcontext, waiter, server_side, server_hostname, **limits)
        self._open_transport(rawsock, tls, None, extra, server)
        return tls._app_transport

    def _start_serving(self, protocol_factory: Callable[[], asyncio.BaseProtocol], sock: socket, sslcontext: TLS | None = None,
                       server: asyncio.AbstractServer | None = None, backlog: int = 100, *limits: Any) -> None:
        if isinstance(sslcontext, _bine.TLSContext):
            return self._serve(sock.fileno(), protocol_factory, server, sslcontext, limits[0] if limits else None)
        if sslcontext:
            protocol_factory = functools.partial(self._incoming_tls, protocol_factory, sslcontext, limits)
        self._serve(sock.fileno(), protocol_factory, server)

    def _stop_serving(self, sock: socket) -> None:
        self._end_serving(sock.fileno())
        super()._stop_serving(sock)

    def _incoming_tls(self, protocol_factory: Callable[[], asyncio.BaseProtocol], sslcontext: SSLContext,
                      limits: tuple[Any, ...]) -> SSLProtocol:
        names = ("ssl_handshake_timeout", "ssl_shutdown_timeout")
        nobody: Any = None  # waits for its beginning
        return SSLProtocol(self, protocol_factory(), sslcontext, nobody, True, None, **dict(zip(names, limits)))

    async def start_tls(self, transport: asyncio.BaseTransport, protocol: asyncio.BaseProtocol, sslcontext: TLS, *,
                        server_side: bool = False, server_hostname: str | None = None, ssl_handshake_timeout: float | None = None,
                        **kwargs: Any) -> asyncio.Transport:
        """Begin TLS on a transport; answers the one to use from now on."""
        if not isinstance(sslcontext, _bine.TLSContext):
            return await self._start_ssl(transport, protocol, sslcontext, server_side, server_hostname,
                                         ssl_handshake_timeout=ssl_handshake_timeout, **kwargs)
        if not isinstance(transport, _bine.StreamTransport):
            raise TypeError(f"a bine.TLSContext goes with bine's own transports, not with {transport!r}")
        waiter = self.create_future()
        secure = self._start_tls(transport, protocol, waiter, sslcontext, server_side, server_hostname, ssl_handshake_timeout)
        try:
            await waiter
        except BaseException:
            secure.close()
            raise
        return secure

    async def _start_ssl(self, transport: Any, protocol: asyncio.BaseProtocol, sslcontext: SSLContext, server_side: bool,
                         server_hostname: str | None, **limits: Any) -> asyncio.Transport:
        if not isinstance(sslcontext, SSLContext):
            raise TypeError(f"sslcontext is expected to be a bine.TLSContext or an ssl.SSLContext, got {sslcontext!r}")
        if not getattr(transport, "_start_tls_compatible", False):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")
        waiter = self.create_future()
        tls = SSLProtocol(self, protocol, sslcontext, waiter, server_side, server_hostname, call_connection_made=False, **limits)
        transport.pause_reading()  # nothing comes before TLS has begun
        transport.set_protocol(tls)
        beginning = self.call_soon(tls.connection_made, transport), self.call_soon(transport.resume_reading)
        try:
            await waiter
        except BaseException:
            transport.close()
            for handle in beginning:
                handle.cancel()
            raise
        return tls._app_transport

    async def _sendfile_native(self, transport: asyncio.Transport, file: IO[bytes], offset: int, count: int | None) -> int:
        if not isinstance(transport, _bine.StreamTransport):
            return await super()._sendfile_native(transport, file, offset, count)
        if transport._is_secure:
            raise exceptions.SendfileNotAvailableError("what goes through TLS is not for the system to send")
        was_reading = transport.is_reading()
        transport.pause_reading()
        await transport._make_empty_waiter()
        try:
            # By another name, as the transport's own is the transport's.
            with transport.get_extra_info("socket").dup() as sock:
                sock.setblocking(False)
                return await self.sock_sendfile(sock, file, offset, count, fallback=False)
        finally:
            transport._reset_empty_waiter()
            if was_reading:
                transport.resume_reading()

    def _make_datagram_transport(self, sock: socket, protocol: asyncio.BaseProtocol, address: Any = None,
                                 waiter: asyncio.Future[Any] | None = None, extra: Any = None) -> DatagramTransport:
        return DatagramTransport(self, sock, protocol, address, waiter, extra)

    # Child processes: the kernel tells by a descriptor that one has ended; no thread waits and no signal is needed.

    async def _make_subprocess_transport(self, protocol: asyncio.SubprocessProtocol, args: Any, shell: bool, stdin: Any, stdout: Any,
                                         stderr: Any, bufsize: int, extra: Any = None, **kwargs: Any) -> Any:
        waiter = self.create_future()
        transport = unix_events._UnixSubprocessTransport(  # type: ignore[attr-defined]
            self, protocol, args, shell, stdin, stdout, stderr, bufsize, waiter=waiter, extra=extra, **kwargs)
        self._watch_child(transport)
        try:
            await waiter
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.close()
            await transport._wait()
            raise
        return transport

    def _watch_child(self, transport: Any) -> None:
        pid = transport.get_pid()
        descriptor = os.pidfd_open(pid)

        def ended() -> None:
            self._remove_reader(descriptor)
            os.close(descriptor)
            try:
                _, status = os.waitpid(pid, 0)
                code = os.waitstatus_to_exitcode(status)
            except ChildProcessError:
                # Somebody else has asked for it first.
                code = 255
                logger.warning("child process pid %d exit status already read: will report returncode 255", pid)
            transport._process_exited(code)

        self._add_reader(descriptor, ended)


class _Watched:
    """What a selector would say of the descriptors that a loop watches, for code that looks at ``loop._selector``."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop: Callable[[], Any] = weakref.ref(loop)

    def get_key(self, file: FileDescriptorLike) -> selectors.SelectorKey:
        fd = file if isinstance(file, int) else file.fileno()
        loop = self._loop()
        handles = loop._watched(fd)
        if handles is None:
            raise KeyError(f"{file!r} is not registered")
        reader, writer = handles
        watched_for = (selectors.EVENT_READ if reader else 0) | (selectors.EVENT_WRITE if writer else 0)
        return selectors.SelectorKey(file, fd, watched_for, handles)

    def unregister(self, file: FileDescriptorLike) -> selectors.SelectorKey:
        key = self.get_key(file)
        self._loop()._remove_reader(key.fd)
        self._loop()._remove_writer(key.fd)
        return key


class _DebugHandle(Handle):
    """asyncio's handle, timed when it runs."""

    def _run(self) -> None:
        _run_timed(self)
        self = None  # type: ignore[assignment]  # noqa: F841  # as in _run_timed


class _DebugTimerHandle(TimerHandle):
    """asyncio's timer; one of the loop's own fires it."""

    _alarm: _bine.TimerHandle | None = None

    def arm(self) -> None:
        self._alarm = self._loop._arm(self._when, self._due)
        self._scheduled = True

    def _due(self) -> None:
        self._scheduled = False
        _run_timed(self)
        self = None  # type: ignore[assignment]  # noqa: F841  # as in _run_timed

    def cancel(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        events.Handle.cancel(self)


# As asyncio's they are told of, in the warning that a callback was slow for instance.
_DebugHandle.__name__ = "Handle"
_DebugTimerHandle.__name__ = "TimerHandle"


def _run_timed(handle: Any) -> None:
    if handle._cancelled:
        return
    loop = handle._loop
    try:
        loop._current_handle = handle
        before = loop.time()
        events.Handle._run(handle)
        took = loop.time() - before
        if took >= loop.slow_callback_duration:
            name = base_events._format_handle(handle)  # type: ignore[attr-defined]
            logger.warning("Executing %s took %.3f seconds", name, took)
    finally:
        loop._current_handle = None
        # The traceback of an exception keeps the frames below it: a task that ended in one would never be freed.
        handle = None  # noqa: F841


def _file_of(descriptor: int) -> tuple[int, int] | None:
    """What tells one open file from another; null: it is closed."""
    try:
        told = os.fstat(descriptor)
    except OSError:
        return None
    return told.st_dev, told.st_ino


def _described(handle: Any) -> str:
    return format_helpers._format_callback_source(handle._callback, handle._args)


def _after_fork_in_child() -> None:
    for loop in list(_open_loops):
        loop._closed_in_child()
    _open_loops.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)


def new_event_loop() -> EventLoop:
    """A loop for ``asyncio.run(main(), loop_factory=bine.new_event_loop)``. Whoever made it closes it."""
    return EventLoop()


class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
    """For code that sets a policy: every loop that asyncio makes is bine's."""

    def _loop_factory(self) -> EventLoop:
        return new_event_loop()


def install() -> None:
    """Make bine's loop the one that asyncio makes, in this process. ``bine.run`` needs no such thing."""
    asyncio.set_event_loop_policy(EventLoopPolicy())


def run(main: Coroutine[Any, Any, _T], *, debug: bool | None = None) -> _T:
    """Run a coroutine on a loop of bine's, as ``asyncio.run`` does: it returns what the coroutine returns, and closes the loop.

    debug: asyncio's debug mode; None: as the environment has it. Errors: RuntimeError where a loop runs already.
    """
    if sys.version_info >= (3, 11):
        with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
            return runner.run(main)
    return _run_before_runners(main, debug)


def _run_before_runners(main: Coroutine[Any, Any, _T], debug: bool | None) -> _T:
    if events._get_running_loop() is not None:
        raise RuntimeError("bine.run() cannot be called from a running event loop")
    if not asyncio.iscoroutine(main):
        raise ValueError(f"a coroutine was expected, got {main!r}")
    loop = new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        if debug is not None:
            loop.set_debug(debug)
        return loop.run_until_complete(main)
    finally:
        try:
            asyncio.runners._cancel_all_tasks(loop)  # type: ignore[attr-defined]
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
