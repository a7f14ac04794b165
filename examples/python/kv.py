"""A store that counts, over TCP. A request is a line, "ann 7 visits", and so is its answer, "1".

A request says whose it is and has a number. What is asked again under the same number is not done again: it is given the
same answer. So a client that has heard nothing can ask again.
"""

import asyncio


class Server:
    def __init__(self, journal):
        self.sums = {}
        self.answers = {}  # the last one to each client: (number, sum)
        self.writing = asyncio.Lock()
        self.journal = journal

    async def serve(self):
        server = await asyncio.start_server(self.talk, None, 7000)
        async with server:
            await server.serve_forever()

    async def talk(self, reader, writer):
        try:
            while line := await reader.readline():
                client, number, key = line.decode().split()
                writer.write(b"%d\n" % await self.count(client, int(number), key))
                await writer.drain()
        except ConnectionError:
            pass  # the client asks again
        finally:
            writer.close()

    async def count(self, client, number, key):
        async with self.writing:
            if self.answers.get(client, (0, 0))[0] == number:
                return self.answers[client][1]
            await self.write_journal(client, number, key)
            self.sums[key] = self.sums.get(key, 0) + 1
            self.answers[client] = number, self.sums[key]
            return self.sums[key]

    async def write_journal(self, *change):
        await asyncio.to_thread(self.journal.append, change)


class Client:
    def __init__(self, name):
        self.name = name
        self.number = 0
        self.retries = 0
        self.stream = None

    async def count(self, key):
        self.number += 1
        while True:
            try:
                return await asyncio.wait_for(self.ask(key), 1.0)
            except (OSError, EOFError, asyncio.TimeoutError):
                self.retries += 1
                self.hang_up()
                await asyncio.sleep(0.05)

    async def ask(self, key):
        if self.stream is None:
            self.stream = await asyncio.open_connection("server", 7000)
        reader, writer = self.stream
        writer.write(f"{self.name} {self.number} {key}\n".encode())
        return int(await reader.readuntil(b"\n"))

    def hang_up(self):
        if self.stream is not None:
            self.stream[1].close()
        self.stream = None
