#!/usr/bin/env python3
"""No file grows past its limit: beyond it, it is two things.

    tools/check_sizes.py [ROOT]     exits 1 and names each file that is too long
    tools/check_sizes.py --self-test
"""

import pathlib
import sys
import tempfile

FOLDERS = ("bine", "bench", "examples", "tests", "tools")


def limit(path):
    if path.suffix == ".h":
        return 400
    if path.suffix == ".py" or path.suffix in (".cpp", ".c"):
        return 1500 if path.stem.endswith("_test") else 1000
    return None


def check(root):
    """Every (path, lines, limit) that has a limit."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            most = limit(path)
            if most and path.is_file():
                yield path.relative_to(root), len(path.read_text(encoding="utf-8").splitlines()), most


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "bine/base").mkdir(parents=True)
        for name, lines in {"a.h": 401, "b.h": 400, "c.cpp": 1001, "d.cpp": 1000, "e_test.cpp": 1501}.items():
            (root / "bine/base" / name).write_text("x\n" * lines, encoding="utf-8")
        found = {path.name for path, lines, most in check(root) if lines > most}
    print("found", sorted(found))
    return 0 if found == {"a.h", "c.cpp", "e_test.cpp"} else 1


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    files = list(check(pathlib.Path(arguments[0] if arguments else ".").resolve()))
    breaches = [file for file in files if file[1] > file[2]]
    for path, lines, most in breaches:
        print(f"{path}:1: {lines} lines; {most} at most")
    print(f"{len(files)} files, {len(breaches)} too long; the longest:")
    for path, lines, most in sorted(files, key=lambda file: file[1] / file[2])[-5:]:
        print(f"  {lines:5} of {most:5}  {path}")
    return 1 if breaches or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
