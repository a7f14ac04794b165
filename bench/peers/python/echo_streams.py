"""TCP echo on asyncio's streams.

    echo_streams.py --loop NAME
"""

import asyncio

import loops


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(options):
    await loops.serve(options, await asyncio.start_server(echo, "127.0.0.1", 0, backlog=loops.BACKLOG))


if __name__ == "__main__":
    loops.run(loops.parser(__doc__).parse_args(), main)
