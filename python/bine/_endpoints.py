"""Endpoint strings: one line of text that says where to listen or what to connect to, as bine's C++ has them.

As servers: ``tcp:PORT[:interface=IP]``, ``unix:PATH``, ``ssl:PORT:certKey=FILE``, ``fd:N``, ``systemd:``, ``haproxy:ENDPOINT``.
As clients: ``tcp:HOST:PORT``, ``tls:HOST:PORT``, ``unix:PATH``, ``srv:SERVICE``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from . import _bine
from ._guest import loop_here

__all__ = ("Port", "connect", "listen", "open_connection", "start_server")

_LIMIT = 2 ** 16
_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.BaseProtocol)


class Port:
    """Something that listens, until it is closed or the loop is. In ``async with`` it closes at the end of the block."""

    def __init__(self, endpoint: str, below: _bine.Port) -> None:
        self._below = below
        self.endpoint = endpoint

    @property
    def address(self) -> Any:
        """Where it listens, as ``socket.getsockname()`` writes it, with the port that the system chose."""
        return self._below.address

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        return self._below.connections

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._below.is_open

    def close(self) -> None:
        """Stop listening. Connections go on."""
        self._below.close()

    async def wait_closed(self) -> None:
        """Until it listens no more."""
        if self.is_open:
            await self._below._closed()

    async def __aenter__(self) -> Port:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await self.wait_closed()

    def __repr__(self) -> str:
        return f"<bine.Port {self.endpoint} {self.address if self.is_open else 'closed'}>"


async def listen(endpoint: str, protocol_factory: Callable[[], asyncio.BaseProtocol], *, tls: _bine.TLSContext | None = None) -> Port:
    """Listen at `endpoint` ("tcp:7000:interface=127.0.0.1"); every connection gets a protocol. Answers a Port.

    tls: a TLSContext for servers. Errors: ValueError for an endpoint that cannot be understood, which says what would do; OSError
    where the system refuses.
    """
    return Port(endpoint, await _bine._listen(loop_here(), endpoint, protocol_factory, tls))


async def connect(endpoint: str, protocol_factory: Callable[[], _ProtocolT], *, tls: _bine.TLSContext | None = None,
                  server_hostname: str | None = None) -> tuple[_bine.StreamTransport, _ProtocolT]:
    """Connect to `endpoint` ("tcp:example.org:80"); answers transport and protocol, as loop.create_connection() does.

    tls: a TLSContext for clients. The certificate must be for `server_hostname`, or for the host that `endpoint` names.
    Errors: those of listen(), TimeoutError, and ssl.SSLCertVerificationError for a certificate that is not believed.
    """
    return await _bine._connect(loop_here(), endpoint, protocol_factory, tls, server_hostname)


async def start_server(client_connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None], endpoint: str, *,
                       tls: _bine.TLSContext | None = None, limit: int = _LIMIT) -> Port:
    """Listen at `endpoint`; `client_connected(reader, writer)` is called for every connection, as by asyncio.start_server().

    limit: bytes that a reader holds before it reads no more. Errors: those of listen().
    """
    loop = asyncio.get_running_loop()

    def factory() -> asyncio.BaseProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=limit, loop=loop), client_connected, loop=loop)

    return await listen(endpoint, factory, tls=tls)


async def open_connection(endpoint: str, *, tls: _bine.TLSContext | None = None, server_hostname: str | None = None,
                          limit: int = _LIMIT) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to `endpoint`; answers reader and writer, as asyncio.open_connection() does. Errors: those of connect()."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    transport, protocol = await connect(endpoint, lambda: asyncio.StreamReaderProtocol(reader, loop=loop), tls=tls,
                                        server_hostname=server_hostname)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
