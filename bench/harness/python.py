"""bine's asyncio loop against others: the same small Python programs on each, in slices that alternate, on one interpreter."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

from . import memory, rates
from .client import Client
from .figures import Judgement, Result, median, quartiles
from .machine import IDLE_CONNECTIONS, ROOT, Failure, NotAvailable, say
from .rates import Case, Goal
from .servers import BINE, FLOORS, Contender, Scratch, own_contenders, probe

PROGRAMS = ROOT / "bench" / "peers" / "python"
REQUIREMENTS = PROGRAMS / "requirements.txt"
DEBIAN = pathlib.Path("/usr/bin/python3.11")
OTHERS = ("uvloop", "asyncio", "rloop")
EPOLL, URING = BINE


# --- the interpreter and its packages ---


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """One that has the packages of the peers, and where bine's package is."""

    program: str
    bine: pathlib.Path
    described: str


DESCRIBE = """
import json, platform, ssl, sys, sysconfig
words = sysconfig.get_config_var("CONFIG_ARGS") or ""
print(json.dumps({"version": platform.python_version(), "compiler": platform.python_compiler(), "prefix": sys.base_prefix,
                  "optimized": "--enable-optimizations" in words or sys.base_prefix == "/usr", "openssl": ssl.OPENSSL_VERSION}))
"""


def ask(program, script):
    done = subprocess.run([str(program), "-E", "-c", script], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{program}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def choose(wanted):
    """The interpreter that was asked for; Debian's, where there is one."""
    program = shutil.which(str(wanted or (DEBIAN if DEBIAN.exists() else "python3")))
    if not program:
        raise Failure(f"{wanted or 'python3'} is not there")
    return program


def environment_of(machine, program, about):
    """A folder for each interpreter: two may have one version."""
    mark = hashlib.sha256(os.path.realpath(program).encode()).hexdigest()[:6]
    return machine.build / "bench" / "peers" / f"python-{about['version']}-{mark}"


def install(program, folder):
    """The peers, at the versions that the list has."""
    kept = folder / "requirements.txt"
    if kept.exists() and kept.read_text() == REQUIREMENTS.read_text():
        return
    say(f"  installing the peers into {folder}")
    for command in ([program, "-m", "venv", str(folder)], [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-300:]}")
    shutil.copy(REQUIREMENTS, kept)


def build_folder(machine):
    """Of the package. What goes into an extension is compiled otherwise than programs are, so it is not theirs."""
    return machine.build.with_name(f"{machine.build.name}-python")


def build_bine(machine, program, jobs):
    """For this interpreter. A package that cannot be imported says so itself."""
    folder = build_folder(machine)
    say(f"building into {folder}")
    choices = ("BINE_PYTHON=ON", f"BINE_PYTHON_INTERPRETERS={program}", "BINE_BENCH=OFF", "BINE_TESTS=OFF", "BINE_EXAMPLES=OFF")
    configure = ["cmake", "--preset", "release", "-B", str(folder), *(f"-D{one}" for one in choices)]
    for command in (configure, ["cmake", "--build", str(folder), "--parallel", str(jobs), "--target", "bine_python"]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            return say(f"  bine cannot be built for {program}: {(done.stdout + done.stderr).strip()[-1000:]}")


def describe(about):
    # Debian builds with a profile, too, but says so elsewhere.
    optimized = "" if about["optimized"] else ", built without --enable-optimizations"
    listed = [line.split("==") for line in REQUIREMENTS.read_text().splitlines()]
    versions = ", ".join(f"{name} {version}" for name, version in listed if name in ("uvloop", "rloop", "aiohttp"))
    return f"CPython {about['version']} in {about['prefix']} ({about['compiler']}{optimized}), {about['openssl']}; {versions}"


def prepare(machine, options):
    chosen = choose(options.python)
    about = ask(chosen, DESCRIBE)
    folder = environment_of(machine, chosen, about)
    if not options.no_build and "BINE_PYTHONPATH" not in os.environ:
        build_bine(machine, chosen, options.jobs)
    if not options.no_build:
        try:
            install(chosen, folder)
        except Failure as why:
            say(f"  not all peers could be installed: {why}")
    program = folder / "bin" / "python"
    bine = pathlib.Path(os.environ.get("BINE_PYTHONPATH") or build_folder(machine) / "python")
    return Interpreter(str(program) if program.exists() else chosen, bine, describe(about))


# --- who takes part ---


def contender(interpreter, loop, program, *arguments):
    """A program of bench/peers/python/ on a loop."""
    driver = {EPOLL: "epoll", URING: "io_uring"}.get(loop, "")
    chosen = ("bine", "--driver", "uring" if loop == URING else "epoll", "--path", str(interpreter.bine)) if driver else (loop,)
    # -E: nobody's wishes from the environment.
    return Contender(loop, (interpreter.program, "-E", str(PROGRAMS / program), *arguments, "--loop", *chosen), driver)


def contenders(interpreter, program, *arguments, loops=(*OTHERS, *BINE)):
    return [contender(interpreter, loop, program, *arguments) for loop in loops]


def serving(machine, interpreter, scratch, kind):
    """Who takes part in a case of this kind."""
    if kind == "protocol":
        return contenders(interpreter, "echo_protocol.py") + own_contenders(machine, "echo", scratch)[:2]
    if kind == "streams":
        return contenders(interpreter, "echo_streams.py")
    if kind in ("tls", "own tls"):
        secure = ("echo_protocol.py", "--tls", *scratch.identity(machine))
        own = ("--own-tls",) if kind == "own tls" else ()
        return contenders(interpreter, *secure, loops=("uvloop", "asyncio")) + contenders(interpreter, *secure, *own, loops=BINE)
    if kind == "twisted":
        return contenders(interpreter, "twisted_echo.py", loops=("twisted", "uvloop", "asyncio", *BINE))
    return contenders(interpreter, "aiohttp_hello.py", loops=("uvloop", "asyncio", *BINE))


# --- rates ---


def each(yardstick, epoll=None, uring=None):
    return Goal((EPOLL,), yardstick, epoll), Goal((URING,), yardstick, uring)


def ceilings(style):
    """How far from what no loop can do better; floors have nothing like streams."""
    return (Goal((EPOLL,), "floor epoll"), Goal((URING,), "floor io_uring")) if style == "protocol" else ()


def small_echo(style):
    goals = (*each("uvloop", 1.1, 1.8), *each("asyncio"), *each("rloop"), *ceilings(style))
    return Case(f"TCP echo 1 KiB, {style}", "messages/s", ("echo", "--size", "1024"), goals)


def large_echo(style):
    goals = (*each("asyncio", 1.0, 1.15), *each("uvloop"), *each("rloop"), *ceilings(style))
    return Case(f"TCP echo 64 KiB, {style}", "messages/s", ("echo", "--size", "65536"), goals, slow=True)


CASES = (
    ("protocol", small_echo("protocol")),
    ("streams", small_echo("streams")),
    ("protocol", large_echo("protocol")),
    ("streams", large_echo("streams")),
    ("tls", Case("TLS 1.3 echo 1 KiB, ssl.SSLContext", "messages/s", ("tls-echo", "--size", "1024"), (*each("uvloop", 1.0, 1.0), *each("asyncio")))),
    # bine with its own TLS, the others with the only one that they have.
    ("own tls", Case("TLS 1.3 echo 1 KiB, bine.TLSContext", "messages/s", ("tls-echo", "--size", "1024"), (*each("uvloop"), *each("asyncio")))),
    ("twisted", Case("Twisted echo 1 KiB", "messages/s", ("echo", "--size", "1024"), (*each("twisted"), *each("uvloop")))),
    ("aiohttp", Case("aiohttp hello", "requests/s", ("http",), (*each("uvloop", 1.1, 1.1), *each("asyncio")))),
)


def yardstick_first(here, case):
    """Ratios of the table are to the first."""
    return sorted(here, key=lambda one: one.name != case.goals[0].yardstick)


def tell_rates(case, rounds, here, failed, result):
    result.tables.append(rates.table_of(case, rounds, here, failed))
    result.data[case.title] = rounds
    answered = [one.name for one in here if one.name not in failed]
    if not answered:
        return
    titles, series = result.plots.setdefault(f"rates, {answered[0]} = 1", ([], {}))
    titles.append(case.title)
    for name in answered:
        if name not in FLOORS:
            series.setdefault(name, {})[case.title] = median(rates.ratios(rounds, name, answered[0], False))


def measure_rates(machine, interpreter, kind, case, options, result):
    with Scratch() as scratch:
        here, absent = probe(machine, serving(machine, interpreter, scratch, kind))
        here = yardstick_first(here, case)
        rounds, failed = rates.measure_alone(machine, here, case, scratch, options, result) if here else ([], {})
    result.absent.update(absent)
    missing = {**absent, **{name: f"no answer: {why}" for name, why in failed.items()}}
    result.judgements += [rates.judge(case, goal, rounds, missing) for goal in case.goals]
    if here:
        tell_rates(case, rounds, here, failed, result)


# --- small operations ---

# (case, what it is, the most that bine may take of uvloop's time)
SMALL = (
    ("call_soon", "call_soon and the call", 0.6),
    ("sleep_0", "a turn of asyncio.sleep(0)", 1 / 3),
    ("call_later_cancel", "call_later and cancel", 1 / 3),
    ("create_task", "create_task and await", None),
)


def here_of(machine, candidates, result):
    here = []
    for one in candidates:
        try:
            with Client(machine, one):
                here.append(one)
        except NotAvailable as why:
            result.absent[one.name] = str(why)
    return here


def alternate(machine, here, options):
    """[{name: processor time of an operation in ns}], one a round; each loop has a process of its own."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(machine, one)) for one in here]
        for one in clients:
            one.ask_for(options.seconds)
        rounds = []
        for number in range(options.micro_rounds):
            done = {one.contender.name: one.ask_for(options.seconds / 2) for one in (clients if number % 2 == 0 else clients[::-1])}
            rounds.append({name: found["cpu_ns"] / found["operations"] for name, found in done.items()})
    return rounds


def judge_small(title, rounds, target, absent):
    """Each driver of bine against uvloop."""
    for name in BINE:
        judgement = Judgement(f"{title}: {name} / uvloop", target=target, at_most=True, against="uvloop", decided_by="cpu")
        if name in rounds[0] and "uvloop" in rounds[0]:
            paired = [entry[name] / entry["uvloop"] for entry in rounds]
            judgement.value, judgement.spread = median(paired), quartiles(paired)
        else:
            judgement.missing = absent.get("uvloop") or absent.get(name, "not measured")
        yield judgement


def measure_small(machine, interpreter, options, result):
    here = here_of(machine, contenders(interpreter, "micro.py", "call_soon"), result)
    first, rows = here[0].name, []
    for case, title, target in SMALL:
        running = [one for one in contenders(interpreter, "micro.py", case) if one.name in {other.name for other in here}]
        rounds = alternate(machine, running, options)
        for one in running:
            paired = [entry[one.name] / entry[first] for entry in rounds]
            rows.append([f"{title}: {one.name}", f"{median(entry[one.name] for entry in rounds):,.0f}", f"{median(paired):.2f}",
                         "{:.2f}-{:.2f}".format(*quartiles(paired))])
        say(f"  {title}: " + ", ".join(f"{one.name} {median(entry[one.name] for entry in rounds):,.0f}" for one in running) + " ns")
        result.judgements += judge_small(title, rounds, target, result.absent)
        result.data[title] = rounds
    result.tables.append(([f"small operations, {first} = 1", "cpu ns", "ratio", "quartiles"], rows))


# --- memory ---


def judge_idle(style, grown, absent):
    """bine's bytes must not be more than uvloop's."""
    for name in BINE:
        missing = absent.get("uvloop") or absent.get(name, "not measured")
        yield Judgement(f"bytes per idle connection, {style}: {name}", grown.get(name) if "uvloop" in grown else None, grown.get("uvloop", 0),
                        at_most=True, missing=missing)


def measure_idle(machine, interpreter, result):
    rows = []
    for style in ("protocol", "streams"):
        grown = {}
        for one in contenders(interpreter, f"echo_{style}.py"):
            try:
                grown[one.name] = memory.measure_idle(machine, one, "idle-echo")
            except NotAvailable as why:
                result.absent[one.name] = str(why)
                continue
            say(f"  idle connection, {style}, {one.name}: {grown[one.name]:,.0f} bytes")
            rows.append([f"{style}: {one.name}", f"{grown[one.name]:,.0f}"])
        result.judgements += judge_idle(style, grown, result.absent)
        result.data[f"memory, {style}"] = grown
    result.tables.append(([f"RSS per idle connection of {IDLE_CONNECTIONS:,}", "bytes"], rows))


# --- all of it ---


def parts_of(machine, interpreter, options, result):
    """{title: what measures it}."""
    parts = {case.title: (lambda kind=kind, case=case: measure_rates(machine, interpreter, kind, case, options, result)) for kind, case in CASES}
    parts["small operations"] = lambda: measure_small(machine, interpreter, options, result)
    parts["memory"] = lambda: measure_idle(machine, interpreter, result)
    return parts


def run(machine, options):
    interpreter = prepare(machine, options)
    result = Result(about=f"On {interpreter.described}.")
    say(f"  {interpreter.described}")
    parts = parts_of(machine, interpreter, options, result)
    chosen = [title for title in parts if not options.only or options.only in title]
    if not chosen:
        raise Failure(f"nothing has {options.only!r} in its title; there are {', '.join(parts)}")
    for title in chosen:
        try:
            parts[title]()
        except Failure as failure:
            # One part that cannot be measured does not end the others.
            say(f"  {title}: {failure}")
            result.failed.append(f"{title}: {failure}")
    return result
