"""Playing one world: run()."""

from __future__ import annotations

import dataclasses
import datetime
import os
import pathlib
import shlex
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from .. import _bine
from ._guards import Guards
from ._world import BrokenPromise, Network, World, where_all_wait

_T = TypeVar("_T")

REPLAY = "BINE_SIM"  # the environment variable with a run to be played again: "NAME:SEED", "NAME:SEED:CHOICES" or "NAME:SEED:@FILE"
_MOST_IN_COMMAND = 2000
_AGAIN = "BINE_SIM_STARTED"
_STORY_LINES = 30
_NO_RANDOM_ADDRESSES = 0x0040000  # personality(2)


@dataclasses.dataclass
class Run(Generic[_T]):
    """What became of a run."""

    name: str
    seed: int
    hash: str = ""  # equal for equal runs
    took: float = 0.0  # seconds of the world's time
    result: _T | None = None
    failure: str | None = None  # the promise that was broken
    details: str = ""
    choices: list[int] = dataclasses.field(default_factory=list)
    reached: dict[str, int] = dataclasses.field(default_factory=dict)
    story: str = ""

    def __str__(self) -> str:
        how = self.failure or "all promises are kept"
        return f"{self.name}, seed {self.seed}: {how}; {self.took:.3f} s in the world, hash {self.hash}"


class Failed(AssertionError):
    """A run has failed: ``run`` says what is known of it."""

    def __init__(self, run: Run[Any], text: str) -> None:
        super().__init__(text)
        self.run = run


def run(program: Callable[[World], Awaitable[_T]], *, seed: int = 1, choices: list[int] | str | None = None, network: Network | None = None,
        most: float = 86400.0, starts: datetime.datetime | float | None = None) -> Run[_T]:
    """Play the asyncio program ``program(world)`` in the simulated world of ``seed``.

    ``program`` is a coroutine function. It runs on a host called "main", in the world's time and network, and ends the run
    when it returns; programs on other hosts are cancelled then. ``most`` seconds of the world's time are enough for it.

    choices: those of a run that is to be played again. network: a Network in place of the one that the seed draws. starts: the date in the world, a datetime or seconds.
    Returns a Run. Raises Failed, with the story and how to replay it, when a promise is broken or nobody can go on.
    """
    fix_hashes()
    name = name_of(program)
    wish = replay_wish(name)
    if wish:
        seed, choices = wish
    else:
        choices = choices_from(choices) if isinstance(choices, str) else choices
    run, error = play(program, name, seed, choices, network, most, starts)
    if wish:
        sys.stderr.write(run.story)
    if run.failure is not None:
        raise Failed(run, report(run, choices)) from error
    return run


def play(program: Callable[[World], Awaitable[_T]], name: str, seed: int, choices: list[int] | None = None, network: Network | None = None,
         most: float = 86400.0, starts: datetime.datetime | float | None = None,
         thaws: bool = True) -> tuple[Run[_T], BaseException | None]:
    """The run, and the exception that it ended with."""
    world = World(seed, choices, network, _seconds(starts))
    run: Run[_T] = Run(name, seed)
    error: BaseException | None = None
    try:
        with Guards(world, thaws):
            began = world.now
            try:
                _carry_out(world, program, most)
                run.result = world.host("main").result
            except BrokenPromise as broken:
                run.failure = str(broken) or "a promise is broken"
                error = _cause(world)
                if error is not None:
                    run.details = _traceback(error)
            except _Hang as hang:
                run.failure, run.details = hang.args
            run.took = world.now - began
            run.hash = f"{world._native.hash ^ world._trace << 32:016x}"
            run.choices = world._native.choices
            run.reached = dict(world._native.reached)
            run.story = world._native.story
            world._native.close()
    finally:
        world._native.close()
    return run, error


class _Hang(Exception):
    pass


def _carry_out(world: World, program: Callable[[World], Awaitable[object]], most: float) -> None:
    main = world.host("main")
    main.run(program, world)
    ended = world._native.run_until(lambda: world._look() or main.done, most)
    if world._exit is not None:
        raise world._exit
    if not ended:
        waits = where_all_wait(world)
        why = (f"the program has not ended after {most:g} s of the world's time" if world.now >= 1 + most else
               "nobody can go on: nothing will ever happen again in this world")
        world.note(f"BROKEN: {why}")
        raise _Hang(why, f"who waits where:\n{waits}\n" if waits else "")
    world._waits.clear()
    world._native.finish()
    if world._exit is not None:
        raise world._exit


def _cause(world: World) -> BaseException | None:
    for host in world.hosts:
        if host.error is not None:
            return host.error
    return world._errors[0] if world._errors else None


def _traceback(error: BaseException) -> str:
    """Of the program's own, without what lies around it here."""
    here = os.path.dirname(__file__)
    told = traceback.TracebackException.from_exception(error)
    told.stack = traceback.StackSummary.from_list([frame for frame in told.stack if os.path.dirname(frame.filename) != here])
    return "".join(told.format())


def _seconds(starts: datetime.datetime | float | None) -> float:
    if starts is None:
        return 1_500_000_000.0
    return float(starts.timestamp() if isinstance(starts, datetime.datetime) else starts)


def name_of(program: Callable[..., object]) -> str:
    function = getattr(program, "func", program)  # of a partial
    return getattr(function, "__name__", type(function).__name__)


# Reports and replays.

def report(run: Run[Any], choices: list[int] | None = None, *, lines: int = _STORY_LINES) -> str:
    parts = [f"{run.name}, seed {run.seed}: {run.failure}"]
    if run.details:
        parts.append(run.details.rstrip())
    story = run.story.splitlines()
    left_out = ["    ..."] if len(story) > lines else []
    parts.append("how it ends:\n" + "\n".join(left_out + [f"    {line}" for line in story[-lines:]]))
    parts.append(f"replay it, with its whole story (hash {run.hash}):\n    {replay_command(run.name, run.seed, choices)}")
    return "\n\n".join(parts)


def replay_command(name: str, seed: int, choices: list[int] | None = None) -> str:
    wish = f"{name}:{seed}" + (f":{_passed_on(name, seed, choices_text(choices))}" if choices is not None else "")
    hashes = os.environ.get("PYTHONHASHSEED", "0")
    return f"PYTHONHASHSEED={hashes} {REPLAY}={shlex.quote(wish)} {shlex.join(sys.orig_argv)}"


def _passed_on(name: str, seed: int, text: str) -> str:
    """What is too long for a command goes into a file."""
    if len(text) <= _MOST_IN_COMMAND:
        return text
    path = pathlib.Path(tempfile.gettempdir(), f"{name}-{seed}.choices")
    path.write_text(text, encoding="ascii")
    return f"@{path}"


def replay_wish(name: str) -> tuple[int, list[int] | None] | None:
    """(seed, choices) when this program is to be replayed."""
    parts = os.environ.get(REPLAY, "").split(":")
    if parts[0] != name or len(parts) < 2:
        return None
    if len(parts) == 2:
        return int(parts[1]), None
    text = ":".join(parts[2:])
    return int(parts[1]), choices_from(pathlib.Path(text[1:]).read_text(encoding="ascii") if text[:1] == "@" else text)


def choices_text(choices: list[int]) -> str:
    """The choices that are not 0, as a person can pass them on."""
    return " ".join(f"{place}={choice}" for place, choice in enumerate(choices) if choice)


def choices_from(text: str) -> list[int]:
    pairs = {int(place): int(choice) for place, choice in (pair.split("=") for pair in text.split())}
    return [pairs.get(place, 0) for place in range(max(pairs, default=-1) + 1)]


# Two runs of a program are alike only if its sets are.

def fix_hashes() -> None:
    """See to it that texts have the same hashes in every run, and objects the same addresses: by starting this process anew."""
    if not sys.flags.hash_randomization or os.environ.get("PYTHONHASHSEED", "random") != "random":
        return
    if _AGAIN in os.environ or not _may_start_again():
        warnings.warn("hashes of texts differ from process to process, and so may runs; set PYTHONHASHSEED=0 to be able to "
                      "replay them", RuntimeWarning, stacklevel=3)
        return
    environment = dict(os.environ, PYTHONHASHSEED="0", **{_AGAIN: "1"})
    _keep_addresses()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, environment)


def _may_start_again() -> bool:
    """A program of its own, not a test in a runner's or a line that somebody typed."""
    return (sys.argv[:1] not in ([], [""], ["-"]) and "pytest" not in sys.modules and "unittest" not in sys.modules
            and threading.active_count() == 1 and not hasattr(sys, "ps1"))


def _keep_addresses() -> None:
    import ctypes
    try:
        libc = ctypes.CDLL(None)
        before = libc.personality(0xFFFFFFFF)
        if before != -1:
            libc.personality(before | _NO_RANDOM_ADDRESSES)
    except (OSError, AttributeError):
        pass  # some containers forbid it
