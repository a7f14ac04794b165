"""What sockets of a simulated world stand on: for each kind what it has received, and what it sends on.

Each is ready to be read, or written, or is not; ``changed()`` of who has it is called when that may have changed.
"""

from __future__ import annotations

import asyncio
import collections
import errno
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from .. import _bine
    from ._loop import WorldLoop

__all__ = ("Datagrams", "Listener", "Stream", "error_of")

_MOST_DATAGRAMS = 256
_MOST_RECEIVED = 1 << 16  # bytes of a stream that wait to be read
_MOST_SENT = 1 << 16


_MAPPED = "::ffff:"


def _mapped(address: Any) -> tuple[str, int, int, int]:
    return (_MAPPED + address[0], address[1], 0, 0)


def _unmapped(address: Any) -> tuple[str, int] | None:
    """The IPv4 address and port of one of IPv6 that means it; null for others."""
    return (address[0][len(_MAPPED):], address[1]) if address[0].startswith(_MAPPED) and "." in address[0] else None


def error_of(number: int) -> OSError:
    """The exception for an errno."""
    return OSError(number, os.strerror(number))


class Datagrams:
    """An open datagram socket. `is_dual`: one of IPv6 that has to do with IPv4 as well, whose addresses it sees as ::ffff:1.2.3.4."""

    is_writable = True

    def __init__(self, loop: WorldLoop, changed: Callable[[], object], local: tuple[str, int], remote: tuple[str, int] | None,
                 is_dual: bool = False) -> None:
        self._changed = changed
        self._received: collections.deque[tuple[Any, Any]] = collections.deque()  # (bytes, from whom), or (exception, None)
        self.remote = remote
        self._below: _bine.Datagrams | None = None
        self._of_ipv4: _bine.Datagrams | None = None
        of_ipv4 = None if remote is None else _unmapped(remote)
        if of_ipv4 is None:
            self._below = loop._machine.open_datagrams(loop, self._arrived, *local, *(remote or ("", 0)))
            self.name = self._below.address
        if of_ipv4 is not None or (is_dual and remote is None):
            port = local[1] if self._below is None else self.name[1]
            self._of_ipv4 = loop._machine.open_datagrams(loop, self._arrived_by_ipv4, "0.0.0.0", port, *(of_ipv4 or ("", 0)))
            if self._below is None:
                self.name = _mapped(self._of_ipv4.address)

    @property
    def is_readable(self) -> bool:
        return bool(self._received)

    def _arrived(self, what: bytes | BaseException, sender: Any) -> None:
        # Beyond what a socket keeps, datagrams are lost, as anywhere.
        if len(self._received) < _MOST_DATAGRAMS:
            self._received.append((what, sender))
            self._changed()

    def _arrived_by_ipv4(self, what: bytes | BaseException, sender: Any) -> None:
        self._arrived(what, sender and _mapped(sender))

    def receive(self, most: int) -> tuple[bytes, Any] | None:
        """The next datagram and who sent it; null: for now there is none. Raises what an earlier one came to."""
        if not self._received:
            return None
        what, sender = self._received.popleft()
        if sender is None:
            raise what
        return what[:most], sender

    def send(self, data: ReadableBuffer, to: tuple[str, int] | None = None) -> int:
        if to is None and self.remote is None:
            raise error_of(errno.EDESTADDRREQ)
        of_ipv4 = _unmapped(to or self.remote)
        below = self._below if of_ipv4 is None else self._of_ipv4
        if below is None:
            raise error_of(errno.ENETUNREACH)
        below.send(data, *(of_ipv4 if to and of_ipv4 else to or ("", 0)))
        return memoryview(data).nbytes

    def close(self) -> None:
        for below in (self._below, self._of_ipv4):
            if below is not None:
                below.close()
        self._received.clear()


class Stream(asyncio.Protocol):
    """A connection whose bytes wait to be asked for."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self.changed = changed
        self.transport: Any = None
        self._received = bytearray()
        self._has_ended = False
        self._error: BaseException | None = None
        self._is_lost = False
        self._is_full = False  # what is to be sent
        self._sends_no_more = False

    # As a protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.changed()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) >= _MOST_RECEIVED:
            self.transport.pause_reading()
        self.changed()

    def eof_received(self) -> bool:
        self._has_ended = True
        self.changed()
        return True

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self.changed()

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True
        self._error = error
        self.changed()

    # As a channel.

    @property
    def is_readable(self) -> bool:
        return bool(self._received) or self._has_ended or self._is_lost

    @property
    def is_writable(self) -> bool:
        return self._is_lost or not self._is_full

    def receive(self, most: int) -> tuple[bytes, None] | None:
        """Bytes, and null for from whom; b"" at the end; null: for now there are none. Raises once why it was lost."""
        if self._received:
            data = bytes(self._received[:most])
            del self._received[:most]
            if len(self._received) < _MOST_RECEIVED and not self._is_lost:
                self.transport.resume_reading()
            return data, None
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return (b"", None) if self._has_ended or self._is_lost else None

    def send(self, data: ReadableBuffer, to: object = None) -> int | None:
        """How much of it has been taken; null: for now nothing."""
        if self._is_lost or self._sends_no_more:
            raise error_of(errno.EPIPE)
        if self._is_full:
            return None
        part = bytes(memoryview(data).cast("B")[:_MOST_SENT])
        self.transport.write(part)
        return len(part)

    def end_sending(self) -> None:
        self._sends_no_more = True
        if not self._is_lost:
            self.transport.write_eof()

    def end_receiving(self) -> None:
        self._received.clear()
        self._has_ended = True

    def give_away(self) -> tuple[bytes, bool]:
        """What has come and is not read, and whether that is all: its transport, which reads no more, belongs to somebody else."""
        if self._is_lost:
            raise self._error or ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        self.transport.pause_reading()
        return bytes(self._received), self._has_ended

    def close(self) -> None:
        # The system's close() sends what is queued; but who has not read what came is told by a reset.
        if self.transport is not None:
            self.transport.abort() if self._received else self.transport.close()


class Listener:
    """An address that is listened at; connections wait to be accepted."""

    is_writable = False
    remote = None

    def __init__(self, loop: WorldLoop, changed: Callable[[], object], place: tuple[str, int], backlog: int) -> None:
        self._changed = changed
        self._loop = loop
        self._waiting: collections.deque[Stream] = collections.deque()
        self._number = loop._listen(self._incoming, None, place, backlog)

    def _incoming(self) -> Stream:
        stream = Stream(lambda: None)
        # Once it is made.
        stream.changed = lambda: self._arrived(stream)
        return stream

    def _arrived(self, stream: Stream) -> None:
        stream.changed = lambda: None
        self._waiting.append(stream)
        self._changed()

    @property
    def is_readable(self) -> bool:
        return bool(self._waiting)

    def accept(self) -> Stream | None:
        """The next connection; null: for now there is none."""
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        self._loop._machine.end_listening(self._loop, self._number)
        while self._waiting:
            self._waiting.popleft().transport.abort()
