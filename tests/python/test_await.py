"""Both kinds on one loop: Python awaits C++, C++ awaits Python, through any number of crossings."""

import asyncio
import contextvars
import gc
import unittest
import weakref

import bine
from bine import _bine

FOR_EVER = 3600


@unittest.skipUnless(hasattr(_bine, "_test_sleep"), "the probes are in builds with BINE_DEBUG only")
class Await(unittest.TestCase):
    def run_on_loop(self, main):
        """Runs `main(loop)`, closes the loop, and sees that no block of C++ is left."""
        loop = bine.EventLoop()
        self.reported = []
        loop.set_exception_handler(lambda _, context: self.reported.append(context))
        loop.run_until_complete(asyncio.sleep(0))
        before = _bine._test_blocks()
        try:
            return loop.run_until_complete(main(loop))
        finally:
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(loop.shutdown_asyncgens())
            after = _bine._test_blocks()
            loop.close()
            self.assertLessEqual(after, before, "blocks of C++ are left")


class PythonAwaitsCpp(Await):
    def test_a_result_comes_when_cpp_has_it(self):
        async def main(loop):
            begun = loop.time()
            self.assertIsNone(await _bine._test_sleep(loop, 0.02))
            self.assertGreaterEqual(loop.time() - begun, 0.02)

        self.run_on_loop(main)

    def test_many_are_awaited_together(self):
        async def main(loop):
            done = await asyncio.gather(*(_bine._test_sleep(loop, 0.001 * i) for i in range(20)))
            self.assertEqual(done, [None] * 20)

        self.run_on_loop(main)

    def test_an_error_is_an_exception(self):
        async def main(loop):
            with self.assertRaisesRegex(ValueError, "the words of C\\+\\+"):
                await _bine._test_fail(loop, "the words of C++")

        self.run_on_loop(main)

    def test_an_error_that_nobody_awaits_is_reported(self):
        async def main(loop):
            future = _bine._test_fail(loop, "lost")
            while not future.done():
                await asyncio.sleep(0)
            del future
            gc.collect()

        self.run_on_loop(main)
        self.assertEqual([str(one["exception"]) for one in self.reported], ["lost"])

    def test_cancelling_the_future_ends_what_it_waits_for_at_once(self):
        async def main(loop):
            before = _bine._test_blocks()
            future = _bine._test_sleep(loop, FOR_EVER)
            self.assertGreater(_bine._test_blocks(), before)
            self.assertTrue(future.cancel())
            self.assertEqual(_bine._test_blocks(), before)
            self.assertFalse(future.cancel())
            with self.assertRaises(asyncio.CancelledError):
                await future

        self.run_on_loop(main)

    def test_cancelling_the_task_ends_what_it_waits_for_at_once(self):
        async def main(loop):
            async def wait():
                await _bine._test_sleep(loop, FOR_EVER)

            before = _bine._test_blocks()
            task = loop.create_task(wait())
            await asyncio.sleep(0)
            self.assertGreater(_bine._test_blocks(), before)
            task.cancel()
            self.assertEqual(_bine._test_blocks(), before)
            with self.assertRaises(asyncio.CancelledError):
                await task

        self.run_on_loop(main)

    def test_a_timeout_of_asyncio_ends_it(self):
        async def main(loop):
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(_bine._test_sleep(loop, FOR_EVER), 0.01)

        self.run_on_loop(main)

    def test_cancelling_what_has_ended_loses_nothing(self):
        async def main(loop):
            future = _bine._test_sleep(loop, 0)
            await future
            self.assertFalse(future.cancel())
            self.assertIsNone(future.result())

        self.run_on_loop(main)

    def test_a_future_that_nobody_keeps_ends_by_itself(self):
        async def main(loop):
            kept = weakref.ref(_bine._test_sleep(loop, 0.01))
            gc.collect()
            self.assertIsNotNone(kept())
            await asyncio.sleep(0.03)
            gc.collect()
            self.assertIsNone(kept())

        self.run_on_loop(main)


class CppAwaitsPython(Await):
    def test_a_value_comes_back(self):
        async def answer():
            await asyncio.sleep(0)
            return {"the": "answer"}

        for hops in (0, 1, 3):
            async def main(loop):
                self.assertEqual(await _bine._test_call(loop, answer, hops), {"the": "answer"})

            self.run_on_loop(main)

    def test_what_cannot_be_awaited_is_its_own_result(self):
        async def main(loop):
            self.assertEqual(await _bine._test_call(loop, lambda: 42, 0), 42)
            self.assertEqual(await _bine._test_call(loop, lambda: 42, 1), 42)

        self.run_on_loop(main)

    def test_a_future_is_awaited_as_a_coroutine_is(self):
        async def main(loop):
            future = loop.create_future()
            loop.call_later(0.01, future.set_result, "late")
            self.assertEqual(await _bine._test_call(loop, lambda: future, 1), "late")

        self.run_on_loop(main)

    def test_an_exception_comes_back_as_the_same_object(self):
        wrong = LookupError("of Python")

        async def fail():
            await asyncio.sleep(0)
            raise wrong

        def fail_at_once():
            raise wrong

        for failing in (fail, fail_at_once):
            for hops in (0, 1):
                async def main(loop):
                    with self.assertRaises(LookupError) as caught:
                        await _bine._test_call(loop, failing, hops)
                    self.assertIs(caught.exception, wrong)

                self.run_on_loop(main)

    def test_an_exception_crosses_four_borders_as_the_same_object(self):
        wrong = LookupError("of Python")

        async def main(loop):
            async def inner():
                await _bine._test_sleep(loop, 0.001)
                raise wrong

            async def outer():
                return await _bine._test_call(loop, inner, 1)

            with self.assertRaises(LookupError) as caught:
                await _bine._test_call(loop, outer, 1)
            self.assertIs(caught.exception, wrong)

        self.run_on_loop(main)

    def test_an_error_of_cpp_crosses_python(self):
        async def main(loop):
            async def inner():
                await _bine._test_fail(loop, "from the bottom")

            with self.assertRaisesRegex(ValueError, "from the bottom"):
                await _bine._test_call(loop, inner, 1)

        self.run_on_loop(main)

    def test_cancelling_reaches_through_every_level(self):
        """Python -> C++ -> Python -> C++ -> Python: cancelled at the top, each level sees it, the innermost too."""
        async def main(loop):
            seen = []
            started = asyncio.Event()

            async def innermost():
                try:
                    started.set()
                    await _bine._test_sleep(loop, FOR_EVER)
                except asyncio.CancelledError:
                    seen.append("innermost")
                    raise

            async def middle():
                try:
                    await _bine._test_call(loop, innermost, 1)
                except asyncio.CancelledError:
                    seen.append("middle")
                    raise

            before = _bine._test_blocks()
            task = loop.create_task(_outermost(_bine._test_call(loop, middle, 1), seen))
            await started.wait()
            await asyncio.sleep(0)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            while len(seen) < 3:
                await asyncio.sleep(0)
            self.assertEqual(set(seen), {"innermost", "middle", "outermost"})
            self.assertEqual(_bine._test_blocks(), before)

        async def _outermost(awaited, seen):
            try:
                await awaited
            except asyncio.CancelledError:
                seen.append("outermost")
                raise

        self.run_on_loop(main)

    def test_a_cancellation_from_within_passes_outward(self):
        async def main(loop):
            async def inner():
                raise asyncio.CancelledError

            with self.assertRaises(asyncio.CancelledError):
                await _bine._test_call(loop, inner, 1)

        self.run_on_loop(main)

    def test_cpp_gives_up_a_coroutine_of_python(self):
        async def main(loop):
            seen = asyncio.Event()

            async def wait():
                try:
                    await asyncio.sleep(FOR_EVER)
                finally:
                    seen.set()

            with self.assertRaises(TimeoutError):
                await _bine._test_call_within(loop, wait, 0.02)
            await asyncio.wait_for(seen.wait(), 5)

        self.run_on_loop(main)

    def test_what_a_given_up_coroutine_raises_is_not_lost(self):
        async def main(loop):
            async def wait():
                try:
                    await asyncio.sleep(FOR_EVER)
                finally:
                    raise LookupError("while it was given up")

            with self.assertRaises(TimeoutError):
                await _bine._test_call_within(loop, wait, 0.02)
            for _ in range(5):
                await asyncio.sleep(0)
            gc.collect()

        self.run_on_loop(main)
        self.assertEqual([str(one["exception"]) for one in self.reported], ["while it was given up"])

    def test_a_coroutine_may_cancel_who_waits_for_it(self):
        async def main(loop):
            async def cancel_all():
                task.cancel()
                await asyncio.sleep(FOR_EVER)

            async def wait():
                await _bine._test_call(loop, cancel_all, 0)

            task = loop.create_task(wait())
            with self.assertRaises(asyncio.CancelledError):
                await task

        self.run_on_loop(main)

    def test_a_plain_function_may_cancel_who_waits_for_it(self):
        async def main(loop):
            def cancel():
                task.cancel()
                return 1

            async def wait():
                await _bine._test_call(loop, cancel, 1)

            task = loop.create_task(wait())
            with self.assertRaises(asyncio.CancelledError):
                await task

        self.run_on_loop(main)


class Contexts(Await):
    def test_contextvars_go_through_cpp(self):
        variable = contextvars.ContextVar("variable")

        async def main(loop):
            async def inner():
                await asyncio.sleep(0)
                seen = variable.get()
                variable.set("of the inner one")
                return seen

            async def caller(value):
                variable.set(value)
                seen = await _bine._test_call(loop, inner, 2)
                return seen, variable.get()

            answers = await asyncio.gather(caller("a"), caller("b"))
            self.assertEqual(answers, [("a", "a"), ("b", "b")])

        self.run_on_loop(main)


class Closing(Await):
    def test_what_waits_in_either_direction_ends_cancelled(self):
        loop = bine.EventLoop()
        before = _bine._test_blocks()
        seen = []

        async def wait():
            try:
                await asyncio.sleep(FOR_EVER)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        async def main():
            return [_bine._test_sleep(loop, FOR_EVER), _bine._test_call(loop, wait, 0), _bine._test_call(loop, wait, 1)]

        futures = loop.run_until_complete(main())
        loop.run_until_complete(asyncio.sleep(0.01))
        tasks = asyncio.all_tasks(loop)
        self.assertEqual(len(tasks), 2)
        loop.close()
        self.assertTrue(all(future.cancelled() for future in futures))
        self.assertLessEqual(_bine._test_blocks(), before)
        for task in tasks:
            task._log_destroy_pending = False

    def test_a_loop_that_was_never_closed_leaves_nothing(self):
        loop = bine.EventLoop()
        future = _bine._test_sleep(loop, FOR_EVER)
        seen = weakref.ref(future)
        with self.assertWarns(ResourceWarning):
            del loop, future
            gc.collect()
        self.assertIsNone(seen())

    def test_a_closed_loop_begins_nothing(self):
        loop = bine.EventLoop()
        loop.close()
        with self.assertRaises(RuntimeError):
            _bine._test_sleep(loop, 1)


if __name__ == "__main__":
    unittest.main()
