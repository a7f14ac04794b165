"""What sockets of a simulated world stand on: for each kind what it has received, and what it sends on."""

import collections
import errno
import os

__all__ = ("Datagrams",)

_MOST_DATAGRAMS = 256


class Datagrams:
    """An open datagram socket. ``changed()`` is called when there is something to read."""

    is_writable = True

    def __init__(self, loop, changed, local, remote):
        self._changed = changed
        self._received = collections.deque()  # (bytes, from whom), or (exception, None)
        self.remote = remote
        self._below = loop._machine.open_datagrams(loop, self._arrived, *local, *(remote or ("", 0)))
        self.name = self._below.address

    @property
    def is_readable(self):
        return bool(self._received)

    def _arrived(self, what, sender):
        # Beyond what a socket keeps, datagrams are lost, as anywhere.
        if len(self._received) < _MOST_DATAGRAMS:
            self._received.append((what, sender))
            self._changed()

    def receive(self):
        """The next datagram and who sent it; null for now there is none. Raises what an earlier one came to."""
        if not self._received:
            return None
        what, sender = self._received.popleft()
        if sender is None:
            raise what
        return what, sender

    def send(self, data, to=None):
        if to is None and self.remote is None:
            raise OSError(errno.EDESTADDRREQ, os.strerror(errno.EDESTADDRREQ))
        self._below.send(data, *(to or ("", 0)))
        return len(data)

    def close(self):
        self._below.close()
        self._received.clear()
