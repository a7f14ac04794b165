"""Signals on bine's loop: they wake it, whoever has a handler, and others who listen to Python's descriptor still hear of them."""

import asyncio
import os
import signal
import threading
import unittest

import bine

LONG = 20  # seconds; nobody waits so long but who has not been woken


def soon(number):
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()


class Signals(unittest.TestCase):
    def setUp(self):
        self.loop = bine.new_event_loop()
        self.addCleanup(self.loop.close)

    def test_an_interrupt_wakes_a_loop_whose_last_handler_was_removed(self):
        self.loop.call_soon(self.loop.add_signal_handler, signal.SIGUSR1, print)
        self.loop.call_soon(self.loop.remove_signal_handler, signal.SIGUSR1)
        self.loop.call_soon(soon, signal.SIGINT)
        begun = self.loop.time()
        with self.assertRaises(KeyboardInterrupt):
            self.loop.run_until_complete(asyncio.sleep(LONG))
        self.assertLess(self.loop.time() - begun, LONG / 2)

    def test_who_had_a_wakeup_descriptor_before_hears_of_signals_while_the_loop_runs(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        self.addCleanup(signal.set_wakeup_fd, signal.set_wakeup_fd(writing))
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.signal(signal.SIGUSR1, lambda *_: None))
        heard = []

        def hear():
            heard.append(os.read(reading, 10))
            self.loop.stop()

        self.loop.add_reader(reading, hear)
        self.loop.call_later(LONG, self.loop.stop)
        self.loop.call_soon(soon, signal.SIGUSR1)
        self.loop.run_forever()
        self.assertEqual(heard, [bytes([signal.SIGUSR1])])
        self.assertEqual(signal.set_wakeup_fd(writing), writing, "it has it again")

    def test_a_descriptor_that_is_somebody_elses_by_now_is_told_nothing(self):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        self.addCleanup(signal.set_wakeup_fd, signal.set_wakeup_fd(writing))
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.signal(signal.SIGUSR1, lambda *_: self.loop.stop()))
        stranger_reading, stranger = os.pipe()
        os.set_blocking(stranger_reading, False)

        def replace():
            os.dup2(stranger, writing)
            soon(signal.SIGUSR1)

        self.loop.call_soon(replace)
        self.loop.call_later(LONG, self.loop.stop)
        self.loop.run_forever()
        with self.assertRaises(BlockingIOError):
            os.read(stranger_reading, 1)
        for descriptor in (reading, writing, stranger_reading, stranger):
            os.close(descriptor)


if __name__ == "__main__":
    unittest.main()
