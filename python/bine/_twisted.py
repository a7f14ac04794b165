"""Twisted's asyncio reactor on a loop of bine's, whose TCP connections are bine's transports.

A connection stays of Twisted's class, with its rules for producers, half-closing, TLS and logging; what it loses is its use of
the reactor's readers and writers. Bytes come by asyncio's ``data_received`` and leave by the transport's ``write``, both in
C++, where Twisted would watch the socket, call recv(2) and send(2), and watch it again. A message costs half or less.

Twisted has a connection's ``doWrite`` called when its socket takes bytes, and most of its rules stand at the end of that: there
is nothing left to send, so a producer goes on, or the connection ends. So here: ``startWriting`` asks for ``_emptied``.

Everything else - listening, connecting, datagrams, Unix sockets, which pass descriptors, processes - is Twisted's own.
Importing this imports Twisted.
"""

import socket
import struct

from twisted.internet import asyncioreactor, error, main, tcp
from twisted.internet.abstract import FileDescriptor
from twisted.python import context, log

from . import _bine

_NO_LINGERING = struct.pack("ii", 1, 0)  # close(2) sends a reset
_INTERNET = (socket.AF_INET, socket.AF_INET6)

try:
    from twisted.internet import _newtls
except ImportError:
    _newtls = None  # without pyOpenSSL Twisted has no TLS


class _Connection:
    """What stands in front of Twisted's class. It is the asyncio protocol of its transport, too."""

    _below = None  # bine's transport, from the first startReading() of an established connection on
    _is_full = False
    _awaits_empty = False

    def _attach(self):
        reactor = self.reactor
        below = reactor._asyncioEventloop._make_socket_transport(self.socket, self)
        below.set_write_buffer_limits(self.bufferSize)
        # As log.callWithLogger() would have it for each call.
        self._log_context = {log.ILogContext: {**context.get(log.ILogContext), "system": self.logPrefix()}}
        self._below = below
        reactor._connections.add(self)

    def _guarded(self, is_read, function, *arguments):
        """Calls what may be the program's, as Twisted's reactors do: what it answers or raises ends the connection."""
        context.call(self._log_context, self._guarded_here, is_read, function, arguments)

    def _guarded_here(self, is_read, function, arguments):
        try:
            why = function(*arguments)
        except Exception as raised:
            self._failed(raised, is_read)
        else:
            if why:
                self.reactor._disconnectSelectable(self, why, is_read)

    def _failed(self, raised, is_read):
        self.reactor._log.failure("")
        self.reactor._disconnectSelectable(self, raised, is_read)

    # The protocol of asyncio's.

    def connection_made(self, transport):
        pass

    def data_received(self, data):
        # _guarded(True, self._dataReceived, data), for what comes with every message.
        contexts = context.theContextTracker.currentContext().contexts
        contexts.append(self._log_context)
        try:
            self.protocol.dataReceived(data)
        except Exception as raised:
            self._failed(raised, True)
        finally:
            contexts.pop()

    def eof_received(self):
        self._guarded(True, lambda: main.CONNECTION_DONE)
        return True  # Twisted closes by itself

    def connection_lost(self, exception):
        self.reactor._connections.discard(self)
        if hasattr(self, "socket"):
            self._guarded(False, lambda: error.ConnectionAborted() if self._aborting else main.CONNECTION_LOST)

    def pause_writing(self):
        self._is_full = True

    def resume_writing(self):
        self._is_full = False
        self._look()

    # What Twisted's FileDescriptor has: reading.

    def startReading(self):
        if self._below is not None:
            self._below.resume_reading()
        elif self._is_established():
            self._attach()
        else:
            super().startReading()

    def stopReading(self):
        if self._below is not None:
            self._below.pause_reading()
        else:
            super().stopReading()

    # Writing.

    def startWriting(self):
        if self._below is None:
            super().startWriting()
        elif not self._awaits_empty:
            self._awaits_empty = True
            self.reactor._asyncioEventloop.call_soon(self._look)

    def stopWriting(self):
        if self._below is None:
            super().stopWriting()
        self._awaits_empty = False

    def _look(self):
        """Calls _emptied() now or, when the system does not take all of it, by resume_writing()."""
        if not self._awaits_empty or self._is_full or self._aborting or not hasattr(self, "socket"):
            return
        self._below.set_write_buffer_limits(0, 0)  # pauses unless all has left, and then resumes when it has
        if not self._is_full:
            self._below.set_write_buffer_limits(self.bufferSize)
            self._guarded(False, self._emptied)

    def _emptied(self):
        """The end of Twisted's doWrite()."""
        self._awaits_empty = False
        if self.producer is not None and (not self.streamingProducer or self.producerPaused):
            self.producerPaused = False
            self.producer.resumeProducing()
        elif self.disconnecting:
            return self._postLoseConnection()
        elif self._writeDisconnecting:
            self._writeDisconnected = True
            return self._closeWriteConnection()
        return None

    def registerProducer(self, producer, streaming):
        super().registerProducer(producer, streaming)
        # What was written before has not left yet, for Twisted: a producer that is pulled goes on when it has.
        if self.producer is not None and not streaming:
            self.startWriting()

    def _written(self):
        """What a write does besides when there is a producer."""
        if not self.streamingProducer:
            self.startWriting()
        elif self._is_full or self._below._queued > self.bufferSize:
            self.producerPaused = True
            self.startWriting()
            self.producer.pauseProducing()

    def write(self, data):
        if self.TLS:
            if self.connected:
                self.protocol.write(data)
        else:
            _write(self, data)

    def writeSequence(self, iovec):
        if self.TLS:
            if self.connected:
                self.protocol.writeSequence(iovec)
        else:
            _write_sequence(self, iovec)

    # The end.

    def _closeSocket(self, orderly):
        if self._below is None:
            super()._closeSocket(orderly)
        elif orderly:
            self._below.close()
        elif not self._below.is_closing():  # otherwise the descriptor may be another's already
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
            self._below._force_close(error.ConnectionAborted())  # abort() would hand over what was written

    if _newtls:
        def startTLS(self, ctx, normal=True):
            _newtls.startTLS(self, ctx, normal, _Plain)


def _write(connection, data):
    """FileDescriptor.write(): below TLS, if there is any."""
    below = connection._below
    if below is None:
        return FileDescriptor.write(connection, data)
    if not isinstance(data, bytes):
        raise TypeError("Data must be bytes")
    if connection.connected and not connection._writeDisconnected and data:
        below.write(data)
        if connection.producer is not None:
            connection._written()


def _write_sequence(connection, pieces):
    """FileDescriptor.writeSequence(): below TLS, if there is any."""
    below = connection._below
    if below is None:
        return FileDescriptor.writeSequence(connection, pieces)
    pieces = list(pieces)
    for piece in pieces:
        if not isinstance(piece, bytes):
            raise TypeError("Data must be bytes")
    if connection.connected and not connection._writeDisconnected and pieces:
        below.writelines(pieces)
        if connection.producer is not None:
            connection._written()


class _Plain(FileDescriptor):
    """What TLS uses of the connection below it."""

    write = _write
    writeSequence = _write_sequence


class Server(_Connection, tcp.Server):
    def _is_established(self):
        return True


class Client(_Connection, tcp.Client):
    def _is_established(self):
        return self.connected


class Port(tcp.Port):
    transport = Server


class Connector(tcp.Connector):
    def _makeTransport(self):
        return Client(self.host, self.port, self.bindAddress, self, self.reactor)


class Reactor(asyncioreactor.AsyncioSelectorReactor):
    """Twisted's reactor on ``eventloop``, a loop of bine's that is not used otherwise yet."""

    def __init__(self, eventloop):
        if not isinstance(eventloop, _bine.Loop):
            raise TypeError(f"the reactor needs a loop of bine's, not {eventloop!r}")
        self._connections = set()
        super().__init__(eventloop)

    def listenTCP(self, port, factory, backlog=50, interface=""):
        listening = Port(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def connectTCP(self, host, port, factory, timeout=30, bindAddress=None):
        connector = Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def adoptStreamPort(self, fileDescriptor, addressFamily, factory):
        if addressFamily not in _INTERNET:
            return super().adoptStreamPort(fileDescriptor, addressFamily, factory)
        port = Port._fromListeningDescriptor(self, fileDescriptor, addressFamily, factory)
        port.startListening()
        return port

    def adoptStreamConnection(self, fileDescriptor, addressFamily, factory):
        if addressFamily not in _INTERNET:
            return super().adoptStreamConnection(fileDescriptor, addressFamily, factory)
        return Server._fromConnectedSocket(fileDescriptor, addressFamily, factory, self)

    def removeAll(self):
        connections = list(self._connections)
        self._connections.clear()
        for connection in connections:
            connection.stopReading()
            connection.stopWriting()
        return super().removeAll() + connections

    def getReaders(self):
        return super().getReaders() + [one for one in self._connections if one._below.is_reading()]

    def getWriters(self):
        return super().getWriters() + [one for one in self._connections if one._awaits_empty]
