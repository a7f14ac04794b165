#!/usr/bin/env python3
"""What including a public header costs: its preprocessed lines, which most of its compile time follows.

    tools/check_header_cost.py [--compiler CXX] [ROOT]     exits 1 when a header is over the limit
    tools/check_header_cost.py --self-test [--compiler CXX]
"""

import argparse
import concurrent.futures
import fnmatch
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

LIMIT = 50_000


def cost(compiler, root, header):
    """Of one include in an otherwise empty source. A header that cannot be included costs without end."""
    name = header.relative_to(root)
    done = subprocess.run([compiler, "-std=c++23", "-E", "-P", f"-I{root}", "-x", "c++", "-"],
                          input=f'#include "{name}"\n'.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        print(done.stderr.decode())
        return math.inf
    return done.stdout.count(b"\n")


def is_private(root, header):
    """layers.txt names the headers that users never see."""
    text = (root / "layers.txt").read_text(encoding="utf-8")
    patterns = re.findall(r"^private +(\S+)", text, flags=re.M)
    patterns += [f"bine/{module}/*" for module in re.findall(r"^module +(\S+)", text, flags=re.M)]
    return any(fnmatch.fnmatch(str(header.relative_to(root)), pattern) for pattern in patterns)


def costs(compiler, root):
    headers = [header for header in sorted((root / "bine").rglob("*.h")) if not is_private(root, header)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        lines = pool.map(lambda header: cost(compiler, root, header), headers)
    return list(zip(lines, (header.relative_to(root) for header in headers)))


def self_test(compiler):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "bine/base").mkdir(parents=True)
        (root / "bine/base/cheap.h").write_text("#include <cstddef>\n" + "int x;\n" * 10, encoding="utf-8")
        (root / "bine/base/dear.h").write_text("int x;\n" * (LIMIT + 1), encoding="utf-8")
        (root / "bine/base/own.h").write_text("int x;\n" * (LIMIT + 1), encoding="utf-8")
        (root / "layers.txt").write_text("layer base\nprivate bine/base/own.h\n", encoding="utf-8")
        over = [str(header) for lines, header in costs(compiler, root) if lines > LIMIT]
    print("over the limit:", over)
    return 0 if over == ["bine/base/dear.h"] else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", default=".")
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test(options.compiler)
    table = sorted(costs(options.compiler, pathlib.Path(options.root).resolve()), reverse=True)
    over = [(lines, header) for lines, header in table if lines > LIMIT]
    for lines, header in over or table[:5]:
        print(f"{lines:9,} {header}")
    print(f"{len(table)} headers, {len(over)} over {LIMIT:,} preprocessed lines")
    return 1 if over or not table else 0


if __name__ == "__main__":
    sys.exit(main())
