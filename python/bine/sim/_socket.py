"""What stands in the place of sockets in a simulated world, and the names there."""

import asyncio
import itertools
import socket

_real = socket.socket


class NotInWorld(NotImplementedError):
    """What the program asks for does not exist in a simulated world."""


def refuse(what, instead=""):
    """Something that raises NotInWorld when it is called."""
    text = f"the simulated world has no {what}" + (f"; {instead}" if instead else "")

    def refused(*args, **kwargs):
        raise NotInWorld(text)

    return refused


class WorldSocket(_real):
    """What socket.socket() makes in a world. It can be bound and connected by a loop and given to one, and that is all."""

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        if fileno is not None:
            refuse("descriptors")()
        self._kind = (socket.AF_INET if family == -1 else family, socket.SOCK_STREAM if type == -1 else type, max(proto, 0))
        self.place = None  # (address, port) that it is bound to
        self.number = 0  # under which it listens
        self.connection = None  # a transport without a protocol

    family = property(lambda self: socket.AddressFamily(self._kind[0]))
    type = property(lambda self: socket.SocketKind(self._kind[1]))
    proto = property(lambda self: self._kind[2])

    def bind(self, address):
        host = asyncio.get_running_loop().host
        if self.family == socket.AF_UNIX:
            self.place = (address, -1)
        else:
            anywhere = "::" if self.family == socket.AF_INET6 else "0.0.0.0"
            self.place = (address[0] or anywhere, address[1] or host._free_port())

    def take_connection(self):
        connection, self.connection = self.connection, None
        if connection is None:
            raise ValueError("the socket is not connected, or has been given away")
        return connection

    def getsockname(self):
        if self.connection is not None:
            return self.connection.get_extra_info("sockname")
        return self._named(self.place or ("", 0))

    def getpeername(self):
        if self.connection is None:
            raise OSError(107, "Transport endpoint is not connected")
        return self.connection.get_extra_info("peername")

    def _named(self, place):
        if self.family == socket.AF_UNIX:
            return place[0]
        return (*place, 0, 0) if self.family == socket.AF_INET6 else place

    def close(self):
        if self.connection is not None:
            self.take_connection().abort()

    def fileno(self):
        return -1

    def gettimeout(self):
        return 0.0

    def getblocking(self):
        return False

    def getsockopt(self, *option):
        return 0

    def _nothing(self, *arguments):
        pass

    settimeout = setblocking = setsockopt = listen = set_inheritable = _nothing
    connect = connect_ex = accept = recv = recv_into = recvfrom = recvfrom_into = recvmsg = recvmsg_into = send = sendall = \
        sendto = sendmsg = sendfile = shutdown = makefile = dup = detach = refuse(
            "sockets that could be read and written", "use asyncio's streams and protocols")

    def __repr__(self):
        return f"<a socket of a simulated world, {self.getsockname()!r}>"


def bound_socket(host, family, place):
    made = WorldSocket(family, socket.SOCK_STREAM)
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
