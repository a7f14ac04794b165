"""The suites: what each needs installed, and the program that runs its tests.

A suite is an environment of its own, kept between runs; the versions are fixed here, and a change of them makes it anew.
"""

import dataclasses
import hashlib
import pathlib
import shutil
import subprocess

from outcome import Impossible

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = HERE / "inside"
UVLOOP = "uvloop==0.23.0"
PYTEST = ("pytest==9.2.0",)
TWISTED = ("Twisted[tls,http2]==26.10.0", "hypothesis", "pyhamcrest")


@dataclasses.dataclass(frozen=True)
class Suite:
    name: str
    program: tuple  # of the suite's Python: words; {source} is the folder of the unpacked sdist
    about: str
    packages: tuple = ()
    sdist: str = ""  # what of the registry has the tests, when what is installed has not
    hides: tuple = ()  # folders of the sdist that would be imported instead of what is installed
    python: str = "3.11"
    patience: float = 30  # seconds for one test
    selects: tuple = ()  # words before the part of a name that -k gives
    short: bool = False  # is run when nothing is named


def cpython(version):
    return Suite(f"cpython-{version}", (str(INSIDE / "cpython_suite.py"),), "CPython's tests of asyncio",
                 python=version, patience=15, short=True)


SUITES = {suite.name: suite for suite in (
    cpython("3.10"), cpython("3.11"), cpython("3.12"), cpython("3.13"),
    Suite("uvloop", (str(INSIDE / "uvloop_suite.py"), "{source}/tests"), "uvloop's own tests",
          packages=("aiohttp==3.14.5", "psutil==7.1.3", "pyOpenSSL==26.4.0"), sdist=UVLOOP, hides=("uvloop",)),
    Suite("uvicorn", (str(INSIDE / "uvicorn_suite.py"), "tests", "--ignore=tests/benchmarks"), "uvicorn's own tests", selects=("-k",),
          packages=("uvicorn[standard]==0.54.0", *PYTEST, "pytest-mock==3.15.1", "trustme==1.2.1", "cryptography==46.0.3",
                    "httpx2", "a2wsgi==1.10.10", "wsproto==1.3.2", "zttp"),
          sdist="uvicorn==0.54.0", hides=("uvicorn",)),
    Suite("anyio", (str(INSIDE / "anyio_suite.py"), "tests"), "anyio's own tests", selects=("-k",),
          packages=("anyio==4.16.0", *PYTEST, "pytest-mock==3.15.1", "pytest-timeout==2.4.0", "trustme==1.2.1", "truststore",
                    "blockbuster", "hypothesis", "psutil==7.1.3"),
          sdist="anyio==4.16.0"),
    Suite("aiohttp", (str(INSIDE / "pytest_suite.py"), "tests", "--ignore-glob=tests/test_benchmarks_*"), "aiohttp's own tests", selects=("-k",),
          packages=("aiohttp==3.14.5", *PYTEST, "pytest-mock==3.15.1", "pytest-timeout==2.4.0", "trustme==1.2.1",
                    "blockbuster", "freezegun", "proxy.py", "re-assert", "isal", "zlib_ng", "pytest-xdist", "pytest-codspeed",
                    "python-on-whales", "coverage", "gunicorn"),
          sdist="aiohttp==3.14.5", hides=("aiohttp",)),
    Suite("tornado", (str(INSIDE / "tornado_suite.py"),), "Tornado's own tests",
          packages=("tornado==6.6.1", "pycurl", "Twisted==26.10.0"), patience=60),
    Suite("twisted", (str(INSIDE / "twisted_suite.py"), "native"), "Twisted's tests of reactors", packages=TWISTED, patience=15),
    Suite("twisted-asyncio", (str(INSIDE / "twisted_suite.py"), "asyncio"),
          "Twisted's tests of reactors, for its own reactor on an asyncio loop", packages=TWISTED, patience=15),
)}


def interpreter(version):
    """The path of a Python of this version; one that has its tests goes before one that has not."""
    versions = pathlib.Path.home() / ".pyenv" / "versions"
    built = [path / "bin" / "python" for path in versions.glob(f"{version}.*")]
    for path in [*sorted(built, key=lambda path: [int(part) for part in path.parts[-3].split(".")], reverse=True),
                 shutil.which(f"python{version}")]:
        if path and works(path, f"import sys, venv, ensurepip; assert '%d.%d' % sys.version_info[:2] == '{version}'"):
            return path
    raise Impossible(f"there is no Python {version} here")


def works(python, code):
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


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

    def wanted(self):
        return hashlib.sha256(repr(
            (UVLOOP, self.suite.packages, self.suite.sdist, self.suite.hides, self.suite.python)).encode()).hexdigest()

    def install(self):
        stamp = self.folder / "installed"
        if stamp.exists() and stamp.read_text() == self.wanted():
            return
        python = interpreter(self.suite.python)
        print(f"{self.suite.name}: installing into {self.folder}", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        log_of(self.folder, python, "-m", "venv", self.folder)
        log_of(self.folder, self.python, "-m", "pip", "install", UVLOOP, *self.suite.packages)
        if self.suite.sdist:
            self.unpack()
        stamp.write_text(self.wanted())

    def unpack(self):
        packed = self.folder / "sdist"
        name = self.suite.sdist.partition("==")[0]
        log_of(self.folder, self.python, "-m", "pip", "download", "--no-deps", "--no-binary", name, "--dest", packed,
               self.suite.sdist)
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
