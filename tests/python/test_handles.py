"""What bine's handles refer to: nothing once they have run, were cancelled, or their loop is closed. The collector does not know them."""

import asyncio
import gc
import socket
import unittest
import weakref

import bine


class Owner:
    """Keeps the handle of a call of itself, which is a cycle."""

    handle = None

    def called(self, *arguments):
        pass


class Handles(unittest.TestCase):
    def setUp(self):
        self.loop = bine.new_event_loop()
        self.addCleanup(self.loop.close)

    def is_gone(self, owner):
        gc.collect()
        return owner() is None

    def kept(self, make):
        owner = Owner()
        owner.handle = make(owner)
        return weakref.ref(owner), owner.handle

    def turn(self):
        self.loop.run_until_complete(asyncio.sleep(0))

    def test_a_call_that_was_cancelled(self):
        owner, handle = self.kept(lambda one: self.loop.call_soon(one.called, one))
        handle.cancel()
        self.assertTrue(self.is_gone(owner))
        self.turn()

    def test_a_call_that_cancels_itself(self):
        called = []

        def cancel(one):
            one.handle.cancel()
            gc.collect()
            called.append(one.called)

        owner, _ = self.kept(lambda one: self.loop.call_soon(cancel, one))
        self.turn()
        self.assertEqual(len(called), 1)
        called.clear()
        self.assertTrue(self.is_gone(owner))

    def test_a_reader_that_removes_itself(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        called = []

        def remove(one):
            self.loop.remove_reader(ours)
            gc.collect()
            called.append(one.called)

        owner, _ = self.kept(lambda one: self.loop._add_reader(ours, remove, one))
        theirs.send(b"x")
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.assertEqual(len(called), 1)
        called.clear()
        self.assertTrue(self.is_gone(owner))

    def test_calls_that_a_closed_loop_never_made(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        owners = [self.kept(lambda one: self.loop.call_soon(one.called, one)),
                  self.kept(lambda one: self.loop.call_later(1000, one.called, one)),
                  self.kept(lambda one: self.loop._add_reader(ours, one.called, one)),
                  self.kept(lambda one: self.loop._add_writer(ours, one.called, one))]
        self.loop.close()
        for owner, handle in owners:
            del handle
            self.assertTrue(self.is_gone(owner))

    def test_a_task_that_a_closed_loop_never_finished(self):
        async def sleep_for_ever():
            while True:
                await asyncio.sleep(0.001)

        async def start():
            task = asyncio.create_task(sleep_for_ever())
            await asyncio.sleep(0.01)
            return weakref.ref(task)

        self.loop.set_exception_handler(lambda *_: None)  # which hears of a task that was destroyed while it waited
        task = self.loop.run_until_complete(start())
        self.loop.close()
        self.assertTrue(self.is_gone(task))

    def test_a_task_that_ended_in_an_exception_in_debug_mode(self):
        async def fail():
            raise ValueError

        async def main():
            task = asyncio.ensure_future(fail())
            await asyncio.wait([task])
            return weakref.ref(task), task.exception()

        self.loop.set_debug(True)
        task, kept = self.loop.run_until_complete(main())
        self.assertIsNone(task(), "without the collector")
        self.assertIsInstance(kept, ValueError)

    def test_a_timer_tells_what_asyncio_s_tells(self):
        timer = self.loop.call_at(self.loop.time() + 1000, print)
        self.assertEqual((timer.when(), timer._when, timer._scheduled), (timer._when, timer.when(), True))
        timer.cancel()
        self.assertFalse(timer._scheduled)

    def test_a_slow_callback_in_debug_mode_is_called_what_it_is(self):
        self.loop.set_debug(True)
        self.loop.slow_callback_duration = 0
        with self.assertLogs("asyncio", "WARNING") as told:
            self.loop.call_soon(len, "soon")
            self.loop.call_later(0, len, "later")
            self.loop.run_until_complete(asyncio.sleep(0.01))
        self.assertTrue(any("Executing <Handle len('soon')" in line for line in told.output), told.output)
        self.assertTrue(any("Executing <TimerHandle" in line and "len('later')" in line for line in told.output), told.output)


if __name__ == "__main__":
    unittest.main()
