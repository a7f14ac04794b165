#!/usr/bin/env python3
"""Runs a program and compares what it prints with a file: tools/expect_output.py EXPECTED PROGRAM [ARGUMENT...]"""

import difflib
import pathlib
import subprocess
import sys


def main(expected, *command):
    wanted = pathlib.Path(expected).read_text(encoding="utf-8")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=50, check=False)
    difference = difflib.unified_diff(wanted.splitlines(True), done.stdout.splitlines(True), expected, "printed")
    sys.stdout.writelines(difference)
    if done.returncode != 0:
        print(f"{command[0]} ended with status {done.returncode}")
    return 0 if done.returncode == 0 and done.stdout == wanted else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
