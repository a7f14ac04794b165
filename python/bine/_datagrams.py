"""asyncio's transport of datagrams, with its end mended."""
# The base has no hints.
# mypy: disable-error-code="attr-defined, misc, name-defined"

from __future__ import annotations

import asyncio
import contextvars
import socket
from asyncio import selector_events
from typing import Any

__all__ = ("DatagramTransport",)


class _NoName(str):
    """The name of a peer that has none. It counts as one: the base sends to who has none in a way that needs an address."""

    def __bool__(self) -> bool:
        return True


class DatagramTransport(selector_events._SelectorDatagramTransport):
    """Sends and receives datagrams for an ``asyncio.DatagramProtocol``.

    As the base, but: what is sent after close() is dropped; a datagram without an address goes to whom the socket is
    connected to, though he may have no name; connection_lost() runs in the context that made the transport.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, protocol: asyncio.BaseProtocol, address: Any = None,
                 waiter: asyncio.Future[Any] | None = None, extra: Any = None) -> None:
        self._context = contextvars.copy_context()
        super().__init__(loop, sock, protocol, address, waiter, extra)
        if self._extra["peername"] == "":
            self._extra["peername"] = _NoName()

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        """Send a datagram: to an address, or to whom the socket is connected to."""
        if self._address or not self._conn_lost:
            super().sendto(data, addr)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        self._context.run(super()._call_connection_lost, exc)
