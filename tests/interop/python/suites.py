"""The suites: what each needs installed, and the program that runs its tests.

A suite is an environment of its own, kept between runs; the versions are fixed here, and a change of them makes it anew.
"""

import dataclasses
import pathlib
import shutil
import subprocess

from outcome import Absent, Impossible

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = HERE / "inside"
UVLOOP = "uvloop==0.23.0"


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    about: str
    program: tuple  # of the suite's Python: words; {source} is the folder of the unpacked sdist
    requirements: str = ""  # a file of requirements/: all that is installed, with versions
    sdist: str = ""  # what of the registry has the tests, when what is installed has not
    hides: tuple = ()  # folders of the sdist that would be imported instead of what is installed
    python: str = "3.11"
    module: str = "ensurepip"  # what the interpreter must have
    patience: float = 30  # seconds for one test
    selects: tuple = ()  # words before the part of a name that -k gives
    short: bool = False  # is run when nothing is named


def cpython(version):
    return Suite(f"cpython-{version}", "CPython's tests of asyncio", (str(INSIDE / "cpython_suite.py"),),
                 python=version, module="test.test_asyncio", patience=15, short=True)


def of_pytest(name, version, *program, hides=()):
    """One whose tests are in the sdist."""
    return Suite(name, f"{name}'s own tests", (str(INSIDE / program[0]), "tests", *program[1:]), requirements=name,
                 sdist=f"{name}=={version}", hides=hides, selects=("-k",))


SUITES = {suite.name: suite for suite in (
    cpython("3.10"), cpython("3.11"), cpython("3.12"), cpython("3.13"),
    Suite("uvloop", "uvloop's own tests", (str(INSIDE / "uvloop_suite.py"), "{source}/tests"), requirements="uvloop",
          sdist=UVLOOP, hides=("uvloop",)),
    of_pytest("uvicorn", "0.54.0", "uvicorn_suite.py", "--ignore=tests/benchmarks", hides=("uvicorn",)),
    of_pytest("anyio", "4.16.0", "anyio_suite.py"),
    of_pytest("aiohttp", "3.14.5", "pytest_suite.py", "--ignore-glob=tests/test_benchmarks_*", hides=("aiohttp",)),
    Suite("tornado", "Tornado's own tests", (str(INSIDE / "tornado_suite.py"),), requirements="tornado", patience=60),
    Suite("twisted", "Twisted's tests of reactors", (str(INSIDE / "twisted_suite.py"), "reactors"),
          requirements="twisted", patience=15),
    Suite("twisted-all", "Twisted's other tests that wait for a reactor", (str(INSIDE / "twisted_suite.py"), "all"),
          requirements="twisted", patience=30),
)}


def of_version(suite, python):
    """The suite with another Python; one that is for one alone stays as it is."""
    if python in (None, suite.python) or suite.name.startswith("cpython"):
        return suite
    return dataclasses.replace(suite, name=f"{suite.name}-{python}", python=python)


def interpreter(suite):
    """The path of a Python that the suite can run with; Absent."""
    versions = pathlib.Path.home() / ".pyenv" / "versions"
    built = [path / "bin" / "python" for path in versions.glob(f"{suite.python}.*")]
    for path in [*sorted(built, key=lambda path: [int(part) for part in path.parts[-3].split(".")], reverse=True),
                 shutil.which(f"python{suite.python}")]:
        if path and works(path, f"import sys, venv, {suite.module}; assert '%d.%d' % sys.version_info[:2] == '{suite.python}'"):
            return path
    raise Absent(f"there is no Python {suite.python} with {suite.module} here")


def works(python, code, environment=None):
    return subprocess.run([python, "-c", code], capture_output=True, check=False, env=environment).returncode == 0


def log_of(folder, *words):
    """Runs a command with its output in a file of the folder."""
    log = folder / "install.log"
    with log.open("a") as output:
        print("$", *words, file=output, flush=True)
        done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                              timeout=900, check=False)
    if done.returncode:
        raise Impossible(f"{' '.join(map(str, words[:6]))} ... failed: {log}")


class Installed:
    """A suite's environment in `folder`, with the loops of others and what the suite needs."""

    def __init__(self, suite, folder):
        self.suite, self.folder = suite, folder
        self.python = folder / "bin" / "python"
        self.source = folder / "source"

    def install(self, loop):
        """What is there and as it should be is kept."""
        suite = self.suite
        requirements = HERE / "requirements" / f"{suite.requirements}.txt" if suite.requirements else None
        wanted = repr((suite.sdist, suite.hides, suite.python, requirements and requirements.read_text()))
        if not self.has("installed", wanted):
            python = interpreter(suite)
            print(f"{suite.name}: installing into {self.folder}", flush=True)
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            log_of(self.folder, python, "-m", "venv", self.folder)
            if requirements:
                self.pip("install", "--requirement", requirements)
            if suite.sdist:
                self.unpack()
            (self.folder / "installed").write_text(wanted)
        if loop == "uvloop" and not works(self.python, "import uvloop"):
            self.pip("install", UVLOOP)

    def has(self, stamp, wanted):
        path = self.folder / stamp
        return path.exists() and path.read_text() == wanted

    def pip(self, *words):
        log_of(self.folder, self.python, "-m", "pip", *words)

    def unpack(self):
        packed = self.folder / "sdist"
        name = self.suite.sdist.partition("==")[0]
        self.pip("download", "--no-deps", "--no-binary", name, "--dest", packed, self.suite.sdist)
        [archive] = packed.iterdir()
        shutil.unpack_archive(archive, self.folder / "unpacked")
        [top] = (self.folder / "unpacked").iterdir()
        top.rename(self.source)
        for folder in self.suite.hides:
            shutil.rmtree(self.source / folder)

    def work(self):
        """The folder to run it in: with the tests, or a new one."""
        if self.source.exists():
            return self.source
        folder = self.folder / "work"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def command(self, *arguments):
        return [str(self.python), *(word.format(source=self.source) for word in self.suite.program), *arguments]
