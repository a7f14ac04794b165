"""Descriptors that bine's loop watches for others: files that are closed without a word, and numbers that are used again."""

import asyncio
import gc
import socket
import unittest
import weakref

import bine


class Watching(unittest.TestCase):
    def setUp(self):
        self.loop = bine.new_event_loop()
        self.addCleanup(self.loop.close)
        self.heard = []

    def pair(self):
        ends = socket.socketpair()
        for end in ends:
            self.addCleanup(end.close)
            end.setblocking(False)
        return ends

    def watch(self, end, name):
        def hear():
            self.heard.append(name)
            end.recv(10)
        self.loop.add_reader(end, hear)

    def turn(self, seconds=0.01):
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def test_a_file_that_was_closed_can_be_removed(self):
        ours, _ = self.pair()
        self.loop.add_reader(ours, print)
        self.loop.add_writer(ours, print)
        ours.close()
        self.assertTrue(self.loop.remove_reader(ours))
        self.assertTrue(self.loop.remove_writer(ours))
        with self.assertRaises(ValueError):
            self.loop.remove_reader(ours)

    def test_a_closed_file_that_nobody_watches_is_an_error(self):
        ours, _ = self.pair()
        ours.close()
        with self.assertRaises(ValueError):
            self.loop.remove_reader(ours)
        with self.assertRaises(ValueError):
            self.loop.add_reader(ours, print)

    def test_the_next_file_of_the_same_number_is_heard(self):
        first, _ = self.pair()
        number = first.fileno()
        self.watch(first, "first")
        self.turn()
        first.close()
        ours, theirs = socket.socketpair()
        if ours.fileno() != number:
            ours, theirs = theirs, ours
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.assertEqual(ours.fileno(), number)
        self.watch(ours, "second")
        theirs.send(b"x")
        self.turn()
        self.assertEqual(self.heard, ["second"])

    def test_a_file_and_its_number_are_one(self):
        ours, theirs = self.pair()
        written = []

        def write():
            written.append(True)
            self.loop.remove_writer(ours)

        self.watch(ours, "read")
        self.loop.add_writer(ours.fileno(), write)
        theirs.send(b"x")
        self.turn()
        self.assertEqual((self.heard, written), (["read"], [True]))

    def test_what_is_ready_comes_between_the_callbacks_of_a_chain_that_takes_its_time(self):
        ours, theirs = self.pair()
        self.watch(ours, "read")

        def chain(left):
            until = self.loop.time() + 0.0001
            while self.loop.time() < until:
                pass
            self.heard.append(left)
            if left == 10:
                theirs.send(b"x")
            if left:
                self.loop.call_soon(chain, left - 1)

        self.loop.call_soon(chain, 10)
        self.turn()
        self.assertIn("read", self.heard[:4], self.heard)

    def test_a_file_lives_as_long_as_it_is_watched(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        gone = weakref.ref(ours)
        self.loop.add_reader(ours, print)
        number = ours.fileno()
        del ours
        gc.collect()
        self.assertIsNotNone(gone())
        gone().detach()
        self.assertTrue(self.loop.remove_reader(number))
        self.assertIsNone(gone())
        socket.socket(fileno=number).close()


if __name__ == "__main__":
    unittest.main()
