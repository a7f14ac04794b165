"""For type checkers alone: asyncio's classes, with what bine uses of them and asyncio's own hints leave out.

There is no such module at run time. With one signature for all versions of Python: the newest one's.
"""

import asyncio
import ssl
from _typeshed import StrPath
from collections.abc import Callable, Sequence
from contextvars import Context
from socket import socket
from typing import IO, Any, TypeAlias, TypeVar

from ._bine import TLSContext

_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.BaseProtocol)
_Factory: TypeAlias = Callable[[], asyncio.BaseProtocol]
TLS: TypeAlias = ssl.SSLContext | TLSContext

class Handle(asyncio.Handle):
    _callback: Callable[..., object]
    _context: Context
    _loop: Any
    _source_traceback: Any

class TimerHandle(asyncio.TimerHandle):
    _loop: Any
    _scheduled: bool
    _source_traceback: Any
    _when: float

class SelectorEventLoop(asyncio.SelectorEventLoop):
    # Where asyncio takes an ssl.SSLContext, bine takes its own.
    async def create_connection(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        host: str | None = None,
        port: int | str | None = None,
        *,
        ssl: bool | TLS | None = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: socket | None = None,
        local_addr: tuple[str, int] | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> tuple[asyncio.Transport, _ProtocolT]: ...
    async def create_server(
        self,
        protocol_factory: _Factory,
        host: str | Sequence[str] | None = None,
        port: int | str | None = None,
        *,
        family: int = 0,
        flags: int = 1,
        sock: socket | None = None,
        backlog: int = 100,
        ssl: bool | TLS | None = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> asyncio.Server: ...
    async def create_unix_connection(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        path: StrPath | None = None,
        *,
        ssl: bool | TLS | None = None,
        sock: socket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[asyncio.Transport, _ProtocolT]: ...
    async def create_unix_server(
        self,
        protocol_factory: _Factory,
        path: StrPath | None = None,
        *,
        sock: socket | None = None,
        backlog: int = 100,
        ssl: bool | TLS | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = True,
    ) -> asyncio.Server: ...
    async def connect_accepted_socket(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        sock: socket,
        *,
        ssl: bool | TLS | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[asyncio.Transport, _ProtocolT]: ...
    async def start_tls(
        self,
        transport: asyncio.BaseTransport,
        protocol: asyncio.BaseProtocol,
        sslcontext: TLS,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport: ...

    # What is asyncio's own.
    _asyncgens: Any
    _closed: bool
    _csock: socket
    _debug: bool
    _executor_shutdown_called: bool
    _ready: Any
    _scheduled: Any
    _selector: Any
    _signal_handlers: dict[int, Any]
    _thread_id: int | None
    _transports: Any
    _unix_server_sockets: dict[Any, Any]
    def _asyncgen_finalizer_hook(self, generator: Any) -> None: ...
    def _asyncgen_firstiter_hook(self, generator: Any) -> None: ...
    def _check_callback(self, callback: object, method: str) -> None: ...
    def _check_closed(self) -> None: ...
    def _check_running(self) -> None: ...
    def _check_signal(self, sig: int) -> None: ...
    def _check_thread(self) -> None: ...
    def _close_self_pipe(self) -> None: ...
    async def _ensure_resolved(
        self, address: tuple[Any, ...], *, family: int = 0, type: int = 1, proto: int = 0, flags: int = 0, loop: asyncio.AbstractEventLoop
    ) -> list[tuple[Any, Any, int, str, tuple[Any, ...]]]: ...
    def _make_self_pipe(self) -> None: ...
    def _process_self_data(self, data: bytes) -> None: ...
    async def _sendfile_native(self, transport: asyncio.Transport, file: IO[bytes], offset: int, count: int | None) -> int: ...
    def _set_coroutine_origin_tracking(self, enabled: bool) -> None: ...
    def _stop_serving(self, sock: socket) -> None: ...
