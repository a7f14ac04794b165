#!/usr/bin/env python3
"""Finds the co_await expressions that gcc 12 miscompiles (it destroys temporaries of the expression twice, or starts
both operands before it awaits the first). clang-query reads the syntax tree; no text is guessed at.

    tools/check_coroutines.py BUILD_DIR [FILE...]   the build's translation units that know co_await (or these files)
    tools/check_coroutines.py --self-test           tools/planted/coroutines.cpp: all that is marked, nothing else

The cure: a name for the temporary, in a statement before the co_await.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLANTED = ROOT / "tools/planted/coroutines.cpp"
CLANG_QUERY = os.environ.get("CLANG_QUERY", "clang-query-19")

# A co_await in the body of a lambda is not part of the expression that the lambda is in.
IN_LAMBDA_OF_OUTER = 'hasAncestor(lambdaExpr(hasAncestor(expr(equalsBoundNode("outer")))))'
FULL_EXPRESSION = "unless(anyOf(hasParent(expr()), lambdaExpr()))"
# Only what has a destructor is destroyed twice; the syntax tree has a CXXBindTemporaryExpr round it.
RULES = {
    "lambda": ("a lambda temporary with captures that need destroying, inside a co_await expression",
               "coawaitExpr(hasDescendant(cxxBindTemporaryExpr(has(lambdaExpr()))))"),
    "aggregate": ("an aggregate temporary with members that need destroying, inside a co_await expression",
                  "coawaitExpr(hasDescendant(cxxBindTemporaryExpr(has(initListExpr()))))"),
    "conditional": ("a co_await inside ?:",
                    'conditionalOperator(expr().bind("outer"),'
                    f" hasDescendant(coawaitExpr(unless({IN_LAMBDA_OF_OUTER}))))"),
    "list": ("a co_await inside a braced list",
             f'initListExpr(expr().bind("outer"), hasDescendant(coawaitExpr(unless({IN_LAMBDA_OF_OUTER}))))'),
    "twice": ("two co_awaits in one full expression",
              f'coawaitExpr(expr().bind("first"), hasAncestor(expr({FULL_EXPRESSION}, expr().bind("outer"),'
              f' hasDescendant(coawaitExpr(unless(equalsBoundNode("first")), unless({IN_LAMBDA_OF_OUTER}))))),'
              f" unless({IN_LAMBDA_OF_OUTER}))"),
}


class Unreadable(Exception):
    """A translation unit that does not compile; the text says why."""


def query(file, options):
    """The findings in one translation unit: {(path, line, rule)}. Raises Unreadable."""
    command = [CLANG_QUERY, "-c", "set output diag", "-c", "set bind-root true"]
    for _, matcher in RULES.values():
        command += ["-c", f"match {matcher}"]
    done = subprocess.run(command + [str(file)] + options, capture_output=True, text=True, check=False, cwd=ROOT)
    answers = re.split(r"^\d+ match(?:es)?\.$", done.stdout, flags=re.M)
    if len(answers) != len(RULES) + 1 or " error: " in done.stderr:
        raise Unreadable(f"{file}: clang-query could not read it\n{(done.stdout + done.stderr)[-2000:]}")
    found = set()
    for rule, answer in zip(RULES, answers):
        for path, line in re.findall(r'^(/[^:]+):(\d+):\d+: note: "root" binds here', answer, flags=re.M):
            found.add((path, int(line), rule))
    return found


def knows_co_await(unit):
    """By its own text, or, for a unit that cmake made to verify one header, the text of that header."""
    text = pathlib.Path(unit).read_text(encoding="utf-8")
    header = re.fullmatch(r'\s*#include [<"](.+)[>"][^\n]*\s*', text)
    if header:
        text = (ROOT / header.group(1)).read_text(encoding="utf-8") if (ROOT / header.group(1)).is_file() else ""
    return "co_await" in text


def units(build, only):
    """The files in the build's compile commands to look at."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    files = sorted({str(pathlib.Path(entry["directory"], entry["file"]).resolve()) for entry in commands})
    if only:
        wanted = {str(pathlib.Path(name).resolve()) for name in only}
        files = [file for file in files if file in wanted]
    return [file for file in files if pathlib.Path(file).is_file() and knows_co_await(file)]


def check(build, only):
    files = units(build, only)
    found, unreadable = set(), 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for answer in [pool.submit(query, file, ["-p", str(build)]) for file in files]:
            try:
                found |= {finding for finding in answer.result() if finding[0].startswith(f"{ROOT}/")}
            except Unreadable as error:
                unreadable += 1
                print(error)
    for path, line, rule in sorted(found):
        print(f"{pathlib.Path(path).relative_to(ROOT)}:{line}: {RULES[rule][0]}")
    print(f"{len(files)} translation units with co_await, {unreadable} of them unreadable, {len(found)} findings")
    return 1 if found or unreadable else 0


def self_test():
    lines = PLANTED.read_text(encoding="utf-8").splitlines()
    planted = {(number, match.group(1)) for number, line in enumerate(lines, 1)
               if (match := re.search(r"// BAD (\w+)$", line))}
    found = {(line, rule) for path, line, rule in query(PLANTED, ["--", "-std=c++23"]) if path == str(PLANTED)}
    for line, rule in sorted(planted ^ found):
        print(f"{PLANTED.name}:{line}: {'missed' if (line, rule) in planted else 'false alarm'}: {rule}")
    print(f"{len(planted & found)} of {len(planted)} planted mistakes found")
    return 0 if planted == found and planted else 1


def main(arguments):
    if arguments[:1] == ["--self-test"]:
        return self_test()
    if not arguments:
        raise SystemExit(__doc__)
    return check(pathlib.Path(arguments[0]).resolve(), arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
