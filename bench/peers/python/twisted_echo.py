"""TCP echo on Twisted.

    twisted_echo.py --loop NAME     twisted: its own reactor of epoll; bine: bine's; others: its asyncio reactor on that loop
"""

import loops


def install(options):
    if options.loop == "twisted":
        loops.need("twisted.internet.epollreactor").install()
    elif options.loop == "bine":
        loop = loops.new_loop(options)  # from where bine is found
        loops.need("bine.twisted").install(loop)
    else:
        loops.need("twisted.internet.asyncioreactor").install(loops.new_loop(options))
    return loops.need("twisted.internet.reactor")


def main(options):
    reactor = install(options)
    from twisted.internet import protocol

    class Echo(protocol.Protocol):
        def dataReceived(self, data):
            self.transport.write(data)

    factory = protocol.Factory.forProtocol(Echo)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, backlog=loops.BACKLOG, interface="127.0.0.1")
    reactor.callWhenRunning(lambda: print(f"port {port.getHost().port} on {loops.driver_in_use()}", flush=True))
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main(loops.parser(__doc__).parse_args())
