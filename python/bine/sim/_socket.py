"""What stands in the place of sockets in a simulated world, and the names there."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ._channels import Datagrams, Listener, Stream, error_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from .. import _bine
    from ._world import Host

_T = TypeVar("_T")
_real = socket.socket


class NotInWorld(NotImplementedError):
    """What the program asks for does not exist in a simulated world."""


def refuse(what: str, instead: str = "") -> Callable[..., NoReturn]:
    """Something that raises NotInWorld when it is called."""
    text = f"the simulated world has no {what}" + (f"; {instead}" if instead else "")

    def refused(*args: object, **kwargs: object) -> NoReturn:
        raise NotInWorld(text)

    return refused


_OF_MULTICAST = {(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP), (socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP)}


class WorldSocket(_real):
    """What socket.socket() makes in a world: it can do what sockets do that do not block."""

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        if fileno is not None:
            refuse("descriptors")()
        self._kind = (socket.AF_INET if family == -1 else family, socket.SOCK_STREAM if type == -1 else type, max(proto, 0))
        self.place: tuple[str, int] | None = None  # (address, port) that it is bound to
        self.number = 0  # under which a server of asyncio's listens
        self.connection: Any = None  # a transport that has not begun
        self._connecting = 0  # the number of what is not there yet
        self._error = 0  # of connecting
        self._timeout = socket.getdefaulttimeout()
        self._channel: Datagrams | Stream | Listener | None = None
        self._descriptor: int | None = None  # once somebody has asked for it; -1 when it is closed
        self._watcher: Any = None  # the loop
        self._handles: dict[bool, asyncio.Handle] = {}  # by whether they are for writing
        self._is_told = False
        self._is_ipv6_only = False

    @property
    def family(self) -> int:  # type: ignore[override]
        return socket.AddressFamily(self._kind[0])

    @property
    def type(self) -> int:  # type: ignore[override]
        return socket.SocketKind(self._kind[1])

    @property
    def proto(self) -> int:
        return self._kind[2]

    # Places.

    def bind(self, address: Any) -> None:
        host = _loop_here().host
        if self.type == socket.SOCK_DGRAM:
            self._open(self._resolved(address))
        elif self.family == socket.AF_UNIX:
            self.place = (os.fspath(address), -1)
        else:
            self.place = (address[0] or self._anywhere(), address[1] or host._free_port())

    def connect(self, address: Any) -> None:
        remote = self._resolved(address)
        if self.type == socket.SOCK_DGRAM:
            local = None
            if isinstance(self._channel, Datagrams):
                local = self._channel.name[:2]
                self._channel.close()
            return self._open(local, remote)
        if self._connecting or self.connection or self._channel:
            raise error_of(errno.EALREADY if self._connecting else errno.EISCONN)
        if self._timeout != 0:
            _refuse_to_block()
        loop = _loop_here()
        future = loop.create_future()
        self._connecting = loop._machine.connect(loop, asyncio.Protocol(), future, *remote, *(self.place or ("", 0)))
        future.add_done_callback(self._connected)
        raise error_of(errno.EINPROGRESS)

    def _connected(self, future: asyncio.Future[_bine.StreamTransport]) -> None:
        self._connecting = 0
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._error = getattr(error, "errno", None) or errno.EIO
        elif self._descriptor == -1:
            future.result().abort()
        else:
            self.connection = future.result()
        self._changed()

    def connect_ex(self, address: Any) -> int:
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def listen(self, backlog: int = 128) -> None:
        if self._channel is None and self.type != socket.SOCK_DGRAM:
            if self.place is None:
                self.bind(("", 0))
            self._channel = Listener(_loop_here(), self._changed, self.place or ("", 0), backlog)

    def accept(self) -> tuple[WorldSocket, Any]:
        if not isinstance(self._channel, Listener):
            raise error_of(errno.EINVAL)
        stream = self._or_block(self._channel.accept)
        return WorldSocket._around(stream, self.family), stream.transport.get_extra_info("peername")

    @classmethod
    def _around(cls, stream: Stream, family: int) -> WorldSocket:
        made = cls(family)
        made._channel = stream
        stream.changed = made._changed
        return made

    def _open(self, local: tuple[str, int] | None, remote: tuple[str, int] | None = None) -> None:
        """Opens its datagrams, when it is used first."""
        loop = _loop_here()
        if local is None and remote is None:
            local = (self._anywhere(), 0)
        is_dual = self.family == socket.AF_INET6 and not self._is_ipv6_only and (local is None or local[0] == "::")
        self._channel = Datagrams(loop, self._changed, local or ("", 0), remote, is_dual)

    def _anywhere(self) -> str:
        return "::" if self.family == socket.AF_INET6 else "0.0.0.0"

    def _resolved(self, address: Any) -> tuple[str, int]:
        """The address and the port; as with real sockets, the address may be given by a name, which is looked up at once."""
        if self.family == socket.AF_UNIX:
            if self.type == socket.SOCK_DGRAM:
                refuse("datagrams of Unix sockets", "use those of UDP")()
            return os.fspath(address), -1
        host, port = address[:2]
        if not host:
            return self._anywhere(), port
        found: Any = addresses(_loop_here()._machine, host, port, self.family, self.type)[0]
        return found[4][0], found[4][1]

    def take_connection(self) -> tuple[Any, bytes, bool]:
        """The transport, for a loop that it is given to, and what has been received already: bytes, and whether that is all."""
        connection, self.connection = self.connection, None
        if connection is not None:
            return connection, b"", False
        stream, self._channel = self._channel, None
        if not isinstance(stream, Stream):
            self._channel = stream
            raise ValueError("the socket is not connected, or has been given away")
        return stream.transport, *stream.give_away()

    def take_listener(self) -> list[WorldSocket]:
        """Connections that wait, for a loop that it is given to, which listens itself."""
        waiting = []
        listener: Any = self._channel
        self._channel = None
        if listener is not None:
            while (stream := listener.accept()) is not None:
                waiting.append(WorldSocket._around(stream, self.family))
            listener.close()
        return waiting

    def getsockname(self) -> Any:
        if isinstance(self._channel, Datagrams):
            return self._channel.name
        transport = self._transport()
        return transport.get_extra_info("sockname") if transport else self._named(self.place or ("", 0))

    def getpeername(self) -> Any:
        if isinstance(self._channel, Datagrams) and self._channel.remote is not None:
            return self._named(self._channel.remote)
        transport = self._transport()
        if transport is None:
            raise error_of(errno.ENOTCONN)
        return transport.get_extra_info("peername")

    def _transport(self) -> Any:
        return self._channel.transport if isinstance(self._channel, Stream) else self.connection

    def _named(self, place: tuple[str, int]) -> Any:
        if self.family == socket.AF_UNIX:
            return place[0]
        return (*place, 0, 0) if self.family == socket.AF_INET6 else place

    # Receiving and sending.

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, Any]:
        channel = self._channel_of_use()
        return self._or_block(lambda: channel.receive(size))

    def recv(self, size: int, flags: int = 0) -> bytes:
        return self.recvfrom(size, flags)[0]

    def recvfrom_into(self, buffer: WriteableBuffer, size: int = 0, flags: int = 0) -> tuple[int, Any]:
        view = memoryview(buffer).cast("B")
        data, sender = self.recvfrom(size or len(view), flags)
        view[:len(data)] = data
        return len(data), sender

    def recv_into(self, buffer: WriteableBuffer, size: int = 0, flags: int = 0) -> int:
        return self.recvfrom_into(buffer, size, flags)[0]

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        channel = self._channel_of_use()
        return self._or_block(lambda: channel.send(data))

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        view = memoryview(data).cast("B")
        while view:
            view = view[self.send(view):]

    def sendmsg(self, buffers: Iterable[ReadableBuffer], *more: Any) -> int:
        return self.send(b"".join(buffers))

    def sendto(self, data: ReadableBuffer, *flags_and_address: Any) -> int:
        channel, to = self._channel_of_use(), self._resolved(flags_and_address[-1])
        return self._or_block(lambda: channel.send(data, to))

    def shutdown(self, how: int) -> None:
        stream = self._channel_of_use()
        if isinstance(stream, Datagrams):
            return  # they have no end
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            stream.end_sending()
        if how in (socket.SHUT_RD, socket.SHUT_RDWR):
            stream.end_receiving()

    def _channel_of_use(self) -> Datagrams | Stream:
        if self._descriptor == -1:
            raise error_of(errno.EBADF)
        if self._channel is None and self.type == socket.SOCK_DGRAM:
            self._open(None)
        self._begin()
        if self._channel is None or isinstance(self._channel, Listener):
            raise error_of(errno.ENOTCONN)
        return self._channel

    def _begin(self) -> None:
        """A connection is received from once somebody asks, as it may be given to a loop before."""
        transport, self.connection = self.connection, None
        if transport is not None:
            self._channel = Stream(self._changed)
            transport.set_protocol(self._channel)
            if transport.is_closing():
                self._channel.connection_lost(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))
            transport._begin()

    def _or_block(self, attempt: Callable[[], _T | None]) -> _T:
        result = attempt()
        if result is None:
            if self._timeout != 0:
                _refuse_to_block()
            raise error_of(errno.EAGAIN)
        return result

    # Who waits: what a selector would tell, as long as it holds.

    def watch(self, loop: asyncio.AbstractEventLoop, for_writing: bool, handle: asyncio.Handle | None) -> asyncio.Handle | None:
        """Let ``handle`` run whenever the socket is ready; null ends that. Answers the handle that did so before."""
        before = self._handles.pop(for_writing, None)
        if handle is not None:
            self._watcher = loop
            self._handles[for_writing] = handle
            if not for_writing:
                self._begin()
            self._changed()
        return before

    def watched(self) -> tuple[asyncio.Handle | None, asyncio.Handle | None] | None:
        """The handles for reading and writing, of which there may be none; null when there is neither."""
        return (self._handles.get(False), self._handles.get(True)) if self._handles else None

    def _is_ready(self, for_writing: bool) -> bool:
        if self._error:
            return True
        if self._channel is None:
            return for_writing and not self._connecting
        return self._channel.is_writable if for_writing else self._channel.is_readable

    def _changed(self) -> None:
        if not self._is_told and any(map(self._is_ready, self._handles)):
            self._is_told = True
            self._watcher.call_soon(self._tell)

    def _tell(self) -> None:
        self._is_told = False
        for for_writing, handle in list(self._handles.items()):
            if not handle.cancelled() and self._is_ready(for_writing):
                handle._run()
        self._changed()

    # The rest.

    def __enter__(self) -> WorldSocket:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._handles.clear()
        self._descriptor = -1
        if self._connecting:
            loop = _loop_here()
            loop._machine.cancel_connect(self._connecting)
        if self._channel is not None:
            self._channel.close()
        if self.connection is not None:
            self.connection.close()
        self._connecting, self._channel, self.connection = 0, None, None

    def fileno(self) -> int:
        if self._descriptor is None:
            loop: Any = asyncio._get_running_loop()
            self._descriptor = -1 if loop is None else loop.world._descriptor_of(self)
        return self._descriptor

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def setblocking(self, blocks: bool) -> None:
        self._timeout = None if blocks else 0.0

    def gettimeout(self) -> float | None:
        return self._timeout

    def getblocking(self) -> bool:
        return self._timeout != 0

    def getsockopt(self, level: int, option: int, *size: int) -> int:  # type: ignore[override]
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            error, self._error = self._error, 0
            return error
        if (level, option) == (socket.SOL_SOCKET, socket.SO_TYPE):
            return int(self.type)
        return 0

    def setsockopt(self, level: int, option: int, *value: Any) -> None:
        if (level, option) == (socket.SOL_SOCKET, socket.SO_BROADCAST):
            refuse("broadcasts", "send to each host")()
        if (level, option) == (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            self._is_ipv6_only = bool(value[0])
        if (level, option) in _OF_MULTICAST:
            refuse("multicast", "send to each host")()

    def set_inheritable(self, inheritable: bool) -> None:
        pass

    recvmsg = recvmsg_into = sendfile = makefile = dup = detach = refuse(
        "this of a socket", "use asyncio's streams and protocols, or recv() and send()")

    def __repr__(self) -> str:
        return f"<a socket of a simulated world, {self.getsockname()!r}>"


def _loop_here() -> Any:
    """The loop that runs, a world's."""
    return asyncio.get_running_loop()


def _refuse_to_block() -> NoReturn:
    refuse("sockets that block", "setblocking(False), and let the loop wait: it has sock_recv() and others")()


class TransportsSocket(WorldSocket):
    """What a transport of a world shows of itself."""

    def __init__(self, transport: _bine.StreamTransport) -> None:
        name = transport.get_extra_info("sockname")
        super().__init__(socket.AF_UNIX if not isinstance(name, tuple) else socket.AF_INET if len(name) == 2 else socket.AF_INET6)
        self._timeout = 0.0
        self._shown = weakref.ref(transport)

    def _transport(self) -> Any:
        return self._shown()


class _ServersSocket(WorldSocket):
    """Where a server of asyncio's listens."""

    def listen(self, backlog: int = 128) -> None:
        pass


def bound_socket(host: Host, family: int, place: tuple[str, int]) -> WorldSocket:
    made = _ServersSocket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    made.place = (place[0], place[1] or host._free_port())
    return made


def addresses(machine: _bine.Host, host: str | bytes | None, port: str | bytes | int | None, family: int = 0, type: int = 0, proto: int = 0,
              flags: int = 0) -> list[tuple[socket.AddressFamily, int, int, str, tuple[Any, ...]]]:
    """socket.getaddrinfo() of the world: a name is a host's, "localhost" or an address."""
    number = _port(port)
    name = host.decode() if isinstance(host, bytes) else host
    if not name:
        found = ["0.0.0.0" if flags & socket.AI_PASSIVE else "127.0.0.1"]
        if family == socket.AF_INET6:
            found = ["::" if flags & socket.AI_PASSIVE else "::1"]
    elif _is_address(name):
        found = [name]
    else:
        try:
            found = machine.look_up(name)
        except OSError:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: no host of this world is called {name!r}, "
                                                     "as far as is known now") from None
        # As with names that have addresses of one kind only, unless the other one is asked for.
        wanted = family or socket.AF_INET
        found = [address for address in found if (":" in address) == (wanted == socket.AF_INET6)]
    if not found:
        raise socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")
    kinds = [type] if type else [socket.SOCK_STREAM, socket.SOCK_DGRAM]
    return [(socket.AF_INET6, kind, proto, "", (address, number, 0, 0)) if ":" in address else
            (socket.AF_INET, kind, proto, "", (address, number)) for address, kind in itertools.product(found, kinds)]


def _is_address(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
            return True
        except OSError:
            pass
    return False


def _port(port: str | bytes | int | None) -> int:
    try:
        return int(port or 0)
    except ValueError:
        raise socket.gaierror(socket.EAI_SERVICE, f"a port is a number in a simulated world, not {port!r}") from None
