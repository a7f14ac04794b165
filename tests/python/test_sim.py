"""asyncio programs in simulated worlds."""

import asyncio
import datetime
import functools
import gc
import os
import pathlib
import random
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import uuid

import bine.sim
from support import PATIENCE, client_context, is_sanitized, make_certificates, server_context

# What is compared between processes here is played in processes of their own, which see to this themselves.
os.environ.setdefault("PYTHONHASHSEED", "0")

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/python"
CALM = bine.sim.Network()


async def serve_echo(port=7000):
    async def echo(reader, writer):
        try:
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, None, port)
    await server.serve_forever()


async def ask(line, host="server", port=7000, **options):
    reader, writer = await asyncio.open_connection(host, port, **options)
    writer.write(line)
    try:
        return await reader.readline()
    finally:
        writer.close()


async def echo(world):
    world.host("server").run(serve_echo)
    while True:
        try:
            return await asyncio.wait_for(ask(b"hello\n"), 5)
        except (OSError, asyncio.TimeoutError):
            await asyncio.sleep(0.1)


def result_of(program, seed=1, network=CALM, **options):
    return bine.sim.run(program, seed=seed, network=network, **options).result


class Playing(unittest.TestCase):
    def failure_of(self, program, **options):
        with self.assertRaises(bine.sim.Failed) as raised:
            bine.sim.run(program, **options)
        return raised.exception


class Replaying(Playing):
    def test_a_seed_gives_the_same_run_again(self):
        for seed in range(1, 6):
            first = bine.sim.run(echo, seed=seed)
            again = bine.sim.run(echo, seed=seed)
            self.assertEqual((first.hash, first.story, first.result), (again.hash, again.story, b"hello\n"))

    def test_seeds_give_different_runs(self):
        self.assertEqual(len({bine.sim.run(echo, seed=seed).hash for seed in range(1, 21)}), 20)

    def test_choices_give_the_run_again_without_what_the_seed_draws(self):
        run = bine.sim.run(echo, seed=5)
        self.assertEqual(bine.sim.run(echo, seed=5, choices=run.choices).hash, run.hash)
        self.assertNotEqual(bine.sim.run(echo, seed=5, choices=[]).hash, run.hash)

    def test_a_run_is_the_same_in_another_process(self):
        program = textwrap.dedent("""
            import asyncio, bine.sim, os, random
            async def program(world):
                members = set()
                async def serve():
                    async def talk(reader, writer):
                        members.add(writer)
                        while line := await reader.readline():
                            for member in members:
                                member.write(line)
                        members.discard(writer)
                        writer.close()
                    await (await asyncio.start_server(talk, None, 7)).serve_forever()
                async def say(name):
                    await asyncio.sleep(random.random())
                    reader, writer = await asyncio.open_connection("server", 7)
                    writer.write(name.encode() + os.urandom(3).hex().encode() + b"\\n")
                    await asyncio.sleep(2)
                    world.note(await reader.read(1000))
                    writer.close()
                world.host("server").run(serve)
                await asyncio.sleep(0.5)
                for name in {"ann", "bob", "eve", "joe"}:
                    world.host(name).run(say, name)
                for host in world.hosts[2:]:
                    await host.ended()
            for seed in range(1, 6):
                print(bine.sim.run(program, seed=seed, network=bine.sim.Network(longest_latency=0.1)))
        """)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
        outputs = {subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True,
                                  timeout=PATIENCE).stdout for _ in range(3)}
        self.assertEqual(len(outputs), 1)
        self.assertEqual(len(set(outputs.pop().splitlines())), 5)

    def test_the_command_of_a_failure_plays_it_again(self):
        program = textwrap.dedent("""
            import bine.sim
            async def program(world):
                world.check(world.choose("a number", 10) != 7, "not seven")
            bine.sim.explore(program, seeds=100)
        """)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        script = pathlib.Path(folder.name, "program.py")
        script.write_text(program, encoding="utf-8")
        first = subprocess.run([sys.executable, script], capture_output=True, timeout=PATIENCE, text=True)
        command = first.stderr.strip().splitlines()[-1].strip()
        self.assertIn("BINE_SIM", command)
        again = subprocess.run(command, shell=True, capture_output=True, timeout=PATIENCE, text=True)
        self.assertEqual(again.stderr.strip().splitlines()[-1].strip(), command)
        self.assertIn("BROKEN: not seven", again.stderr)

    def test_sets_of_tasks_are_in_the_order_of_their_making(self):
        async def program(world):
            tasks = {asyncio.create_task(asyncio.sleep(1)) for _ in range(100)}
            done, _ = await asyncio.wait(tasks)
            return [task.get_name() for task in tasks], [task.get_name() for task in done]

        self.assertEqual(result_of(program), result_of(program))


class Time(Playing):
    def test_an_hour_costs_nothing(self):
        async def program(world):
            before = world.now, time.time(), time.monotonic(), asyncio.get_running_loop().time(), time.perf_counter()
            await asyncio.sleep(3600)
            after = world.now, time.time(), time.monotonic(), asyncio.get_running_loop().time(), time.perf_counter()
            return [round(two - one, 6) for one, two in zip(before, after)]

        began = time.monotonic()
        self.assertEqual(result_of(program), [3600.0] * 5)
        self.assertLess(time.monotonic() - began, 60)

    def test_who_waits_by_turning_comes_to_an_end(self):
        async def program(world):
            loop = asyncio.get_running_loop()
            end = loop.time() + 0.001
            while loop.time() < end:
                await asyncio.sleep(0)
            seen, ended = [], loop.create_future()

            def again():
                seen.append(loop.time())
                if seen[-1] > seen[0]:
                    ended.set_result(None)
                else:
                    loop.call_at(seen[0], again)

            loop.call_later(1, again)
            await ended

        result_of(program)

    def test_all_clocks_are_the_worlds(self):
        async def program(world):
            return (time.time(), datetime.datetime.now(datetime.timezone.utc).timestamp(), time.time_ns() / 1e9,
                    time.mktime(time.localtime()))

        starts = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
        for clock in result_of(program, starts=starts):
            self.assertLess(abs(clock - starts.timestamp()), 7)
        self.assertGreater(abs(time.time() - starts.timestamp()), 7)

    def test_every_host_has_a_wall_clock_of_its_own(self):
        async def look():
            return time.time()

        async def program(world):
            one, other = world.host("one"), world.host("other")
            one.run(look)
            other.jump_clock(3600)
            other.run(look)
            return await one.ended(), await other.ended(), one.clock_ahead, other.clock_ahead

        one, other, one_ahead, other_ahead = result_of(program)
        self.assertGreater(other - one, 3590)
        self.assertAlmostEqual(other - one, other_ahead - one_ahead, 3)

    def test_the_real_clock_is_back_afterwards(self):
        before = time.time(), time.monotonic()
        result_of(echo)
        for now, then in zip((time.time(), time.monotonic()), before):
            self.assertLess(abs(now - then), PATIENCE)

    def test_other_threads_keep_the_real_clock(self):
        seen = []
        begun, stop = threading.Event(), threading.Event()

        def watch():
            begun.set()
            while not stop.is_set():
                seen.append(time.time())
                stop.wait(0.001)

        watcher = threading.Thread(target=watch)
        watcher.start()
        begun.wait()
        real = time.time()

        async def program(world):
            for _ in range(50):
                await asyncio.sleep(1e6)

        bine.sim.run(program, most=1e8)
        stop.set()
        watcher.join()
        self.assertLess(max(abs(at - real) for at in seen), PATIENCE)


class Chance(Playing):
    def test_chance_follows_from_the_seed(self):
        async def program(world):
            return (random.random(), os.urandom(8), secrets.token_hex(), uuid.uuid4(), uuid.uuid1(), random.Random().random(),
                    random.SystemRandom().random())

        self.assertEqual(result_of(program, 3), result_of(program, 3))
        for one, other in zip(result_of(program, 3), result_of(program, 4)):
            self.assertNotEqual(one, other)
        self.assertNotEqual(os.urandom(8), os.urandom(8))

    def test_random_is_afterwards_what_it_was(self):
        random.seed(5)
        expected = random.random()
        random.seed(5)
        result_of(echo)
        self.assertEqual(random.random(), expected)


class Failing(Playing):
    def test_an_exception_fails_the_run_with_seed_story_and_traceback(self):
        async def program(world):
            world.note("so far so good")
            raise KeyError("gone")

        failed = self.failure_of(program, seed=9)
        self.assertIsInstance(failed.__cause__, KeyError)
        for words in ("seed 9", "KeyError: 'gone'", "so far so good", "test_sim.py", "BINE_SIM=program:9"):
            self.assertIn(words, str(failed))

    def test_a_promise_that_does_not_hold_fails_the_run_even_if_the_program_goes_on(self):
        async def program(world):
            try:
                world.check(False, "the sky is green")
            except AssertionError:
                await asyncio.sleep(1)

        self.assertEqual(self.failure_of(program).run.failure, "the sky is green")

    def test_an_error_that_nobody_took_fails_the_run(self):
        async def program(world):
            async def fail():
                raise ValueError("of a task")

            task = asyncio.create_task(fail())
            await asyncio.sleep(1)
            del task

        self.assertIn("of a task", str(self.failure_of(program)))

    def test_an_error_of_another_host_fails_the_run(self):
        async def fail():
            raise ValueError("over there")

        async def program(world):
            world.host("other").run(fail)
            await asyncio.sleep(1)

        failed = self.failure_of(program)
        self.assertIn("the program of other ended in an error: ValueError: over there", str(failed))

    def test_a_hang_is_told_with_who_waits_where(self):
        async def wait_for_ever():
            await asyncio.Event().wait()

        async def program(world):
            world.host("other").run(wait_for_ever)
            await world.host("other").ended(within=float("inf"))

        failed = self.failure_of(program)
        self.assertIn("nobody can go on", str(failed))
        self.assertRegex(str(failed), r"other, other: program: .*test_sim.py:\d+, in wait_for_ever")

    def test_a_program_that_does_not_end_is_told(self):
        async def program(world):
            while True:
                await asyncio.sleep(10)

        self.assertIn("after 1000 s of the world's time", str(self.failure_of(program, most=1000)))

    def test_must_fails_when_it_does_not_come_to_that(self):
        async def program(world):
            await world.must(lambda: False, "pigs fly", within=60)

        failed = self.failure_of(program)
        self.assertEqual(failed.run.failure, "it never came to this: pigs fly")
        self.assertEqual(round(failed.run.took), 60)

    def test_keyboard_interrupt_ends_the_run(self):
        async def program(world):
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            bine.sim.run(program)


class Networks(Playing):
    def test_faults_reach_the_program_as_errors_that_it_knows(self):
        async def program(world):
            errors = set()
            world.host("server").run(serve_echo)
            for _ in range(300):
                try:
                    await asyncio.wait_for(ask(b"x" * 1000 + b"\n"), 30)
                except (OSError, asyncio.TimeoutError) as error:
                    errors.add(type(error))
            return errors

        network = bine.sim.Network(reset=20, refusal=4, lookup_failure=10)
        errors = result_of(program, network=network)
        self.assertLessEqual({ConnectionRefusedError, ConnectionResetError, socket.gaierror}, errors)

    def test_an_address_that_nobody_listens_on_refuses(self):
        async def program(world):
            await ask(b"", "main", 1)

        self.assertIsInstance(self.failure_of(program, network=CALM).__cause__, ConnectionRefusedError)

    def test_a_host_that_is_cut_off_hears_nothing_until_it_is_joined(self):
        async def program(world):
            server = world.host("server")
            server.run(serve_echo)
            await asyncio.sleep(1)
            world.cut_off(server)
            before = world.now
            try:
                await asyncio.wait_for(ask(b"hello\n"), 30)
            except asyncio.TimeoutError:
                cut = world.now - before
            world.join()
            return cut, await ask(b"hello\n")

        self.assertEqual(result_of(program), (30.0, b"hello\n"))

    def test_a_way_between_two_hosts_is_cut_and_others_are_not(self):
        async def program(world):
            for name in ("one", "other"):
                world.host(name).run(serve_echo)
            await asyncio.sleep(1)
            world.cut_off(world.host("main"), world.host("one"))
            answer = await ask(b"hello\n", "other")
            try:
                await asyncio.wait_for(ask(b"hello\n", "one"), 5)
            except asyncio.TimeoutError:
                return answer

        self.assertEqual(result_of(program), b"hello\n")

    def test_large_writes_arrive_whole_and_slowly(self):
        data = bytes(range(256)) * 4096

        async def serve():
            async def send(reader, writer):
                writer.write(data)
                await writer.drain()
                writer.close()

            await (await asyncio.start_server(send, None, 7000)).serve_forever()

        async def program(world):
            world.host("server").run(serve)
            await asyncio.sleep(1)
            reader, writer = await asyncio.open_connection("server", 7000)
            before = world.now
            got = await reader.read()
            writer.close()
            return got == data, world.now - before

        whole, took = result_of(program, network=bine.sim.Network(bandwidth=1 << 16))
        self.assertTrue(whole)
        self.assertGreater(took, 15)

    def test_tls_works_and_comes_again(self):
        folder = make_certificates(self)

        async def program(world):
            server, client = server_context(folder), client_context(folder)

            async def serve():
                async def echo(reader, writer):
                    writer.write(await reader.readline())
                    await writer.drain()
                    writer.close()

                await (await asyncio.start_server(echo, None, 7000, ssl=server)).serve_forever()

            world.host("server").run(serve)
            await asyncio.sleep(1)
            answer = await ask(b"secret\n", ssl=client, server_hostname="localhost")
            await asyncio.sleep(1)  # TLS takes leave
            return answer

        starts = datetime.datetime.now() + datetime.timedelta(days=1)
        runs = [bine.sim.run(program, seed=4, network=CALM, starts=starts) for _ in range(2)]
        self.assertEqual([run.result for run in runs], [b"secret\n"] * 2)
        self.assertEqual(runs[0].hash, runs[1].hash)

    def test_tls_of_bines_own_works_and_comes_again(self):
        async def program(world):
            server = bine.TLSContext.self_signed("localhost")
            client = bine.TLSContext(ca=server.certificates[0])

            async def serve():
                async with await asyncio.start_server(serve_upper, None, 7000, ssl=server):
                    async with await bine.http.serve(lambda request: "over tls", "tcp:7001", tls=server) as site:
                        await site.wait_closed()

            world.host("server").run(serve)
            await asyncio.sleep(1)
            reader, writer = await asyncio.open_connection("server", 7000, ssl=client, server_hostname="localhost")
            writer.write(b"secret\n")
            line = await reader.readline()
            version = writer.get_extra_info("version")
            writer.close()
            with self.assertRaises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("server", 7000, ssl=bine.TLSContext(), server_hostname="localhost")
            with self.assertRaises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("server", 7000, ssl=client, server_hostname="server")
            async with bine.http.Client(tls=client) as http:
                with self.assertRaises(ssl.SSLCertVerificationError):
                    await http.get("https://server:7001/")
            return line, version

        async def serve_upper(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()

        runs = [bine.sim.run(program, seed=4, network=CALM) for _ in range(2)]
        self.assertEqual([run.result for run in runs], [(b"SECRET\n", "TLSv1.3")] * 2)
        self.assertEqual(runs[0].hash, runs[1].hash)

    def test_a_connection_goes_on_with_tls(self):
        folder = make_certificates(self)
        of_ssl = server_context(folder), client_context(folder)
        of_bine = (bine.TLSContext(f"{folder}/server.pem", f"{folder}/server.key"), bine.TLSContext(ca=f"{folder}/ca.pem"))

        class Upgraded(asyncio.Protocol):
            def __init__(self, server_side, context):
                self.server_side = server_side
                self.context = context
                self.received = asyncio.get_running_loop().create_future()

            def connection_made(self, transport):
                self.upgrading = asyncio.ensure_future(self.upgrade(transport))

            async def upgrade(self, transport):
                loop = asyncio.get_running_loop()
                self.transport = await loop.start_tls(transport, self, self.context, server_side=self.server_side,
                                                      server_hostname=None if self.server_side else "localhost")
                return self

            def data_received(self, data):
                if self.server_side:
                    self.upgrading.add_done_callback(lambda _: self.transport.write(data.upper()))
                else:
                    self.received.set_result(data)

        async def program(world, server_context, client_context):
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: Upgraded(True, server_context), "localhost", 7000)
            _, client = await loop.create_connection(lambda: Upgraded(False, client_context), "localhost", 7000)
            await client.upgrading
            client.transport.write(b"secret")
            answer = await client.received
            client.transport.close()
            server.close()
            await asyncio.sleep(1)
            return answer

        starts = datetime.datetime.now() + datetime.timedelta(days=1)
        for server, client in (of_ssl, of_bine, (of_ssl[0], of_bine[1])):
            self.assertEqual(result_of(functools.partial(program, server_context=server, client_context=client), starts=starts), b"SECRET")

    def test_bines_own_http_and_endpoints(self):
        async def serve():
            async def handler(request):
                return b"".join([piece async for piece in request])

            server = await bine.http.serve(handler, "tcp:8080", stream=True)
            await server.wait_closed()

        async def program(world):
            world.host("server").run(serve)
            await asyncio.sleep(1)
            body = os.urandom(100_000)
            async with bine.http.Client() as client:
                answers = await asyncio.gather(*(client.post("http://server:8080/", body) for _ in range(5)))
            reader, writer = await bine.open_connection("tcp:server:8080")
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            head = await reader.read()
            writer.close()
            return [answer.body == body for answer in answers], head[:12]

        runs = [bine.sim.run(program, seed=4, network=CALM) for _ in range(2)]
        self.assertEqual(runs[0].result, ([True] * 5, b"HTTP/1.1 200"))
        self.assertEqual(runs[0].hash, runs[1].hash)

    def test_unix_sockets_are_a_hosts_own(self):
        async def program(world):
            async def echo(reader, writer):
                writer.write(await reader.readline())
                writer.close()

            server = await asyncio.start_unix_server(echo, "/run/echo")
            reader, writer = await asyncio.open_unix_connection("/run/echo")
            writer.write(b"here\n")
            line = await reader.readline()
            writer.close()
            server.close()
            return line

        self.assertEqual(result_of(program), b"here\n")

    def test_a_server_says_its_port_and_an_address_is_taken_once(self):
        async def program(world):
            first = await asyncio.start_server(lambda reader, writer: None, None, 0)
            port = first.sockets[0].getsockname()[1]
            try:
                await asyncio.start_server(lambda reader, writer: None, None, port)
            except OSError as error:
                return port, error.errno

        port, errno = result_of(program)
        self.assertGreater(port, 0)
        self.assertEqual(errno, 98)


class Hosts(Playing):
    def test_nothing_of_a_program_runs_after_its_hosts_crash(self):
        events = []

        async def live():
            events.append("begins")
            try:
                await asyncio.sleep(10)
                events.append("goes on")
            finally:
                events.append("finally")

        async def program(world):
            host = world.host("mortal")
            host.run(live)
            await asyncio.sleep(1)
            host.crash()
            await asyncio.sleep(1)
            self.assertFalse(host.up)
            gc.collect()
            await asyncio.sleep(100)
            self.assertEqual(events, ["begins"])
            host.restart()
            await host.ended()

        result_of(program)
        self.assertEqual(events, ["begins", "begins", "goes on", "finally"])

    def test_who_talks_to_a_host_that_crashes_hears_a_reset_when_it_is_there_again(self):
        async def program(world):
            server = world.host("server")
            server.run(serve_echo)
            await asyncio.sleep(1)
            reader, writer = await asyncio.open_connection("server", 7000)
            writer.write(b"one\n")
            first = await reader.readline()
            server.crash()
            await asyncio.sleep(1)
            writer.write(b"two\n")
            world.call_at(world.now + 30, server.restart)
            try:
                await reader.readline()
            except ConnectionResetError:
                return first, world.now

        first, now = result_of(program)
        self.assertEqual(first, b"one\n")
        self.assertGreater(now, 31)

    def test_the_tasks_of_a_program_end_with_it(self):
        events = []

        async def wait_for_ever():
            try:
                await asyncio.Event().wait()
            finally:
                events.append("ended")

        async def live():
            task = asyncio.create_task(wait_for_ever())
            await asyncio.sleep(1)
            return task

        async def program(world):
            world.host("other").run(live)
            return (await world.host("other").ended()).cancelled()

        self.assertTrue(result_of(program))
        self.assertEqual(events, ["ended"])

    def test_programs_that_go_on_are_cancelled_when_the_run_ends(self):
        events = []

        async def live():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(5)
                events.append("ended")

        async def program(world):
            world.host("other").run(live)
            await asyncio.sleep(1)

        result_of(program)
        self.assertEqual(events, ["ended"])

    def test_asynchronous_generators_are_closed(self):
        events = []

        async def numbers():
            try:
                while True:
                    yield 1
            finally:
                await asyncio.sleep(1)
                events.append("closed")

        async def program(world):
            async for _ in numbers():
                break
            await asyncio.sleep(2)
            self.kept = numbers()
            await self.kept.__anext__()

        result_of(program)
        self.assertEqual(events, ["closed", "closed"])

    def test_a_program_hears_signals(self):
        async def live():
            ended = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, ended.set)
            loop.add_signal_handler(signal.SIGHUP, ended.set)
            self.assertTrue(loop.remove_signal_handler(signal.SIGHUP))
            self.assertFalse(loop.remove_signal_handler(signal.SIGHUP))
            await ended.wait()
            return loop.time()

        async def program(world):
            host = world.host("other")
            host.run(live)
            await asyncio.sleep(10)
            for number in (signal.SIGHUP, signal.SIGINT):
                with self.assertRaisesRegex(RuntimeError, number.name):
                    host.signal(number)
            host.signal(signal.SIGTERM)
            return await host.ended()

        self.assertEqual(result_of(program), 11)

    def test_disturbances_end(self):
        async def program(world):
            server = world.host("server")
            server.run(serve_echo)
            world.disturb(20, [server])
            await world.must(lambda: not server.up, "the server crashes", within=30)
            while True:
                try:
                    return await asyncio.wait_for(ask(b"hello\n"), 2)
                except (OSError, asyncio.TimeoutError):
                    await asyncio.sleep(0.1)

        for seed in range(1, 200):
            try:
                return self.assertEqual(bine.sim.run(program, seed=seed).result, b"hello\n")
            except bine.sim.Failed as failed:
                self.assertIn("the server crashes", str(failed))
        self.fail("in no world the server crashed")

    def test_a_world_leaves_nothing_behind(self):
        def count():
            gc.collect()
            return len(gc.get_objects())

        result_of(echo)
        before = count()
        for _ in range(20):
            result_of(echo)
        self.assertLess(count() - before, 200)


class RealWorld(Playing):
    def refused(self, action):
        async def program(world):
            result = action()
            if asyncio.iscoroutine(result):
                await result

        cause = self.failure_of(program).__cause__
        self.assertIsInstance(cause, bine.sim.NotInWorld)

    def test_what_is_not_in_a_world_is_refused(self):
        real_socket = socket.socket
        actions = {
            "sleep": lambda: time.sleep(1),
            "a class of sockets from before": lambda: real_socket(),
            "reading a socket": lambda: socket.socket(type=socket.SOCK_DGRAM).recv(1),
            "a pair of sockets": lambda: socket.socketpair(),
            "a connection that blocks": lambda: socket.create_connection(("main", 1)),
            "thread": lambda: threading.Thread(target=print).start(),
            "child": lambda: subprocess.Popen(["true"]),
            "asyncio's child": lambda: asyncio.create_subprocess_exec("true"),
            "reader": lambda: asyncio.get_running_loop().add_reader(0, print),
            "pipe": lambda: asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, sys.stdin),
        }
        for name, action in actions.items():
            with self.subTest(name):
                self.refused(action)
        with socket.socket() as again:
            self.assertGreaterEqual(again.fileno(), 0)

    def test_extensions_are_refused_sockets_too(self):
        import _socket

        async def program(world):
            try:
                _socket.socket()
            except PermissionError:
                return "refused"

        self.assertEqual(result_of(program), "refused")

    def test_threads_are_done_on_this_one(self):
        async def program(world):
            return [await asyncio.to_thread(threading.get_ident) for _ in range(10)]

        self.assertEqual(set(result_of(program)), {threading.get_ident()})

    def test_names_are_the_worlds(self):
        async def program(world):
            world.host("server")
            loop = asyncio.get_running_loop()
            there = (await loop.getaddrinfo("server", 80, type=socket.SOCK_STREAM))[0]
            self.assertEqual(there[4], socket.getaddrinfo("server", 80)[0][4])
            with self.assertRaises(socket.gaierror):
                await loop.getaddrinfo("nowhere", 80)
            return socket.gethostname(), there[4]

        self.assertEqual(result_of(program), ("main", ("10.0.0.2", 80)))


class Exploring(unittest.TestCase):
    def explore(self, program, **options):
        return bine.sim.explore(program, jobs=2, **options)

    def test_a_failure_is_found_made_plainer_and_played_again(self):
        async def program(world):
            for _ in range(20):
                world.choose("whatever", 100)
            world.check(world.choose("a number", 30) < 20, "a small number")

        with self.assertRaises(bine.sim.Failed) as raised:
            self.explore(program, seeds=100)
        self.assertIn("a plainer run fails too, with 1 choices", str(raised.exception))
        self.assertIn("BROKEN: a small number", str(raised.exception))

    def test_a_failure_is_made_plainer_though_runs_in_one_process_are_others(self):
        played = []

        async def program(world):
            played.append(world.choose("whatever", 100))
            bad = world.choose("a number", 30) >= 20
            # In a process that has played one before, only other worlds are bad.
            world.check(not bad or len(played) > 1, "a small number")

        played.clear()
        with self.assertRaises(bine.sim.Failed) as raised:
            self.explore(program, seeds=100)
        self.assertIn("a plainer run fails too", str(raised.exception))

    def test_a_program_that_dies_of_some_choices_is_made_plainer(self):
        async def program(world):
            first, second = world.choose("first", 100), world.choose("second", 100)
            if second == 0:
                os._exit(3)
            world.check(first < 50, "a small number")

        with self.assertRaises(bine.sim.Failed) as raised:
            self.explore(program, seeds=100)
        self.assertIn("a small number", str(raised.exception))

    def test_what_no_world_comes_to_is_told(self):
        async def program(world):
            world.sometimes(world.choose("a coin", 2) == 1, "head")
            world.sometimes(False, "edge")

        explored = self.explore(program, seeds=40)
        self.assertEqual(explored.worlds, 40)
        self.assertIn("reached in no world: edge", str(explored))
        self.assertGreater(explored.reached["head"], 5)

    def test_a_world_that_never_awaits_is_ended(self):
        async def program(world):
            while True:
                pass

        with self.assertRaises(bine.sim.Failed) as raised:
            self.explore(program, seeds=1, seconds=0.2)
        self.assertIn("real time", str(raised.exception))

    def test_a_process_that_dies_is_a_failure(self):
        async def program(world):
            os._exit(3)

        with self.assertRaises(bine.sim.Failed) as raised:
            self.explore(program, seeds=1)
        self.assertIn("exit code 3", str(raised.exception))

    def test_a_run_that_depends_on_addresses_is_told(self):
        class Thing:
            pass

        async def program(world):
            things = [Thing() for _ in range(100)]
            for thing in set(things):
                world.note(things.index(thing))

        with self.assertRaises(bine.sim.Failed) as raised:
            self.explore(program, seeds=20, twice_in=1)
        self.assertIn("another run", str(raised.exception))


class Examples(unittest.TestCase):
    def run_example(self, *arguments, **environment):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"} | environment
        return subprocess.run([sys.executable, *arguments], cwd=EXAMPLES, env=environment, capture_output=True, text=True,
                              timeout=10 * PATIENCE)

    def test_the_echo_is_an_hour_late(self):
        ended = self.run_example("sim_echo.py")
        self.assertEqual((ended.stderr, ended.returncode), ("", 0))
        self.assertIn("b'good morning\\n' after 3600 s\n", ended.stdout)

    def test_the_store_keeps_its_promise(self):
        ended = self.run_example("sim_kv.py", "--seeds", "100", PYTHONHASHSEED="0")
        self.assertEqual((ended.stderr, ended.returncode), ("", 0))
        self.assertIn("100 worlds", ended.stdout)

    def test_the_planted_bug_is_found(self):
        ended = self.run_example("sim_kv.py", "--planted", PYTHONHASHSEED="0")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("what is counted is counted once", ended.stdout)
        self.assertIn("a plainer run fails too", ended.stdout)
        self.assertIn("kv.py", ended.stdout)


if __name__ == "__main__":
    unittest.main()
