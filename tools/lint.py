#!/usr/bin/env python3
"""Format, clang-tidy and the coroutine lint, on the files that changed or on all.

    tools/lint.py format [--fix]  [--changed | --all | FILE...]
    tools/lint.py tidy            [--changed | --all | FILE...]
    tools/lint.py coroutines      [--changed | --all | FILE...]

Changed is what differs from origin/main or is not committed; if nothing is, what the last commit touched.
tidy and coroutines read the compile commands of `cmake --preset lint`.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/lint"
FOLDERS = ("bine/", "bench/", "examples/", "tests/")
SUFFIXES = (".h", ".cpp", ".c")


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split("\0") if done.returncode == 0 else []


def ours(names):
    """Those that are source of bine and exist still."""
    return sorted({name for name in names
                   if name.startswith(FOLDERS) and name.endswith(SUFFIXES) and (ROOT / name).is_file()})


def changed():
    since = (git("merge-base", "HEAD", "origin/main") or ["HEAD"])[0].strip()
    names = git("diff", "-z", "--name-only", since) + git("ls-files", "-z", "--others", "--exclude-standard")
    return ours(names) or ours(git("show", "-z", "--name-only", "--format=", "HEAD"))


def every():
    return ours(git("ls-files", "-z", "--cached", "--others", "--exclude-standard"))


def run_each(command, files):
    """One process a file, as many at a time as there are cores; the names of those that fail."""
    def run(file):
        done = subprocess.run([*command, file], cwd=ROOT, capture_output=True, text=True, check=False)
        return file, done.returncode == 0, done.stdout + (done.stderr if done.returncode else "")

    failed = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, passed, output in pool.map(run, files):
            if not passed:
                failed.append(file)
                print(output.strip())
    return failed


def check_format(files, fix):
    if fix:
        return run_each(["clang-format-19", "-i"], files)
    failed = run_each(["clang-format-19", "--dry-run", "-Werror", "--ferror-limit=3"], files)
    if failed:
        print("the cure: tools/lint.py format --fix " + " ".join(failed))
    return failed


def compiled(files):
    """Those that the lint build compiles, as absolute paths. A header is judged by way of its sources."""
    commands = json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8"))
    known = {str(pathlib.Path(entry["directory"], entry["file"]).resolve()) for entry in commands}
    return [str(ROOT / file) for file in files if str(ROOT / file) in known]


def with_users(files):
    """The files and, for each header, the source of its name."""
    sources = {file[:-2] + ".cpp" for file in files if file.endswith(".h")}
    return sorted(set(files) | {source for source in sources if (ROOT / source).is_file()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("format", "tidy", "coroutines"))
    parser.add_argument("files", nargs="*")
    parser.add_argument("--fix", action="store_true", help="format: write the files")
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_intermixed_args()
    files = ours(options.files) if options.files else every() if options.all else changed()
    if options.what == "format":
        failed = check_format(files, options.fix)
    elif options.what == "tidy":
        # Tests look at what was moved from, copy for the sake of it, and so on: not judged.
        files = [file for file in compiled(with_users(files)) if not file.endswith("_test.cpp")]
        failed = run_each(["clang-tidy-19", "-p", str(BUILD), "--quiet"], files)
    else:
        # Header units that cmake verifies are in the build as well, so that all means the whole build.
        only = [] if options.all else compiled(with_users(files))
        if not only and not options.all:
            print("no translation unit to look at")
            return 0
        return subprocess.run([sys.executable, str(ROOT / "tools/check_coroutines.py"), str(BUILD), *only],
                              check=False).returncode
    print(f"{options.what}: {len(files)} files, {len(failed)} to mend")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
