"""What C++ and Python await of each other, the part that is Python: a loop of either kind has it (see await.h)."""

import asyncio
import sys

__all__ = ()


class Awaited(asyncio.Future):
    """The result of what C++ does for Python. Cancelling it ends that before cancel() returns."""

    _drop = None

    def cancel(self, msg=None):
        is_cancelled = super().cancel(msg)
        if is_cancelled and self._drop is not None:
            self._drop()
        return is_cancelled


class Crossing:
    """What ``_bine.Loop`` asks for when one side awaits the other. ``_host`` is the asyncio loop: itself, or a guest's host."""

    @property
    def _host(self):
        return self

    def _make_awaited(self, drop):
        future = Awaited(loop=self._host)
        future._drop = drop
        return future

    def _start_task(self, awaitable, context):
        """A task for `awaitable` in `context`, or in a copy of the current one when that is None."""
        host = self._host
        coroutine = awaitable if asyncio.iscoroutine(awaitable) else _awaiting(awaitable)
        if context is None:
            return host.create_task(coroutine)
        if sys.version_info >= (3, 11):
            return host.create_task(coroutine, context=context)
        return context.run(host.create_task, coroutine)


async def _awaiting(awaitable):
    return await awaitable
