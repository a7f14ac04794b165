#!/usr/bin/env python3
"""Holds the source to layers.txt: who may include whom, and who may touch clocks, randomness and sockets.

    tools/check_layers.py [ROOT]     exits 1 and names each breach as file:line
    tools/check_layers.py --self-test
"""

import fnmatch
import pathlib
import re
import sys
import tempfile

THIRD_PARTY = re.compile(r"Python\.h|(CLI|doctest|fmt|nlohmann|openssl|spdlog|benchmark)/|(zlib|ares|nghttp2|simdjson)")

RAW = {
    "clock": re.compile(
        r"(steady|system|high_resolution|file|utc)_clock::now|\b(clock_gettime|clock_nanosleep|nanosleep|gettimeofday"
        r"|usleep|timerfd_\w+)\s*\(|this_thread::sleep_(for|until)\b|(?<![\w.>:])(std::|::)?time\s*\(\s*(NULL|nullptr|0|&)"),
    "random": re.compile(
        r"\brandom_device\b|\b(getrandom|getentropy|arc4random\w*|drand48)\s*\(|(?<![\w.>:])(std::|::)?s?rand\s*\("
        r"|/dev/u?random"),
    # A system call is spelled ::connect(); a method of that name is not. The headers tell as well.
    "socket": re.compile(
        r"#\s*include\s*<(sys/(socket|un|epoll|eventfd|timerfd|sendfile)|netinet/\w+|arpa/inet|netdb|linux/io_uring)"
        r"|(?<![\w>])::(socket|connect|accept4?|bind|listen|recv\w*|send\w*|shutdown|poll|ppoll|select|sendfile"
        r"|splice)\s*\("
        r"|\b(socketpair|accept4|eventfd|getaddrinfo|epoll_\w+"
        r"|io_uring_(setup|enter|register|queue\w*|get\w*|prep\w*|submit\w*))\s*\("),
}
EXEMPT_IN_TESTS = ("clock", "socket")


class Layers:
    """layers.txt, read."""

    def __init__(self, text):
        self.sees, self.tests_see, self.raw, self.private = {}, {}, [], []
        self.modules = set()
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split("#")[0].split()
            if words[:1] == ["layer"]:
                self.add_layer(words[1], words[2:])
            elif words[:1] == ["module"]:
                self.add_layer(words[1], words[2:])
                self.modules.add(words[1])
            elif words[:1] == ["raw"]:
                kinds, _, reason = line.partition(":")
                if not reason.strip():
                    raise SystemExit(f"layers.txt:{number}: a raw line ends with `: reason`")
                self.raw.append((words[1], kinds.split()[2:]))
            elif words[:1] == ["private"]:
                self.private.append(words[1])
            elif words:
                raise SystemExit(f"layers.txt:{number}: neither `layer` nor `module`, `private` or `raw`")

    def add_layer(self, name, words):
        lists = {"sees": [], "tests-see": []}
        current = None
        for word in words:
            if word in lists:
                current = lists[word]
            else:
                current.append(word)
        for seen in lists["sees"]:
            if seen not in self.sees or seen in self.modules:
                raise SystemExit(f"layers.txt: {name} sees {seen}, which is not below it")
        # Transitive, and free of circles, since every layer sees only lines above its own.
        self.sees[name] = {name}.union(*(self.sees[seen] for seen in lists["sees"]))
        self.tests_see[name] = lists["tests-see"]

    def visible(self, layer, in_test):
        seen = set(self.sees[layer])
        if in_test:
            seen.update(*(self.sees[other] for other in self.tests_see[layer]))
        return seen

    def is_private(self, path):
        return any(fnmatch.fnmatch(path, pattern) for pattern in self.private)

    def may_be_raw(self, path, kind):
        return any(fnmatch.fnmatch(path, pattern) and kind in kinds for pattern, kinds in self.raw)


def code_lines(text):
    """The lines without comments; strings stay, since includes and device names are in them."""
    text = re.sub(r"/\*.*?\*/", lambda match: "\n" * match.group().count("\n"), text, flags=re.S)
    return [re.sub(r"(?<!:)//.*", "", line) for line in text.splitlines()]


def check_include(layers, path, layer, in_test, line):
    match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
    if not match:
        return None
    quote, name = match.groups()
    if quote == "<":
        if path.endswith(".h") and THIRD_PARTY.match(name) and not layers.is_private(path):
            return f"a header shows <{name}> to its users"
        return None
    parts = name.split("/")
    if in_test and parts[0] == "tests":
        return None
    if parts[0] != "bine" or len(parts) < 3:
        return f'"{name}" is not spelled from the root: "bine/<layer>/<noun>.h"'
    if parts[1] not in layers.sees:
        return f"{parts[1]} is no layer"
    if parts[1] not in layers.visible(layer, in_test):
        return f"{layer} does not see {parts[1]}"
    if layers.is_private(name):
        if parts[1] != layer and layer not in layers.modules:
            return f"{name} is {parts[1]}'s own"
        if path.endswith(".h") and not layers.is_private(path):
            return f"a public header shows {name}, which is not installed"
    return None


def check_file(layers, root, file):
    path = str(file.relative_to(root))
    layer = path.split("/")[1]
    if layer not in layers.sees:
        yield f"{path}:1: {layer} is not in layers.txt"
        return
    in_test = bool(re.search(r"_(test|fuzz)\.cpp$", path))
    for number, line in enumerate(code_lines(file.read_text(encoding="utf-8")), 1):
        breach = check_include(layers, path, layer, in_test, line)
        if breach:
            yield f"{path}:{number}: {breach}"
        for kind, pattern in RAW.items():
            exempt = in_test and kind in EXEMPT_IN_TESTS
            if not exempt and pattern.search(line) and not layers.may_be_raw(path, kind):
                yield f"{path}:{number}: a {kind} outside the drivers: {line.strip()}"


def check(root):
    layers = Layers((root / "layers.txt").read_text(encoding="utf-8"))
    files = sorted(path for path in (root / "bine").rglob("*") if path.suffix in (".h", ".cpp"))
    files = [file for file in files if len(file.relative_to(root).parts) > 2]
    breaches = [breach for file in files for breach in check_file(layers, root, file)]
    for pattern in [pattern for pattern, _ in layers.raw] + layers.private:
        if not any(fnmatch.fnmatch(str(file.relative_to(root)), pattern) for file in files):
            breaches.append(f"layers.txt: {pattern} is no file")
    return files, breaches


PLANTED = {
    "bine/low/upward.h": ('#include "bine/high/x.h"\n', "low does not see high"),
    "bine/low/relative.h": ('#include "x.h"\n', "not spelled from the root"),
    "bine/low/unknown.h": ('#include "bine/nowhere/x.h"\n', "nowhere is no layer"),
    "bine/low/shown.h": ("#include <fmt/core.h>\n", "shows <fmt/core.h>"),
    "bine/high/tests.cpp": ('#include "tests/high/scene.h"\n', "not spelled from the root"),
    "bine/high/private.cpp": ('#include "bine/low/own_x.h"\n', "low's own"),
    "bine/low/leak.h": ('#include "bine/low/own_x.h"\n', "not installed"),
    "bine/high/now.cpp": ("auto t = std::chrono::steady_clock::now();\n", "a clock"),
    "bine/high/time.cpp": ("auto t = ::time(nullptr);\n", "a clock"),
    "bine/high/dice.cpp": ("std::random_device dice;\n", "a random"),
    "bine/high/dice_test.cpp": ("int n = rand();\n", "a random"),
    "bine/high/call.cpp": ("int fd = ::socket(1, 2, 3);\n", "a socket"),
    "bine/high/header.cpp": ("#include <sys/socket.h>\n", "a socket"),
    "bine/high/module.cpp": ('#include "bine/mod/x.h"\n', "high does not see mod"),
    "bine/lost/x.h": ("", "lost is not in layers.txt"),
}
INNOCENT = {
    "bine/high/method.cpp": 'void f(Driver& d) { d.connect(1); Driver::connect(2); d.now(); run_time(0); }\n',
    "bine/high/comment.cpp": "// steady_clock::now() is not for us\n/* ::socket( */\n",
    "bine/high/down.h": '#include <string>\n#include "bine/low/x.h"\n',
    "bine/high/call_test.cpp": "int fd = ::socket(1, 2, 3);\n",
    "bine/low/side_test.cpp": '#include "bine/high/x.h"\n',
    "bine/high/shared_test.cpp": '#include "tests/high/scene.h"\n',
    "bine/low/own_x.h": "",
    "bine/low/own_y.h": '#include "bine/low/own_x.h"\n',
    "bine/low/uses.cpp": '#include "bine/low/own_x.h"\n',
    "bine/mod/x.h": "",
    "bine/mod/inside.cpp": '#include "bine/low/own_x.h"\n#include "bine/mod/x.h"\n',
    "bine/raw/driver.cpp": "int fd = ::socket(1, 2, 3);\n",
}


def self_test():
    """Every planted breach is found, and nothing else is."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in {**{path: text for path, (text, _) in PLANTED.items()}, **INNOCENT}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        (root / "layers.txt").write_text(
            "layer low tests-see high\nlayer high sees low\nlayer raw\nmodule mod sees high\nprivate bine/low/own_*\n"
            "raw bine/raw/* socket: the driver\n",
            encoding="utf-8")
        breaches = check(root)[1]
    missed = [path for path, (_, text) in PLANTED.items()
              if not any(breach.startswith(path + ":") and text in breach for breach in breaches)]
    wrong = [breach for breach in breaches if breach.split(":")[0] not in PLANTED]
    print(f"{len(PLANTED) - len(missed)} of {len(PLANTED)} planted breaches found")
    print("\n".join([f"missed: {path}" for path in missed] + [f"false alarm: {breach}" for breach in wrong]))
    return 1 if missed or wrong else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    files, breaches = check(pathlib.Path(arguments[0] if arguments else ".").resolve())
    print("\n".join(breaches))
    print(f"{len(files)} files, {len(breaches)} breaches")
    return 1 if breaches or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
