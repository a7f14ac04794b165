"""The loop itself: what it calls, in which order, and how it ends."""

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
import weakref

import bine
from support import LoopCase, PATIENCE, Recorder, echo_server, is_sanitized, open_descriptors, resident_bytes, tcp_pair


class Calling(LoopCase):
    def test_calls_come_in_the_order_in_which_they_were_queued(self):
        order = []
        for number in range(1000):
            self.loop.call_soon(order.append, number)
        self.turn()
        self.assertEqual(order, list(range(1000)))

    def test_what_a_callback_queues_comes_behind_what_was_queued(self):
        order = []
        self.loop.call_soon(lambda: self.loop.call_soon(order.append, "later"))
        self.loop.call_soon(order.append, "sooner")
        self.turn(2)
        self.assertEqual(order, ["sooner", "later"])

    def test_stop_ends_the_run_with_the_iteration_and_what_is_left_runs_in_the_next_one(self):
        order = []
        self.loop.call_soon(self.loop.stop)
        self.loop.call_soon(lambda: (order.append("same"), self.loop.call_soon(order.append, "next")))
        self.loop.run_forever()
        self.assertEqual(order, ["same"])
        self.turn()
        self.assertEqual(order, ["same", "next"])

    def test_stop_before_a_run_makes_it_one_iteration(self):
        order = []
        self.loop.stop()
        self.loop.call_soon(order.append, 1)
        self.loop.run_forever()
        self.assertEqual(order, [1])

    def test_any_number_of_arguments_is_passed(self):
        got = []
        for count in range(10):
            self.loop.call_soon(lambda *arguments: got.append(arguments), *range(count))
        self.turn()
        self.assertEqual(got, [tuple(range(count)) for count in range(10)])

    def test_what_is_not_for_the_callback_may_be_named(self):
        context = contextvars.copy_context()
        plain = asyncio.SelectorEventLoop()
        self.addCleanup(plain.close)
        for debug in (False, True):
            self.loop.set_debug(debug)
            got = []
            self.loop.call_soon(callback=lambda: got.append("soon"))
            self.loop.call_soon_threadsafe(context=context, callback=lambda: got.append("threadsafe"))
            self.loop.call_later(callback=lambda: got.append("later"), delay=0, context=context)
            self.loop.call_later(0, callback=lambda: got.append("later"))
            self.loop.call_at(when=0, callback=lambda: got.append("at"))
            self.turn(2)
            self.assertEqual(sorted(got), ["at", "later", "later", "soon", "threadsafe"])
        for arguments, named in (((), {}), ((), {"context": None}), ((), {"callback": print, "other": 1}), ((1,), {"delay": 1}),
                                 ((1,), {"when": 1}), ((), {"delay": 1}), ((), {"when": 1, "context": context}),
                                 ((1, print), {"callback": print})):
            for method in ("call_soon", "call_soon_threadsafe", "call_at", "call_later"):
                with self.subTest(method, arguments=arguments, named=named):
                    try:
                        getattr(plain, method)(*arguments, **named).cancel()
                    except TypeError:
                        self.assertRaises(TypeError, getattr(self.loop, method), *arguments, **named)
                    else:
                        getattr(self.loop, method)(*arguments, **named).cancel()

    def test_a_callback_runs_in_the_context_it_was_given_or_the_one_that_was_current(self):
        variable = contextvars.ContextVar("variable", default="none")
        got = []
        other = contextvars.copy_context()
        other.run(variable.set, "other")
        variable.set("current")
        for call in (self.loop.call_soon, self.loop.call_soon_threadsafe):
            call(lambda: got.append(variable.get()))
            call(lambda: got.append(variable.get()), context=other)
            call(lambda: got.append(variable.get()), context=None)
        self.loop.call_later(0, lambda: got.append(variable.get()), context=other)
        self.loop.call_at(0, lambda: got.append(variable.get()))
        variable.set("afterwards")
        self.loop.call_later(0.001, self.loop.stop)
        self.loop.run_forever()
        self.assertEqual(sorted(got), sorted(["current", "other", "current"] * 2 + ["other", "current"]))

    def test_a_cancelled_handle_is_not_called_and_says_so(self):
        order = []
        handle = self.loop.call_soon(order.append, 1)
        timer = self.loop.call_later(0, order.append, 2)
        for one in (handle, timer):
            self.assertFalse(one.cancelled())
            one.cancel()
            one.cancel()
            self.assertTrue(one.cancelled())
            self.assertIn("cancelled", repr(one))
        self.loop.call_later(0.001, self.loop.stop)
        self.loop.run_forever()
        self.assertEqual(order, [])

    def test_a_callback_can_cancel_the_one_behind_it_and_itself(self):
        order = []
        handles = {}
        handles["own"] = self.loop.call_soon(lambda: (handles["own"].cancel(), handles["next"].cancel()))
        handles["next"] = self.loop.call_soon(order.append, "next")
        self.turn()
        self.assertEqual(order, [])

    def test_a_cancelled_timer_keeps_nothing_alive(self):
        class Kept:
            pass

        kept = Kept()
        watcher = weakref.ref(kept)
        timer = self.loop.call_later(1000, print, kept)
        timer.cancel()
        del kept
        gc.collect()
        self.assertIsNone(watcher())

    def test_what_is_no_callback_is_refused(self):
        with self.assertRaises(TypeError):
            self.loop.call_soon()
        with self.assertRaises(TypeError):
            self.loop.call_soon(print, nonsense=1)
        with self.assertRaises(TypeError):
            self.loop.call_later(None, print)
        with self.assertRaises(TypeError):
            self.loop.call_at("soon", print)

    def test_a_handle_is_one_of_asyncios_in_all_that_matters(self):
        handle = self.loop.call_soon(print, 1)
        timer = self.loop.call_at(self.loop.time() + 1000, print, 2)
        self.assertIn("print", repr(handle))
        self.assertGreater(timer.when(), self.loop.time() + 900)
        handle.cancel()
        timer.cancel()


class Timers(LoopCase):
    def test_timers_come_in_the_order_of_their_times_and_equal_ones_as_they_were_set(self):
        order = []
        now = self.loop.time()
        for delay, name in ((0.003, "c"), (0.001, "a"), (0.002, "b1"), (0.002, "b2"), (0.002, "b3")):
            self.loop.call_at(now + delay, order.append, name)
        self.loop.call_at(now + 0.004, self.loop.stop)
        self.loop.run_forever()
        self.assertEqual(order, ["a", "b1", "b2", "b3", "c"])

    def test_a_timer_is_never_early(self):
        async def measure():
            for delay in (0, 0.0001, 0.001, 0.01):
                before = self.loop.time()
                await asyncio.sleep(delay)
                self.assertGreaterEqual(self.loop.time() - before, delay * 0.999999)

        self.complete(measure())

    def test_times_that_are_past_or_negative_or_far_or_endless_are_times(self):
        order = []
        for when in (-1, 0, self.loop.time() - 5):
            self.loop.call_at(when, order.append, "past")
        self.loop.call_later(-3, order.append, "past")
        far = [self.loop.call_later(delay, order.append, "far") for delay in (1e10, 1e300, float("inf"))]
        self.loop.call_later(0.001, self.loop.stop)
        self.loop.run_forever()
        self.assertEqual(order, ["past"] * 4)
        for timer in far:
            timer.cancel()

    def test_the_clock_is_that_of_time_monotonic(self):
        self.assertAlmostEqual(self.loop.time(), time.monotonic(), delta=5)

    def test_a_clock_put_in_its_place_is_followed(self):
        now = 1000.0
        self.loop.time = lambda: now
        order = []
        self.loop.call_later(3600, order.append, "in an hour")
        self.loop.call_at(4601, order.append, "a second later")
        self.turn(3)
        self.assertEqual(order, [])
        now = 4600.0
        self.turn(2)
        self.assertEqual(order, ["in an hour"])
        now = 4601.5
        self.turn(2)
        self.assertEqual(order, ["in an hour", "a second later"])

    def test_a_million_timers_can_be_set_and_cancelled(self):
        for _ in range(10):
            for timer in [self.loop.call_later(100, print) for _ in range(10_000)]:
                timer.cancel()
        self.turn()


class Failing(LoopCase):
    def test_an_exception_goes_to_the_exception_handler_and_the_loop_goes_on(self):
        order = []
        self.loop.call_soon(int, "no number")
        self.loop.call_soon(order.append, 1)
        self.turn()
        self.assertEqual(order, [1])
        report = self.take_reports()[0]
        self.assertIsInstance(report["exception"], ValueError)
        self.assertIn("Exception in callback", report["message"])
        self.assertIn("handle", report)

    def test_an_exception_handler_that_raises_stops_nothing(self):
        self.loop.set_exception_handler(lambda loop, context: int("no number either"))
        order = []
        self.loop.call_soon(int, "no number")
        self.loop.call_soon(order.append, 1)
        with self.assertLogs("asyncio", "ERROR"):
            self.turn()
        self.assertEqual(order, [1])

    def test_those_that_end_programs_come_out_of_the_run_and_it_can_go_on(self):
        for kind in (KeyboardInterrupt, SystemExit):
            for queue in (self.loop.call_soon, lambda callback: self.loop.call_later(0, callback)):
                order = []

                def end():
                    raise kind(3)

                queue(end)
                self.loop.call_later(0.0001, order.append, "rest")
                with self.assertRaises(kind):
                    self.loop.run_forever()
                self.assertFalse(self.loop.is_running())
                self.loop.call_later(0.001, self.loop.stop)
                self.loop.run_forever()
                self.assertEqual(order, ["rest"])

    def test_what_was_queued_behind_an_exit_is_not_lost(self):
        order = []
        self.loop.call_soon(sys.exit)
        self.loop.call_soon(order.append, 1)
        self.loop.call_soon(order.append, 2)
        with self.assertRaises(SystemExit):
            self.loop.run_forever()
        self.assertEqual(order, [])
        self.turn()
        self.assertEqual(order, [1, 2])

    def test_exits_come_out_of_a_task_too(self):
        async def leave():
            await asyncio.sleep(0)
            raise SystemExit(7)

        with self.assertRaises(SystemExit) as raised:
            self.loop.run_until_complete(leave())
        self.assertEqual(raised.exception.code, 7)

    def test_exits_come_out_of_each_method_of_a_protocol(self):
        for method in ("connection_made", "data_received", "eof_received", "connection_lost"):
            for kind in (KeyboardInterrupt, SystemExit):
                with self.subTest(method=method, kind=kind):
                    self.leave_from(method, kind)

    def leave_from(self, method, kind):
        def leave(*_):
            raise kind

        protocol = Recorder(self.loop)
        setattr(protocol, method, leave)
        ours, theirs = tcp_pair()
        with theirs:
            theirs.send(b"x")
            theirs.shutdown(1)
            with self.assertRaises(kind):
                self.loop.create_task(self.loop.create_connection(lambda: protocol, sock=ours))
                self.loop.call_later(PATIENCE, self.fail)
                self.loop.run_forever()
            if protocol.transport:
                protocol.transport.abort()
            self.turn(5)


class Ending(LoopCase):
    def test_a_closed_loop_says_so(self):
        self.loop.close()
        self.loop.close()
        self.assertTrue(self.loop.is_closed())
        self.assertIn("closed=True", repr(self.loop))
        calls = [lambda: self.loop.call_soon(print), lambda: self.loop.call_soon_threadsafe(print),
                 lambda: self.loop.call_later(1, print), lambda: self.loop.call_at(1, print), self.loop.run_forever,
                 lambda: self.loop.add_reader(0, print)]
        for call in calls:
            with self.assertRaises(RuntimeError):
                call()
        coroutine = asyncio.sleep(0)
        with self.assertRaises(RuntimeError):
            self.loop.run_until_complete(coroutine)
        coroutine.close()
        self.assertFalse(self.loop.remove_reader(0))
        self.loop.stop()

    def test_a_running_loop_is_neither_closed_nor_run(self):
        raised = []
        other = bine.new_event_loop()
        self.addCleanup(other.close)

        def try_both():
            for method in (self.loop.close, self.loop.run_forever, other.run_forever):
                try:
                    method()
                except RuntimeError as error:
                    raised.append(str(error))

        self.loop.call_soon(try_both)
        self.turn()
        self.assertEqual(len(raised), 3)

    def test_a_handle_outlives_its_loop(self):
        handle = self.loop.call_soon(print)
        timer = self.loop.call_later(1, print)
        self.loop.close()
        handle.cancel()
        timer.cancel()

    def test_a_loop_that_nobody_closed_is_told_about_and_freed(self):
        descriptors = open_descriptors()
        loop = bine.new_event_loop()
        loop.call_later(1000, print, loop)
        loop.call_soon(print, loop)
        watcher = weakref.ref(loop)
        with self.assertWarns(ResourceWarning):
            del loop
            gc.collect()
        self.assertIsNone(watcher())
        gc.collect()
        self.assertEqual(open_descriptors(), descriptors)

    def test_a_driver_that_is_none_is_refused(self):
        with self.assertRaisesRegex(ValueError, "expected auto, epoll or uring"):
            bine.EventLoop(reactor="kqueue")
        for wish in ("auto", "epoll"):
            loop = bine.EventLoop(reactor=wish)
            self.assertIn(loop.driver, ("epoll", "io_uring"))
            self.assertTrue(loop.driver_reason)
            loop.close()

    def test_run_is_asyncio_run(self):
        async def main():
            self.assertIsInstance(asyncio.get_running_loop(), bine.EventLoop)
            await asyncio.sleep(0)
            return 42

        self.assertEqual(bine.run(main()), 42)
        with self.assertRaises(ValueError):
            bine.run(lambda: None)
        with self.assertRaises(ZeroDivisionError):
            bine.run(self.divide())

    async def divide(self):
        return 1 / 0

    def test_the_policy_makes_every_loop_one_of_ours(self):
        async def main():
            return type(asyncio.get_running_loop())

        bine.install()
        try:
            self.assertIs(asyncio.run(main()), bine.EventLoop)
        finally:
            asyncio.set_event_loop_policy(None)


class Threads(LoopCase):
    def test_debug_mode_refuses_calls_from_another_thread(self):
        self.loop.set_debug(True)
        refused = []

        def call():
            for method in (lambda: self.loop.call_soon(print), lambda: self.loop.call_later(1, print),
                           lambda: self.loop.call_at(1, print)):
                try:
                    method()
                except RuntimeError:
                    refused.append(method)
            self.loop.call_soon_threadsafe(self.loop.stop)

        thread = threading.Thread(target=call)
        self.loop.call_soon(thread.start)
        self.loop.run_forever()
        thread.join()
        self.assertEqual(len(refused), 3)

    def test_debug_mode_tells_of_slow_callbacks_and_where_a_handle_was_made(self):
        self.loop.set_debug(True)
        self.loop.slow_callback_duration = 0
        with self.assertLogs("asyncio", "WARNING") as logs:
            self.loop.call_soon(sum, ())
            self.turn()
        self.assertIn("took", logs.output[0])
        self.loop.slow_callback_duration = 60
        self.loop.call_soon(int, "no number")
        self.turn()
        self.assertIn("source_traceback", self.take_reports()[0])

    def test_calls_from_many_threads_all_come_in_the_order_of_each(self):
        threads, calls = 8, 1000
        got = [[] for _ in range(threads)]
        left = threads * calls

        def note(thread, number):
            nonlocal left
            got[thread].append(number)
            left -= 1
            if left == 0:
                self.loop.stop()

        def call(thread):
            for number in range(calls):
                self.loop.call_soon_threadsafe(note, thread, number)

        running = [threading.Thread(target=call, args=(number,)) for number in range(threads)]
        for thread in running:
            thread.start()
        self.loop.run_forever()
        for thread in running:
            thread.join()
        self.assertEqual(got, [list(range(calls))] * threads)

    def test_a_call_from_a_thread_wakes_a_loop_that_waits(self):
        async def answer():
            return await self.loop.run_in_executor(None, lambda: threading.get_ident())

        self.assertNotEqual(self.complete(answer()), threading.get_ident())
        future = asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "slept"), self.loop)
        thread = threading.Thread(target=lambda: (future.result(), self.loop.call_soon_threadsafe(self.loop.stop)))
        thread.start()
        self.loop.run_forever()
        thread.join()
        self.assertEqual(future.result(), "slept")
        self.complete(self.loop.shutdown_default_executor())

    def test_several_loops_run_in_several_threads(self):
        async def echo(count):
            async with echo_server() as address:
                reader, writer = await asyncio.open_connection(*address)
                for number in range(count):
                    writer.write(b"%06d" % number)
                    self.assertEqual(await reader.readexactly(6), b"%06d" % number)
                writer.close()
                await writer.wait_closed()
            return count

        results = []
        threads = [threading.Thread(target=lambda: results.append(bine.run(echo(200)))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [200] * 4)

    def test_a_loop_may_be_made_here_and_run_in_a_thread_and_run_again_here(self):
        for _ in range(2):
            results = []
            thread = threading.Thread(target=lambda: results.append(self.complete(asyncio.sleep(0.001, "there"))))
            thread.start()
            thread.join()
            self.assertEqual(results, ["there"])
            self.assertEqual(self.complete(asyncio.sleep(0.001, "here")), "here")

    def test_the_interpreter_is_free_while_the_loop_waits(self):
        counted = threading.Event()

        def count():
            for _ in range(1000):
                time.sleep(0)
            counted.set()
            self.loop.call_soon_threadsafe(self.loop.stop)

        thread = threading.Thread(target=count)
        thread.start()
        self.loop.run_forever()
        thread.join()
        self.assertTrue(counted.is_set())


class Signals(LoopCase):
    def test_a_handler_is_called_in_the_loop_until_it_is_removed(self):
        got = []
        before = signal.getsignal(signal.SIGUSR1)
        self.loop.add_signal_handler(signal.SIGUSR1, lambda *arguments: (got.append(arguments), self.loop.stop()), 1, 2)
        self.loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
        self.loop.run_forever()
        self.assertEqual(got, [(1, 2)])
        self.assertTrue(self.loop.remove_signal_handler(signal.SIGUSR1))
        self.assertFalse(self.loop.remove_signal_handler(signal.SIGUSR1))
        self.assertEqual(signal.getsignal(signal.SIGUSR1), before)

    def test_an_interrupt_ends_a_run_that_waits(self):
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        with self.assertRaises(KeyboardInterrupt):
            self.loop.run_forever()
        self.turn()

    def test_an_interrupt_cancels_the_main_task_of_a_run(self):
        cleaned = []

        async def main():
            try:
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(PATIENCE)
            finally:
                cleaned.append(True)

        with self.assertRaises(KeyboardInterrupt):
            bine.run(main())
        self.assertEqual(cleaned, [True])

    def test_what_hears_of_signals_by_a_descriptor_hears_of_them_after_a_run(self):
        ours, theirs = tcp_pair()
        with ours, theirs:
            before = signal.set_wakeup_fd(ours.fileno())
            try:
                self.turn()
                self.assertEqual(signal.set_wakeup_fd(before), ours.fileno())
            finally:
                signal.set_wakeup_fd(before)

    def test_a_signal_of_a_handler_in_python_is_served_while_the_loop_waits(self):
        got = []
        before = signal.signal(signal.SIGUSR2, lambda *_: (got.append(1), self.loop.call_soon_threadsafe(self.loop.stop)))
        try:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR2)).start()
            self.loop.run_forever()
        finally:
            signal.signal(signal.SIGUSR2, before)
        self.assertEqual(got, [1])


class Children(LoopCase):
    def test_a_child_talks_and_ends_and_no_thread_waits_for_it(self):
        async def talk():
            child = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.assertEqual(threading.active_count(), threads)
            output, _ = await child.communicate(b"x" * 300_000)
            return output, child.returncode

        threads = threading.active_count()
        self.assertEqual(self.complete(talk()), (b"x" * 300_000, 0))

    def test_exit_codes_signals_and_shells(self):
        async def ends():
            failing = await asyncio.create_subprocess_shell("exit 3")
            killed = await asyncio.create_subprocess_exec("sleep", "1000")
            killed.kill()
            missing = await asyncio.gather(asyncio.create_subprocess_exec("/no/such/program"), return_exceptions=True)
            return await failing.wait(), await killed.wait(), type(missing[0])

        self.assertEqual(self.complete(ends()), (3, -signal.SIGKILL, FileNotFoundError))

    def test_many_children_at_once_in_a_thread_of_their_own(self):
        async def all_of_them():
            children = await asyncio.gather(*(asyncio.create_subprocess_exec("sh", "-c", f"exit {code}") for code in range(20)))
            return await asyncio.gather(*(child.wait() for child in children))

        results = []
        thread = threading.Thread(target=lambda: results.append(bine.run(all_of_them())))
        thread.start()
        thread.join()
        self.assertEqual(results, [list(range(20))])

    def test_descriptors_are_closed_after_children(self):
        async def one():
            child = await asyncio.create_subprocess_exec("true", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            await child.communicate()

        self.complete(one())
        gc.collect()
        before = open_descriptors()
        for _ in range(10):
            self.complete(one())
        self.turn(3)
        self.assertEqual(open_descriptors(), before)


@unittest.skipIf(is_sanitized(), "the sanitizer's threads do not outlive a fork")
class Forks(LoopCase):
    def test_a_child_of_a_fork_makes_a_loop_of_its_own_and_the_parent_goes_on(self):
        async def main():
            async with echo_server() as address:
                reader, writer = await asyncio.open_connection(*address)
                writer.write(b"before")
                self.assertEqual(await reader.readexactly(6), b"before")
                child = os.fork()
                if child == 0:
                    self.be_the_child()
                _, status = await self.loop.run_in_executor(None, os.waitpid, child, 0)
                writer.write(b"after")
                self.assertEqual(await reader.readexactly(5), b"after")
                writer.close()
                await writer.wait_closed()
            return os.waitstatus_to_exitcode(status)

        self.assertEqual(self.complete(main()), 7)
        self.complete(self.loop.shutdown_default_executor())

    def be_the_child(self):
        code = 1
        try:
            with self.assertRaisesRegex(RuntimeError, "the child of a fork"):
                self.loop.run_forever()
            self.loop.close()
            self.assertTrue(self.loop.is_closed())
            code = bine.run(asyncio.sleep(0.001, 7))
        finally:
            os._exit(code)

    def test_a_child_that_returns_to_the_loop_of_its_parent_leaves_it_with_an_error(self):
        parent = os.getpid()

        async def main():
            _, writer = await asyncio.open_connection(sock=ours)
            writer.write(b"once")
            child = os.fork()
            await asyncio.sleep(0)
            _, status = await self.loop.run_in_executor(None, os.waitpid, child, 0)
            writer.close()
            await writer.wait_closed()
            return os.waitstatus_to_exitcode(status)

        ours, theirs = tcp_pair()
        try:
            self.assertEqual(self.complete(main()), 5)
        except RuntimeError as error:
            os._exit(5 if os.getpid() != parent and "the child of a fork" in str(error) else 6)
        self.assertEqual(theirs.recv(100), b"once")
        self.assertEqual(theirs.recv(100), b"")
        theirs.close()
        self.complete(self.loop.shutdown_default_executor())

    def test_a_loop_of_the_parent_may_be_freed_in_the_child(self):
        loop = bine.new_event_loop()
        ours, theirs = tcp_pair()
        loop.add_reader(ours, self.fail)
        server = loop.run_until_complete(loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
        loop.call_later(1000, print)
        child = os.fork()
        if child == 0:
            del loop, server
            sys.stderr = None  # the sockets of a server that nobody closed are told about
            gc.collect()
            os._exit(3)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 3)
        got = []
        loop.add_reader(ours, lambda: (got.append(ours.recv(1)), loop.stop()))
        theirs.send(b"x")
        loop.run_forever()
        self.assertEqual(got, [b"x"])
        server.close()
        loop.close()
        ours.close()
        theirs.close()


class Lives(LoopCase):
    def test_two_hundred_loops_with_traffic_leave_nothing(self):
        async def traffic():
            async with echo_server() as address:
                reader, writer = await asyncio.open_connection(*address)
                writer.write(b"x" * 50)
                writer.write_eof()
                self.assertEqual(await reader.read(), b"x" * 50)
                writer.close()
                await writer.wait_closed()
                await asyncio.sleep(0.0001)

        memory = []
        descriptors = []
        for number in range(200):
            bine.run(traffic())
            if number >= 50:
                gc.collect()
                memory.append(resident_bytes())
                descriptors.append(open_descriptors())
        self.assertEqual(descriptors, [descriptors[0]] * 150)
        if not is_sanitized():
            self.assertLess(max(memory[-10:]) - max(memory[:10]), 512 * 1024)

    def test_the_end_of_the_interpreter_is_clean_whatever_still_lives(self):
        for name, ending in ENDINGS.items():
            with self.subTest(name):
                code, said = self.end_in_a_process("bine.new_event_loop()", ending)
                expected_code, expected = self.end_in_a_process("asyncio.SelectorEventLoop()", ending)
                self.assertEqual(code, expected_code, said)
                self.assertLessEqual(kinds_of_lines(said), kinds_of_lines(expected), said)

    def end_in_a_process(self, loop, ending):
        done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", LIVING.replace("LOOP", loop) + ending],
                              capture_output=True, text=True, check=False, timeout=PATIENCE)
        return done.returncode, done.stderr


# A process with a server, a connection in the middle of its traffic, a timer and a task that waits.
LIVING = """
import asyncio, bine, sys, threading
loop = LOOP
class Echo(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(data)
async def main():
    global server, transport, task
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    transport, _ = await loop.create_connection(Echo, *server.sockets[0].getsockname())
    transport.write(b"x")
    task = loop.create_task(asyncio.sleep(1000))
    loop.call_later(1000, print)
    await asyncio.sleep(0.01)
async def leave():
    await main()
    loop.call_soon(sys.exit, 5)
    await asyncio.sleep(1000)
"""
ENDINGS = {
    "not closed": "loop.run_until_complete(main())",
    "closed": "loop.run_until_complete(main()); loop.close()",
    "an exit while it runs": "leaving = loop.create_task(leave()); loop.run_forever()",
    "never run": "loop.call_soon(print)",
    "in a thread that still runs": "threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True).start(); "
                                   "threading.Event().wait(0.05)",
    "calling in a thread": "f = lambda: loop.call_soon(f); f(); "
                           "threading.Thread(target=loop.run_forever, daemon=True).start(); threading.Event().wait(0.05)",
    "waiting in a thread": "threading.Thread(target=loop.run_forever, daemon=True).start(); threading.Event().wait(0.05)",
}


def kinds_of_lines(text):
    """What was said, without what differs from run to run."""
    return {line.split("<")[0].split("0x")[0] for line in text.splitlines()}


if __name__ == "__main__":
    unittest.main()
