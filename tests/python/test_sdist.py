"""The source distribution has what the package is built of, and nothing else; CMake finds all of it there. What is installed has
the hints of types."""

import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest

import bine
from support import PATIENCE, environment, is_sanitized

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("build==1.6.1", "scikit-build-core==1.1.2")
ALONE = {"CMakeLists.txt", "LICENSE", "docs/python.md", "layers.txt", "pyproject.toml"}


def files_of_the_project():
    """Those of git and the new ones that it would take."""
    done = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise unittest.SkipTest("this is no clone of a repository")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}


def belongs(name):
    """Whether the package is built of it: sources, without tests, the command and what is for tests alone."""
    folder, *rest = name.split("/")
    if folder == "bine":
        return rest[0] not in ("app", "testing") and not name.endswith(("_test.cpp", "_fuzz.cpp"))
    return folder in ("cmake", "python") or name in ALONE


@unittest.skipIf(is_sanitized(), "the sanitizer has nothing to find in archives")
@unittest.skipIf(sys.version_info < (3, 11), "tomllib came with Python 3.11")
class Sdist(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        python = environment("sdist", PACKAGES) / "python"
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        subprocess.run([python, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder.name, ROOT], check=True,
                       capture_output=True, timeout=PATIENCE)
        archive, = pathlib.Path(folder.name).glob("bine_io-*.tar.gz")
        with tarfile.open(archive) as files:
            cls.names = {name.partition("/")[2] for name in files.getnames()}
            files.extractall(folder.name)
        cls.unpacked = pathlib.Path(folder.name, archive.name.removesuffix(".tar.gz"))

    def test_it_has_what_the_package_is_built_of(self):
        expected = {name for name in files_of_the_project() if belongs(name)}
        self.assertTrue(expected)
        self.assertEqual(self.names, expected | {"PKG-INFO"})

    def test_cmake_finds_all_that_it_needs(self):
        import tomllib
        settings = tomllib.loads((self.unpacked / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["scikit-build"]
        build = self.unpacked / "build"
        done = subprocess.run(["cmake", "-S", self.unpacked, "-B", build, "-G", "Ninja",
                       f"-DCMAKE_BUILD_TYPE={settings['cmake']['build-type']}", f"-DPython_EXECUTABLE={sys.executable}",
                       *(f"-D{name}={value}" for name, value in settings["cmake"]["define"].items())],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
        compiled = {str(pathlib.Path(command["file"]).relative_to(self.unpacked)) for command in commands}
        self.assertGreaterEqual(compiled, {name for name in self.names if name.startswith("bine/python/") and name.endswith(".cpp")})

    def test_all_of_the_package_is_installed(self):
        build = pathlib.Path(bine.__file__).parents[2]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["cmake", "--install", build, "--component", "python", "--prefix", folder], capture_output=True,
                                  text=True, timeout=PATIENCE, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            installed = {str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*") if path.is_file()}
        ours = {name.removeprefix("python/") for name in self.names if name.startswith("python/")}
        self.assertLess({"bine/py.typed", "bine/_bine.pyi"}, ours)
        self.assertEqual({name for name in installed if not name.endswith(".so")}, ours)


if __name__ == "__main__":
    unittest.main()
