"""What stands in the place of sockets in a simulated world, and the names there."""

import asyncio
import errno
import itertools
import os
import socket
import weakref

from ._channels import Datagrams, Listener, Stream, error_of

_real = socket.socket


class NotInWorld(NotImplementedError):
    """What the program asks for does not exist in a simulated world."""


def refuse(what, instead=""):
    """Something that raises NotInWorld when it is called."""
    text = f"the simulated world has no {what}" + (f"; {instead}" if instead else "")

    def refused(*args, **kwargs):
        raise NotInWorld(text)

    return refused


_OF_MULTICAST = {(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP), (socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP)}


class WorldSocket(_real):
    """What socket.socket() makes in a world: it can do what sockets do that do not block."""

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        if fileno is not None:
            refuse("descriptors")()
        self._kind = (socket.AF_INET if family == -1 else family, socket.SOCK_STREAM if type == -1 else type, max(proto, 0))
        self.place = None  # (address, port) that it is bound to
        self.number = 0  # under which a server of asyncio's listens
        self.connection = None  # a transport that has not begun
        self._connecting = 0  # the number of what is not there yet
        self._error = 0  # of connecting
        self._timeout = socket.getdefaulttimeout()
        self._channel = None
        self._descriptor = None  # once somebody has asked for it; -1 when it is closed
        self._watcher = None
        self._handles = {}  # by whether they are for writing
        self._is_told = False

    family = property(lambda self: socket.AddressFamily(self._kind[0]))
    type = property(lambda self: socket.SocketKind(self._kind[1]))
    proto = property(lambda self: self._kind[2])

    # Places.

    def bind(self, address):
        host = asyncio.get_running_loop().host
        if self.type == socket.SOCK_DGRAM:
            self._open(self._resolved(address))
        elif self.family == socket.AF_UNIX:
            self.place = (os.fspath(address), -1)
        else:
            self.place = (address[0] or self._anywhere(), address[1] or host._free_port())

    def connect(self, address):
        remote = self._resolved(address)
        if self.type == socket.SOCK_DGRAM:
            local = None
            if self._channel is not None:
                local = self._channel.name[:2]
                self._channel.close()
            return self._open(local, remote)
        if self._connecting or self.connection or self._channel:
            raise error_of(errno.EALREADY if self._connecting else errno.EISCONN)
        if self._timeout != 0:
            _refuse_to_block()
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._connecting = loop._machine.connect(loop, asyncio.Protocol(), future, *remote, *(self.place or ("", 0)))
        future.add_done_callback(self._connected)
        raise error_of(errno.EINPROGRESS)

    def _connected(self, future):
        self._connecting = 0
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._error = error.errno or errno.EIO
        elif self._descriptor == -1:
            future.result().abort()
        else:
            self.connection = future.result()
        self._changed()

    def connect_ex(self, address):
        try:
            self.connect(address)
        except OSError as error:
            return error.errno
        return 0

    def listen(self, backlog=128):
        if self._channel is None and self.type != socket.SOCK_DGRAM:
            if self.place is None:
                self.bind(("", 0))
            self._channel = Listener(asyncio.get_running_loop(), self._changed, self.place, backlog)

    def accept(self):
        if not isinstance(self._channel, Listener):
            raise error_of(errno.EINVAL)
        stream = self._or_block(self._channel.accept)
        return WorldSocket._around(stream, self.family), stream.transport.get_extra_info("peername")

    @classmethod
    def _around(cls, stream, family):
        made = cls(family)
        made._channel = stream
        stream.changed = made._changed
        return made

    def _open(self, local, remote=None):
        """Opens its datagrams, when it is used first."""
        loop = asyncio.get_running_loop()
        if local is None and remote is None:
            local = (self._anywhere(), 0)
        self._channel = Datagrams(loop, self._changed, local or ("", 0), remote)

    def _anywhere(self):
        return "::" if self.family == socket.AF_INET6 else "0.0.0.0"

    def _resolved(self, address):
        """The address and the port; as with real sockets, the address may be given by a name, which is looked up at once."""
        if self.family == socket.AF_UNIX:
            if self.type == socket.SOCK_DGRAM:
                refuse("datagrams of Unix sockets", "use those of UDP")()
            return os.fspath(address), -1
        host, port = address[:2]
        if not host:
            return self._anywhere(), port
        machine = asyncio.get_running_loop()._machine
        return addresses(machine, host, port, self.family, self.type)[0][4][:2]

    def take_connection(self):
        """The transport, for a loop that it is given to, and what has been received already: bytes, and whether that is all."""
        connection, self.connection = self.connection, None
        if connection is not None:
            return connection, b"", False
        stream, self._channel = self._channel, None
        if not isinstance(stream, Stream):
            self._channel = stream
            raise ValueError("the socket is not connected, or has been given away")
        return stream.transport, *stream.give_away()

    def take_listener(self):
        """Connections that wait, for a loop that it is given to, which listens itself."""
        waiting = []
        listener, self._channel = self._channel, None
        if listener is not None:
            while (stream := listener.accept()) is not None:
                waiting.append(WorldSocket._around(stream, self.family))
            listener.close()
        return waiting

    def getsockname(self):
        if isinstance(self._channel, Datagrams):
            return self._channel.name
        transport = self._transport()
        return transport.get_extra_info("sockname") if transport else self._named(self.place or ("", 0))

    def getpeername(self):
        if isinstance(self._channel, Datagrams) and self._channel.remote is not None:
            return self._named(self._channel.remote)
        transport = self._transport()
        if transport is None:
            raise error_of(errno.ENOTCONN)
        return transport.get_extra_info("peername")

    def _transport(self):
        return self._channel.transport if isinstance(self._channel, Stream) else self.connection

    def _named(self, place):
        if self.family == socket.AF_UNIX:
            return place[0]
        return (*place, 0, 0) if self.family == socket.AF_INET6 else place

    # Receiving and sending.

    def recvfrom(self, size, flags=0):
        channel = self._channel_of_use()
        return self._or_block(lambda: channel.receive(size))

    def recv(self, size, flags=0):
        return self.recvfrom(size, flags)[0]

    def recvfrom_into(self, buffer, size=0, flags=0):
        view = memoryview(buffer).cast("B")
        data, sender = self.recvfrom(size or len(view), flags)
        view[:len(data)] = data
        return len(data), sender

    def recv_into(self, buffer, size=0, flags=0):
        return self.recvfrom_into(buffer, size, flags)[0]

    def send(self, data, flags=0):
        channel = self._channel_of_use()
        return self._or_block(lambda: channel.send(data))

    def sendall(self, data, flags=0):
        view = memoryview(data).cast("B")
        while view:
            view = view[self.send(view):]

    def sendmsg(self, buffers, *more):
        return self.send(b"".join(buffers))

    def sendto(self, data, *flags_and_address):
        return self._channel_of_use().send(data, self._resolved(flags_and_address[-1]))

    def shutdown(self, how):
        stream = self._channel_of_use()
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            stream.end_sending()
        if how in (socket.SHUT_RD, socket.SHUT_RDWR):
            stream.end_receiving()

    def _channel_of_use(self):
        if self._descriptor == -1:
            raise error_of(errno.EBADF)
        if self._channel is None and self.type == socket.SOCK_DGRAM:
            self._open(None)
        self._begin()
        if self._channel is None or isinstance(self._channel, Listener):
            raise error_of(errno.ENOTCONN)
        return self._channel

    def _begin(self):
        """A connection is received from once somebody asks, as it may be given to a loop before."""
        transport, self.connection = self.connection, None
        if transport is not None:
            self._channel = Stream(self._changed)
            transport.set_protocol(self._channel)
            if transport.is_closing():
                self._channel.connection_lost(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))
            transport._begin()

    def _or_block(self, attempt):
        result = attempt()
        if result is None:
            if self._timeout != 0:
                _refuse_to_block()
            raise error_of(errno.EAGAIN)
        return result

    # Who waits: what a selector would tell, as long as it holds.

    def watch(self, loop, for_writing, handle):
        """Let ``handle`` run whenever the socket is ready; null ends that. Answers the handle that did so before."""
        before = self._handles.pop(for_writing, None)
        if handle is not None:
            self._watcher = loop
            self._handles[for_writing] = handle
            if not for_writing:
                self._begin()
            self._changed()
        return before

    def watched(self):
        """The handles for reading and writing, of which there may be none; null when there is neither."""
        return (self._handles.get(False), self._handles.get(True)) if self._handles else None

    def _is_ready(self, for_writing):
        if self._error:
            return True
        if self._channel is None:
            return for_writing and not self._connecting
        return self._channel.is_writable if for_writing else self._channel.is_readable

    def _changed(self):
        if not self._is_told and any(map(self._is_ready, self._handles)):
            self._is_told = True
            self._watcher.call_soon(self._tell)

    def _tell(self):
        self._is_told = False
        for for_writing, handle in list(self._handles.items()):
            if not handle.cancelled() and self._is_ready(for_writing):
                handle._run()
        self._changed()

    # The rest.

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self._handles.clear()
        self._descriptor = -1
        if self._connecting:
            loop = asyncio.get_running_loop()
            loop._machine.cancel_connect(self._connecting)
        if self._channel is not None:
            self._channel.close()
        if self.connection is not None:
            self.connection.close()
        self._connecting, self._channel, self.connection = 0, None, None

    def fileno(self):
        if self._descriptor is None:
            loop = asyncio._get_running_loop()
            self._descriptor = -1 if loop is None else loop.world._descriptor_of(self)
        return self._descriptor

    def settimeout(self, seconds):
        self._timeout = seconds

    def setblocking(self, blocks):
        self._timeout = None if blocks else 0.0

    def gettimeout(self):
        return self._timeout

    def getblocking(self):
        return self._timeout != 0

    def getsockopt(self, level, option, *size):
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            error, self._error = self._error, 0
            return error
        if (level, option) == (socket.SOL_SOCKET, socket.SO_TYPE):
            return int(self.type)
        return 0

    def setsockopt(self, level, option, *value):
        if (level, option) == (socket.SOL_SOCKET, socket.SO_BROADCAST):
            refuse("broadcasts", "send to each host")()
        if (level, option) in _OF_MULTICAST:
            refuse("multicast", "send to each host")()

    def set_inheritable(self, inheritable):
        pass

    recvmsg = recvmsg_into = sendfile = makefile = dup = detach = refuse(
        "this of a socket", "use asyncio's streams and protocols, or recv() and send()")

    def __repr__(self):
        return f"<a socket of a simulated world, {self.getsockname()!r}>"


def _refuse_to_block():
    refuse("sockets that block", "setblocking(False), and let the loop wait: it has sock_recv() and others")()


class TransportsSocket(WorldSocket):
    """What a transport of a world shows of itself."""

    def __init__(self, transport):
        name = transport.get_extra_info("sockname")
        super().__init__(socket.AF_UNIX if not isinstance(name, tuple) else socket.AF_INET if len(name) == 2 else socket.AF_INET6)
        self._timeout = 0.0
        self._shown = weakref.ref(transport)

    def _transport(self):
        return self._shown()


class _ServersSocket(WorldSocket):
    """Where a server of asyncio's listens."""

    def listen(self, backlog=128):
        pass


def bound_socket(host, family, place):
    made = _ServersSocket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    made.place = (place[0], place[1] or host._free_port())
    return made


def addresses(machine, host, port, family=0, type=0, proto=0, flags=0):
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


def _is_address(name):
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
            return True
        except OSError:
            pass
    return False


def _port(port):
    try:
        return int(port or 0)
    except ValueError:
        raise socket.gaierror(socket.EAI_SERVICE, f"a port is a number in a simulated world, not {port!r}") from None
