"""Twisted on bine's loop.

    import bine.twisted
    bine.twisted.install()   # before anything imports twisted.internet.reactor

Twisted and asyncio then share one thread and one loop: ``Deferred.asFuture``, ``Deferred.fromFuture`` and coroutines of both
kinds work side by side. Nothing of Twisted is imported before install() is called.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import _loop

if TYPE_CHECKING:
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor

__all__ = ("install",)


def install(eventloop: _loop.EventLoop | None = None) -> AsyncioSelectorReactor:
    """Install Twisted's asyncio reactor on a loop of bine's, and return the reactor.

    ``eventloop`` is a loop of bine's that exists already. A new one becomes asyncio's current loop, so that code of asyncio's in this
    thread finds it.
    Errors: ReactorAlreadyInstalledError when another reactor is installed; TypeError for a loop that is not bine's.
    """
    from twisted.internet.main import installReactor

    from ._twisted import Reactor

    loop = eventloop if eventloop is not None else _loop.new_event_loop()
    reactor: AsyncioSelectorReactor = Reactor(loop)  # type: ignore[no-untyped-call]
    installReactor(reactor)  # type: ignore[no-untyped-call]
    if eventloop is None:
        asyncio.set_event_loop(loop)
    return reactor
