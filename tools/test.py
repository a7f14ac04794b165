#!/usr/bin/env python3
"""What ./test does: stages that build and test bine, a table of them, and ctest's summary over all.

A stage that fails stops no other. Its whole output is in build/logs/; what matters of it is repeated at the end.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
TESTS = ROOT / "tests"
JOBS = str(os.cpu_count() or 2)
FUZZ_SECONDS = 10
# The layers that know more than one thread; the others have nothing for ThreadSanitizer to find.
THREADED = ("driver", "reactor", "net", "endpoints", "tls", "http")

# The preset that verifies headers.
HEADERS_ALONE = "dev"

LINT = [sys.executable, "tools/lint.py"]


class Failed(Exception):
    """A stage could not go on; its log says why."""


@dataclasses.dataclass
class Tally:
    """What ran in a stage: each ctest test, build or check is one; doctest's cases are counted besides."""

    tests: int = 0
    cases: int = 0
    failed: list[str] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)


class Stage:
    """One named piece of work with a log of its own; times itself and keeps the tally."""

    def __init__(self, name, work):
        self.name = name
        self.work = work
        self.tally = Tally()
        self.seconds = 0.0
        self.log_path = LOGS / (re.sub(r"[^\w.-]+", "-", name) + ".log")

    def run_all(self):
        started = time.monotonic()
        print(f"{self.name} ...", flush=True)
        with open(self.log_path, "w", encoding="utf-8") as self.log, contextlib.suppress(Failed):
            self.work(self)
        self.seconds = time.monotonic() - started
        failed = len(self.tally.failed)
        outcome = f"{failed} of {self.tally.tests} FAILED" if failed else f"{self.tally.tests} passed"
        print(f"{self.name}: {outcome}, {self.seconds:.0f} s", flush=True)
        if failed:
            self.show_failure()

    def command(self, command, **options):
        """Runs into the log; whether it succeeded."""
        self.log.write(f"$ {' '.join(map(str, command))}\n")
        self.log.flush()
        done = subprocess.run(command, cwd=options.pop("cwd", ROOT), stdin=subprocess.DEVNULL, stdout=self.log,
                              stderr=subprocess.STDOUT, check=False, **options)
        return done.returncode == 0

    def count(self, name, passed):
        self.tally.tests += 1
        if not passed:
            self.tally.failed.append(f"{self.name}: {name}")

    def step(self, name, command, **options):
        """A command that counts as one test."""
        passed = self.command(command, **options)
        self.count(name, passed)
        return passed

    def must(self, name, command, **options):
        if not self.step(name, command, **options):
            raise Failed

    def show_failure(self):
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        telling = re.compile(r"error|FAILED|ERROR|\*\*\*|Failed|Timeout|SUMMARY|assert|Traceback|warning:")
        shown = [line for line in lines if telling.search(line)][:40] or lines[-40:]
        print("\n".join("    " + line for line in shown))
        print(f"    all of it: {self.log_path.relative_to(ROOT)}", flush=True)


def without_address_randomization():
    """ThreadSanitizer of gcc 12 can fail to place its shadow under a kernel that randomizes more bits than it knows."""
    prefix = ["setarch", "-R"]
    if shutil.which("setarch") and subprocess.run(prefix + ["true"], capture_output=True, check=False).returncode == 0:
        return prefix
    return []


def build(stage, preset, *targets):
    command = ["cmake", "--build", str(BUILD / preset), "-j", JOBS]
    go_on = ["--", "-k", "0"]
    stage.must("configure", ["cmake", "--preset", preset])
    stage.must("build", [*command, *(["--target", *targets] if targets else []), *go_on])
    if preset == HEADERS_ALONE:
        stage.step("each header compiles alone", [*command, "--target", "all_verify_interface_header_sets", *go_on])


def ctest(stage, preset, *selection, prefix=()):
    """Runs a build's tests and counts each."""
    results = BUILD / preset / "results.xml"
    results.unlink(missing_ok=True)
    passed = stage.command([*prefix, "ctest", "--test-dir", str(BUILD / preset), "-j", JOBS, "--output-on-failure",
                            "--no-tests=error", "--output-junit", str(results), *selection])
    if not results.exists():
        stage.count("ctest", False)
        return
    failed_before = len(stage.tally.failed)
    for case in xml.parse(results).getroot().iter("testcase"):
        # A test that cannot run here says so itself; one whose program was not built has failed.
        skip = case.find("skipped")
        skipped = skip is not None and skip.get("message", "").startswith("SKIP_")
        stage.count(case.get("name"), case.get("status") == "run" or skipped)
        stage.tally.skipped += [f"{stage.name}: {case.get('name')}"] if skipped else []
        output = case.findtext("system-out") or ""
        stage.tally.cases += sum(map(int, re.findall(r"test cases: +\d+ \| +(\d+) passed", output)))
    if not passed and len(stage.tally.failed) == failed_before:
        stage.count("ctest", False)


def build_and_test(preset, *targets, selection=(), prefix=()):
    def work(stage):
        build(stage, preset, *targets)
        ctest(stage, preset, *selection, prefix=prefix)

    return work


def tsan(stage):
    prefix = without_address_randomization()
    layers = [layer for layer in THREADED if any((ROOT / "bine" / layer).rglob("*_test.cpp"))]
    build(stage, "tsan", *(f"bine_{layer}_test" for layer in layers))
    ctest(stage, "tsan", "-L", f"^({'|'.join(layers)})$", prefix=prefix)


def fuzz(stage, seconds=FUZZ_SECONDS):
    """Each target for some seconds, as many at a time as there are cores, from its corpus on; finds stay in build/."""
    build(stage, "fuzz", "fuzz_targets")
    listed = BUILD / "fuzz" / "fuzz_targets.txt"
    targets = [line.split() for line in listed.read_text().splitlines()] if listed.exists() else []
    waiting, running = list(targets), []
    while waiting or running:
        while waiting and len(running) < int(JOBS):
            running.append(start_fuzzing(*waiting.pop(0), seconds))
        name, process, log = running.pop(0)
        passed = process.wait() == 0
        stage.log.write(f"== {name}\n{log.read_text(errors='replace')[-4000:]}\n")
        stage.count(name, passed)


def start_fuzzing(target, corpus, seconds):
    folder = BUILD / "fuzz" / "finds" / target
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    seeds = [corpus] if pathlib.Path(corpus).is_dir() else []
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [str(BUILD / "fuzz" / "tests" / target), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
             "-print_final_stats=1", f"-artifact_prefix={folder}/", str(folder / "corpus"), *seeds],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    return target, process, log


def other_pythons():
    """The interpreters besides the system's that this machine has, with their header files: one of each version."""
    found = {}
    for version in ("3.10", "3.12", "3.13"):
        for path in sorted(pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"), "versions").glob(f"{version}.*")):
            if (path / f"include/python{version}/Python.h").exists():
                found[version] = str(path / "bin/python")
    return found


def python(stage):
    """tests/python with every interpreter that is here, in the build of gcc, which is for the system's alone otherwise."""
    found = other_pythons()
    stage.tally.skipped += [f"{stage.name}: with Python {version}, which pyenv has not"
                            for version in ("3.10", "3.12", "3.13") if version not in found]
    choice = "-DBINE_PYTHON_INTERPRETERS="
    stage.must("configure", ["cmake", "--preset", "dev", choice + ";".join(["/usr/bin/python3", *found.values()])])
    try:
        stage.must("build", ["cmake", "--build", str(BUILD / "dev"), "-j", JOBS, "--target", "bine_python"])
        ctest(stage, "dev", "-R", "^python/.*_3[.][0-9]+$" if found else "^python/")
    finally:
        stage.step("configure for one again", ["cmake", "--preset", "dev", choice])


def lint(*arguments):
    def work(stage):
        stage.must("configure", ["cmake", "--preset", "lint"])
        for what in ("format", "tidy", "coroutines"):
            stage.step(what, [*LINT, what, *arguments])

    return work


def valgrind(stage):
    """The release build's tests: uninitialised memory above all, which no sanitizer of gcc sees."""
    build(stage, "release")
    for binary in sorted((BUILD / "release" / "tests").glob("bine_*_test")):
        stage.step(binary.name, ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
                                 "--errors-for-leak-kinds=definite", str(binary)])


def area(name, *arguments):
    """A folder tests/<name>/ with a program `run` in it: tests that need more than a program of the build."""
    def work(stage):
        stage.step("run", [str(TESTS / name / "run"), *arguments])

    return work


def areas_to_run():
    return sorted(path.parent.name for path in TESTS.glob("*/run") if os.access(path, os.X_OK))


def areas_of_ctest():
    """Folders whose tests are ctest's, named <area>/..."""
    lists = [*TESTS.glob("*/CMakeLists.txt"), *TESTS.glob("*/*/CMakeLists.txt")]
    folders = {path.relative_to(TESTS).parts[0] for path in lists}
    return sorted((folders | {"check", "fuzz", "example"}) - set(areas_to_run()))


def layers():
    return re.findall(r"^layer +(\S+)", (ROOT / "layers.txt").read_text(encoding="utf-8"), flags=re.M)


def default_stages():
    stages = [
        Stage("gcc", build_and_test("dev")),
        Stage("python", python),
        # What others' programs say to bine, and how long it takes, hangs on neither sanitizer nor compiler: see `--all`.
        Stage("gcc asan ubsan", build_and_test("asan-ubsan", selection=("-LE", "^interop$"))),
        Stage("gcc tsan", tsan),
        Stage("clang", build_and_test("clang", selection=("-LE", "^interop$"))),
        Stage("fuzz", fuzz),
        Stage("lint", lint("--changed")),
    ]
    names = [name for name in areas_to_run() if not (TESTS / name / "only-on-request").exists()]
    return stages + [Stage(name, area(name)) for name in names]


def further_stages():
    return [
        Stage("release", build_and_test("release")),
        Stage("interop asan ubsan", build_and_test("asan-ubsan", selection=("-L", "^interop$"))),
        Stage("sim at length", area("sim", "--long")),
        Stage("valgrind", valgrind),
        Stage("lint of all", lint("--all")),
    ]


def summarize(stages):
    """The table, and over all stages what ctest prints over one."""
    width = max(len(stage.name) for stage in stages)
    print(f"\n{'stage':{width}}  result  seconds  tests  doctest cases")
    for stage in stages:
        result = "FAILED" if stage.tally.failed else "passed"
        tally = stage.tally
        print(f"{stage.name:{width}}  {result}  {stage.seconds:7.0f}  {tally.tests:5}  {tally.cases or '':>13}")
    failed = [name for stage in stages for name in stage.tally.failed]
    tests = sum(stage.tally.tests for stage in stages)
    skipped = [name for stage in stages for name in stage.tally.skipped]
    if skipped:
        print("\nThe following tests did not run, for want of something that this machine has not:")
        print("\n".join("\t" + name for name in skipped))
    if failed:
        print("\nThe following tests FAILED:")
        print("\n".join("\t" + name for name in failed))
    percent = 100 * (tests - len(failed)) // tests if tests else 0
    print(f"\n{percent}% tests passed, {len(failed)} tests failed out of {tests}")
    print(f"\nTotal Test time (real) = {sum(stage.seconds for stage in stages):.2f} sec", flush=True)
    return 1 if failed or not tests else 0


def run_stages(stages):
    LOGS.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        stage.run_all()
    return summarize(stages)


def run_quickly(target, *selection):
    """The quick loop: what ninja and ctest print, nothing else."""
    def run(*command):
        return subprocess.run(command, cwd=ROOT, check=False).returncode

    if not (BUILD / "dev" / "build.ninja").exists() and run("cmake", "--preset", "dev"):
        return 1
    if run("cmake", "--build", str(BUILD / "dev"), "-j", JOBS, "--target", target):
        return 1
    started = time.time()
    failed = run("ctest", "--test-dir", str(BUILD / "dev"), "-j", JOBS, "--output-on-failure", "--no-tests=error", *selection)
    if not failed:
        show_tables(started)
    return failed


def show_tables(since):
    """What tests that passed have kept for a reader: ctest shows only what those print that failed."""
    for table in sorted((BUILD / "dev" / "tables").glob("*.txt")):
        if table.stat().st_mtime >= since:
            print("\n" + table.read_text(encoding="utf-8"), end="", flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./test", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds bine in every way that matters and tests it. Without arguments: gcc tests with the checks of\n"
                    "the source and the programs of others (interop), ASan+UBSan tests, TSan for the layers with\n"
                    "threads, clang tests, 10 s for each fuzz target, lint of the changed files, and the areas below\n"
                    "that are meant for every run.",
        epilog=f"layers: {' '.join(layers())}\nareas:  {' '.join(areas_to_run() + areas_of_ctest())}\n"
               "stages: " + ", ".join(stage.name for stage in default_stages() + further_stages()))
    parser.add_argument("what", nargs="?", metavar="LAYER|AREA", help="build and test this layer or area alone, quickly")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...",
                        help="a pattern of test names; for an area with a program of its own: its arguments")
    parser.add_argument("--all", action="store_true", help="besides: release tests, interop under ASan+UBSan, valgrind, lint of every file, "
                             "10,000 simulated worlds (./test sim --pairs N plays N)")
    parser.add_argument("--stage", action="append", metavar="NAME", help="this stage alone; can be repeated")
    return parser, parser.parse_args(arguments)


def main(arguments):
    parser, options = parse(arguments)
    os.environ.setdefault("CTEST_PARALLEL_LEVEL", JOBS)
    if options.what in areas_to_run():
        return subprocess.run([str(TESTS / options.what / "run"), *options.rest], check=False).returncode
    if options.what in layers():
        matching = ["-R", options.rest[0]] if options.rest else []
        return run_quickly(f"{options.what}_tests", "-L", f"^{options.what}$", *matching)
    if options.what in areas_of_ctest():
        return run_quickly("all", "-R", "^" + "/".join([options.what, *options.rest]))
    if options.what:
        parser.error(f"no layer and no area is called {options.what}; ./test --help lists them")
    stages = default_stages() + (further_stages() if options.all or options.stage else [])
    if options.stage:
        unknown = set(options.stage) - {stage.name for stage in stages}
        if unknown:
            parser.error(f"no stage is called {', '.join(unknown)}; ./test --help lists them")
        stages = [stage for stage in stages if stage.name in options.stage]
    return run_stages(stages)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
