"""Worlds and hosts, as programs see them."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import itertools
import signal
import traceback
import weakref
import zlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from .. import _bine
from ._loop import WorldLoop
from ._socket import WorldSocket

_T = TypeVar("_T")

_FIRST_PORT = 32768
_FIRST_DESCRIPTOR = 1 << 20  # far from those of the system
_TIMES_OF_THREADS = (0, 0.001, 0.004, 0.016, 0.064, 0.256)


class BrokenPromise(AssertionError):
    """A promise of a run is broken: a check() that did not hold, a program that ended in an error."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A network, for who does not want the one that the seed draws. Times are seconds; faults are one in so many, 0: none."""

    shortest_latency: float = 20e-6
    longest_latency: float = 2e-3
    bandwidth: int = 0  # bytes a second of each direction of a connection; 0: any number
    buffer: int = 65536  # bytes of one direction that have been sent and not yet received
    fragment: bool = True  # streams arrive in pieces of any size
    reset: int = 0  # of segments
    refusal: int = 0  # of connections that somebody listens for
    accept_failure: int = 0
    lookup_failure: int = 0
    datagram_loss: int = 0
    datagram_copy: int = 0


class World:
    """What the program of a run is given: hosts, trouble, promises and chance."""

    def __init__(self, seed: int, choices: list[int] | None = None, network: Network | None = None, starts: float = 1_500_000_000) -> None:
        self.seed = seed
        self._native = _bine.World(seed, choices, None if network is None else dataclasses.astuple(network), starts,
                                   BrokenPromise)
        self._numbers = itertools.count(1)
        self._descriptors = itertools.count(_FIRST_DESCRIPTOR)
        self._sockets: weakref.WeakValueDictionary[int, WorldSocket] = weakref.WeakValueDictionary()  # by descriptor
        self._hosts: dict[str, Host] = {}
        self._waits: list[tuple[Callable[[], object], asyncio.AbstractEventLoop, asyncio.Future[bool]]] = []
        self._exit: BaseException | None = None
        self._errors: list[BaseException] = []
        self._trace = 0

    # Hosts.

    def host(self, name: str) -> Host:
        """The host of that name, which is made when it is asked for first. Programs reach it by its name."""
        if name not in self._hosts:
            self._hosts[name] = Host(self, self._native.add_host(name))
        return self._hosts[name]

    @property
    def hosts(self) -> list[Host]:
        """All that have been asked for, in that order."""
        return list(self._hosts.values())

    # Time.

    @property
    def now(self) -> float:
        """Seconds of the world's time, which began at 1. Every loop's time() is this."""
        return self._native.now

    @property
    def network(self) -> str:
        """What the network is like, in words."""
        return self._native.network

    def call_at(self, when: float, function: Callable[[], object]) -> None:
        """Call ``function()`` when ``now`` is ``when``, between the turns of the hosts and on none of them."""
        self._native.at(when, function)

    # Trouble.

    def cut_off(self, host: Host, other: Host | None = None) -> None:
        """Let nothing pass between two hosts, or between ``host`` and all others. What is on its way waits, as TCP does."""
        self._native.cut_off(host._machine, *([] if other is None else [other._machine]))

    def join(self) -> None:
        """End what cut_off() began."""
        self._native.join()

    def heal(self) -> None:
        """End all faults and disturbances, and start hosts that are down."""
        self._native.heal()

    def disturb(self, seconds: float, mortal: Iterable[Host] = ()) -> None:
        """For so long, at times of the world's choice: hosts are cut off, clocks jump, the hosts ``mortal`` crash. Then heal()."""
        self._native.disturb(seconds, [host._machine for host in mortal])

    # Promises.

    def check(self, holds: object, promise: str) -> None:
        """A promise: the run ends here when it does not hold."""
        self._native.check(bool(holds), promise)

    def sometimes(self, reached: object, label: str) -> None:
        """Something that some run should come to; an exploration tells how many did."""
        self._native.sometimes(bool(reached), label)

    async def must(self, holds: Callable[[], object], what: str, within: float = 3600.0) -> None:
        """Wait until ``holds()`` is true. It is a broken promise when it is not, so many seconds later."""
        if holds():
            return
        loop = asyncio.get_running_loop()
        wait = (holds, loop, loop.create_future())
        self._waits.append(wait)
        alarm = loop.call_later(within, _settle, wait[2], False)
        try:
            self.check(await wait[2], f"it never came to this: {what}")
        finally:
            alarm.cancel()
            if wait in self._waits:
                self._waits.remove(wait)

    def note(self, line: object) -> None:
        """A line of the story."""
        self._native.note(str(line))
        self._remember(str(line))

    # Chance.

    def choose(self, label: str, n: int) -> int:
        """One of 0 to n - 1, drawn for ``label``. 0 is the plainest, which a failure is made with if it can be."""
        return self._native.choose(label, n)

    def one_in(self, label: str, n: int) -> bool:
        """Whether what happens once in ``n`` happens."""
        return self._native.one_in(label, n)

    def buggify(self, label: str) -> bool:
        """Whether code under test is to take a rare way here: never in most worlds, now and then in the others."""
        return self._native.buggify(label)

    # For the loops and guards.

    def _remember(self, what: str) -> None:
        """For the hash of the run: that this comes now."""
        self._trace = zlib.crc32(f"{self._native.now} {what}".encode("utf-8", "backslashreplace"), self._trace)

    def _descriptor_of(self, sock: WorldSocket) -> int:
        number = next(self._descriptors)
        self._sockets[number] = sock
        return number

    def _socket_of(self, file: Any) -> WorldSocket | None:
        """The socket of a descriptor, or of what has one; null when it is none of this world's."""
        return self._sockets.get(file if isinstance(file, int) else file.fileno())

    def _time_of_a_thread(self) -> float:
        return _TIMES_OF_THREADS[self._native.choose("how long a thread takes", len(_TIMES_OF_THREADS))]

    def _machine_here(self) -> _bine.Host:
        """The host whose turn it is."""
        loop = asyncio._get_running_loop()
        return (loop.host if isinstance(loop, WorldLoop) else next(iter(self._hosts.values())))._machine

    def _interrupted(self, error: BaseException) -> None:
        if self._exit is None:
            self._exit = error

    def _heard_of(self, host: Host, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = context.get("message") or "an error that nobody took"
        words = f"{host.name}: {message}" + (f": {error!r}" if error is not None else "")
        # What the network does, a program may well leave to the log; and some versions of asyncio take a cancellation for an error.
        if error is None or isinstance(error, (OSError, asyncio.CancelledError)):
            return self.note(words)
        self._errors.append(error)
        self._break(words)

    def _break(self, words: str) -> None:
        try:
            self.check(False, words)
        except BrokenPromise:
            pass  # the run ends behind this turn

    # For the runner.

    def _look(self) -> bool:
        """After each turn: who waits for something that has come?"""
        for wait in list(self._waits):
            holds, loop, future = wait
            if not loop.is_closed() and holds():
                self._waits.remove(wait)
                loop.call_soon_threadsafe(_settle, future, True)
        return self._exit is not None


class Host:
    """A machine of a world: a name, an address, a clock, and the program that runs on it."""

    def __init__(self, world: World, machine: _bine.Host) -> None:
        self.world = world
        self.name = machine.name
        self.address = machine.address
        self.result: Any = None
        self.error: BaseException | None = None
        self._machine = machine
        self._loop: WorldLoop | None = None
        self._has_program = False
        self._ports = itertools.count(_FIRST_PORT)

    def run(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Run the coroutine ``function(*args)`` here, on a loop of its own. After a crash and a restart, it is called anew."""
        if not (inspect.iscoroutinefunction(function) or callable(function)):
            raise TypeError(f"a host runs a coroutine function, not {function!r}")
        if self._has_program:
            raise RuntimeError(f"{self.name} runs a program already; let that one make tasks")
        self._has_program = True
        self._machine.run(lambda: self._boot(function, args))

    async def ended(self, within: float = 3600.0) -> Any:
        """Wait for the program's end, and return what it returned."""
        await self.world.must(lambda: self.done, f"the program of {self.name} ends", within)
        return self.result

    @property
    def up(self) -> bool:
        """Whether it runs: it has not crashed, or has been started again."""
        return self._machine.up

    @property
    def done(self) -> bool:
        """The program has ended by itself."""
        return self._has_program and self._machine.done

    def crash(self) -> None:
        """Take the host away, without a word to anybody. Its program is gone: not even its finally clauses run."""
        self._machine.crash()

    def restart(self) -> None:
        """Start the host and its program anew. Nothing happens when it is up."""
        self._machine.restart()

    def signal(self, number: int) -> None:
        """Send a signal to the program, which must have a handler for it: ``loop.add_signal_handler()``."""
        wanted = signal.Signals(number)
        loop = self._loop
        if loop is None or loop.is_closed() or wanted not in loop._signal_handlers:
            raise RuntimeError(f"the program of {self.name} has no handler for {wanted.name}; crash() ends it without one")
        self.world.note(f"{self.name} gets {wanted.name}")
        callback, args = loop._signal_handlers[wanted]
        loop.call_soon_threadsafe(callback, *args)

    @property
    def clock_ahead(self) -> float:
        """Seconds that time.time() is ahead of the world's clock here."""
        return self._machine.clock_ahead

    def jump_clock(self, seconds: float) -> None:
        """Put time.time() of this host forward by so many seconds, or back. The loop's time does not jump."""
        self._machine.jump_clock(seconds)

    def __repr__(self) -> str:
        return f"<host {self.name} at {self.address}{'' if self.up else ', down'}>"

    def _free_port(self) -> int:
        return next(self._ports)

    def _boot(self, function: Callable[..., Awaitable[object]], args: tuple[Any, ...]) -> WorldLoop:
        self.result = self.error = None
        self._loop = loop = WorldLoop(self)
        loop.create_task(self._live(loop, function, args), name=f"{self.name}: all")
        return loop

    async def _live(self, loop: WorldLoop, function: Callable[..., Awaitable[object]], args: tuple[Any, ...]) -> None:
        loop._program = loop.create_task(_awaited(function, args), name=f"{self.name}: program")
        try:
            self.result = await loop._program
        except asyncio.CancelledError:
            pass  # stopped
        except Exception as error:
            self.error = error
        await self._wind_up(loop)
        self._machine.ended(None if self.error is None else _in_words(self.error))

    async def _wind_up(self, loop: WorldLoop) -> None:
        """As asyncio.run() does: the program's other tasks end with it."""
        tasks = sorted(asyncio.all_tasks(loop) - {asyncio.current_task(loop)}, key=hash)
        for task in tasks:
            task.cancel()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(error, Exception) and not isinstance(error, asyncio.CancelledError):
                loop.call_exception_handler({"message": "a task ended in an error while the program ended", "exception": error})
        await loop.shutdown_asyncgens()


async def _awaited(function: Callable[..., Awaitable[_T]], args: tuple[Any, ...]) -> _T:
    return await function(*args)


def _settle(future: asyncio.Future[bool], result: bool) -> None:
    if not future.done():
        future.set_result(result)


def _in_words(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(type(error), error)).strip()


def where_all_wait(world: World) -> str:
    """For a hang: each task that waits, and where."""
    lines = []
    for host in world.hosts:
        loop = host._loop
        if loop is None or loop.is_closed():
            continue
        for task in sorted(asyncio.all_tasks(loop), key=hash):
            if not task.get_name().endswith(": all"):
                lines.append(f"    {host.name}, {task.get_name()}: {_where(task.get_coro())}")
    return "\n".join(lines)


def _where(coroutine: Any) -> str:
    """The place deepest in the program's own code, not asyncio's."""
    place = repr(coroutine)
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "ag_frame", None)
        if frame is not None and frame.f_code is not _awaited.__code__ and "/asyncio/" not in frame.f_code.co_filename:
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)
    return place
