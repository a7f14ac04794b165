"""Playing very many worlds: explore()."""

from __future__ import annotations

import dataclasses
import gc
import os
import pickle
import select
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable
from typing import IO, TYPE_CHECKING, Any

from .. import _bine
from ._run import Failed, Run, fix_hashes, name_of, play, replay_command, replay_wish, report

if TYPE_CHECKING:
    import datetime

    from ._world import Network, World

_SHRINK_ATTEMPTS = 400
_MOST_SHRINKING = 60.0  # seconds
_OTHER_HEAP = 20011  # objects


@dataclasses.dataclass
class Explored:
    """An exploration in which no promise was broken."""

    name: str
    worlds: int = 0
    took: float = 0.0  # seconds
    world_time: float = 0.0  # seconds in the worlds
    reached: dict[str, int] = dataclasses.field(default_factory=dict)  # of what sometimes() asks for: in how many worlds

    def __str__(self) -> str:
        lines = [f"reached in {100 * count / max(self.worlds, 1):5.1f} % of worlds: {label}" if count else
                 f"reached in no world: {label}" for label, count in self.reached.items()]
        lines.append(f"{self.name}: {self.worlds} worlds in {self.took:.1f} s, {self.world_time:.0f} s of their time: "
                     "all promises are kept")
        return "\n".join(lines)


def explore(program: Callable[[World], Awaitable[object]], *, seeds: int = 1000, first_seed: int = 1, jobs: int | None = None,
            network: Network | None = None, most: float = 86400.0, starts: datetime.datetime | float | None = None,
            seconds: float = 60.0, shrink: bool = True, twice_in: int = 100) -> Explored:
    """Play ``program(world)`` in the worlds of ``seeds`` seeds, each in a process of its own, until one fails.

    jobs: processes at a time (as many as there are processors). seconds: of real time, in which a world must have ended.
    twice_in: one world in so many is played in a second process whose memory lies differently, and must be the same.
    Returns an Explored. Raises Failed with the story of a failure and, unless ``shrink`` is false, of a plainer one.
    """
    fix_hashes()
    name = name_of(program)
    options: dict[str, Any] = dict(network=network, most=most, starts=starts)
    wish = replay_wish(name)
    if wish:
        run, error = play(program, name, *wish, **options)
        sys.stderr.write(run.story)
        if run.failure is not None:
            raise Failed(run, report(run, wish[1])) from error
        return Explored(name, 1, 0.0, run.took, {label: bool(count) for label, count in run.reached.items()})
    return _Exploration(program, name, options, seconds).explore(range(first_seed, first_seed + seeds),
                                                                jobs or os.cpu_count() or 1, shrink, twice_in)


class _Exploration:
    def __init__(self, program: Callable[[World], Awaitable[object]], name: str, options: dict[str, Any], seconds: float) -> None:
        self._program = program
        self._name = name
        self._options = options
        self._seconds = seconds
        self._selector = selectors.DefaultSelector()
        self._waiting: dict[int, tuple[int, int, list[bytes], float]] = {}  # process -> what it plays

    def explore(self, seeds: Iterable[int], jobs: int, shrink: bool, twice_in: int) -> Explored:
        explored = Explored(self._name)
        began = time.monotonic()
        coming = iter(seeds)
        # What every process would have to do first is done once, before they part.
        play(_nothing, "nothing", 1)
        gc.collect()
        gc.freeze()
        try:
            for seed in coming:
                self._start(seed, twice=bool(twice_in) and seed % twice_in == 0)
                if len(self._waiting) >= jobs:
                    self._collect(explored, shrink)
            while self._waiting:
                self._collect(explored, shrink)
        finally:
            self._stop_all()
            gc.unfreeze()
        explored.took = time.monotonic() - began
        return explored

    def _collect(self, explored: Explored, shrink: bool) -> None:
        run = self._next()
        if run.failure is not None:
            self._stop_all()
            raise Failed(run, self._explain(run, shrink))
        explored.worlds += 1
        explored.world_time += run.took
        for label, count in run.reached.items():
            explored.reached[label] = explored.reached.get(label, 0) + bool(count)

    # Processes.

    def _start(self, seed: int, choices: list[int] | None = None, twice: bool = False, story: bool = False) -> None:
        process, reading = _in_a_process(lambda out: self._play_for(out, seed, choices, twice, story))
        self._waiting[process] = (seed, reading, [], time.monotonic() + self._seconds)
        self._selector.register(reading, selectors.EVENT_READ, process)

    def _play_for(self, out: IO[bytes], seed: int, choices: list[int] | None, twice: bool, story: bool) -> None:
        run, _ = play(self._program, self._name, seed, choices, thaws=False, **self._options)
        if twice and run.failure is None:
            self._play_in_other_heap(run)
        run.result = None
        if run.failure is None and not story:
            run.story, run.choices = "", []
        pickle.dump(run, out)

    def _play_in_other_heap(self, run: Run[Any]) -> None:
        elsewhere = [object() for _ in range(_OTHER_HEAP)]
        del elsewhere[::3]
        again, _ = play(self._program, self._name, run.seed, None, **self._options)
        if again.hash != run.hash:
            run.failure = (f"played again with another memory, it is another run (hashes {run.hash} and {again.hash}): something "
                           "depends on addresses, as the order of a set of objects does, on what an earlier run left behind, "
                           "or on the real world")

    def _next(self) -> Run[Any]:
        """The next run that has ended, in whatever way."""
        while True:
            soonest = min(deadline for _, _, _, deadline in self._waiting.values())
            for key, _ in self._selector.select(max(soonest - time.monotonic(), 0)):
                ended = self._read(key.data)
                if ended is not None:
                    return ended
            for process, (seed, _, _, deadline) in list(self._waiting.items()):
                if time.monotonic() >= deadline:
                    self._forget(process, signal.SIGKILL)
                    return self._lost(seed, f"it has not ended after {self._seconds:g} s of real time: it never awaits, or does too much (seconds=)")

    def _read(self, process: int) -> Run[Any] | None:
        seed, reading, pieces, _ = self._waiting[process]
        piece = os.read(reading, 1 << 20)
        if piece:
            pieces.append(piece)
            return None
        status = self._forget(process)
        try:
            run: Run[Any] = pickle.loads(b"".join(pieces))
            return run
        except (EOFError, pickle.UnpicklingError):
            code = os.waitstatus_to_exitcode(status)
            return self._lost(seed, f"its process ended with {'signal ' + str(-code) if code < 0 else 'exit code ' + str(code)}")

    def _lost(self, seed: int, why: str) -> Run[Any]:
        return Run(self._name, seed, failure=why)

    def _forget(self, process: int, kill: int | None = None) -> int:
        _, reading, _, _ = self._waiting.pop(process)
        self._selector.unregister(reading)
        os.close(reading)
        if kill is not None:
            os.kill(process, kill)
        return os.waitpid(process, 0)[1]

    def _stop_all(self) -> None:
        for process in list(self._waiting):
            self._forget(process, signal.SIGKILL)

    # A plainer run that fails too.

    def _explain(self, run: Run[Any], shrink: bool) -> str:
        plainer = self._plainer(run) if shrink and run.choices else None
        if plainer is None:
            return report(run)
        choices = [choice for choice in plainer.choices if choice]
        return (f"{self._name}, seed {run.seed}: {run.failure}\n\n"
                f"replay it, with its whole story (hash {run.hash}):\n    {replay_command(self._name, run.seed)}\n\n"
                f"a plainer run fails too, with {len(choices)} choices that are not the plainest:\n\n"
                + report(plainer, plainer.choices))

    def _plainer(self, run: Run[Any]) -> Run[Any] | None:
        """Looked for in one process, which costs less than many; in many, when runs in one are not what they are alone."""
        until = time.monotonic() + _MOST_SHRINKING
        with _Attempts(self._program, self._name, self._options, run.seed, self._seconds) as attempts:
            plainer = self._shrunk(run, until, attempts.fails)
        return plainer or self._shrunk(run, until, lambda choices: self._alone(run.seed, choices).failure is not None)

    def _shrunk(self, run: Run[Any], until: float, fails: Callable[[list[int]], bool]) -> Run[Any] | None:
        def fails_in_time(choices: list[int]) -> bool:
            return time.monotonic() < until and fails(choices)

        if not fails_in_time(run.choices):
            return None
        plainer = self._alone(run.seed, _bine._shrink(run.choices, fails_in_time, _SHRINK_ATTEMPTS))
        return plainer if plainer.failure is not None else None

    def _alone(self, seed: int, choices: list[int]) -> Run[Any]:
        self._start(seed, choices, story=True)
        return self._next()


class _Attempts:
    """A process that plays one world after the other with other choices, and another one when it dies or hangs over that."""

    def __init__(self, program: Callable[[World], Awaitable[object]], name: str, options: dict[str, Any], seed: int,
                 seconds: float) -> None:
        self._play: Callable[[list[int]], bool] = lambda choices: play(program, name, seed, choices, **options)[0].failure is not None
        self._seconds = seconds
        self._process: int | None = None

    def __enter__(self) -> _Attempts:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def fails(self, choices: list[int]) -> bool:
        """Whether a run with these choices fails."""
        if self._process is None:
            self._start()
        pickle.dump(choices, self._asking)
        self._asking.flush()
        ready, _, _ = select.select([self._answers], [], [], self._seconds)
        answer = os.read(self._answers, 1) if ready else b""
        if not answer:
            self._stop()
        return answer != b"0"

    def _start(self) -> None:
        questions, asking = os.pipe()
        self._asking = os.fdopen(asking, "wb")
        self._process, self._answers = _in_a_process(lambda out: self._serve(questions, out))
        os.close(questions)

    def _serve(self, questions: int, out: IO[bytes]) -> None:
        self._asking.close()
        with os.fdopen(questions, "rb") as asked:
            while True:
                try:
                    choices = pickle.load(asked)
                except EOFError:
                    return
                out.write(b"1" if self._play(choices) else b"0")
                out.flush()

    def _stop(self) -> None:
        if self._process is None:
            return
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._answers)
        self._asking.close()
        self._process = None


def _in_a_process(work: Callable[[IO[bytes]], object]) -> tuple[int, int]:
    """A new process, and the descriptor to read what ``work(out)`` writes there. Nothing of what it leaves behind runs any more."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    code = 1
    try:
        os.close(reading)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        with os.fdopen(writing, "wb") as out:
            work(out)
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


async def _nothing(world: World) -> None:
    pass
