"""Slide 18: lines, on an endpoint that a string names: line_receiver.py [ENDPOINT]"""

import sys

import bine.twisted

bine.twisted.install()

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class MyProtocol(LineReceiver):
    def lineReceived(self, line):
        print("I got this line:")
        print(line, flush=True)


def listening(port):
    print("listening on %s:%d" % (port.getHost().host, port.getHost().port), file=sys.stderr, flush=True)


endpoint = sys.argv[1] if len(sys.argv) > 1 else "tcp:7000:interface=127.0.0.1"
serverFromString(reactor, endpoint).listen(Factory.forProtocol(MyProtocol)).addCallback(listening)
reactor.run()
