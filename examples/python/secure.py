import asyncio

import bine

server_side = bine.TLSContext.self_signed("localhost")  # or TLSContext("cert.pem", "key.pem")
client_side = bine.TLSContext(ca=server_side.certificates[0])


async def greet(reader, writer):
    writer.write(b"hello, " + await reader.readline())
    writer.close()


async def main():
    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_side)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname="localhost")
        print(writer.get_extra_info("version"))
        writer.write(b"secret\n")
        print(await reader.readline())
        writer.close()
        await writer.wait_closed()


bine.run(main())
