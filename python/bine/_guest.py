"""bine's reactor on an event loop of somebody else: asyncio's own, uvloop's, any that has add_reader().

The host watches one descriptor. When it is readable the reactor has a turn, which waits for nothing.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

from . import _bine
from ._await import Crossing

__all__ = ("Guest", "loop_here")

_guests: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Guest] = weakref.WeakKeyDictionary()  # by host


class Guest(_bine.Loop, Crossing):
    """A reactor that lives on `host`, an asyncio loop of any make. It ends with close(), or with its host.

    What bine offers beyond asyncio - bine.listen, bine.connect, bine.http - makes one by itself on a loop that is not bine's.
    """

    def __init__(self, host: asyncio.AbstractEventLoop) -> None:
        self._is_turning = False
        self._open("epoll")
        self._host_reference = weakref.ref(host)
        self._fd: int | None = self._begin_as_guest()
        host.add_reader(self._fd, self._turn)
        _guests[host] = self

    @property
    def _host(self) -> asyncio.AbstractEventLoop:
        host = self._host_reference()
        if host is None:
            raise RuntimeError("the loop that this guest lived on is gone")
        return host

    def close(self) -> None:
        """End it: what is open is aborted, what is awaited ends cancelled; when that is asked for by a callback of it, behind it."""
        if self._fd is None:
            return
        host = self._host_reference()
        if host is not None and not host.is_closed():
            host.remove_reader(self._fd)
            if _guests.get(host) is self:
                del _guests[host]
        self._fd = None
        if not self._is_turning:
            self._close()

    def _turn(self) -> None:
        if self._fd is None or self._is_turning:
            return
        self._is_turning = True
        try:
            has_more = self._run_ready()
        finally:
            self._is_turning = False
            if self._fd is None:
                self._close()
        if has_more and self._fd is not None:
            self._host.call_soon(self._turn)

    # What C++ asks for.

    def create_future(self) -> asyncio.Future[Any]:
        """A future of the host's."""
        return self._host.create_future()

    def _callback_failed(self, handle: asyncio.Handle | None, exception: BaseException) -> None:
        self._host.call_exception_handler({"message": "Exception in callback", "exception": exception})

    def _transport_failed(self, transport: _bine.StreamTransport, exception: BaseException, message: str) -> None:
        self._report(transport, exception, message)
        transport._force_close(exception)

    def _report(self, transport: _bine.StreamTransport, exception: BaseException, message: str) -> None:
        if not isinstance(exception, OSError):
            self._host.call_exception_handler({"message": message, "exception": exception, "transport": transport,
                                               "protocol": transport.get_protocol()})

    def _incoming_failed(self, exception: BaseException) -> None:
        self._host.call_exception_handler({"message": "Error on transport creation for incoming connection",
                                           "exception": exception})

    def _written_in_vain(self) -> None:
        pass


def loop_here() -> _bine.Loop:
    """The loop that runs, when it is bine's; its guest otherwise."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, _bine.Loop):
        return loop
    guest = _guests.get(loop)
    return guest if guest is not None and guest._fd is not None else Guest(loop)
