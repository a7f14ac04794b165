"""What is exchanged in this process while a world is played, so that nothing of the program is silently real.

Clocks, chance and sockets of all code in the process are the world's by way of the C library (bine/python/real_world.h).
What is left is here: what blocks, threads and processes, names, and the order of sets.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ._socket import WorldSocket, addresses, refuse

if TYPE_CHECKING:
    from ._world import World

_missing = object()


class Guards:
    """``with Guards(world):`` around all that a world does. ``thaws``: the process goes on, and its memory is to be collected again."""

    def __init__(self, world: World, thaws: bool = True) -> None:
        self._world = world
        self._thaws = thaws
        self._before: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> Guards:
        native = self._world._native
        # What is collected when is not to depend on what was before: nothing by itself, and by who asks for it what is of this world.
        self._collects = gc.isenabled()
        gc.disable()
        gc.freeze()
        self._random = random.getstate()
        self._hooks = sys.get_asyncgen_hooks()
        self._log = _LogToStory(self._world)
        logging.getLogger().addHandler(self._log)
        native.enter()
        random.seed(int.from_bytes(native.random_bytes(16), "big"))
        self._exchange()
        self._check_clock()
        return self

    def __exit__(self, *error: object) -> None:
        for owner, name, value in reversed(self._before):
            if value is _missing:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
        self._before.clear()
        sys.set_asyncgen_hooks(*self._hooks)
        self._world._native.leave()
        random.setstate(self._random)
        logging.getLogger().removeHandler(self._log)
        if self._thaws:
            gc.collect()
            gc.unfreeze()
        if self._collects:
            gc.enable()

    def _put(self, owner: Any, name: str, value: Any) -> None:
        # Of a class only what is its own comes back.
        self._before.append((owner, name, vars(owner).get(name, _missing)))
        setattr(owner, name, value)

    def _exchange(self) -> None:
        self._put(time, "sleep", refuse("time.sleep()", "await asyncio.sleep() instead; it costs nothing"))
        self._put(threading.Thread, "start", refuse("threads", "await asyncio.to_thread(), which works on this one"))
        self._put(subprocess.Popen, "__init__", refuse("child processes"))
        self._put(subprocess.Popen, "__del__", lambda popen: None)
        self._put(socket.socket, "__init__", refuse("socket.socket", "use asyncio's streams and protocols"))
        self._put(socket, "socket", WorldSocket)  # for who asks the module; who has taken the class from it before is refused
        self._put(socket, "socketpair", refuse("pairs of sockets", "asyncio's streams between two tasks are queues"))
        self._put(socket, "getaddrinfo", self._getaddrinfo)
        self._put(socket, "gethostbyname", lambda name: self._getaddrinfo(name, 0, socket.AF_INET)[0][4][0])
        self._put(socket, "gethostname", lambda: self._world._machine_here().name)
        self._put(socket, "getfqdn", lambda name="": name or self._world._machine_here().name)
        self._put(uuid, "_generate_time_safe", None)
        self._put(uuid, "_node", 0x020000000001)
        self._put(uuid, "_last_timestamp", None)
        numbers = self._world._numbers
        for kind in (asyncio.BaseProtocol, asyncio.BaseTransport, asyncio.StreamWriter, WorldSocket):
            self._put(kind, "__hash__", _in_order_of_use(numbers))

    def _getaddrinfo(self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> list[Any]:
        return addresses(self._world._machine_here(), host, port, family, type, proto, flags)

    def _check_clock(self) -> None:
        if abs(time.monotonic() - self._world.now) > 1e-3:
            raise RuntimeError("the clock of this interpreter cannot be exchanged (is it linked statically?), so it cannot "
                               "play simulated worlds; use one that is linked dynamically, as a distribution's is")


def _in_order_of_use(numbers: Iterator[int]) -> Callable[[Any], int]:
    """A hash for objects that are told apart by identity: sets of them are in no order that depends on addresses."""

    def hash_of(thing: Any) -> int:
        try:
            return thing.__dict__.setdefault("_number_in_world", None) or _number(thing)
        except AttributeError:
            return object.__hash__(thing)

    def _number(thing: Any) -> int:
        thing.__dict__["_number_in_world"] = number = next(numbers)
        return number

    return hash_of


class _LogToStory(logging.Handler):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("bine."):
            return  # the world hears these itself
        try:
            self._world.note(f"log: {record.name}: {record.getMessage()}")
        except Exception:
            self.handleError(record)
