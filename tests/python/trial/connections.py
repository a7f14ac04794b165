"""Twisted's connections over bine's transports: what its users rely on. Run by trial on bine's reactor (test_twisted.py)."""

import io
import socket

from twisted.internet import defer, error, interfaces, protocol, reactor, ssl
from twisted.protocols.basic import FileSender
from twisted.python import log
from twisted.trial import unittest
from zope.interface import implementer

MEGABYTES = bytes(range(251)) * 20_000  # five


class Recorder(protocol.Protocol):
    def __init__(self):
        self.received, self.reason = b"", None
        self.waiting, self.ending = [], []

    def dataReceived(self, data):
        self.received += data
        ready = [one for one in self.waiting if len(self.received) >= one[0]]
        self.waiting = [one for one in self.waiting if one not in ready]
        for _, deferred in ready:
            deferred.callback(self.received)

    def connectionLost(self, reason=protocol.connectionDone):
        self.reason = reason.type
        for deferred in self.ending:
            deferred.callback(self.reason)

    def lost(self):
        """Fires with the kind of the reason when the connection is lost."""
        if self.reason:
            return defer.succeed(self.reason)
        deferred = defer.Deferred()
        self.ending.append(deferred)
        return deferred

    def after(self, count):
        """Fires when that many bytes have come."""
        deferred = defer.Deferred()
        self.waiting.append((count, deferred))
        return deferred


@implementer(interfaces.IHalfCloseableProtocol)
class HalfCloseable(Recorder):
    def __init__(self):
        super().__init__()
        self.read_lost, self.write_lost = defer.Deferred(), defer.Deferred()

    def readConnectionLost(self):
        self.read_lost.callback(None)

    def writeConnectionLost(self):
        self.write_lost.callback(None)


class Connections(unittest.TestCase):
    timeout = 30


    @defer.inlineCallbacks
    def connected(self, ours=Recorder, theirs=Recorder):
        """Two protocols that are connected: a client's and a server's."""
        accepted = defer.Deferred()

        def build(address):
            reactor.callLater(0, accepted.callback, None)
            return server

        client, server = ours(), theirs()
        factory = protocol.Factory()
        factory.noisy = False
        factory.buildProtocol = build
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        creator = protocol.ClientCreator(reactor, lambda: client)
        yield creator.connectTCP("127.0.0.1", port.getHost().port)
        yield accepted
        self.addCleanup(self.end, client, server)
        for one in (client, server):
            self.assertEqual(type(one.transport._below).__name__, "StreamTransport")
        return client, server

    def end(self, *protocols):
        for one in protocols:
            if not one.reason:
                one.transport.abortConnection()
        return defer.gatherResults([one.lost() for one in protocols])

    @defer.inlineCallbacks
    def test_bytes_come_in_order_both_ways(self):
        client, server = yield self.connected()
        for size in (1, 1000, 65_536, 1_000_000):
            client.received = server.received = b""
            client.transport.write(MEGABYTES[:size])
            server.transport.writeSequence([MEGABYTES[:10], MEGABYTES[10:size]] if size > 10 else [MEGABYTES[:size]])
            came = yield defer.gatherResults([client.after(size), server.after(size)])
            self.assertEqual(came, [MEGABYTES[:size]] * 2)

    @defer.inlineCallbacks
    def test_what_is_no_bytes_is_refused(self):
        client, _ = yield self.connected()
        for wrong in ("text", bytearray(b"x"), None):
            self.assertRaises(TypeError, client.transport.write, wrong)
            self.assertRaises(TypeError, client.transport.writeSequence, [wrong])

    @defer.inlineCallbacks
    def test_losing_a_connection_sends_what_was_written(self):
        client, server = yield self.connected()
        client.transport.write(MEGABYTES)
        client.transport.loseConnection()
        client.transport.write(b"after it")
        reasons = yield defer.gatherResults([client.lost(), server.lost()])
        self.assertEqual(server.received, MEGABYTES + b"after it")
        self.assertEqual(reasons, [error.ConnectionDone] * 2)
        client.transport.write(b"nobody hears it")

    @defer.inlineCallbacks
    def test_aborting_a_connection_resets_it(self):
        client, server = yield self.connected()
        client.transport.abortConnection()
        client.transport.abortConnection()
        reasons = yield defer.gatherResults([client.lost(), server.lost()])
        self.assertEqual(reasons, [error.ConnectionAborted, error.ConnectionLost])

    @defer.inlineCallbacks
    def test_a_half_closed_connection_still_receives(self):
        client, server = yield self.connected(HalfCloseable, HalfCloseable)
        client.transport.write(b"question")
        client.transport.loseWriteConnection()
        yield defer.gatherResults([client.write_lost, server.read_lost])
        self.assertEqual(server.received, b"question")
        server.transport.write(b"answer")
        yield client.after(6)
        server.transport.loseConnection()
        yield client.read_lost
        self.assertEqual(client.received, b"answer")

    @defer.inlineCallbacks
    def test_nothing_comes_while_producing_is_paused(self):
        client, server = yield self.connected()
        server.transport.pauseProducing()
        self.assertNotIn(server.transport, reactor.getReaders())
        client.transport.write(b"words")
        turn = defer.Deferred()
        reactor.callLater(0.02, turn.callback, None)
        yield turn
        self.assertEqual(server.received, b"")
        server.transport.resumeProducing()
        self.assertIn(server.transport, reactor.getReaders())
        yield server.after(5)

    @defer.inlineCallbacks
    def test_a_streaming_producer_waits_for_a_peer_that_does_not_read(self):
        class Producer:
            left, pauses, is_paused = len(MEGABYTES), 0, False

            def pauseProducing(self):
                self.pauses += 1
                self.is_paused = True

            def resumeProducing(self):
                self.is_paused = False
                while self.left and not self.is_paused:
                    client.transport.write(MEGABYTES[len(MEGABYTES) - self.left:][:10_000])
                    self.left = max(0, self.left - 10_000)
                if not self.left:
                    client.transport.unregisterProducer()

            def stopProducing(self):
                pass

        client, server = yield self.connected()
        client.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        server.transport.pauseProducing()
        producer = Producer()
        client.transport.registerProducer(producer, True)
        producer.resumeProducing()
        self.assertTrue(producer.is_paused and producer.left)
        server.transport.resumeProducing()
        came = yield server.after(len(MEGABYTES))
        self.assertEqual(came, MEGABYTES)
        self.assertGreater(producer.pauses, 1)

    @defer.inlineCallbacks
    def test_a_pulled_producer_is_asked_when_all_has_left(self):
        client, server = yield self.connected()
        client.transport.write(b"before ")
        yield FileSender().beginFileTransfer(io.BytesIO(MEGABYTES), client.transport)
        client.transport.loseConnection()
        yield server.lost()
        self.assertEqual(server.received, b"before " + MEGABYTES)

    @defer.inlineCallbacks
    def test_what_a_protocol_raises_ends_its_connection(self):
        class Raising(Recorder):
            def dataReceived(self, data):
                raise ZeroDivisionError("in dataReceived")

        client, server = yield self.connected(theirs=Raising)
        client.transport.write(b"x")
        reason = yield server.lost()
        self.assertEqual(reason, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    @defer.inlineCallbacks
    def test_what_is_logged_names_the_connection(self):
        class Logging(Recorder):
            def dataReceived(self, data):
                log.msg("in dataReceived")
                super().dataReceived(data)

        said = []
        log.addObserver(said.append)
        self.addCleanup(log.removeObserver, said.append)
        client, server = yield self.connected(theirs=Logging)
        client.transport.write(b"x")
        yield server.after(1)
        systems = [one["system"] for one in said if "in dataReceived" in one.get("message", ())]
        self.assertEqual(len(systems), 1)
        self.assertRegex(systems[0], r"^Logging,0,127\.0\.0\.1$")

    @defer.inlineCallbacks
    def test_tls_begins_in_the_middle(self):
        client, server = yield self.connected()
        certificate = ssl.KeyPair.generate(size=2048).selfSignedCert(1, CN="localhost")
        client.transport.write(b"plain ")
        yield server.after(6)
        server.transport.startTLS(certificate.options())
        client.transport.startTLS(ssl.CertificateOptions())
        client.transport.write(MEGABYTES)
        server.transport.write(b"answer")
        yield defer.gatherResults([client.after(6), server.after(6 + len(MEGABYTES))])
        self.assertEqual((client.received, server.received), (b"answer", b"plain " + MEGABYTES))
        client.transport.loseConnection()
        yield defer.gatherResults([client.lost(), server.lost()])
