"""The machine: its processors, its weather, and where the programs are that run on it."""

import ctypes
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
IDLE_CONNECTIONS = 10_000
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """Something could not be measured; the text says what and why."""


class NotAvailable(Failure):
    """One contender is not to be had here; the run goes on without it."""


def say(text):
    """Progress, so that the tables alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def siblings(cpu):
    path = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    if not path.exists():
        return {cpu}
    result = set()
    for part in path.read_text().strip().split(","):
        first, _, last = part.partition("-")
        result.update(range(int(first), int(last or first) + 1))
    return result


def choose_cpus(wanted):
    """(server, client): two processors that are not the two threads of one core, if there are such."""
    if wanted:
        return tuple(int(part) for part in wanted.split(","))
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Failure("two processors are needed: one for the server, one for the client")
    others = [cpu for cpu in allowed[1:] if cpu not in siblings(allowed[0])]
    return allowed[0], (others or allowed[1:])[0]


def raise_descriptor_limit():
    """For 10,000 connections; what we start inherits it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < IDLE_CONNECTIONS + 100:
        say(f"note: only {hard} descriptors are allowed; the memory area needs {IDLE_CONNECTIONS + 100}")


class Machine:
    """Where programs are, and on which processor and with which priority they run."""

    def __init__(self, build, cpus, realtime):
        self.build = build
        self.server_cpu, self.client_cpu = cpus
        self.realtime = realtime

    def program(self, name):
        """The path of a benchmark program, or None where it is not built."""
        for path in (self.build / "bench" / name, self.build / name):
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
        return None

    def need(self, name):
        path = self.program(name)
        if path is None:
            raise Failure(f"{name} is not in {self.build}")
        return path

    def settle(self, cpu):
        """To be called in a new process: pins it, gives it its priority, and ends it when we end, however that is."""

        def settle_here():
            os.sched_setaffinity(0, {cpu})
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if self.realtime:
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))

        return settle_here

    def round_trip(self):
        command = [self.need("round_trip"), str(self.server_cpu), str(self.client_cpu)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def run_lines(self, *command):
        """What a program prints on the processor of the servers, line by line."""
        process = subprocess.run(
            [self.need(command[0]), *command[1:]], stdout=subprocess.PIPE, text=True, preexec_fn=self.settle(self.server_cpu)
        )
        if process.returncode != 0:
            raise Failure(f"{command[0]} ended with status {process.returncode}")
        return process.stdout.splitlines()


def build_programs(directory, jobs):
    """The release preset, and of it only what is measured."""
    say(f"building into {directory}")
    sources = sorted(path for path in (ROOT / "bench").iterdir() if path.suffix in (".c", ".cpp"))
    targets = [f"bench_{path.stem}" for path in sources]
    configure = ["cmake", "--preset", "release", "-B", str(directory)]
    for command in (configure, ["cmake", "--build", str(directory), "--parallel", str(jobs), "--target", *targets]):
        process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if process.returncode != 0:
            raise Failure(f"{' '.join(command)}\n{process.stdout[-4000:]}")


def first_match(pattern, path, otherwise):
    try:
        match = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    except OSError:
        match = None
    return match[1] if match else otherwise


def describe_build(machine):
    """Compiler and flags, on which instructions depend."""
    compiler = first_match(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", machine.build / "CMakeCache.txt", "c++")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    flags = first_match(r"^CMAKE_CXX_FLAGS_RELWITHDEBINFO:\w+=(.*)$", machine.build / "CMakeCache.txt", "")
    whole = first_match(r"^BINE_LTO:\w+=(ON)$", machine.build / "CMakeCache.txt", "")
    return f"{version}, {flags}" + (" -flto" if whole else "")


def describe_machine(machine):
    """What the figures depend on, in one sentence."""
    processor = first_match(r"^model name\s*: (.*)$", "/proc/cpuinfo", "unknown processor")
    priority = "real-time priority" if machine.realtime else "ordinary priority"
    virtual = " (a virtual machine)" if " hypervisor" in first_match(r"^(flags\s*:.*)$", "/proc/cpuinfo", "") else ""
    return (
        f"{processor}{virtual}, {len(os.sched_getaffinity(0))} processors, Linux {os.uname().release}; {describe_build(machine)}; "
        f"server and client on a processor each, {priority}; load {os.getloadavg()[0]:.1f} when it ended."
    )
