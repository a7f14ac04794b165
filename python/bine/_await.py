"""What C++ and Python await of each other, the part that is Python: a loop of either kind has it (see await.h)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, TypeVar

__all__ = ()

_T = TypeVar("_T")


class Awaited(asyncio.Future[Any]):
    """The result of what C++ does for Python. Cancelling it ends that before cancel() returns."""

    _drop: Callable[[], object] | None = None

    def cancel(self, msg: Any = None) -> bool:
        is_cancelled = super().cancel(msg)
        if is_cancelled and self._drop is not None:
            self._drop()
        return is_cancelled


class Crossing:
    """What ``_bine.Loop`` asks for when one side awaits the other. ``_host`` is the asyncio loop: itself, or a guest's host."""

    @property
    def _host(self) -> asyncio.AbstractEventLoop:
        return self  # type: ignore[return-value]  # it is a part of one

    def _make_awaited(self, drop: Callable[[], object]) -> Awaited:
        future = Awaited(loop=self._host)
        future._drop = drop
        return future

    def _start_task(self, awaitable: Awaitable[_T], context: Context | None) -> asyncio.Task[_T]:
        """A task for `awaitable` in `context`, or in a copy of the current one when that is None."""
        host = self._host
        coroutine = awaitable if asyncio.iscoroutine(awaitable) else _awaiting(awaitable)
        if context is None:
            return host.create_task(coroutine)
        if sys.version_info >= (3, 11):
            return host.create_task(coroutine, context=context)
        return context.run(host.create_task, coroutine)


async def _awaiting(awaitable: Awaitable[_T]) -> _T:
    return await awaitable
