import asyncio

import bine


class Shout(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data.upper())


async def main():
    async with await bine.listen("tcp:0:interface=127.0.0.1", Shout) as port:
        host, number = port.address
        reader, writer = await bine.open_connection(f"tcp:{host}:{number}")
        writer.write(b"hello\n")
        print(await reader.readline())
        writer.close()
        await writer.wait_closed()
    try:
        await bine.connect("tcp:somewhere:80:colour=red", Shout)
    except ValueError as error:
        print(error)


bine.run(main())
