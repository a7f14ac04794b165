"""bine's reactor on an event loop of somebody else: asyncio's own, uvloop's, any that has add_reader().

The host watches one descriptor. When it is readable the reactor has a turn, which waits for nothing.
"""

import asyncio
import weakref

from . import _bine
from ._await import Crossing

__all__ = ("Guest", "loop_here")

_guests = weakref.WeakKeyDictionary()  # by host


class Guest(_bine.Loop, Crossing):
    """A reactor that lives on `host`, an asyncio loop of any make. It ends with close(), or with its host.

    What bine offers beyond asyncio - bine.listen, bine.connect, bine.http - makes one by itself on a loop that is not bine's.
    """

    def __init__(self, host):
        self._is_turning = False
        self._open("epoll")
        self._host_reference = weakref.ref(host)
        self._fd = self._begin_as_guest()
        host.add_reader(self._fd, self._turn)
        _guests[host] = self

    @property
    def _host(self):
        return self._host_reference()

    def close(self):
        """End it: what is open is aborted, what is awaited ends cancelled; when that is asked for by a callback of it, behind it."""
        if self._fd is None:
            return
        host = self._host
        if host is not None and not host.is_closed():
            host.remove_reader(self._fd)
            if _guests.get(host) is self:
                del _guests[host]
        self._fd = None
        if not self._is_turning:
            self._close()

    def _turn(self):
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

    def create_future(self):
        return self._host.create_future()

    def _callback_failed(self, handle, exception):
        self._host.call_exception_handler({"message": "Exception in callback", "exception": exception})

    def _transport_failed(self, transport, exception, message):
        self._report(transport, exception, message)
        transport._force_close(exception)

    def _report(self, transport, exception, message):
        if not isinstance(exception, OSError):
            self._host.call_exception_handler({"message": message, "exception": exception, "transport": transport,
                                               "protocol": transport.get_protocol()})

    def _incoming_failed(self, exception):
        self._host.call_exception_handler({"message": "Error on transport creation for incoming connection",
                                           "exception": exception})

    def _written_in_vain(self):
        pass


def loop_here():
    """The loop that runs, when it is bine's; its guest otherwise."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, _bine.Loop):
        return loop
    guest = _guests.get(loop)
    return guest if guest is not None and guest._fd is not None else Guest(loop)
