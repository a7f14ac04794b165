"""TCP echo on asyncio's protocols, over TLS 1.3 with a certificate and its key.

    echo_protocol.py --loop NAME [--tls CERTIFICATE KEY [--own-tls]]   bine alone: with a bine.TLSContext
"""

import asyncio
import ssl

import loops


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


def tls_context(certificate, key, is_own):
    if is_own:
        return loops.need("bine").TLSContext(certificate, key, minimum="TLSv1.3")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    return context


async def main(options):
    loop = asyncio.get_running_loop()
    tls = tls_context(*options.tls, options.own_tls) if options.tls else None
    await loops.serve(options, await loop.create_server(Echo, "127.0.0.1", 0, backlog=loops.BACKLOG, ssl=tls))


if __name__ == "__main__":
    parser = loops.parser(__doc__)
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--own-tls", action="store_true")
    loops.run(parser.parse_args(), main)
